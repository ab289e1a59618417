"""Dropout in one pass over what is dropped, in place of a mask's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unspool.kernels.engine import choose_for
from unspool.native import library

LEVELS = 1 << 16
"""A share is met to within one part in so many: sixteen bits are drawn for each number."""


def coins(shape: tuple[int, ...], share: float, device: torch.device) -> Tensor:
    """True with the probability `share`."""
    return (_drawn(torch.Size(shape).numel(), device) < _below(share)).view(shape)


def dropped(x: Tensor, share: float) -> Tensor:
    """`x` without a random `share` of its numbers, the others scaled up (Srivastava et al. 2014)."""
    if choose_for((x,)).engine == "native":
        y: Tensor = _Dropped.apply(x, _drawn(x.numel(), x.device), share)  # type: ignore[no-untyped-call]
        return y
    return x * dropout_mask(x, x.shape, share)


def dropout_mask(like: Tensor, shape: tuple[int, ...], share: float) -> Tensor:
    """What `dropped` leaves of ones, for all engines alike; of the type and place of `like`."""
    return coins(shape, 1 - share, like.device).to(like.dtype).mul_(1 / (1 - share))


class _Dropped(torch.autograd.Function):
    """By native/dropout.cpp. The gradient loses what `x` has lost."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, drawn: Tensor, share: float) -> Tensor:
        ctx.save_for_backward(drawn)
        ctx.share = share
        x, extension = x.contiguous(), library()
        assert extension is not None
        y = torch.empty_like(x)
        extension.drop((x, drawn, y), x.numel(), _below(1 - share), 1 / (1 - share), torch.get_num_threads())
        return y

    @staticmethod
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor, None, None]:
        (drawn,) = ctx.saved_tensors
        return _Dropped.apply(arriving, drawn, ctx.share), None, None  # type: ignore[no-untyped-call]


def _drawn(count: int, device: torch.device) -> Tensor:
    """(count,) int16: four come with every number that the generator gives."""
    return torch.empty((count + 3) // 4, dtype=torch.int64, device=device).random_(-(1 << 63), None).view(torch.int16)[:count]


def _below(share: float) -> int:
    """Of the numbers that are drawn, `share` are less than this; at least one level is, and not all are."""
    return min(max(round(share * LEVELS), 1), LEVELS - 1) - LEVELS // 2
