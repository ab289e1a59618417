"""Long short-term memory (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unspool.cells.cell import Cell, initialize_gates, recurrence_of
from unspool.kernels import Recurrence, State
from unspool.spec import Spec, knob


class LSTMSpec(Spec):
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000."""

    kind: Literal["lstm"] = "lstm"
    hidden: int = knob(64, "width of the state", ge=1, search=[16, 256])

    def build(self, inputs: int) -> LSTMCell:
        return LSTMCell(inputs, self.hidden)


class LSTMCell(Cell):
    """Long short-term memory; gates in torch's order: input, forget, candidate, output."""

    def __init__(self, inputs: int, hidden: int, bias: bool = True):
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(inputs, 4 * hidden, bias=bias)
        self.from_state = nn.Linear(hidden, 4 * hidden, bias=bias)
        self.initialize("orthogonal", "xavier", None)

    def initialize(self, recurrent: str, inputs: str, forget_bias: float | None) -> None:
        """Besides the weights, the forget gate starts open (Jozefowicz et al. 2015)."""
        initialize_gates(self.from_input, self.from_state, 4, recurrent, inputs)
        if self.from_input.bias is not None and (forget_bias is not None or recurrent == "orthogonal"):
            with torch.no_grad():
                self.from_input.bias.chunk(4)[1].fill_(1.0 if forget_bias is None else forget_bias)
                self.from_state.bias.chunk(4)[1].zero_()

    def initial_state(self, batch: int) -> State:
        zeros = self.from_state.weight.new_zeros(batch, self.hidden)
        return {"h": zeros, "c": zeros.clone()}

    def project(self, x: Tensor) -> Tensor:  # (..., C) -> (..., 4 H)
        return self.from_input(x)

    def advance(self, projected: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        read = state["h"] if keep is None else state["h"] * keep
        into, forget, candidate, out = (projected + self.from_state(read)).chunk(4, dim=-1)
        c = torch.sigmoid(forget) * state["c"] + torch.sigmoid(into) * torch.tanh(candidate)
        h = torch.sigmoid(out) * torch.tanh(c)
        return h, {"h": h, "c": c}

    def recurrence(self) -> Recurrence | None:
        return recurrence_of(self, LSTMCell, "lstm")
