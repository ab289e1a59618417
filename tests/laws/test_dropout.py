"""Dropout leaves numbers out in training and only there: the right share, at the right steps, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unspool.kernels import using
from unspool.kernels.dropout import dropped
from unspool.layers import Dropout, Layer, Norm, Recurrent, Residual, Stack
from unspool.layers.layer import flatten_state, map_state
from unspool.layers.masks import NumberDropout

from .scans import needs_native
from .subjects import CELL_SPECS, INPUTS, SUBJECTS, numbers, ready, recurrent, same, warm_state

SHARE = 0.4
every_cell = pytest.mark.parametrize("spec", CELL_SPECS.values(), ids=CELL_SPECS)


def drops(layer: Layer) -> bool:
    """Whether any part of the layer is told to leave numbers out."""
    return any(getattr(module, name, 0) for module in layer.modules() for name in ("share", "dropout", "zoneout", "weight_drop"))


DROPPING = {name: build for name, build in SUBJECTS.items() if drops(build())}
NOT_DROPPING = {name: build for name, build in SUBJECTS.items() if name not in DROPPING}


@pytest.mark.parametrize("build", DROPPING.values(), ids=DROPPING)
def test_dropout_changes_outputs_in_training_and_not_at_rest(build):
    layer = ready(build)
    x = numbers(6, 4 * layer.stride, INPUTS)
    at_rest = layer.scan(x)[0]
    same(layer.scan(x)[0], at_rest)
    zoned = any(getattr(module, "zoneout", 0) for module in layer.modules())
    for module in layer.modules():
        if isinstance(module, Dropout):
            module.share = 0.0
        elif isinstance(module, Recurrent):
            module.dropout = module.zoneout = module.weight_drop = 0.0
    unchanged = layer.scan(x)[0]
    assert zoned == (not torch.equal(unchanged, at_rest)), "at rest zoneout alone acts"
    same(layer.train().scan(x)[0], unchanged)
    training = ready(build).train()
    first = training.scan(x)[0]
    assert (first != at_rest).any() and (training.scan(x)[0] != first).any()


@pytest.mark.parametrize("build", NOT_DROPPING.values(), ids=NOT_DROPPING)
def test_without_dropout_training_is_as_rest(build):
    layer = ready(build)
    x = numbers(2, 3 * layer.stride, INPUTS)
    same(layer.train().scan(x), ready(build).scan(x))


@pytest.mark.parametrize("build", DROPPING.values(), ids=DROPPING)
def test_a_seed_makes_training_repeatable(build):
    layer = ready(build).train()
    x, results = numbers(3, 3 * layer.stride, INPUTS), []
    for seed in (8, 8, 9):
        torch.manual_seed(seed)
        results.append(layer.scan(x)[0])
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


@pytest.mark.parametrize("build", DROPPING.values(), ids=DROPPING)
def test_equal_rows_are_left_different_numbers(build):
    layer = ready(build).train()
    y, _ = layer.scan(numbers(1, 4 * layer.stride, INPUTS).expand(8, -1, -1))
    assert (y != y[:1]).any()
    same(layer.eval().scan(torch.ones(8, layer.stride, INPUTS).double())[0].std(dim=0), y.new_zeros(1, layer.width))


# The variational mask of a cell's state


def seen_masks(layer: Recurrent, x: Tensor, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The mask that the cell was given at every step."""
    masks, advance = [], layer.cell.advance

    def watched(projected, state, keep=None):
        masks.append(keep)
        return advance(projected, state, keep)

    monkeypatch.setattr(layer.cell, "advance", watched)
    layer.scan(x)
    monkeypatch.undo()
    return masks


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@every_cell
def test_the_mask_of_the_state_is_one_for_all_steps_with_the_right_share_and_scale(spec, reverse, monkeypatch):
    layer = ready(lambda: recurrent(spec, dropout=SHARE, reverse=reverse)).train()
    rows = 4000
    masks = seen_masks(layer, numbers(rows, 3, INPUTS), monkeypatch)
    assert len(masks) == 3 and all(torch.equal(mask, masks[0]) for mask in masks)
    mask = masks[0]
    assert mask.shape == (rows, layer.width)
    kept = 1 / (1 - SHARE)
    assert set(mask.unique().tolist()) == {0.0, kept}
    deviation = (kept**2 * (1 - SHARE) - 1) ** 0.5 / rows**0.5
    assert ((mask.mean(dim=0) - 1).abs() < 5 * deviation).all()
    assert abs(torch.corrcoef(mask.T).triu(1)).max() < 5 / rows**0.5, "the units of a state are left out together"
    assert not torch.equal(mask[0::2], mask[1::2]), "rows share a mask"
    assert not torch.equal(seen_masks(layer, numbers(rows, 3, INPUTS), monkeypatch)[0], mask), "calls share a mask"
    assert seen_masks(layer.eval(), numbers(2, 3, INPUTS), monkeypatch) == [None] * 3


@every_cell
def test_a_sequence_is_left_the_same_numbers_at_every_step(spec):
    """One scan equals scans of single steps that draw the mask anew from one seed."""
    layer = ready(lambda: recurrent(spec, dropout=SHARE)).train()
    x = numbers(5, 4, INPUTS)
    start = state = warm_state(layer, 5)
    torch.manual_seed(6)
    whole, _ = layer.scan(x, start)
    outputs = []
    for t in range(4):
        torch.manual_seed(6)
        y, state = layer.scan(x[:, t : t + 1], state)
        outputs.append(y)
    same(torch.cat(outputs, dim=1), whole)


@every_cell
def test_the_mask_acts_where_weights_read_the_state_and_nowhere_else(spec):
    """Masking a unit of the state is taking away the weights that read it; what is carried past the weights stays whole."""
    cell = ready(lambda: recurrent(spec)).cell
    x, state, keep = numbers(1, INPUTS), flatten_state(warm_state(Recurrent(cell), 1)), torch.tensor([[0.0, 2.0, 1.0, 0.0]]).double()
    masked = cell.advance(cell.project(x), state, keep)
    assert not torch.equal(masked[0], cell.step(x, state)[0])
    with torch.no_grad():
        cell.from_state.weight.mul_(keep)
    same(masked, cell.step(x, state))


# Dropout as a layer


@pytest.mark.parametrize("locked", [False, True], ids=["free", "locked"])
def test_the_mask_of_a_layer_has_the_right_share_and_scale_and_is_constant_where_locked(locked):
    layer = Dropout(INPUTS, SHARE, locked).double().train()
    y, state = layer.scan(torch.ones(4000, 5, INPUTS, dtype=torch.float64))
    kept = 1 / (1 - SHARE)
    assert not state and set(y.unique().tolist()) == {0.0, kept}
    deviation = (kept**2 * (1 - SHARE) - 1) ** 0.5 / 4000**0.5
    assert ((y.mean(dim=0) - 1).abs() < 5 * deviation).all()
    assert (y == y[:, :1]).all() == locked
    assert not torch.equal(y[0::2], y[1::2]), "rows share a mask"
    assert abs(torch.corrcoef(y[:, 0].T).triu(1)).max() < 5 / 4000**0.5, "features are left out together"


def test_dropout_in_a_residual_leaves_the_way_around_it_whole():
    layer = Residual(Dropout(INPUTS, SHARE), INPUTS).double().train()
    x = torch.ones(200, 2, INPUTS, dtype=torch.float64)
    assert set(layer.scan(x)[0].unique().tolist()) == {1.0, 1.0 + 1 / (1 - SHARE)}


def test_gradients_pass_through_the_same_mask_as_outputs():
    layer = Stack([Norm(INPUTS), Dropout(INPUTS, SHARE)], INPUTS).double().train()
    scale = layer.layers[0].norm
    nn.init.zeros_(scale.weight), nn.init.ones_(scale.bias)
    y, _ = layer.scan(numbers(50, 2, INPUTS))
    (gradient,) = torch.autograd.grad(y.sum(), scale.bias)
    same(gradient, y.sum(dim=(0, 1)))


def test_the_state_of_a_masked_cell_is_carried_unmasked():
    layer = ready(lambda: recurrent(CELL_SPECS["lstm"], dropout=0.9)).train()
    _, end = layer.scan(numbers(50, 1, INPUTS), map_state(lambda leaf: leaf + 1, layer.initial_state(50)))
    assert all(leaf.ne(0).all() for leaf in end.values())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_numbers_are_left_out_one_by_one_and_the_others_scaled_up(share):
    torch.manual_seed(4)
    dropout, x = NumberDropout(share), torch.ones(300, 400, requires_grad=True)
    y = dropout(x)
    kept = y != 0
    assert abs(kept.double().mean() - (1 - share)) < 0.005
    same(y[kept], torch.full_like(y[kept], 1 / (1 - share)))
    assert kept.double().mean(dim=0).std() > 0 and kept.double().mean(dim=1).std() > 0
    (gradient,) = torch.autograd.grad(y.sum(), x)
    same(gradient, y)
    same(dropout.eval()(x), x)
    same(NumberDropout(0.0)(x), x)


# Both engines


def by_both(given: Tensor, arriving: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What each engine leaves, and its gradient, of the same draw."""
    found = []
    for engine in ("eager", "native"):
        torch.manual_seed(3)
        x = given.detach().requires_grad_()
        with using(engine):
            y = dropped(x, SHARE)
            found.append((y, *torch.autograd.grad(y, x, arriving)))
    return found


@needs_native
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (15,), (3, 7, 11), (300, 301)])
def test_the_native_engine_drops_what_the_eager_one_does(shape, threads):
    torch.set_num_threads(threads)
    same(*by_both(*torch.randn(2, *shape).unbind()))


@needs_native
@pytest.mark.parametrize("arriving", [torch.linspace(-1, 1, 600).view(40, 15).t(), torch.tensor(2.0).expand(15, 40)], ids=["turned", "repeated"])
def test_the_native_engine_drops_what_has_gaps(arriving):
    same(*by_both(numbers(40, 30).float().t()[::2], arriving))


@needs_native
def test_what_is_not_a_number_stays_none_whether_dropped_or_not():
    x = torch.full((50,), torch.nan)
    for engine in ("eager", "native"):
        with using(engine):
            assert dropped(x, SHARE).isnan().all()


@needs_native
def test_the_gradient_of_the_native_dropout_has_a_gradient():
    x, arriving = torch.randn(20, requires_grad=True), torch.ones(20, requires_grad=True)
    with using("native"):
        y = dropped(x, SHARE)
        (gradient,) = torch.autograd.grad(y, x, arriving, create_graph=True)
        (of_arriving,) = torch.autograd.grad(gradient.sum(), arriving)
    same(of_arriving, (y / x).detach())
