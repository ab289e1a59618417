"""Zoneout keeps what was, step by step and unit by unit; weight drop leaves weights out for a whole call."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.utils import parametrize

from unspool.cells import GRUCell
from unspool.kernels.dropout import dropped
from unspool.layers import Recurrent, flatten_state, recurrent_stack
from unspool.layers.masks import zoned_units

from .subjects import CELL_SPECS, HIDDEN, INPUTS, numbers, ready, recurrent, same, warm_state

SHARE = 0.3
every_cell = pytest.mark.parametrize("spec", CELL_SPECS.values(), ids=CELL_SPECS)


def by_hand(layer: Recurrent, x: Tensor, state: dict[str, Tensor], masks: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Krueger et al. 2016, eq. 2 and 3, unit by unit: the mask of 1 takes the value before."""
    outputs = []
    for t in range(x.shape[1]):
        _, after = layer.cell.step(x[:, t], state)
        state = {name: masks[name][:, t] * state[name] + (1 - masks[name][:, t]) * after[name] for name in state}
        outputs.append(state["h"])
    return torch.stack(outputs, dim=1), state


@every_cell
def test_in_training_a_zoned_unit_keeps_its_value_and_the_output_is_what_is_kept(spec, monkeypatch):
    layer = ready(lambda: recurrent(spec, zoneout=SHARE)).train()
    x, start = numbers(3, 5, INPUTS), flatten_state(warm_state(layer, 3))
    drawn = {name: torch.rand(3, 5, HIDDEN) < 0.5 for name in start}
    monkeypatch.setattr("unspool.layers.recurrent.zoned_units", lambda state, steps, share: drawn)
    same(layer.scan(x, start), by_hand(layer, x, start, {name: mask.double() for name, mask in drawn.items()}))


@every_cell
def test_at_rest_the_state_is_the_mean_of_before_and_after_in_scan_and_step_alike(spec):
    layer = ready(lambda: recurrent(spec, zoneout=SHARE))
    x, start = numbers(3, 5, INPUTS), flatten_state(warm_state(layer, 3))
    shares = {name: torch.full((3, 5, 1), SHARE, dtype=torch.float64) for name in start}
    same(layer.scan(x, start), by_hand(layer, x, start, shares))
    y, after = layer.step(x[:, 0], start)
    wanted, wanted_after = by_hand(layer, x[:, :1], start, shares)
    same((y, after), (wanted[:, 0], wanted_after))


@every_cell
def test_a_reversed_layer_is_zoned_by_the_time_of_its_inputs(spec, monkeypatch):
    """The engines must agree on which step a mask belongs to."""
    layer = ready(lambda: recurrent(spec, zoneout=SHARE, reverse=True)).train()
    x, lengths = numbers(2, 5, INPUTS), torch.tensor([5, 3])
    masks = {name: torch.zeros(2, 5, HIDDEN, dtype=torch.bool) for name in layer.initial_state(1)}
    for mask in masks.values():
        mask[:, 2] = True  # the first step of the second row
    monkeypatch.setattr("unspool.layers.recurrent.zoned_units", lambda state, steps, share: masks)
    start = warm_state(ready(lambda: recurrent(spec)), 2)
    y, _ = layer.scan(x, start, lengths)
    same(y[1, 2], flatten_state(start)["h"][1])
    same(y[0, 2], y[0, 3])


def test_masks_have_the_share_asked_for_and_one_for_each_tensor_row_step_and_unit():
    state = {"h": torch.zeros(20, 5), "c": torch.zeros(20, 3, 2)}
    masks = zoned_units(state, 400, SHARE)
    assert masks["h"].shape == (20, 400, 5) and masks["c"].shape == (20, 400, 3, 2)
    for mask in masks.values():
        assert mask.dtype == torch.bool
        deviation = (SHARE * (1 - SHARE) / mask.numel()) ** 0.5
        assert abs(mask.double().mean() - SHARE) < 4 * deviation
        units = mask.reshape(-1, mask[0, 0].numel()).double()
        assert torch.corrcoef(units.T).triu(1).abs().max() < 5 / len(units) ** 0.5, "units are zoned out together"
        flat = mask.reshape(-1).double() - SHARE
        assert all(abs((flat[:-lag] * flat[lag:]).mean()) < 4 * SHARE / len(flat) ** 0.5 for lag in (1, 2, 3, 4, 5)), "masks repeat"
    assert not torch.equal(masks["h"].reshape(-1)[:1000], masks["c"].reshape(-1)[:1000])


@pytest.mark.parametrize("share", [1e-7, 0.5, 1 - 1e-7])
def test_the_smallest_and_the_largest_share_still_take_effect(share):
    torch.manual_seed(1)
    mean = zoned_units({"h": torch.zeros(100, 100)}, 50, share)["h"].double().mean().item()
    assert 0 < mean < 1 and mean == pytest.approx(share, abs=0.01)


def test_masks_are_repeatable_by_a_seed():
    state = {"h": torch.zeros(3, 5)}
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(zoned_units(state, 7, 0.5)["h"])
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


# Weight drop


@every_cell
def test_weight_drop_is_the_cell_with_fewer_weights_scaled_up_and_the_same_for_all_rows_and_steps(spec):
    layer, plain = ready(lambda: recurrent(spec, weight_drop=SHARE)).train(), ready(lambda: recurrent(spec))
    x, start = numbers(3, 4, INPUTS), warm_state(plain, 3)
    torch.manual_seed(5)
    y, end = layer.scan(x, start)
    torch.manual_seed(5)
    left = dropped(plain.cell.from_state.weight, SHARE)
    with torch.no_grad():
        plain.cell.from_state.weight.copy_(left)
    same((y, end), plain.scan(x, start))
    assert not torch.equal(layer.scan(x, start)[0], y), "calls share a mask"
    same(layer.eval().scan(x, start), ready(lambda: recurrent(spec)).scan(x, start))


def test_dropped_weights_have_the_right_share_and_scale():
    weight = torch.ones(300, 100, dtype=torch.float64)
    left = dropped(weight, SHARE)
    assert left.unique().tolist() == [0.0, 1 / (1 - SHARE)]
    assert abs((left == 0).double().mean() - SHARE) < 4 * (SHARE * (1 - SHARE) / weight.numel()) ** 0.5


@every_cell
def test_a_weight_that_is_left_out_has_no_gradient_and_the_others_have(spec):
    layer = ready(lambda: recurrent(spec, weight_drop=0.5)).train()
    y, _ = layer.scan(numbers(3, 4, INPUTS), warm_state(layer, 3))
    (gradient,) = torch.autograd.grad(y.square().sum(), layer.cell.from_state.weight)
    assert gradient.any() and (gradient == 0).any()
    assert 0.2 < (gradient == 0).double().mean() < 0.95


def test_weight_drop_of_a_cell_without_such_a_weight_is_refused():
    class Fading(GRUCell):
        def __init__(self):
            super().__init__(INPUTS, HIDDEN)
            del self.from_state

    with pytest.raises(ValueError, match=r"weight_drop: Fading has no parameter from_state.weight to act on .*set weight_drop to 0 or name"):
        Recurrent(Fading(), weight_drop=0.1)


def test_weight_drop_of_a_weight_that_is_made_of_others_is_refused():
    layer = recurrent(CELL_SPECS["lstm"], weight_drop=0.1)
    parametrize.register_parametrization(layer.cell.from_state, "weight", torch.nn.Identity())
    with pytest.raises(ValueError, match="one made by a parametrization is none"):
        layer.scan(torch.ones(1, 2, INPUTS))


@pytest.mark.parametrize("option", ["dropout", "zoneout", "weight_drop"])
@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_is_at_least_none_and_less_than_all(option, share):
    with pytest.raises(ValueError, match=f"{option}: got {share}, wanted a share of at least 0 and below 1"):
        recurrent(CELL_SPECS["lstm"], **{option: share})


@every_cell
def test_a_stack_hands_its_options_to_every_layer_and_direction(spec):
    stack = recurrent_stack(spec.build, INPUTS, 2, bidirectional=True, recurrent_dropout=0.1, zoneout=0.2, weight_drop=0.3)
    layers = [module for module in stack.modules() if isinstance(module, Recurrent)]
    assert [(layer.dropout, layer.zoneout, layer.weight_drop) for layer in layers] == [(0.1, 0.2, 0.3)] * 4
