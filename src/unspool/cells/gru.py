"""Gated recurrent unit (Cho et al. 2014)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unspool.cells.cell import Cell, initialize_gates, is_plain_linear, one_of, recurrence_of
from unspool.kernels import Recurrence, State
from unspool.kernels.recurrence import Kind
from unspool.spec import Spec, knob


class GRUSpec(Spec):
    """Cho et al. 2014."""

    kind: Literal["gru"] = "gru"
    hidden: int = knob(64, "width of the state", ge=1, search=[16, 256])
    reset: Literal["after", "before"] = knob("after", "reset the state after its product with the weights (cuDNN, torch) or before (Cho et al.)")

    def build(self, inputs: int) -> GRUCell:
        return GRUCell(inputs, self.hidden, self.reset)


class GRUCell(Cell):
    """Gated recurrent unit; gates in torch's order: reset, update, candidate."""

    def __init__(self, inputs: int, hidden: int, reset: Literal["after", "before"] = "after", bias: bool = True):
        super().__init__()
        self.hidden = hidden
        self.reset = one_of("reset", reset, ("after", "before"))
        self.from_input = nn.Linear(inputs, 3 * hidden, bias=bias)
        self.from_state = nn.Linear(hidden, 3 * hidden, bias=bias)
        self.initialize("orthogonal", "xavier", None)

    def initialize(self, recurrent: str, inputs: str, forget_bias: float | None) -> None:
        initialize_gates(self.from_input, self.from_state, 3, recurrent, inputs)

    def initial_state(self, batch: int) -> State:
        return {"h": self.from_state.weight.new_zeros(batch, self.hidden)}

    def project(self, x: Tensor) -> Tensor:  # (..., C) -> (..., 3 H)
        return self.from_input(x)

    def advance(self, projected: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        h = state["h"]
        read = h if keep is None else h * keep
        if self.reset == "after":
            new, update = self._reset_after(projected, read)
        else:
            new, update = self._reset_before(projected, read)
        h = new + update * (h - new)
        return h, {"h": h}

    def recurrence(self) -> Recurrence | None:
        kind: Kind = "gru_reset_after" if self.reset == "after" else "gru_reset_before"
        return recurrence_of(self, GRUCell, kind)

    def _reset_after(self, projected: Tensor, read: Tensor) -> tuple[Tensor, Tensor]:
        gates = 2 * self.hidden
        from_state = self.from_state(read)
        reset, update = torch.sigmoid(projected[:, :gates] + from_state[:, :gates]).chunk(2, dim=-1)
        return torch.tanh(projected[:, gates:] + reset * from_state[:, gates:]), update

    def _reset_before(self, projected: Tensor, read: Tensor) -> tuple[Tensor, Tensor]:
        gates = 2 * self.hidden
        if not is_plain_linear(self.from_state):  # what a hook does needs a call
            reset, update = torch.sigmoid(projected[:, :gates] + self.from_state(read)[:, :gates]).chunk(2, dim=-1)
            return torch.tanh(projected[:, gates:] + self.from_state(reset * read)[:, gates:]), update
        weight, bias = self.from_state.weight, self.from_state.bias
        gate_bias, new_bias = (None, None) if bias is None else (bias[:gates], bias[gates:])
        reset, update = torch.sigmoid(projected[:, :gates] + nn.functional.linear(read, weight[:gates], gate_bias)).chunk(2, dim=-1)
        return torch.tanh(projected[:, gates:] + nn.functional.linear(reset * read, weight[gates:], new_bias)), update
