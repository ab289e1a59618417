"""The table of epochs, and which bars they meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from side_by_side.epochs import TITLES
from side_by_side.summary import Bar
from side_by_side.table import headed, line

OURS, CARRIED = "ours", "ours-carried"
WANTED = 3.0
"""Times as fast as the torch loop on classification, and as every peer in the forecast."""

RIVALS = {"ecg5000": ("torch",), "rotten_tomatoes": ("torch",), "conll2003": ("torch-crf",), "vic_elec": ("neuralforecast", "darts")}
EQUAL = 1.1
"""Validation losses count as equal while ours, averaged over seeds, is at most so many times theirs."""

Row = Mapping[str, Any]


def told(results: Mapping[str, Any]) -> str:
    tasks = {row["task"]: [one for one in results["rows"] if one["task"] == row["task"]] for row in results["rows"]}
    bars = [bar for task, rows in tasks.items() for rival in RIVALS[task] for bar in against(task, rows, rival)]
    bars += [bar for task, rows in tasks.items() for rival in RIVALS[task] for bar in carried_against(task, rows, rival)]
    return "\n".join(str(bar) for bar in bars)


def against(task: str, rows: Sequence[Row], rival: str) -> list[Bar]:
    """How many times as long the rival's epochs take, over all seeds, and how our mean validation loss compares."""
    both = [row["contenders"] for row in rows if all("median" in row["contenders"].get(name, {}) for name in (OURS, rival))]
    if not both:
        return [Bar(f"{task}: epochs against {rival}", None, WANTED)]
    pairs = [zip(*(found[name]["seconds"][1:] or found[name]["seconds"] for name in (OURS, rival)), strict=True) for found in both]
    ratio = median(other / own for pair in pairs for own, other in pair)
    ours, theirs = (fmean(found[name]["best_loss"] for found in both) for name in (OURS, rival))
    seconds = [median(found[name]["median"] for found in both) for name in (OURS, rival)]
    losses = f"{ours:.4g} and {theirs:.4g}, {len(both)} seed{'s' if len(both) > 1 else ''}"
    return [
        Bar(f"{task}: epochs against {rival}", ratio, WANTED, where=f"{seconds[0]:.3g} s and {seconds[1]:.3g} s"),
        Bar(f"{task}: best validation loss, share of that of {rival}", ours / theirs, EQUAL, at_most=True, where=losses),
    ]


def carried_against(task: str, rows: Sequence[Row], rival: str) -> list[Bar]:
    """With the state carried: how many times as long the rival's epochs take, and its training up to its best validation loss."""
    both = [row["contenders"] for row in rows if all("median" in row["contenders"].get(name, {}) for name in (CARRIED, rival))]
    if not both:
        return []
    seconds = [median(found[name]["median"] for found in both) for name in (CARRIED, rival)]
    ours, theirs = ([seconds_to(found[name], found[rival]["best_loss"]) for found in both] for name in (CARRIED, rival))
    reached = [(own, other) for own, other in zip(ours, theirs, strict=True) if own is not None and other is not None]
    ratio = median(other / own for own, other in reached) if len(reached) == len(both) else 0.0
    where = "; ".join(f"{own:.3g} s and {other:.3g} s" for own, other in reached)
    return [
        Bar(f"{task}, state carried: epochs against {rival}", seconds[1] / seconds[0], WANTED, where=f"{seconds[0]:.3g} s and {seconds[1]:.3g} s"),
        Bar(f"{task}, state carried: training to the best validation loss of {rival}", ratio, WANTED, where=where or "not reached"),
    ]


def seconds_to(found: Mapping[str, Any], loss: float) -> float | None:
    """How long a contender trained until its validation loss was as low as that; None where it never was."""
    for epoch, own in enumerate(found["losses"], start=1):
        if own <= loss:
            return float(sum(found["seconds"][:epoch]))
    return None


def table(results: Mapping[str, Any]) -> str:
    lines = [headed(["task", "", "seconds an epoch", "times ours", "best validation loss", "epochs", "seeds"])]
    tasks = list(dict.fromkeys(row["task"] for row in results["rows"]))
    for task in tasks:
        rows = [row for row in results["rows"] if row["task"] == task]
        ours = _seconds(rows, OURS)
        for name, title in TITLES.items():
            found = [row["contenders"][name] for row in rows if name in row["contenders"]]
            if not found:
                continue
            seconds, losses = _seconds(rows, name), [one["best_loss"] for one in found if "best_loss" in one]
            if seconds is None:
                lines.append(line([task, title, "failed", "", "", "", ""]))
                continue
            times = f"{seconds / ours:.2f}" if ours else ""
            epochs = len(found[0]["losses"])
            lines.append(line([task, title, f"{seconds:.3g}", times, f"{fmean(losses):.4g}", str(epochs), str(len(losses))]))
    return "\n".join(lines)


def _seconds(rows: Sequence[Row], name: str) -> float | None:
    """The median over seeds of the median over epochs."""
    found = [row["contenders"][name]["median"] for row in rows if "median" in row["contenders"].get(name, {})]
    return median(found) if found else None
