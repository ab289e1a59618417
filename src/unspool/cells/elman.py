"""The simple recurrent network (Elman 1990)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unspool.cells.cell import Cell, initialize_gates, one_of, recurrence_of
from unspool.kernels import Recurrence, State
from unspool.spec import Spec, knob


class RNNSpec(Spec):
    """Elman 1990: h' = f(W x + U h + b)."""

    kind: Literal["rnn"] = "rnn"
    hidden: int = knob(64, "width of the state", ge=1, search=[16, 256])
    activation: Literal["tanh", "relu"] = knob("tanh", "the f of the equation")

    def build(self, inputs: int) -> RNNCell:
        return RNNCell(inputs, self.hidden, self.activation)


class RNNCell(Cell):
    """Simple recurrent unit (Elman 1990)."""

    def __init__(self, inputs: int, hidden: int, activation: Literal["tanh", "relu"] = "tanh", bias: bool = True):
        super().__init__()
        self.hidden = hidden
        self.activation = one_of("activation", activation, ("tanh", "relu"))
        self.from_input = nn.Linear(inputs, hidden, bias=bias)
        self.from_state = nn.Linear(hidden, hidden, bias=bias)
        self.initialize("orthogonal", "xavier", None)

    def initialize(self, recurrent: str, inputs: str, forget_bias: float | None) -> None:
        initialize_gates(self.from_input, self.from_state, 1, recurrent, inputs)

    def initial_state(self, batch: int) -> State:
        return {"h": self.from_state.weight.new_zeros(batch, self.hidden)}

    def project(self, x: Tensor) -> Tensor:  # (..., C) -> (..., H)
        return self.from_input(x)

    def advance(self, projected: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        read = state["h"] if keep is None else state["h"] * keep
        total = projected + self.from_state(read)
        h = torch.tanh(total) if self.activation == "tanh" else torch.relu(total)
        return h, {"h": h}

    def recurrence(self) -> Recurrence | None:
        return recurrence_of(self, RNNCell, "rnn_tanh" if self.activation == "tanh" else "rnn_relu")
