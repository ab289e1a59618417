"""What a cell tells the fast engines of itself: which equations, with which weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn.functional import embedding

State = dict[str, Tensor]

Zoned = Mapping[str, Tensor] | float
"""Zoneout (Krueger et al. 2016). In training: of each tensor of the state (B, ...), a mask (B, T, ...) by the time of the inputs, True where the
value from before the step stays. At rest: the share of the value from before in the value after."""

Kind = Literal["rnn_tanh", "rnn_relu", "lstm", "gru_reset_after", "gru_reset_before"]

GATES: dict[Kind, int] = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru_reset_after": 3, "gru_reset_before": 3}


class Recurrence(NamedTuple):
    """The equations of a cell, by name, and the weights that it computes with; gates in torch's order.

    input_weight  (G H, C)           state_weight  (G H, H)
    input_bias    (G H) or None      state_bias    (G H) or None
    """

    kind: Kind
    input_weight: Tensor
    state_weight: Tensor
    input_bias: Tensor | None = None
    state_bias: Tensor | None = None

    @property
    def inputs(self) -> int:
        return self.input_weight.shape[1]

    @property
    def hidden(self) -> int:
        return self.state_weight.shape[1]

    def weights(self) -> list[Tensor]:
        """All that there are."""
        return [weight for weight in self[1:] if weight is not None]


class Coded(NamedTuple):
    """Inputs (B, T, C) that are rows of a table: of few kinds, the products with their weights are worked out once for each kind.

    table  (V, C)
    codes  (B, T) integers from 0 to V - 1
    """

    table: Tensor
    codes: Tensor

    def values(self) -> Tensor:
        """The inputs themselves."""
        return embedding(self.codes, self.table)

    @property
    def few(self) -> bool:
        """Whether there are fewer kinds than inputs."""
        return len(self.table) < self.codes.numel()
