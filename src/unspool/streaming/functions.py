"""What every operation of a step program computes, in numpy: from its attributes to a function of what it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unspool.errors import LiveError
from unspool.streaming.program import TYPES, Array
from unspool.streaming.shapes import BATCH, Attributes

Function = Callable[..., Array]
Maker = Callable[[Attributes], Function]

ONE = np.float32(1)


def _plain(function: Function) -> Maker:
    """An operation without attributes."""
    return lambda attributes: function


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)); exp overflows to infinity far below zero, where the result is 0 as it should be."""
    y = np.exp(np.negative(x))
    y += ONE
    result: Array = np.reciprocal(y, out=y)
    return result


def _log_sigmoid(x: Array) -> Array:
    result: Array = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
    return result


def _softplus(attributes: Attributes) -> Function:
    """log(1 + exp(beta x)) / beta, and x itself beyond the threshold, as in torch."""
    beta, threshold = np.float32(attributes["beta"]), np.float32(attributes["threshold"])

    def softplus(x: Array) -> Array:
        scaled = x * beta
        smooth = (np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))) / beta
        return np.where(scaled > threshold, x, smooth)

    return softplus


def _erf(x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26, in float64: at most 1.5e-7 off."""
    size = np.abs(x).astype(np.float64)
    t = 1 / (1 + 0.3275911 * size)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.copysign(1 - series * np.exp(-size * size), x).astype(np.float32)


def linear_with(weight: Array, bias: Array | None = None) -> Function:
    """A linear layer whose weights are settled, turned once."""
    turned = np.ascontiguousarray(weight.T)
    if bias is None:
        return lambda x: x @ turned

    def linear(x: Array) -> Array:
        y: Array = x @ turned
        y += bias
        return y

    return linear


def _linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    y: Array = x @ weight.T
    return y if bias is None else y + bias


def _reduction(reduce: Callable[..., Any]) -> Maker:
    def make(attributes: Attributes) -> Function:
        axes, keep = attributes["axes"], attributes["keep"]
        return lambda x: np.asarray(reduce(x, axis=axes, keepdims=keep))

    return make


def _softmax(attributes: Attributes) -> Function:
    axis = attributes["axis"]

    def softmax(x: Array) -> Array:
        share = np.exp(x - x.max(axis=axis, keepdims=True))
        result: Array = share / share.sum(axis=axis, keepdims=True)
        return result

    return softmax


def _log_softmax(attributes: Attributes) -> Function:
    axis = attributes["axis"]

    def log_softmax(x: Array) -> Array:
        below = x - x.max(axis=axis, keepdims=True)
        result: Array = below - np.log(np.exp(below).sum(axis=axis, keepdims=True))
        return result

    return log_softmax


def _layer_norm(attributes: Attributes) -> Function:
    axes, epsilon = tuple(range(-attributes["axes"], 0)), np.float32(attributes["epsilon"])
    count = len(axes)

    def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
        size = np.float32(np.prod(x.shape[-count:]))
        centered = x - np.add.reduce(x, axis=axes, keepdims=True) / size
        spread = np.add.reduce(centered * centered, axis=axes, keepdims=True) / size
        spread += epsilon
        centered /= np.sqrt(spread)
        if weight is not None:
            centered *= weight
        if bias is not None:
            centered += bias
        return centered

    return layer_norm


def _slice(attributes: Attributes) -> Function:
    cut = slice(attributes["start"], attributes["stop"], attributes["step"])
    return _taker(attributes["axis"], cut)


def _taker(axis: int, index: slice | int) -> Function:
    """x[..., index, ...] at `axis`, by the shorter way round."""
    place = (*[slice(None)] * axis, index) if axis >= 0 else (..., index, *[slice(None)] * (-axis - 1))
    return lambda x: x[place]


def _reshape(attributes: Attributes) -> Function:
    shape = attributes["shape"]
    if 0 in shape and shape[0] == BATCH:  # of no numbers, -1 may be any size
        return lambda x: x.reshape(len(x), *shape[1:])
    return lambda x: x.reshape(shape)


def _expand(attributes: Attributes) -> Function:
    shape = attributes["shape"]
    streams = shape.index(BATCH) - len(shape) if BATCH in shape else 0
    return lambda x: np.broadcast_to(x, tuple(x.shape[streams] if size == BATCH else size for size in shape))


def _full(attributes: Attributes) -> Function:
    shape, value = attributes["shape"], TYPES[attributes["kind"]].type(attributes["value"])
    return lambda x: np.full((len(x), *shape), value)


def _cast(attributes: Attributes) -> Function:
    dtype = TYPES[attributes["kind"]]
    return lambda x: x.astype(dtype)


def _one_hot(attributes: Attributes) -> Function:
    codes = np.arange(attributes["size"])
    return lambda code: (_known(code, len(codes))[..., None] == codes).astype(np.int64)


def _embedding(table: Array, code: Array) -> Array:
    return table[_known(code, len(table))]


def _known(code: Array, size: int) -> Array:
    """`code`, all of it from 0 to `size` - 1; LiveError otherwise, for numpy would count from the end."""
    if code.size and (code.min() < 0 or code.max() >= size):
        raise unknown_codes(int(code.min()), int(code.max()), size)
    return code


def unknown_codes(least: int, most: int, size: int) -> LiveError:
    """The error for codes of which not all are from 0 to `size` - 1."""
    return LiveError(f"codes run from {least} to {most}, wanted 0 to {size - 1}; are they of another vocabulary?")


def _rnn(attributes: Attributes) -> Function:
    activate: Function = np.tanh if attributes["activation"] == "tanh" else lambda x: np.maximum(x, 0)

    def rnn(x: Array, h: Array, input_weight: Array, state_weight: Array, *biases: Array) -> Array:
        from_input, from_state = biases or (None, None)
        return activate(_linear(x, input_weight, from_input) + _linear(h, state_weight, from_state))

    return rnn


def _gru(attributes: Attributes) -> Function:
    """Gates in torch's order: reset, update, candidate."""
    before = attributes["reset"] == "before"

    def gru(x: Array, h: Array, input_weight: Array, state_weight: Array, *biases: Array) -> Array:
        from_input, from_state = biases or (None, None)
        gates = slice(None, 2 * h.shape[1]), slice(2 * h.shape[1], None)
        read = _linear(x, input_weight, from_input)
        held = [_linear(h, state_weight[cut], None if from_state is None else from_state[cut]) for cut in gates]
        reset, update = np.split(_sigmoid(read[:, gates[0]] + held[0]), 2, axis=1)
        bias = None if from_state is None else from_state[gates[1]]
        new = _linear(reset * h, state_weight[gates[1]], bias) if before else reset * held[1]
        candidate = np.tanh(read[:, gates[1]] + new)
        result: Array = candidate + update * (h - candidate)
        return result

    return gru


def _lstm(x: Array, h: Array, c: Array, input_weight: Array, state_weight: Array, *biases: Array) -> Array:
    """Gates in torch's order: input, forget, candidate, output."""
    from_input, from_state = biases or (None, None)
    gates = _linear(x, input_weight, from_input) + _linear(h, state_weight, from_state)
    into, forget, candidate, out = np.split(gates, 4, axis=1)
    cell = _sigmoid(forget) * c + _sigmoid(into) * np.tanh(candidate)
    return np.stack([_sigmoid(out) * np.tanh(cell), cell], axis=1)


FUNCTIONS: dict[str, Maker] = {
    "abs": _plain(np.abs),
    "cos": _plain(np.cos),
    "erf": _plain(_erf),
    "exp": _plain(np.exp),
    "log": _plain(np.log),
    "log1p": _plain(np.log1p),
    "log_sigmoid": _plain(_log_sigmoid),
    "neg": _plain(np.negative),
    "relu": _plain(lambda x: np.maximum(x, 0)),
    "rsqrt": _plain(lambda x: ONE / np.sqrt(x)),
    "sigmoid": _plain(_sigmoid),
    "sin": _plain(np.sin),
    "softplus": _softplus,
    "sqrt": _plain(np.sqrt),
    "tanh": _plain(np.tanh),
    "add": _plain(np.add),
    "sub": _plain(np.subtract),
    "mul": _plain(np.multiply),
    "div": _plain(np.divide),
    "pow": _plain(np.power),
    "maximum": _plain(np.maximum),
    "minimum": _plain(np.minimum),
    "less": _plain(np.less),
    "less_equal": _plain(np.less_equal),
    "equal": _plain(np.equal),
    "not": _plain(np.logical_not),
    "and": _plain(np.logical_and),
    "or": _plain(np.logical_or),
    "where": _plain(np.where),
    "linear": _plain(_linear),
    "matmul": _plain(np.matmul),
    "sum": _reduction(np.sum),
    "mean": _reduction(np.mean),
    "amax": _reduction(np.max),
    "amin": _reduction(np.min),
    "cumsum": lambda attributes: lambda x: np.cumsum(x, axis=attributes["axis"]),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "layer_norm": _layer_norm,
    "slice": _slice,
    "select": lambda attributes: _taker(attributes["axis"], attributes["index"]),
    "cat": lambda attributes: lambda *parts: np.concatenate(parts, axis=attributes["axis"]),
    "stack": lambda attributes: lambda *parts: np.stack(parts, axis=attributes["axis"]),
    "reshape": _reshape,
    "permute": lambda attributes: lambda x: x.transpose(attributes["order"]),
    "expand": _expand,
    "full": _full,
    "cast": _cast,
    "embedding": _plain(_embedding),
    "one_hot": _one_hot,
    "rnn": _rnn,
    "gru": _gru,
    "lstm": _plain(_lstm),
}
