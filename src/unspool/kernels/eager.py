"""The recurrent scan as a loop over time in plain torch: works for any cell, device and precision, and says what the other engines must compute."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unspool.kernels.recurrence import State, Zoned
from unspool.kernels.rows import real_steps, reversed_rows, where_rows, without_padding

Project = Callable[[Tensor], Tensor]
Advance = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]


def scan(
    project: Project,
    advance: Advance,
    x: Tensor,
    state: State,
    lengths: Tensor | None = None,
    keep: Tensor | None = None,
    zoned: Zoned | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Carry `state` along time: (B, T, C) -> (B, T, H) and the state after each row's last real step.

    project, advance  the two parts of a cell's step
    lengths           (B,) real steps of each row, 0 to T; None means T. Outputs beyond them are zero
    keep              (B, H) variational dropout mask, or None
    reverse           from each row's last real step to its first
    """
    x = without_padding(x, lengths)
    if reverse:
        x = reversed_rows(x, lengths)
        zoned = zoned if zoned is None or isinstance(zoned, float) else {name: reversed_rows(mask, lengths) for name, mask in zoned.items()}
    y, state = _onward(advance, project(x), state, lengths, keep, zoned)
    return (reversed_rows(y, lengths) if reverse else y), state


def _onward(
    advance: Advance, projected: Tensor, state: State, lengths: Tensor | None, keep: Tensor | None, zoned: Zoned | None
) -> tuple[Tensor, State]:
    """From the first step to the last: (B, T, P) -> (B, T, H)."""
    steps = projected.shape[1]
    if not steps:
        return state["h"].unsqueeze(1)[:, :0], state
    shortest = steps if lengths is None or not len(lengths) else int(lengths.min())
    real = real_steps(lengths, steps).T.unsqueeze(-1) if lengths is not None and shortest < steps else None  # (T, B, 1)
    outputs = []
    for t, instant in enumerate(projected.unbind(1)):
        y, after = advance(instant, state, keep)
        if zoned is not None:
            now = zoned if isinstance(zoned, float) else {name: mask[:, t] for name, mask in zoned.items()}
            after = zone(state, after, now)
            y = after["h"]
        if real is not None and t >= shortest:
            y = torch.where(real[t], y, torch.zeros_like(y))
            after = {name: where_rows(real[t], after[name], before) for name, before in state.items()}
        state = after
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def zone(before: State, after: State, zoned: Zoned) -> State:
    """The state after a step of zoneout, all tensors and masks (B, ...): of some units it is the state before, or at rest a mean of the two."""
    if isinstance(zoned, float):
        return {name: zoned * before[name] + (1 - zoned) * new for name, new in after.items()}
    return {name: torch.where(zoned[name], before[name], new) for name, new in after.items()}
