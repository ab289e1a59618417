"""What the characters of a word tell of it: how it begins, ends and is written."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unspool.cells import LSTMCell
from unspool.kernels import Coded
from unspool.layers import Recurrent, flatten_state
from unspool.layers.layer import leaf
from unspool.layers.masks import NumberDropout
from unspool.models.spec import CharacterCNN, CharacterLSTM

TABLE_SPREAD = 1.0
"""Standard deviation of the characters' vectors at the start: each is met so often that they may begin far apart, and then learn faster."""


class ReadByLSTM(nn.Module):
    """Characters (..., L), 0 where there is none, to (..., 2 hidden): the states at which two LSTMs end, one onward and one from the end."""

    def __init__(self, spec: CharacterLSTM, size: int):
        super().__init__()
        self.table = _table(size, spec.width)
        self.onward = Recurrent(LSTMCell(spec.width, spec.hidden))
        self.backward = Recurrent(LSTMCell(spec.width, spec.hidden), reverse=True)
        self.dropout = NumberDropout(spec.dropout)
        self.width = 2 * spec.hidden

    def forward(self, characters: Tensor) -> Tensor:
        words = characters.flatten(0, -2)
        spelt, real = Coded(self.table.weight, words), words > 0
        if torch.compiler.is_exporting():
            read = torch.cat([_unrolled(layer, spelt.values(), real) for layer in (self.onward, self.backward)], dim=-1)
        else:
            lengths = real.sum(dim=1)
            read = torch.cat([leaf(layer.scan_coded(spelt, None, lengths)[1], "h") for layer in (self.onward, self.backward)], dim=-1)
        return self.dropout(read.view(*characters.shape[:-1], self.width))


class ReadByCNN(nn.Module):
    """Characters (..., L), 0 where there is none, to (..., filters): the largest answer of each filter anywhere in the word."""

    def __init__(self, spec: CharacterCNN, size: int):
        super().__init__()
        self.kernel = spec.kernel
        self.table = _table(size, spec.width)
        self.filter = nn.Linear(spec.kernel * spec.width, spec.filters)
        self.dropout = NumberDropout(spec.dropout)
        self.width = spec.filters

    def forward(self, characters: Tensor) -> Tensor:
        words = characters.flatten(0, -2)
        spelt = self.table(words) * (words > 0).unsqueeze(-1)
        beyond = spelt.new_zeros(spelt.shape[0], self.kernel, spelt.shape[-1])
        framed = torch.cat([beyond[:, 1:], spelt, beyond], dim=1)  # a filter always sees nothing once, however much room a word leaves
        steps = framed.shape[1] - self.kernel + 1
        seen = torch.cat([framed[:, first : first + steps] for first in range(self.kernel)], dim=-1)  # (W, L + kernel, kernel * width)
        return self.dropout(self.filter(seen).amax(dim=1).view(*characters.shape[:-1], self.width))


def build_characters(spec: CharacterLSTM | CharacterCNN, size: int) -> ReadByLSTM | ReadByCNN:
    return ReadByLSTM(spec, size) if isinstance(spec, CharacterLSTM) else ReadByCNN(spec, size)


def _unrolled(layer: Recurrent, x: Tensor, real: Tensor) -> Tensor:
    """The state (W, H) at which a layer ends, step by step as a program runs it; padding (`real` False) leaves the state as it is."""
    steps = range(x.shape[1])
    state = flatten_state(layer.initial_state(x.shape[0]))
    for step in reversed(steps) if layer.reverse else steps:
        _, after = layer.cell.step(x[:, step], state)
        state = {name: torch.where(real[:, step, None], after[name], before) for name, before in state.items()}
    return state["h"]


def _table(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width)
    nn.init.normal_(table.weight, std=TABLE_SPREAD)
    return table
