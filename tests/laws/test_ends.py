"""The end is the last of the scan: its output, its state, its gradients, whatever engine runs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from unspool.layers import GRU, LSTM, RNN, Layer, State, flatten_state

from .scans import needs_native
from .subjects import INPUTS, compositions, everything, numbers, ready, same, single, warm_state


def last_of(layer: Layer, x: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, State]:
    y, after = layer.scan(x, state, lengths)
    outputs = (torch.full((len(x),), x.shape[1]) if lengths is None else lengths) // layer.stride
    return torch.stack([row[count - 1] if count else torch.zeros(layer.width, dtype=x.dtype) for row, count in zip(y, outputs, strict=True)]), after


def gradients(y: Tensor, state: State, places: list[Tensor]) -> list[Tensor]:
    draw = torch.Generator().manual_seed(6)
    total = sum((torch.randn(one.shape, generator=draw, dtype=one.dtype) * one).sum() for one in (y, *flatten_state(state).values()))
    assert isinstance(total, Tensor)
    found = torch.autograd.grad(total + 0 * sum(place.sum() for place in places), places)
    return list(found)


def the_end_is_the_last_of_the_scan(layer: Layer, x: Tensor, state: State | None, lengths: Tensor | None) -> None:
    x = x.clone().requires_grad_()
    places = [x, *layer.parameters()]
    torch.manual_seed(4)
    wanted, wanted_state = last_of(layer, x, state, lengths)
    torch.manual_seed(4)
    y, after = layer.end(x, state, lengths)
    same(y, wanted)
    same(after, wanted_state)
    same(gradients(y, after, places), gradients(wanted, wanted_state, places))


@everything
def test_the_end_is_the_last_of_the_scan(build):
    layer = ready(build)
    steps = 3 * layer.stride + 1
    x, lengths = numbers(5, steps, INPUTS), torch.tensor([layer.stride, 0, steps, steps - 2, layer.stride - 1])
    the_end_is_the_last_of_the_scan(layer, x, None, None)
    the_end_is_the_last_of_the_scan(layer, x, warm_state(layer, 5), lengths)
    the_end_is_the_last_of_the_scan(layer, x, warm_state(layer, 5), None)


@everything
def test_the_end_of_nothing_is_zero_and_the_state_stays(build):
    layer = ready(build)
    state = warm_state(layer, 2)
    for steps, lengths in ((0, None), (layer.stride, torch.tensor([0, 0]))):
        y, after = layer.end(numbers(2, steps, INPUTS), state, lengths)
        assert y.shape == (2, layer.width) and not y.any()
        same(after, state)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(compositions())
def test_the_end_of_a_composition_is_the_last_of_its_scan(layer):
    steps = 2 * layer.stride + 1
    the_end_is_the_last_of_the_scan(layer, numbers(4, steps, INPUTS), warm_state(layer, 4), torch.tensor([steps, 0, layer.stride, steps - 1]))


@needs_native
@pytest.mark.parametrize("network", [RNN, LSTM, GRU])
@pytest.mark.parametrize("options", [{}, {"recurrent_dropout": 0.4}, {"zoneout": 0.3}, {"bidirectional": True}], ids=str)
def test_the_end_is_the_last_of_the_native_scan_in_training(network, options, ran):
    layer = network(INPUTS, 20, **options).train()
    the_end_is_the_last_of_the_scan(layer, single(3, 9, INPUTS), warm_state(layer, 3), torch.tensor([9, 0, 4]))
    the_end_is_the_last_of_the_scan(layer, single(3, 9, INPUTS), None, None)
    assert set(ran) == {"native"}
