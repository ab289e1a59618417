"""A cell is run as what it is: one that was changed, or says nothing of itself, by the eager engine."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from unspool.cells import Cell, GRUCell, RNNCell
from unspool.kernels import using
from unspool.layers import LSTM, Dropout, Recurrent

from .scans import ENGINES
from .subjects import HIDDEN, INPUTS, single


class Doubled(GRUCell):
    """A GRU of another equation."""

    def advance(self, projected, state, keep=None):
        h, _ = super().advance(2 * projected, state, keep)
        return h, {"h": h}


class Counting(Cell):
    """A cell that says nothing of itself."""

    def __init__(self):
        super().__init__()
        self.hidden = 2
        self.weight = nn.Parameter(torch.ones(INPUTS, 2))

    def initial_state(self, batch):
        return {"h": self.weight.new_zeros(batch, 2)}

    def advance(self, projected, state, keep=None):
        h = state["h"] + projected @ self.weight
        return h, {"h": h}

    def initialize(self, recurrent, inputs, forget_bias):
        """Nothing to set."""


class Low(nn.Linear):
    """A linear layer with something added."""

    def forward(self, x):
        return super().forward(x) + 1.0


def changed(change, reset="after") -> Cell:
    cell = GRUCell(INPUTS, HIDDEN, reset)
    change(cell)
    return cell


CHANGED = {
    "a-cell-that-says-nothing": Counting,
    "a-subclass-with-another-equation": lambda: Doubled(INPUTS, HIDDEN),
    "a-method-replaced": lambda: changed(lambda cell: setattr(cell, "advance", lambda x, state, keep=None: (state["h"] + 1, {"h": state["h"] + 1}))),
    "another-module-in-a-linear-s-place": lambda: changed(lambda cell: setattr(cell, "from_state", Low(HIDDEN, 3 * HIDDEN))),
    "a-forward-hook": lambda: changed(lambda cell: cell.from_state.register_forward_hook(lambda module, given, y: y + 1)),
    "a-forward-hook-of-a-reset-before": lambda: changed(lambda cell: cell.from_state.register_forward_hook(lambda module, given, y: y + 1), "before"),
    "a-forward-pre-hook": lambda: changed(lambda cell: cell.from_input.register_forward_pre_hook(lambda module, given: (given[0] + 1,))),
    "a-backward-hook": lambda: changed(lambda cell: cell.from_state.register_full_backward_hook(lambda module, into, out: None)),
}


@pytest.mark.parametrize("build", CHANGED.values(), ids=CHANGED)
def test_a_cell_that_is_not_what_it_was_written_as_is_run_as_it_is(build, ran):
    layer = Recurrent(build())
    assert layer.engine(single(2, 3, INPUTS)).engine == "eager"
    assert "does not say which equations it computes (Cell.recurrence)" in layer.engine(single(2, 3, INPUTS)).reason
    x = single(2, 3, INPUTS)
    y, _ = layer.scan(x)
    assert ran == ["eager"]
    state, outputs = layer.initial_state(2), []
    for t in range(3):
        out, state = layer.step(x[:, t], state)
        outputs.append(out)
    torch.testing.assert_close(y, torch.stack(outputs, dim=1))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parametrized_weight_is_the_weight_that_every_engine_reads(engine):
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    parametrizations.weight_norm(layer.cell.from_state)
    x = single(2, 3, INPUTS)
    with torch.no_grad():
        layer.cell.from_state.parametrizations.weight.original0.mul_(1.7)
    with using("eager"):
        wanted = torch.autograd.grad(layer.scan(x)[0].square().sum(), list(layer.parameters()))
    with using(engine):
        found = torch.autograd.grad(layer.scan(x)[0].square().sum(), list(layer.parameters()))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_hook_of_a_gru_that_resets_before_acts():
    layer, x = Recurrent(GRUCell(INPUTS, HIDDEN, reset="before")), single(2, 3, INPUTS)
    plain = layer.scan(x)[0]
    layer.cell.from_state.register_forward_hook(lambda module, given, y: y)
    torch.testing.assert_close(layer.scan(x)[0], plain)
    layer.cell.from_state.register_forward_hook(lambda module, given, y: y + 1)
    assert not torch.allclose(layer.scan(x)[0], plain)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: RNNCell(2, 3, activation="sigmoid"), "activation: got 'sigmoid', wanted one of tanh, relu"),
        (lambda: GRUCell(2, 3, reset="never"), "reset: got 'never', wanted one of after, before"),
        (lambda: Dropout(3, 1.0), "dropout: got 1.0, wanted a share of at least 0 and below 1"),
        (lambda: Dropout(3, float("nan")), "dropout: got nan, wanted a share"),
        (lambda: LSTM(3, 4, layers=2, dropout=-0.5), "dropout: got -0.5, wanted a share"),
    ],
)
def test_what_no_layer_can_be_is_refused(build, told):
    with pytest.raises(ValueError, match=told):
        build()
