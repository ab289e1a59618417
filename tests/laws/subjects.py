"""What the laws are held against: every cell in every variant, every layer, and layers made of layers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

import unspool.layers
from unspool.cells import CELLS, GRUCell, LSTMCell, RNNCell
from unspool.layers import (
    GRU,
    LSTM,
    RNN,
    AttentionPool,
    Bidirectional,
    CausalConvolution,
    ConcatPool,
    ConvolutionSpec,
    Dropout,
    Hierarchical,
    LastPool,
    Layer,
    MaxPool,
    MeanPool,
    Norm,
    Recurrent,
    Residual,
    SelfAttentionPool,
    Stack,
    State,
    map_state,
)
from unspool.spec import Spec

INPUTS, HIDDEN = 3, 4

Build = Callable[[], Layer]


def variants(spec: type[Spec], **fixed: Any) -> dict[str, Spec]:
    """A spec in every combination of its choices: fields that are a Literal or a bool."""
    choices: dict[str, tuple[Any, ...]] = {}
    for name, field in spec.model_fields.items():
        if get_origin(field.annotation) is Literal:
            choices[name] = get_args(field.annotation)
        elif field.annotation is bool:
            choices[name] = (False, True)
    made = {}
    for values in product(*choices.values()):
        chosen = dict(zip(choices, values, strict=True))
        made["-".join(f"{name}={value}" if isinstance(value, bool) else value for name, value in chosen.items())] = spec(**chosen, **fixed)
    return made


CELL_SPECS: dict[str, Spec] = {name: spec for family in CELLS.values() for name, spec in variants(family, hidden=HIDDEN).items()}


def recurrent(spec: Spec, **options: Any) -> Layer:
    return Recurrent(spec.build(INPUTS), **options)


def both_ways(spec: Spec, inputs: int = INPUTS) -> Layer:
    return Bidirectional(Recurrent(spec.build(inputs)), Recurrent(spec.build(inputs), reverse=True))


def _of_every_cell() -> Iterator[tuple[type[Layer], str, Build]]:
    for name, spec in CELL_SPECS.items():
        yield Recurrent, name, lambda spec=spec: recurrent(spec, dropout=0.4)
        yield Recurrent, f"{name}-reverse", lambda spec=spec: recurrent(spec, reverse=True, dropout=0.4)
        yield Recurrent, f"{name}-zoned-out", lambda spec=spec: recurrent(spec, dropout=0.3, zoneout=0.3, weight_drop=0.3)
        yield Bidirectional, name, lambda spec=spec: both_ways(spec)


def _of_every_convolution() -> Iterator[tuple[str, Build]]:
    for name, spec in variants(ConvolutionSpec, channels=HIDDEN, kernel=5, stride=2).items():
        yield name, lambda spec=spec: spec.build(INPUTS)
    for kernel, stride in ((1, 1), (3, 1), (2, 2), (4, 3)):
        spec = ConvolutionSpec(channels=HIDDEN, kernel=kernel, stride=stride)
        yield f"kernel={kernel}-stride={stride}", lambda spec=spec: spec.build(INPUTS)


def _of_network(network: Callable[..., Layer], **own: str) -> dict[str, Build]:
    regularized = {"norm": True, "dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": 0.2, "weight_drop": 0.2}
    return {
        "one": lambda: network(INPUTS, HIDDEN, **own),
        "two-without-bias": lambda: network(INPUTS, HIDDEN, 2, bias=False),
        "three-regularized": lambda: network(INPUTS, INPUTS, 3, residual=True, **regularized, **own),
        "two-bidirectional-locked": lambda: network(INPUTS, HIDDEN, 2, bidirectional=True, residual=True, locked=True, **regularized),
    }


def _strided() -> Layer:
    return Stack([CausalConvolution(INPUTS, 5, 3, 2, "tanh"), CausalConvolution(5, 4, 4, 3), Recurrent(GRUCell(4, 3)), Norm(3)], INPUTS)


def _mixed() -> Layer:
    """Layers of stride 1 below, between and above strided ones, in a stack of stacks."""
    inner = Stack([Recurrent(LSTMCell(5, 5)), CausalConvolution(5, 4, 2, 2)], 5)
    return Stack([Norm(INPUTS), CausalConvolution(INPUTS, 5, 3, 2), inner, Residual(Recurrent(RNNCell(4, 4)), 4), MeanPool(4)], INPUTS)


def _bidirectional_inside() -> Layer:
    both = Bidirectional(Recurrent(LSTMCell(4, 2)), Recurrent(GRUCell(4, 3), reverse=True))
    return Stack([CausalConvolution(INPUTS, 4, 3, 2, "none"), both, Dropout(5, 0.3), AttentionPool(5)], INPUTS)


def _two_hops(inputs: int) -> Layer:
    return SelfAttentionPool(inputs, 2, 3)


def _levels(inner: Layer, outer: Layer, **pools: Callable[[int], Layer]) -> Layer:
    """Words, of which the last number of an input says where a sentence begins, and sentences."""
    words = Stack([inner, pools.get("words", MeanPool)(inner.width)], INPUTS - 1)
    return Hierarchical(words, Stack([outer, pools.get("sentences", LastPool)(outer.width)], words.width))


BUILDERS: dict[type[Layer], dict[str, Build]] = {
    CausalConvolution: dict(_of_every_convolution()),
    LastPool: {"": lambda: LastPool(INPUTS)},
    MaxPool: {"": lambda: MaxPool(INPUTS)},
    MeanPool: {"": lambda: MeanPool(INPUTS)},
    AttentionPool: {"": lambda: AttentionPool(INPUTS)},
    ConcatPool: {"": lambda: ConcatPool(INPUTS)},
    SelfAttentionPool: {"one-hop": lambda: SelfAttentionPool(INPUTS, 1, 4), "three-hops": lambda: SelfAttentionPool(INPUTS, 3, 2)},
    Hierarchical: {
        "gru-lstm": lambda: _levels(Recurrent(GRUCell(2, 3)), Recurrent(LSTMCell(3, 4))),
        "attention": lambda: _levels(Recurrent(RNNCell(2, 3)), Recurrent(GRUCell(3, 2)), words=AttentionPool, sentences=AttentionPool),
        "max": lambda: _levels(Recurrent(GRUCell(2, 3)), Recurrent(GRUCell(3, 4)), words=MaxPool, sentences=_two_hops),
        "both-ways": lambda: _levels(
            Bidirectional(Recurrent(GRUCell(2, 3)), Recurrent(GRUCell(2, 3), reverse=True)),
            Bidirectional(Recurrent(GRUCell(6, 2)), Recurrent(GRUCell(6, 2), reverse=True)),
        ),
        "sentences-both-ways": lambda: _levels(
            Recurrent(GRUCell(2, 3)), Bidirectional(Recurrent(GRUCell(3, 2)), Recurrent(GRUCell(3, 2), reverse=True)), sentences=MaxPool
        ),
    },
    Norm: {"": lambda: Norm(INPUTS)},
    Dropout: {"free": lambda: Dropout(INPUTS, 0.4), "locked": lambda: Dropout(INPUTS, 0.4, locked=True)},
    Residual: {
        "gru": lambda: Residual(Recurrent(GRUCell(INPUTS, INPUTS), dropout=0.4), INPUTS),
        "norm-and-dropout": lambda: Residual(Stack([Norm(INPUTS), Recurrent(LSTMCell(INPUTS, 3)), Dropout(3, 0.4)], INPUTS), INPUTS),
        "reverse": lambda: Residual(Recurrent(GRUCell(INPUTS, INPUTS), reverse=True), INPUTS),
        "dropout": lambda: Residual(Dropout(INPUTS, 0.4), INPUTS),
    },
    Bidirectional: {"strided": lambda: Bidirectional(_strided(), Stack([_strided(), Recurrent(RNNCell(3, 2), reverse=True)], INPUTS))},
    Stack: {"empty": lambda: Stack([], INPUTS), "strided": _strided, "mixed": _mixed, "bidirectional-inside": _bidirectional_inside},
    RNN: _of_network(RNN, activation="relu"),
    LSTM: _of_network(LSTM),
    GRU: _of_network(GRU, reset="before"),
}
for _kind, _name, _build in _of_every_cell():
    BUILDERS.setdefault(_kind, {})[_name] = _build

SUBJECTS: dict[str, Build] = {
    "-".join(filter(None, (kind.__name__, name))): build for kind, builds in BUILDERS.items() for name, build in builds.items()
}


CAUSAL = {name: build for name, build in SUBJECTS.items() if build().causal}
NON_CAUSAL = {name: build for name, build in SUBJECTS.items() if name not in CAUSAL}
everything = pytest.mark.parametrize("build", SUBJECTS.values(), ids=SUBJECTS)
all_causal = pytest.mark.parametrize("build", CAUSAL.values(), ids=CAUSAL)
all_non_causal = pytest.mark.parametrize("build", NON_CAUSAL.values(), ids=NON_CAUSAL)


def final_layers() -> set[type[Layer]]:
    """Every public layer with nothing left abstract, wherever in `unspool.layers` it is."""
    for module in pkgutil.walk_packages(unspool.layers.__path__, "unspool.layers."):
        importlib.import_module(module.name)
    found, waiting = set(), [Layer]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        abstract = any(getattr(getattr(kind, name, None), "__isabstractmethod__", False) for name in dir(kind))
        if kind.__module__.startswith("unspool.layers") and not kind.__name__.startswith("_") and not abstract:
            found.add(kind)
    return found


def ready(build: Build) -> Layer:
    """A layer in float64 and at rest, no parameter of which is zero, one or equal to another."""
    torch.manual_seed(1)
    layer = build().double().eval()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return layer


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def single(*shape: int) -> Tensor:
    """In the precision that the native engine computes in."""
    return torch.randn(shape)


def warm_state(layer: Layer, batch: int, inputs: int = INPUTS) -> State:
    """A state that is not the initial one: what is remembered of a few random steps."""
    with torch.no_grad():
        x = numbers(batch, 2 * layer.stride, inputs)
        return map_state(torch.clone, layer.scan(x.to(next(layer.parameters(), x).dtype))[1])


def same(left: Any, right: Any) -> None:
    """Equal to within rounding: that of float64, or of float32 where the numbers are single."""
    close = 2e-5 if _precision(left) == torch.float32 else 1e-12
    torch.testing.assert_close(left, right, rtol=close, atol=close)


def _precision(numbers: Any) -> torch.dtype | None:
    """Of the first tensor in a nest of them."""
    if isinstance(numbers, Tensor):
        return numbers.dtype
    inner = numbers.values() if isinstance(numbers, Mapping) else numbers
    return next((kind for kind in map(_precision, inner) if kind), None)


@st.composite
def compositions(draw: st.DrawFn) -> Layer:
    """A stack of one to four layers of any kind, nested up to twice."""
    return ready(lambda: _draw_stack(draw, INPUTS, 2))


def _draw_stack(draw: st.DrawFn, inputs: int, depth: int) -> Layer:
    made: list[Layer] = []
    width = inputs
    for _ in range(draw(st.integers(1, 4 if depth == 2 else 2))):
        made.append(_draw_layer(draw, width, depth))
        width = made[-1].width
    return Stack(made, inputs)


def _draw_layer(draw: st.DrawFn, inputs: int, depth: int) -> Layer:
    kinds = ["cell", "convolution", "norm", "dropout", "both", "residual", "pool"] + (["stack"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "convolution":
        stride = draw(st.integers(1, 3))
        return CausalConvolution(inputs, draw(st.integers(3, 5)), stride + draw(st.integers(0, 2)), stride, norm=draw(st.booleans()))
    if kind == "norm":
        return Norm(inputs)
    if kind == "dropout":
        return Dropout(inputs, 0.3, draw(st.booleans()))
    if kind == "pool":
        return draw(st.sampled_from([LastPool, MaxPool, MeanPool, AttentionPool, ConcatPool, _two_hops]))(inputs)
    if kind == "stack":
        return _draw_stack(draw, inputs, depth - 1)
    spec = CELL_SPECS[draw(st.sampled_from(sorted(CELL_SPECS)))]
    if kind == "both":
        return both_ways(spec, inputs)
    width = inputs if kind == "residual" else draw(st.integers(3, 5))
    layer = Recurrent(spec.model_copy(update={"hidden": width}).build(inputs), dropout=0.3)
    return Residual(layer, inputs) if kind == "residual" else layer
