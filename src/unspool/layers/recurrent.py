"""A cell carried along time."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from unspool.cells import Cell
from unspool.kernels import eager
from unspool.layers.layer import Layer, State, check_lengths, flatten_state, without_padding


class Recurrent(Layer):
    """A cell carried along time, from each row's beginning, or from its own end where `reverse`.

    dropout  share of the state that the cell does not read in training: one mask a sequence (Gal and Ghahramani 2016, eq. 7)
    """

    def __init__(self, cell: Cell, *, dropout: float = 0.0, reverse: bool = False):
        super().__init__()
        self.cell = cell
        self.width = cell.hidden
        self.dropout = dropout
        self.reverse = reverse
        self.lookahead = inf if reverse else 0

    def initial_state(self, batch: int) -> State:
        return self.cell.initial_state(batch)

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        before = flatten_state(self.initial_state(x.shape[0]) if state is None else state)
        x = without_padding(x, lengths)
        if self.reverse:
            x = reversed_rows(x, lengths)
        y, after = eager.scan(self.cell.advance, self.cell.project(x), before, lengths, self._mask(x))
        return (reversed_rows(y, lengths) if self.reverse else y), after

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.reverse:
            raise ValueError("a layer that reads from the end has no step: its output needs the whole future; use a causal layer")
        return self.cell.step(x, flatten_state(state))

    def _mask(self, x: Tensor) -> Tensor | None:
        if not self.training or not self.dropout:
            return None
        return torch.nn.functional.dropout(x.new_ones(x.shape[0], self.width), self.dropout)


def reversed_rows(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each row's real steps in reverse order, padding left where it is: (B, T, C) -> (B, T, C)."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths[:, None] - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, index.unsqueeze(-1).expand_as(x))
