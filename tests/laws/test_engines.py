"""The laws of a layer, by every engine that can run it: the eager and torch's functions in float64, the native one in float32."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unspool.kernels import using
from unspool.layers import Layer, flatten_state, map_state

from .scans import FAST, needs_native
from .subjects import INPUTS, SUBJECTS, Build, numbers, ready, same, warm_state
from .test_padding import padding_is_inert
from .test_rows_and_states import rows_do_not_see_each_other
from .test_time import whole_is_chunks, whole_is_steps

KINDS = ("Recurrent-", "Bidirectional-", "Residual-", "RNN-", "LSTM-", "GRU-", "Stack-mixed", "Stack-bidirectional")
RECURRENT = {name: build for name, build in SUBJECTS.items() if name.startswith(KINDS) and any(True for _ in build().parameters())}


def can_run(engine: str, name: str) -> bool:
    return engine == "native" or not any(word in name for word in ("before", "zoned", "regularized", "locked", "GRU-one", "GRU-two", "GRU-three"))


PAIRS = [
    pytest.param(*engine.values, name, marks=engine.marks, id=f"{name}-{engine.values[0]}") if hasattr(engine, "values")
    else pytest.param(engine, name, id=f"{name}-{engine}")
    for name in RECURRENT for engine in FAST
    if can_run(engine.values[0] if hasattr(engine, "values") else engine, name)
]  # fmt: skip
every_pair = pytest.mark.parametrize("engine, name", PAIRS)


def layer_for(engine: str, build: Build) -> Layer:
    layer = ready(build)
    return layer.float() if engine == "native" else layer


def numbers_for(layer: Layer, *shape: int) -> Tensor:
    return numbers(*shape).to(next(layer.parameters()).dtype)


@every_pair
def test_the_whole_is_its_steps_and_its_chunks(engine, name):
    layer = layer_for(engine, RECURRENT[name])
    steps = 6 * layer.stride + layer.stride - 1
    x, lengths = numbers_for(layer, 4, steps, INPUTS), torch.tensor([steps, 0, layer.stride + 1, steps // 2])
    with using(engine):
        start = warm_state(layer, 4)
        if layer.causal:
            whole_is_steps(layer, x, start)
            for chunk in (1, 4):
                whole_is_chunks(layer, x, start, lengths, chunk)
        else:
            same(layer.scan(x, None, lengths), layer.scan(x, layer.initial_state(4), lengths))


@every_pair
def test_padding_is_inert(engine, name):
    layer = layer_for(engine, RECURRENT[name])
    steps = 3 * layer.stride + 1
    lengths = torch.tensor([layer.stride, 0, steps, steps - 2, 1])
    x = numbers_for(layer, 5, steps, INPUTS)
    with using(engine):
        padding_is_inert(layer, x, warm_state(layer, 5), lengths, math.nan, more=0)
        padding_is_inert(layer, x, layer.initial_state(5), lengths.int(), math.inf, more=2 * layer.stride + 1)


@every_pair
def test_rows_do_not_see_each_other(engine, name):
    layer = layer_for(engine, RECURRENT[name])
    steps = 3 * layer.stride
    with using(engine):
        lengths = torch.tensor([steps, steps - 1, 0, layer.stride])
        rows_do_not_see_each_other(layer, numbers_for(layer, 4, steps, INPUTS), warm_state(layer, 4), lengths)


@every_pair
@pytest.mark.parametrize("batch", [0, 3])
def test_no_steps_or_no_rows_change_nothing(engine, name, batch):
    layer = layer_for(engine, RECURRENT[name])
    with using(engine):
        start = warm_state(layer, 3) if batch else layer.initial_state(0)
        for steps in (0, layer.stride - 1) if batch else (0, layer.stride):
            for lengths in (None, torch.zeros(batch, dtype=torch.int64)):
                y, end = layer.scan(numbers_for(layer, batch, steps, INPUTS), start, lengths)
                assert y.shape == (batch, steps // layer.stride, layer.width)
                same(end, start)


@every_pair
def test_outputs_states_and_gradients_are_those_of_the_eager_engine(engine, name):
    layer = layer_for(engine, RECURRENT[name])
    x = numbers_for(layer, 4, 4 * layer.stride, INPUTS).requires_grad_()
    lengths = torch.tensor([4 * layer.stride, 0, 2 * layer.stride, layer.stride])
    start, found = warm_state(layer, 4), []
    for one in (engine, "eager"):
        with using(one):
            y, end = layer.scan(x, start, lengths)
        total = sum((tensor * torch.linspace(-1, 1, tensor.numel()).view_as(tensor)).sum() for tensor in (y, *flatten_state(end).values()))
        found.append(({"y": y, **flatten_state(end)}, torch.autograd.grad(total, [x, *layer.parameters()])))
    same(found[0][0], found[1][0])
    close = 1e-4 if engine == "native" else 1e-11
    torch.testing.assert_close(found[0][1], found[1][1], rtol=close, atol=close)


@needs_native
@pytest.mark.parametrize("name", RECURRENT)
def test_training_with_every_mask_is_the_same_by_the_native_and_the_eager_engine(name):
    """Masks are drawn before the engine is chosen, so that a seed means the same to both."""
    layer = layer_for("native", RECURRENT[name]).train()
    x = numbers_for(layer, 4, 4 * layer.stride, INPUTS)
    lengths = torch.tensor([4 * layer.stride, 0, 2 * layer.stride, layer.stride])
    start, found = map_state(torch.clone, warm_state(layer, 4)), []
    for engine in ("native", "eager"):
        torch.manual_seed(3)
        with using(engine):
            y, _ = layer.scan(x, start, lengths)
        found.append([y, *torch.autograd.grad(y.square().sum(), list(layer.parameters()))])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)
