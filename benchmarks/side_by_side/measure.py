"""One case by all contenders: first the numbers are compared, then repetitions are timed in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np

from side_by_side.cases import Case
from side_by_side.peak import Peak
from side_by_side.race import contender_process

TOLERANCE = 1e-4
BURST = 0.05
"""Seconds of work in a repetition, or one call where that takes longer."""

REFERENCE = "torch"
"""Whose numbers the others must give."""

OURS = "ours"
"""Beside which the peak is measured in every repetition."""


class Field:
    """The contenders' processes; the reference is among them though it be not timed."""

    def __init__(self, names: list[str], threads: int, peak: Peak):
        self.timed, self.threads, self.peak = names, threads, peak
        self.runners = {name: contender_process(name, threads) for name in dict.fromkeys([REFERENCE, *names])}

    def close(self) -> None:
        for runner in self.runners.values():
            runner.close()

    def measure(self, case: Case, repeats: int, burst: float = BURST) -> dict[str, Any]:
        """The case as a row of the results: times of every repetition, the processor's peak beside each of ours, and who could not and why."""
        with tempfile.TemporaryDirectory() as folder:
            ready, found = self._prepared(case, Path(folder))
        calls = {name: max(1, ceil(burst / found[name]["seconds"])) for name in ready}
        times: dict[str, list[float]] = {name: [] for name in ready}
        peaks: list[float] = []
        for repeat in range(repeats):
            for name in ready if repeat % 2 else reversed(ready):  # neither always follows the same one
                times[name].append(self.runners[name].ask(do="repeat", calls=calls[name])["seconds"])
                if name == OURS and not case.streaming:
                    peaks.append(self.peak.now(self.threads))
        told = {name: described(case, times[name], found[name]) if name in times else found[name] for name in self.timed}
        counted = {"flops": case.flops, "real_steps": case.real_steps, "peaks": peaks}
        return {"case": case.asdict(), "threads": self.threads, **counted, "contenders": told}

    def _prepared(self, case: Case, folder: Path) -> tuple[list[str], dict[str, Any]]:
        """Who computes the right numbers, and what each says."""
        found, answers = {}, {}
        for name, runner in self.runners.items():
            file = folder / f"{name}.npz"
            found[name] = runner.ask(do="prepare", case=case.asdict(), answers=str(file))
            if file.exists():
                with np.load(file) as loaded:
                    answers[name] = dict(loaded)
        for name in answers:
            difference = worst_difference(answers[REFERENCE], answers[name])
            found[name]["difference"] = difference
            if not difference <= TOLERANCE:
                found[name] = {"cannot": f"its numbers differ by {difference:.2g} of the largest", "difference": difference}
        return [name for name in self.timed if "cannot" not in found[name]], found


def worst_difference(reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    """The largest difference of any array, in units of the array's largest number where that is above one; infinite where one is not a number."""
    if set(reference) != set(other):
        return float("inf")
    worst = 0.0
    for name, array in reference.items():
        if array.shape != other[name].shape or not (np.isfinite(array).all() and np.isfinite(other[name]).all()):
            return float("inf")  # max() below would pass over NaN
        worst = max(worst, float(np.abs(array - other[name]).max()) / max(1.0, float(np.abs(array).max())))
    return worst


def described(case: Case, times: list[float], found: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds of a call: median, quartiles and every repetition's; and what was counted of it."""
    low, middle, high = quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    described = {"median": middle, "quartiles": [low, high], "times": times}
    told: dict[str, Any] = {name: shortened(value) for name, value in described.items()}
    if not case.streaming:
        told["gflops"] = round(case.flops / middle / 1e9, 2)
    return {**told, "variant": found["variant"], "difference": shortened(found["difference"])}


def shortened(value: Any) -> Any:
    """Five digits, which is more than a repetition tells."""
    return [shortened(one) for one in value] if isinstance(value, list) else float(f"{value:.5g}")


def share(row: Mapping[str, Any]) -> float | None:
    """Of the peak that was measured beside it, what ours reached: the median over repetitions. Earlier results have none."""
    if "peaks" not in row:
        return None
    return median(1e-9 * row["flops"] / seconds / peak for seconds, peak in zip(row["contenders"][OURS]["times"], row["peaks"], strict=True))


def ratio(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """How many times as long they take: the median over repetitions, each of which ran side by side."""
    return median(other / own for own, other in zip(ours["times"], theirs["times"], strict=True))
