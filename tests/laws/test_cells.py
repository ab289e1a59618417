"""What holds for every cell in every variant, and how its weights start."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from math import sqrt

import pytest
import torch

import unspool.cells
from unspool.cells import CELLS, Cell
from unspool.layers import GRU, LSTM, RNN, Bidirectional, CausalConvolution, Recurrent, Residual, recurrent_stack
from unspool.layers.layer import join_states, unflatten_state

from .subjects import CELL_SPECS, HIDDEN, INPUTS, numbers, ready, recurrent, same, warm_state

every_cell = pytest.mark.parametrize("spec", CELL_SPECS.values(), ids=CELL_SPECS)
every_kind = pytest.mark.parametrize("spec", CELLS.values(), ids=CELLS)


def test_every_cell_is_in_the_list_under_its_kind():
    assert all(spec.model_fields["kind"].default == kind for kind, spec in CELLS.items())
    for module in pkgutil.walk_packages(unspool.cells.__path__, "unspool.cells."):
        importlib.import_module(module.name)
    written = {cell for cell in Cell.__subclasses__() if cell.__module__.startswith("unspool.cells")}
    assert written == {type(spec(hidden=2).build(1)) for spec in CELLS.values()}, "a cell is not in CellSpec, so that no law is held against it"


@every_cell
def test_a_step_is_its_two_parts(spec):
    cell = ready(lambda: recurrent(spec)).cell
    x, state = numbers(2, 3, INPUTS), warm_state(Recurrent(cell), 2)
    y, after = cell.step(x[:, 0], state)
    assert y.shape == (2, HIDDEN) and cell.hidden == HIDDEN
    same(cell.advance(cell.project(x)[:, 0], state), (y, after))
    assert after.keys() == cell.initial_state(2).keys() and "h" in after


@every_cell
def test_a_mask_of_ones_is_no_mask(spec):
    cell = ready(lambda: recurrent(spec)).cell
    x, state = numbers(2, INPUTS), warm_state(Recurrent(cell), 2)
    ones = torch.ones(2, HIDDEN, dtype=torch.float64)
    same(cell.advance(cell.project(x), state, ones), cell.step(x, state))


@every_kind
def test_every_choice_of_a_cell_makes_another_cell(spec):
    """An option that does nothing is a bug."""
    mine = [name for name, made in CELL_SPECS.items() if isinstance(made, spec)]
    x = numbers(6, 4, INPUTS)
    outputs = [ready(lambda name=name: recurrent(CELL_SPECS[name])).scan(x)[0] for name in mine]
    for index, one in enumerate(outputs):
        assert all(one.shape != other.shape or (one - other).abs().max() > 1e-3 for other in outputs[:index])


@every_kind
def test_the_width_of_the_state_is_the_one_asked_for(spec):
    for hidden in (1, 5):
        assert Recurrent(spec(hidden=hidden).build(2)).scan(torch.ones(1, 3, 2))[0].shape == (1, 3, hidden)


# How weights start


def started(spec, **how):
    """A cell that reads 24 numbers into 32, its weights set."""
    torch.manual_seed(7)
    cell = spec.model_copy(update={"hidden": 32}).build(24).double()
    cell.initialize(**{"recurrent": "orthogonal", "inputs": "xavier", "forget_bias": None} | how)
    return cell


@every_cell
@pytest.mark.parametrize("again", [False, True], ids=["as-built", "initialized"])
def test_recurrent_weights_start_orthogonal_gate_by_gate(spec, again):
    torch.manual_seed(7)
    cell = started(spec) if again else spec.build(INPUTS).double()
    blocks = cell.from_state.weight.split(cell.hidden)
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(cell.hidden, dtype=torch.float64), rtol=0, atol=1e-12 if again else 1e-5)
    assert all(not torch.equal(block, blocks[0]) for block in blocks[1:])


@every_cell
def test_input_weights_start_within_xavier_s_bound_and_fill_it(spec):
    cell = started(spec)
    bound = sqrt(6 / (24 + 32))
    for block in cell.from_input.weight.split(32):
        assert 0.98 * bound < block.abs().max() <= bound
        assert block.std().item() == pytest.approx(bound / sqrt(3), rel=0.06)


@every_cell
def test_uniform_starts_as_torch_does(spec):
    cell = started(spec, recurrent="uniform", inputs="uniform")
    bound = 32**-0.5
    for name, parameter in cell.named_parameters():
        assert parameter.abs().max() <= bound, name
        assert parameter.std().item() == pytest.approx(bound / sqrt(3), rel=0.15), name


@every_cell
def test_the_two_choices_of_a_start_do_not_touch_each_other(spec):
    one, other = started(spec, inputs="uniform"), started(spec, recurrent="uniform")
    eye = torch.eye(32, dtype=torch.float64)
    assert all(torch.allclose(block @ block.T, eye) for block in one.from_state.weight.split(32))
    assert one.from_input.weight.abs().max() <= 32**-0.5
    assert not any(torch.allclose(block @ block.T, eye) for block in other.from_state.weight.split(32))
    assert other.from_input.weight.abs().max() > 32**-0.5


@every_cell
def test_biases_start_at_zero_except_for_a_forget_gate(spec):
    cell = started(spec)
    biases = (cell.from_input.bias + cell.from_state.bias).split(32)
    forget = 1 if spec.kind == "lstm" else None
    for gate, bias in enumerate(biases):
        assert (bias == (1 if gate == forget else 0)).all()


@pytest.mark.parametrize("recurrent_weights", ["orthogonal", "uniform"])
@pytest.mark.parametrize("bias", [2.5, 0.0, -1.0])
def test_the_forget_gate_of_an_lstm_starts_as_open_as_asked(bias, recurrent_weights):
    cell = started(CELL_SPECS["lstm"], forget_bias=bias, recurrent=recurrent_weights)
    assert ((cell.from_input.bias + cell.from_state.bias).split(32)[1] == bias).all()


def test_an_open_forget_gate_keeps_and_a_shut_one_forgets():
    x = torch.zeros(1, 1, 24, dtype=torch.float64)
    for bias, left in ((30.0, 1.0), (-30.0, 0.0)):
        layer = Recurrent(started(CELL_SPECS["lstm"], forget_bias=bias))
        zeros = layer.initial_state(1)
        _, end = layer.scan(x, unflatten_state(zeros, {"h": zeros["h"], "c": torch.ones_like(zeros["c"])}))
        torch.testing.assert_close(end["c"], torch.full_like(end["c"], left), rtol=0, atol=1e-9)


# The options of the networks

OPTIONS = {
    "layers": 3, "bidirectional": True, "activation": "relu", "reset": "before", "bias": False, "residual": True, "norm": True,
    "dropout": 0.5, "recurrent_dropout": 0.5, "zoneout": 0.5, "weight_drop": 0.5, "locked": True,
}  # fmt: skip


@pytest.mark.parametrize("network", [RNN, LSTM, GRU])
def test_every_option_of_a_network_does_something(network):
    options = [name for name in inspect.signature(network).parameters if name not in ("inputs", "hidden")]
    assert set(options) <= OPTIONS.keys(), "an option that this test does not know; add another value of it to OPTIONS"

    def outputs(**chosen):
        torch.manual_seed(3)
        made = network(INPUTS, HIDDEN, **{"layers": 2, "dropout": 0.2} | chosen).double()
        torch.manual_seed(4)
        return made.scan(torch.linspace(-1, 1, 5 * 4 * INPUTS, dtype=torch.float64).view(5, 4, INPUTS))[0]

    for name in options:
        assert outputs(**{name: OPTIONS[name]}).tolist() != outputs().tolist(), f"{name} does nothing"


IMPOSSIBLE = {
    "no-layers": ({"layers": 0}, "layers: got 0, wanted at least 1"),
    "dropout-between-one-layer": ({"dropout": 0.1}, "dropout: 0.1 acts between layers, and there is one layer; raise layers or drop it"),
    "all-of-the-state": ({"zoneout": 1.0}, "zoneout: got 1.0, wanted a share of at least 0 and below 1"),
    "less-than-no-weights": ({"weight_drop": -0.1}, "weight_drop: got -0.1, wanted a share of at least 0 and below 1"),
    "residual-of-other-widths": ({"residual": True}, r"residual: no layer gives back the width .*3 in, 4 out.*raise layers or drop it"),
}


@pytest.mark.parametrize("options, message", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("network", [RNN, LSTM, GRU])
def test_an_option_that_cannot_take_effect_is_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        network(INPUTS, HIDDEN, **options)


@every_cell
def test_a_stack_reads_any_cell(spec):
    stack = recurrent_stack(spec.build, INPUTS, 2, bidirectional=True, residual=True, norm=True, dropout=0.1, recurrent_dropout=0.1)
    assert stack.scan(torch.ones(2, 3, INPUTS))[0].shape == (2, 3, 2 * HIDDEN)
    assert sum(isinstance(module, Residual) for module in stack.modules()) == 1


def test_layers_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="a residual needs equal widths and stride 1, got 3 in, 4 out, stride 2"):
        Residual(CausalConvolution(3, 4, 2, 2), 3)
    with pytest.raises(ValueError, match="the two directions need equal strides, got 2 onward and 1 backward"):
        Bidirectional(CausalConvolution(3, 4, 2, 2), CausalConvolution(3, 4, 2))


def test_states_of_different_forms_are_refused():
    one = torch.ones(1)
    with pytest.raises(ValueError, match="two states differ at 'a': one has a tensor there, the other a tree"):
        join_states(torch.add, {"a": one}, {"a": {"b": one}})


@every_cell
def test_a_layer_that_reads_from_the_end_is_the_forward_one_on_mirrored_rows(spec):
    backward, forward = (ready(lambda reverse=reverse: recurrent(spec, reverse=reverse)) for reverse in (True, False))
    x, start, lengths = numbers(4, 5, INPUTS), warm_state(forward, 4), torch.tensor([5, 0, 1, 3])
    y, end = backward.scan(x, start, lengths)
    for row, length in enumerate(lengths.tolist()):
        mine = {name: leaf[row : row + 1] for name, leaf in start.items()}
        mirrored, mirrored_end = forward.scan(x[row : row + 1, :length].flip(1), mine)
        same(y[row, :length], mirrored[0].flip(0))
        same({name: leaf[row : row + 1] for name, leaf in end.items()}, mirrored_end)
