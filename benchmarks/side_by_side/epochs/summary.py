"""The table of epochs, and which bars they meet."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from side_by_side.epochs import TITLES
from side_by_side.summary import Bar
from side_by_side.table import headed, line

OURS = "ours"
WANTED = 3.0
"""Times as fast as the torch loop on classification, and as every peer in the forecast."""

RIVALS = {"ecg5000": ("torch",), "rotten_tomatoes": ("torch",), "vic_elec": ("neuralforecast", "darts")}
EQUAL = 1.1
"""Validation losses count as equal while ours is at most so many times theirs: two seeds of one network differ by as much."""


def told(results: Mapping[str, Any]) -> str:
    bars = [bar for row in results["rows"] for rival in RIVALS[row["task"]] for bar in against(row, rival)]
    return "\n".join(str(bar) for bar in bars)


def against(row: Mapping[str, Any], rival: str) -> list[Bar]:
    """How many times as long the rival's epochs take, and how our validation loss compares."""
    found, task = row["contenders"], row["task"]
    if any("median" not in found.get(name, {}) for name in (OURS, rival)):
        return [Bar(f"{task}: epochs against {rival}", None, WANTED)]
    ours, theirs = (found[name]["seconds"][1:] or found[name]["seconds"] for name in (OURS, rival))
    ratio = median(other / own for own, other in zip(ours, theirs, strict=True))
    loss = found[OURS]["best_loss"] / found[rival]["best_loss"]
    return [
        Bar(f"{task}: epochs against {rival}", ratio, WANTED, where=f"{found[OURS]['median']:.3g} s and {found[rival]['median']:.3g} s"),
        Bar(f"{task}: best validation loss, share of that of {rival}", loss, EQUAL, at_most=True),
    ]


def table(results: Mapping[str, Any]) -> str:
    lines = [headed(["task", "", "seconds an epoch", "times ours", "best validation loss", "epochs"])]
    for row in results["rows"]:
        ours = row["contenders"].get(OURS, {}).get("median")
        for name, title in TITLES.items():
            found = row["contenders"].get(name)
            if found is None:
                continue
            if "cannot" in found:
                lines.append(line([row["task"], title, "failed", "", "", ""]))
                continue
            times = f"{found['median'] / ours:.2f}" if ours else ""
            lines.append(line([row["task"], title, f"{found['median']:.3g}", times, f"{found['best_loss']:.4g}", str(row["epochs"])]))
    return "\n".join(lines)
