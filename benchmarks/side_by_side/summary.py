"""Which bars a file of results meets: ratios cell by cell, geometric means, worst cells. A ratio is how many times as long the other takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Any

from side_by_side.cases import Case
from side_by_side.measure import OURS, ratio, share

Row = Mapping[str, Any]
THREADS = 2
NEAR_PEAK, LEAST_NEAR_PEAK = 0.75, 0.95
"""Against a contender that runs above that share of the peak, this ratio is enough in a cell."""
PEAK_SHAPE, PEAK_SHARE = (50, 32, 512, 512), 0.78
STREAM_STEP = 1.5e-6


@dataclass(frozen=True)
class Bar:
    """A claim, the figure that was found (None: not measured) and the least or most that it must be."""

    claim: str
    figure: float | None
    wanted: float
    at_most: bool = False
    where: str = ""

    @property
    def met(self) -> bool | None:
        if self.figure is None:
            return None
        return self.figure <= self.wanted if self.at_most else self.figure >= self.wanted

    def __str__(self) -> str:
        verdict = {True: "met   ", False: "MISSED", None: "open  "}[self.met]
        figure = "not measured" if self.figure is None else f"{self.figure:.3g}"
        where = f"  ({self.where})" if self.where else ""
        return f"{verdict}  {self.claim}: {figure}, wanted at {'most' if self.at_most else 'least'} {self.wanted:.3g}{where}"


def told(results: Mapping[str, Any], threads: int = THREADS) -> str:
    """Every bar as that many threads meet it, and below them the cells from the worst on."""
    rows = [row for row in layers(results) if row["threads"] == threads]
    worst = sorted((cell(results, row) for row in rows if best(row)), key=lambda found: found.margin)
    bars = [*cell_bars(worst), *mean_bars(rows), *peak_bars(results, rows), *step_bars(results, threads), *memory_bars(results)]
    lines = [str(bar) for bar in bars]
    missing = sorted({Case(**row["case"]).name for row in rows if not best(row)})
    lines += [f"no other contender gave the right numbers: {name}" for name in missing]
    lines += ["", f"cells at {threads} thread{'s' * (threads > 1)}, worst first (ratio to the best other, share of the peak that it runs at):"]
    return "\n".join([*lines, *(str(found) for found in worst)])


@dataclass(frozen=True)
class Cell:
    """A case, its best other contender, our ratio to it, and what is wanted there."""

    name: str
    other: str
    ratio: float
    share: float
    wanted: float

    @property
    def margin(self) -> float:
        return self.ratio / self.wanted

    def __str__(self) -> str:
        return f"  {self.ratio:6.2f}  {self.share:4.0%}  {'below' if self.margin < 1 else '     '} {self.name}: {self.other}"


def cell(results: Mapping[str, Any], row: Row) -> Cell:
    other = best(row)
    near = row["contenders"][other]["gflops"] / results["peak"][str(row["threads"])]
    against = ratio(row["contenders"][OURS], row["contenders"][other])
    return Cell(Case(**row["case"]).name, other, against, near, LEAST_NEAR_PEAK if near > NEAR_PEAK else 1.0)


def cell_bars(cells: list[Cell]) -> list[Bar]:
    below = [found for found in cells if found.margin < 1]
    worst = cells[0] if cells else None
    claim = f"cells below the best other contender, of {len(cells)}"
    where = "" if worst is None else f"worst: {worst.ratio:.2f} at {worst.name} against {worst.other}"
    return [Bar(claim, float(len(below)) if cells else None, 0, at_most=True, where=where)]


def mean_bars(rows: list[Row]) -> list[Bar]:
    """Geometric means over shapes; unless said, without dropout, dense and variable length together."""

    def mean(claim: str, wanted: float, against: Callable[[Row], str], **chosen: Any) -> Bar:
        fitting = [row for row in rows if fits(row, **chosen) and against(row)]
        ratios = [ratio(row["contenders"][OURS], row["contenders"][against(row)]) for row in fitting]
        return Bar(claim, geometric(ratios), wanted, where=f"{len(ratios)} cells, {min(ratios):.2f} to {max(ratios):.2f}" if ratios else "")

    bars = []
    for kind in ("gru", "rnn"):
        bars.append(mean(f"{kind.upper()} training against torch", 5, torch, kind=kind, training=True, dropout=False))
        bars.append(mean(f"{kind.upper()} training against the best", 1.8, best, kind=kind, training=True, dropout=False))
    lstm = {"kind": "lstm", "training": True, "dropout": False}
    bars += [
        mean("LSTM training, dense, against torch", 1.4, torch, **lstm, varied=False),
        mean("LSTM training, variable length, against torch", 4, torch, **lstm, varied=True),
        mean("LSTM training, dense, against the best", 1.3, best, **lstm, varied=False),
        mean("LSTM training, variable length, against the best", 2.5, best, **lstm, varied=True),
        mean("inference against the best", 1.15, best, training=False),
    ]
    for kind in ("rnn", "gru", "lstm"):
        bars.append(mean(f"{kind.upper()} training with dropout of the state against torch", 8, torch, kind=kind, dropout=True))
    return bars


def peak_bars(results: Mapping[str, Any], rows: list[Row]) -> list[Bar]:
    bars = []
    for kind in ("lstm", "gru"):
        shape = dict(zip(("steps", "rows", "inputs", "hidden"), PEAK_SHAPE, strict=True))
        found = [row for row in rows if fits(row, kind=kind, training=True, dropout=False, varied=False, **shape) and OURS in measured(row)]
        of_best = [row["contenders"][OURS]["gflops"] / results["peak"][str(row["threads"])] for row in found]
        where = f"{of_best[0]:.2f} of the best of the run" if found else ""
        bars.append(Bar(f"share of the peak in {kind.upper()} training at {PEAK_SHAPE}", share(found[0]) if found else None, PEAK_SHARE, where=where))
    return bars


def step_bars(results: Mapping[str, Any], threads: int = THREADS) -> list[Bar]:
    """One step of one stream against the others, and what a step of one of many streams takes."""
    rows = [row for row in results["rows"] if row["case"]["streaming"] and row["threads"] == threads and OURS in measured(row)]
    found = {row["case"]["rows"]: row["contenders"] for row in rows}
    bars = [one_stream(found.get(1, {}), other, wanted) for other, wanted in (("onnxruntime", 3.0), ("torch", 10.0))]
    streams = max(found, default=1)
    seconds = found[streams][OURS]["median"] / streams if streams > 1 else None
    return [*bars, Bar(f"seconds of a step of each of {streams} streams", seconds, STREAM_STEP, at_most=True)]


def one_stream(found: Mapping[str, Any], other: str, wanted: float) -> Bar:
    claim = f"one step of one stream against {other}"
    if "times" not in found.get(other, {}):
        return Bar(claim, None, wanted)
    ours, theirs = found[OURS], found[other]
    return Bar(claim, ratio(ours, theirs), wanted, where=f"{1e6 * ours['median']:.2f} us, and {1e6 * theirs['median']:.2f}")


def memory_bars(results: Mapping[str, Any]) -> list[Bar]:
    shares = {}
    for row in results["memory"]:
        ours, theirs = (row["contenders"][name].get("mebibytes") for name in (OURS, "torch"))
        if ours is not None and theirs:
            shares[f"{Case(**row['case']).name}: {ours:.1f} and {theirs:.1f} MiB"] = ours / theirs
    worst = max(shares, key=lambda name: shares[name], default="")
    above = sum(share > 1 for share in shares.values())
    claim = f"memory of a training step, share of torch's, worst of {len(shares)} ({above} above 1)"
    return [Bar(claim, shares.get(worst), 1, at_most=True, where=worst)]


def layers(results: Mapping[str, Any]) -> list[Row]:
    return [row for row in results["rows"] if not row["case"]["streaming"]]


def measured(row: Row) -> set[str]:
    return {name for name, found in row["contenders"].items() if "cannot" not in found}


def best(row: Row) -> str:
    """The fastest contender that is not ours; empty where there is none, or ours was not measured."""
    others = measured(row) - {OURS}
    return min(others, key=lambda name: row["contenders"][name]["median"]) if others and OURS in measured(row) else ""


def torch(row: Row) -> str:
    return "torch" if {OURS, "torch"} <= measured(row) else ""


def fits(row: Row, **chosen: Any) -> bool:
    return all(row["case"][name] == value for name, value in chosen.items())


def geometric(ratios: Iterable[float]) -> float | None:
    logs = [log(each) for each in ratios]
    return exp(sum(logs) / len(logs)) if logs else None


def key(case: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells one case from another."""
    return tuple(case.values())


def variant(results: Mapping[str, Any], case: Case, threads: int, name: str) -> str | None:
    """Which of a contender's ways was the fastest in a case; None where that was not measured."""
    for row in results["rows"]:
        if key(row["case"]) == key(case.asdict()) and row["threads"] == threads:
            found: str | None = row["contenders"].get(name, {}).get("variant")
            return found
    return None
