"""What training draws at random inside a recurrent layer, so that every engine is given the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 1 << 16
"""A share is met to within one part in so many: a mask is drawn sixteen bits a unit, four units a number."""


def share_of(name: str, share: float) -> float:
    """The share, where it is one that can be left out; else ValueError."""
    if not 0 <= share < 1:
        raise ValueError(f"{name}: got {share}, wanted a share of at least 0 and below 1")
    return share


def kept_units(x: Tensor, width: int, dropout: float) -> Tensor:
    """Variational dropout (Gal and Ghahramani 2016, eq. 7): (B, H), zero in units that are not read, the others scaled up."""
    return nn.functional.dropout(x.new_ones(x.shape[0], width), dropout)


def zoned_units(state: dict[str, Tensor], steps: int, zoneout: float) -> dict[str, Tensor]:
    """Zoneout (Krueger et al. 2016): of each tensor (B, ...) of the state a mask (B, T, ...), True where the value from before the step stays."""
    return {name: _coins((len(tensor), steps, *tensor.shape[1:]), zoneout, tensor.device) for name, tensor in state.items()}


def dropped(x: Tensor, share: float) -> Tensor:
    """Dropout (Srivastava et al. 2014) of each number by itself; of weights, DropConnect (Wan et al. 2013). Sixteen bits are drawn a number."""
    return x * _coins(tuple(x.shape), 1 - share, x.device).to(x.dtype).mul_(1 / (1 - share))


class NumberDropout(nn.Module):
    """`dropped` in training, for what is no sequence: the numbers that a head or a table gives. At rest it does nothing."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share_of("dropout", share)

    def forward(self, x: Tensor) -> Tensor:
        return dropped(x, self.share) if self.training and self.share else x


def _coins(shape: tuple[int, ...], share: float, device: torch.device) -> Tensor:
    """True with the probability `share`."""
    count = torch.Size(shape).numel()
    threshold = min(max(round(share * LEVELS), 1), LEVELS - 1) - LEVELS // 2
    drawn = torch.empty((count + 3) // 4, dtype=torch.int64, device=device).random_(-(1 << 63), None)
    return (drawn.view(torch.int16)[:count] < threshold).view(shape)
