"""The recurrent scan as a loop over time in plain torch: works for any cell, device and precision."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

State = dict[str, Tensor]
Advance = Callable[[Tensor, State, Tensor | None], tuple[Tensor, State]]


def scan(advance: Advance, projected: Tensor, state: State, lengths: Tensor | None, keep: Tensor | None) -> tuple[Tensor, State]:
    """Carry `state` along time: (B, T, P) -> (B, T, H) and the state after each row's last real step.

    lengths  (B,) real steps of each row, 0 to T; None means T. Outputs beyond them are zero
    keep     (B, H) variational dropout mask, or None
    """
    steps = projected.shape[1]
    if not steps:
        return state["h"].unsqueeze(1)[:, :0], state
    shortest = steps if lengths is None or not len(lengths) else int(lengths.min())
    real = None
    if lengths is not None and shortest < steps:
        real = (torch.arange(steps, device=projected.device)[:, None] < lengths).unsqueeze(-1)  # (T, B, 1)
    outputs = []
    for t, instant in enumerate(projected.unbind(1)):
        y, after = advance(instant, state, keep)
        if real is not None and t >= shortest:
            y = torch.where(real[t], y, torch.zeros_like(y))
            after = {name: where_rows(real[t], after[name], before) for name, before in state.items()}
        state = after
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


def where_rows(rows: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    """`chosen` in the rows that are True, `other` elsewhere; `rows` is (B, 1), the others (B, ...)."""
    return torch.where(rows.reshape(-1, *[1] * (chosen.dim() - 1)), chosen, other)
