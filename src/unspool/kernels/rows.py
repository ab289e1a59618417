"""Rows of unlike length in one batch: choosing, reversing and clearing them."""

from __future__ import annotations

import torch
from torch import Tensor


def real_steps(lengths: Tensor, steps: int) -> Tensor:
    """True where data is real, False where it is padding.

    lengths  (B,)    steps before padding, 0 to `steps`
    returns  (B, T)  with T = `steps`
    """
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`x` (B, T, C) with zeros for whatever the padding holds, NaN included; its gradient there is zero."""
    if lengths is None:
        return x
    return x.masked_fill(~real_steps(lengths, x.shape[1]).unsqueeze(-1), 0)


def last_steps(y: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row's last real step, zero in a row without one: (B, T, C), whose padding is zero, to (B, C)."""
    if not y.shape[1]:
        return y.sum(dim=1)
    return y[:, -1] if lengths is None else y[torch.arange(len(y), device=y.device), (lengths - 1).clamp_min(0)]


def where_begun(y: Tensor, steps: int, lengths: Tensor | None) -> Tensor:
    """`y` (B, C) with zeros in rows that have no real step among `steps`."""
    if lengths is not None:
        return y.masked_fill((lengths == 0).unsqueeze(-1), 0)
    return y if steps else torch.zeros_like(y)


def reversed_rows(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row's real steps in reverse order, padding left where it is: (B, T, ...) -> (B, T, ...)."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, index.reshape(*index.shape, *[1] * (x.dim() - 2)).expand_as(x))


def where_rows(rows: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    """`chosen` in the rows that are True, `other` elsewhere; `rows` is (B, 1), the others (B, ...)."""
    return torch.where(rows.reshape(-1, *[1] * (chosen.dim() - 1)), chosen, other)
