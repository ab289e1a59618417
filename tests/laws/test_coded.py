"""Inputs given by a table and codes are read as the inputs themselves: outputs, states and gradients, whatever layer and engine."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from unspool.kernels import Coded, native, using
from unspool.layers import GRU, LSTM, RNN, Layer, State, flatten_state

from .scans import ENGINES, needs_native
from .subjects import INPUTS, compositions, everything, numbers, ready, same, single, warm_state

NETWORKS = {
    "tanh": lambda hidden, **given: RNN(INPUTS, hidden, **given),
    "relu": lambda hidden, **given: RNN(INPUTS, hidden, activation="relu", **given),
    "lstm": lambda hidden, **given: LSTM(INPUTS, hidden, **given),
    "gru after": lambda hidden, **given: GRU(INPUTS, hidden, **given),
    "gru before": lambda hidden, **given: GRU(INPUTS, hidden, reset="before", **given),
}
REGULARIZED = [{"recurrent_dropout": 0.4}, {"zoneout": 0.3}, {"weight_drop": 0.3}, {"layers": 2, "dropout": 0.2}]
OPTIONS = [{}, *REGULARIZED, {"bidirectional": True}, {"bias": False}]
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def drawn(kinds: int, rows: int, steps: int) -> Tensor:
    """Codes (B, T) with gaps in memory, some kinds never among them."""
    return torch.randint(1, kinds, (rows, steps, 3), generator=torch.Generator().manual_seed(2))[..., 1]


def results(layer: Layer, x: Coded, state: State | None, lengths: Tensor | None, coded: bool) -> list[Tensor]:
    """Outputs, states, and gradients of the table and of all parameters."""
    torch.manual_seed(4)
    y, after = layer.scan_coded(x, state, lengths) if coded else layer.scan(x.values(), state, lengths)
    found = [y, *flatten_state(after).values()]
    draw = torch.Generator().manual_seed(6)
    total = torch.stack([(torch.randn(one.shape, generator=draw, dtype=one.dtype) * one).sum() for one in found]).sum()
    places = [x.table, *(parameter for parameter in layer.parameters() if parameter.requires_grad)]
    return [*found, *torch.autograd.grad(total + 0 * sum(place.sum() for place in places), places)]


def codes_are_read_as_inputs(layer: Layer, x: Coded, state: State | None, lengths: Tensor | None) -> None:
    same(results(layer, x, state, lengths, True), results(layer, x, state, lengths, False))


@everything
def test_codes_are_read_as_inputs(build):
    layer = ready(build)
    steps = 3 * layer.stride + 1
    x = Coded(numbers(7, INPUTS).requires_grad_(), drawn(7, 5, steps))
    codes_are_read_as_inputs(layer, x, None, None)
    codes_are_read_as_inputs(layer, x, warm_state(layer, 5), torch.tensor([layer.stride, 0, steps, steps - 2, layer.stride - 1]))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(compositions())
def test_codes_are_read_as_inputs_by_a_composition(layer):
    steps = 2 * layer.stride + 1
    x = Coded(numbers(5, INPUTS).requires_grad_(), drawn(5, 4, steps))
    codes_are_read_as_inputs(layer, x, warm_state(layer, 4), torch.tensor([steps, 0, layer.stride, steps - 1]))


@needs_native
@every_network
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_native_engine_reads_codes_as_inputs(network, options, ran):
    layer = network(20, **options).train()
    for threads, rows, lengths in ((1, 3, None), (2, 3, torch.tensor([9, 0, 4])), (2, 1, None)):
        torch.set_num_threads(threads)
        x = Coded(single(6, INPUTS).requires_grad_(), drawn(6, rows, 9))
        codes_are_read_as_inputs(layer, x, None, lengths)
        codes_are_read_as_inputs(layer, x, warm_state(layer, rows), lengths)
    assert set(ran) == {"native"}


@needs_native
@every_network
@pytest.mark.parametrize("hidden", [8, 33, 310])
def test_long_scans_of_codes_stay_close(network, hidden):
    """More steps than the native engine works on at once, and weights that fit no near cache, shared out by units between two threads."""
    torch.set_num_threads(2)
    layer = network(hidden)
    x, lengths = Coded(single(30, INPUTS).requires_grad_(), drawn(30, 4, 40)), torch.tensor([40, 31, 40, 7])
    for found, wanted in zip(results(layer, x, None, lengths, True), results(layer, x, None, lengths, False), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4 * wanted.detach().abs().max().item())


@needs_native
@pytest.mark.parametrize("kind", [torch.int32, torch.int64])
def test_codes_may_be_integers_of_any_size_that_torch_looks_up(kind):
    layer = LSTM(INPUTS, 8)
    x = Coded(single(6, INPUTS).requires_grad_(), drawn(6, 3, 9).to(kind))
    codes_are_read_as_inputs(layer, x, None, torch.tensor([9, 0, 4]))


@pytest.mark.parametrize("engine", ENGINES)
def test_codes_that_have_changed_since_are_told(engine):
    codes = drawn(6, 3, 9)
    with using(engine):
        y, _ = LSTM(INPUTS, 8).scan_coded(Coded(single(6, INPUTS).requires_grad_(), codes))
    codes.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@needs_native
def test_products_are_of_kinds_and_not_of_inputs(monkeypatch):
    """Where there are fewer kinds than inputs; else each input has a product, as ever."""
    read = []
    scan = native.scan
    monkeypatch.setattr(native, "scan", lambda recurrence, x, *rest: read.append(type(x)) or scan(recurrence, x, *rest))
    layer = LSTM(INPUTS, 8)
    for kinds, wanted in ((17, Coded), (18, Tensor), (19, Tensor)):
        layer.scan_coded(Coded(single(kinds, INPUTS), drawn(kinds, 2, 9)))
        assert read.pop() is wanted


@needs_native
def test_the_same_codes_give_the_same_bits_whatever_stands_in_padding():
    layer, lengths = LSTM(INPUTS, 33), torch.tensor([9, 0, 4])
    table, codes = single(6, INPUTS).requires_grad_(), drawn(6, 3, 9)
    real = torch.arange(9) < lengths[:, None]
    first = results(layer, Coded(table, codes), None, lengths, True)
    for padding in (0, 5):
        again = results(layer, Coded(table, torch.where(real, codes, padding)), None, lengths, True)
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("wrong", [-1, 6])
def test_a_code_without_a_row_is_an_error(engine, wrong):
    codes = drawn(6, 3, 9)
    codes[2, 4] = wrong
    with using(engine), pytest.raises(IndexError):
        LSTM(INPUTS, 8).scan_coded(Coded(single(6, INPUTS), codes))


@pytest.mark.parametrize("engine", ENGINES)
def test_codes_that_are_no_integers_are_an_error(engine):
    with using(engine), pytest.raises(RuntimeError):
        LSTM(INPUTS, 8).scan_coded(Coded(single(6, INPUTS), drawn(6, 3, 9).float()))


def test_codes_of_nothing_give_nothing():
    for rows, steps in ((0, 3), (2, 0)):
        y, after = LSTM(INPUTS, 8).scan_coded(Coded(single(2, INPUTS), torch.zeros(rows, steps, dtype=torch.int64)))
        assert y.shape == (rows, steps, 8) and all(not one.any() for one in flatten_state(after).values())
