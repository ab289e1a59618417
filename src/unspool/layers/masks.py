"""What training draws at random inside a recurrent layer, so that every engine is given the same."""

from __future__ import annotations

from torch import Tensor, nn

from unspool.kernels.dropout import coins, dropout_mask, dropped


def share_of(name: str, share: float) -> float:
    """The share, where it is one that can be left out; else ValueError."""
    if not 0 <= share < 1:
        raise ValueError(f"{name}: got {share}, wanted a share of at least 0 and below 1")
    return share


def kept_units(x: Tensor, width: int, dropout: float) -> Tensor:
    """Variational dropout (Gal and Ghahramani 2016, eq. 7): (B, H), zero in units that are not read, the others scaled up."""
    return dropout_mask(x, (x.shape[0], width), dropout)


def zoned_units(state: dict[str, Tensor], steps: int, zoneout: float) -> dict[str, Tensor]:
    """Zoneout (Krueger et al. 2016): of each tensor (B, ...) of the state a mask (B, T, ...), True where the value from before the step stays."""
    return {name: coins((len(tensor), steps, *tensor.shape[1:]), zoneout, tensor.device) for name, tensor in state.items()}


class NumberDropout(nn.Module):
    """`dropped` in training, for what is no sequence: the numbers that a head or a table gives. At rest it does nothing."""

    def __init__(self, share: float):
        super().__init__()
        self.share = share_of("dropout", share)

    def forward(self, x: Tensor) -> Tensor:
        return dropped(x, self.share) if self.training and self.share else x
