"""What every epoch gave: plain lines without clock times, so that a run that was killed and resumed leaves the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import overload

from unspool.errors import BundleError
from unspool.training.durable import append_synced, replace_synced

Line = dict[str, int | float | None]

FILE = "history.jsonl"
_OWN = ("epoch", "steps", "loss", "rate", "gradient_norm")


@dataclass(frozen=True)
class History(Sequence[Line]):
    """The lines of a training that has ended, in order.

    lines    epoch (from 1), steps (taken so far, over all epochs), loss (the train part's mean), rate (of the epoch's last step),
             gradient_norm (its mean before clipping), and the validation metrics (None where not finite)
    seconds  spent training, over all sessions
    best     the epoch whose weights were kept
    early    training stopped because the metric no longer improved
    notes    what a user should be told about resuming, and about what cannot take effect
    """

    lines: list[Line]
    seconds: float = 0.0
    best: int = 0
    early: bool = False
    notes: tuple[str, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        return self.lines[index]

    def __len__(self) -> int:
        return len(self.lines)


def line_of(epoch: int, steps: int, loss: float, rate: float, gradient_norm: float, metrics: Mapping[str, float]) -> Line:
    """One epoch's line; raises ValueError where a metric has the name of one of its own entries."""
    taken = sorted(set(metrics) & set(_OWN))
    if taken:
        raise ValueError(f"a validation metric is named {taken[0]!r}, which a line of history has already; name it otherwise")
    line: Line = {"epoch": epoch, "steps": steps, "loss": loss, "rate": rate, "gradient_norm": gradient_norm}
    return line | {name: float(value) if isfinite(value) else None for name, value in metrics.items()}


def metrics_of(line: Line) -> dict[str, int | float | None]:
    """The validation metrics of a line."""
    return {name: value for name, value in line.items() if name not in _OWN}


def write_history(folder: Path, lines: Sequence[Line]) -> None:
    """`history.jsonl` as a whole; raises OSError."""
    replace_synced(folder / FILE, b"".join(map(_encoded, lines)))


def append_history(folder: Path, line: Line) -> None:
    """One more line of `history.jsonl`; raises OSError."""
    append_synced(folder / FILE, _encoded(line))


def read_history(folder: Path) -> list[Line]:
    """The lines of `history.jsonl`; raises BundleError where it is missing or damaged."""
    path = folder / FILE
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read: {error}; train again, or resume, which writes it anew") from None
    if not all(isinstance(line, dict) for line in lines):
        raise BundleError(f"{path}: wanted one JSON mapping a line; train again, or resume, which writes it anew")
    return lines


def _encoded(line: Line) -> bytes:
    return (json.dumps(line, allow_nan=False) + "\n").encode()
