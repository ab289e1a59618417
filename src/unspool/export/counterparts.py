"""Which operations of a step program stand for an operation of torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch

from unspool.export import activations, fused
from unspool.export.translate import Translator, Value
from unspool.streaming.shapes import BATCH, Kind

Counterpart = Callable[..., Any]
TORCH_TYPES = {"float": torch.float32, "int": torch.int64, "bool": torch.bool}


def _same(to: Translator, x: Any, *_: Any, **__: Any) -> Any:
    """Nothing happens to the numbers; their kind may change."""
    return to.cast(x, to.result.kind)


def _one(to: Translator, x: Any) -> Value:
    """One number in, one number out, under the same name."""
    return to.emit(to.target, to.cast(x, to.result.kind))


def _two(name: str, swapped: bool = False) -> Counterpart:
    def two(to: Translator, x: Any, y: Any, alpha: float = 1, **options: Any) -> Value:
        if options.get("rounding_mode"):
            raise to.unknown(f"rounds ({options['rounding_mode']})")
        kind = to.result.kind
        left, right = to.cast(x, kind), to.cast(y, kind)
        if alpha != 1:
            scaled = to.emit("mul", left if swapped else right, to.value(alpha, kind))
            left, right = (scaled, right) if swapped else (left, scaled)
        return to.emit(name, right, left) if swapped else to.emit(name, left, right)

    return two


def _compare(name: str, swapped: bool = False, negated: bool = False) -> Counterpart:
    def compare(to: Translator, x: Any, y: Any) -> Value:
        kinds = {to.form(x).kind, to.form(y).kind}
        kind: Kind = "float" if "float" in kinds else "int" if "int" in kinds else "bool"
        pair = [to.cast(x, kind), to.cast(y, kind)]
        found = to.emit(name, *(pair[::-1] if swapped else pair))
        return to.emit("not", found) if negated else found

    return compare


def _logical(name: str) -> Counterpart:
    def logical(to: Translator, *read: Any) -> Value:
        if "bitwise" in to.target and to.result.kind != "bool":
            raise to.unknown("acts on the bits of whole numbers")
        return to.emit(name, *(to.cast(one, "bool") for one in read))

    return logical


def _power(to: Translator, x: Any, exponent: Any) -> Value:
    if exponent == 2:
        return to.emit("mul", x, x)
    return to.emit("sqrt", x) if exponent == 0.5 else _two("pow")(to, x, exponent)


def _clamp(to: Translator, x: Any, low: Any = None, high: Any = None, **named: Any) -> Any:
    low, high, kind = named.get("min", low), named.get("max", high), to.result.kind
    x = to.cast(x, kind)
    x = x if low is None else to.emit("maximum", x, to.cast(low, kind))
    return x if high is None else to.emit("minimum", x, to.cast(high, kind))


def _softplus(to: Translator, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Value:
    return to.emit("softplus", x, beta=float(beta), threshold=float(threshold))


def _where(to: Translator, condition: Any, x: Any, y: Any) -> Value:
    kind = to.result.kind
    return to.emit("where", to.cast(condition, "bool"), to.cast(x, kind), to.cast(y, kind))


def _linear(to: Translator, x: Any, weight: Any, bias: Any = None) -> Value:
    return to.emit("linear", x, weight, *(() if bias is None else (bias,)))


def _addmm(to: Translator, bias: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Value:
    if beta != 1 or alpha != 1:
        raise to.unknown(f"weighs its sum (beta {beta}, alpha {alpha})")
    return to.emit("add", to.emit("matmul", x, y), bias)


def _reduce(name: str) -> Counterpart:
    def reduce(to: Translator, x: Any, axes: Any = None, keep: bool = False, **named: Any) -> Value:
        if axes is None or axes == []:
            raise to.unknown("reduces all axes, the streams' with them; name the axes")
        listed = (axes,) if isinstance(axes, int) else tuple(axes)
        return to.emit(name, to.cast(x, "float"), axes=listed, keep=bool(named.get("keepdim", keep)))

    return reduce


def _extreme(name: str) -> Counterpart:
    """max and min: of two tensors, or along an axis, where only the values have a counterpart."""

    def extreme(to: Translator, x: Any, other: Any, keep: bool = False) -> Any:
        if not isinstance(other, int):
            return _two(name)(to, x, other)
        return (to.emit("amax" if name == "maximum" else "amin", x, axes=(other,), keep=keep), None)

    return extreme


def _variance(to: Translator, x: Any, axes: Any = None, correction: Any = 1, keepdim: bool = False, **_: Any) -> Value:
    if not axes:
        raise to.unknown("reduces all axes, the streams' with them; name the axes")
    listed = (axes,) if isinstance(axes, int) else tuple(axes)
    count = prod(to.form(x).shape[axis] for axis in listed)
    centered = to.emit("sub", x, to.emit("mean", x, axes=listed, keep=True))
    total = to.emit("sum", to.emit("mul", centered, centered), axes=listed, keep=keepdim)
    return to.emit("div", total, float(max(count - (1 if correction is None else correction), 0)))


def _norm(to: Translator, x: Any, order: float = 2, axes: Any = None, keep: bool = False, **_: Any) -> Value:
    if order != 2 or not axes:
        raise to.unknown(f"is a norm of order {order} over axes {axes}, wanted order 2 over named axes")
    listed = (axes,) if isinstance(axes, int) else tuple(axes)
    return to.emit("sqrt", to.emit("sum", to.emit("mul", x, x), axes=listed, keep=keep))


def _along(name: str) -> Counterpart:
    return lambda to, x, axis, *_, **__: to.emit(name, to.cast(x, "float"), axis=axis)


def _layer_norm(
    to: Translator, x: Any, shape: Sequence[int], weight: Any = None, bias: Any = None, epsilon: float = 1e-5, *_: Any
) -> Value:
    if bias is not None and weight is None:
        normal = to.emit("layer_norm", x, axes=len(shape), epsilon=float(epsilon))
        return to.emit("add", normal, bias)
    return to.emit(
        "layer_norm", x, *(one for one in (weight, bias) if one is not None), axes=len(shape), epsilon=float(epsilon)
    )


def _slice(
    to: Translator, x: Any, axis: int = 0, start: int | None = None, stop: int | None = None, step: int = 1
) -> Any:
    size = to.form(x).shape[axis]
    if size == BATCH:
        if start not in (None, 0) or (stop is not None and 0 <= stop < 1 << 62) or step != 1:
            raise to.unknown("takes some of the streams")
        return x
    low, high, step = slice(start, stop, step).indices(size)
    return (
        x
        if (low, high, step) == (0, size, 1)
        else to.emit("slice", x, axis=axis, start=low, stop=max(high, low), step=step)
    )


def _pieces(to: Translator, x: Any, _: Any = None, axis: int = 0, **named: Any) -> tuple[Value, ...]:
    """chunk, split and their like: one slice a piece."""
    axis, start, found = named.get("dim", axis), 0, []
    for form in to.results:
        size = form.shape[axis]
        found.append(to.emit("slice", x, axis=axis, start=start, stop=start + size, step=1))
        start += size
    return tuple(found)


def _select(to: Translator, x: Any, axis: int, index: int) -> Value:
    size = to.form(x).shape[axis]
    return to.emit("select", x, axis=axis, index=index % size if size > 0 else index)


def _unbind(to: Translator, x: Any, axis: int = 0) -> tuple[Value, ...]:
    return tuple(to.emit("select", x, axis=axis, index=index) for index in range(len(to.results)))


def _cat(to: Translator, parts: Sequence[Any], axis: int = 0) -> Any:
    """What has no width along the axis is left out: it may be an input that the program has not."""
    wide = [to.cast(part, to.result.kind) for part in parts if to.form(part).shape[axis] != 0]
    return wide[0] if len(wide) == 1 else to.emit("cat", *wide, axis=axis)


def _stack(to: Translator, parts: Sequence[Any], axis: int = 0) -> Value:
    return to.emit("stack", *(to.cast(part, to.result.kind) for part in parts), axis=axis)


def _reshape(to: Translator, x: Any, *_: Any, **__: Any) -> Any:
    """Whatever only changes the shape: view, flatten, unflatten, squeeze ..."""
    return x if to.form(x).shape == to.result.shape else to.emit("reshape", x, shape=to.result.shape)


def _permute(to: Translator, x: Any, order: Sequence[int]) -> Value:
    return to.emit("permute", x, order=tuple(axis % len(order) for axis in order))


def _transpose(to: Translator, x: Any, first: int = 0, second: int = 1) -> Value:
    order = list(range(len(to.form(x).shape)))
    order[first], order[second] = order[second], order[first]
    return _permute(to, x, order)


def _expand(to: Translator, x: Any, *_: Any, **__: Any) -> Any:
    """What has no streams, such as a learnt first state, gets them by being added to zeros that have."""
    form, result = to.form(x), to.result
    if result.shape[:1] == (BATCH,) and not form.batched:
        zeros = to.emit("full", to.stream, shape=result.shape[1:], value=0.0, kind=form.kind)
        return to.emit("add", zeros, x)
    return x if form.shape == result.shape else to.emit("expand", x, shape=result.shape)


def _full(value: float | None) -> Counterpart:
    """The zeros, ones and constants of torch, one for every stream or, where the shape has none, one for all."""

    def full(to: Translator, *read: Any, **options: Any) -> Any:
        numbers = [one for one in (*read, options.get("fill_value")) if isinstance(one, bool | int | float)]
        held, form = numbers[-1] if value is None else value, to.result
        if not form.batched:
            return torch.full(form.shape, held, dtype=TORCH_TYPES[form.kind])
        return to.emit("full", to.stream, shape=form.shape[1:], value=held, kind=form.kind)

    return full


SAME = "alias clone contiguous detach dropout feature_dropout lift_fresh lift_fresh_copy positive to type_as _to_copy"
RESHAPES = "view reshape _unsafe_view flatten unflatten squeeze unsqueeze view_copy"
UNARY = "abs cos erf exp log log1p log_sigmoid neg relu rsqrt sigmoid sin sqrt tanh"

COUNTERPARTS: dict[str, Counterpart] = {
    **dict.fromkeys(SAME.split(), _same),
    **dict.fromkeys(RESHAPES.split(), _reshape),
    **dict.fromkeys(UNARY.split(), _one),
    **dict.fromkeys(("chunk", "split", "split_with_sizes"), _pieces),
    **dict.fromkeys(("zeros", "zeros_like", "new_zeros"), _full(0)),
    **dict.fromkeys(("ones", "ones_like", "new_ones"), _full(1)),
    **dict.fromkeys(("full", "full_like", "new_full"), _full(None)),
    **dict.fromkeys(("clamp", "clamp_min", "hardtanh"), _clamp),
    **dict.fromkeys(("logical_and", "bitwise_and", "__and__"), _logical("and")),
    **dict.fromkeys(("logical_or", "bitwise_or", "__or__"), _logical("or")),
    **dict.fromkeys(("logical_not", "bitwise_not"), _logical("not")),
    **dict.fromkeys(("mm", "bmm", "matmul"), lambda to, x, y: to.emit("matmul", x, y)),
    **dict.fromkeys(("softmax", "_softmax"), _along("softmax")),
    **dict.fromkeys(("log_softmax", "_log_softmax"), _along("log_softmax")),
    "add": _two("add"),
    "addmm": _addmm,
    "amax": _reduce("amax"),
    "amin": _reduce("amin"),
    "cat": _cat,
    "clamp_max": lambda to, x, high: _clamp(to, x, None, high),
    "cumsum": _along("cumsum"),
    "div": _two("div"),
    "elu": activations.elu,
    "embedding": lambda to, table, codes, *_, **__: to.emit("embedding", table, codes),
    "eq": _compare("equal"),
    "expand": _expand,
    "expm1": lambda to, x: to.emit("sub", to.emit("exp", x), 1.0),
    "ge": _compare("less_equal", swapped=True),
    "gelu": activations.gelu,
    "gru_step": fused.gru_step,
    "gt": _compare("less", swapped=True),
    "layer_norm": _layer_norm,
    "le": _compare("less_equal"),
    "leaky_relu": activations.leaky_relu,
    "linalg_vector_norm": _norm,
    "linear": _linear,
    "lstm_step": fused.lstm_step,
    "lt": _compare("less"),
    "masked_fill": lambda to, x, mask, value: _where(to, mask, value, x),
    "max": _extreme("maximum"),
    "maximum": _two("maximum"),
    "mean": _reduce("mean"),
    "min": _extreme("minimum"),
    "minimum": _two("minimum"),
    "mul": _two("mul"),
    "native_layer_norm": lambda to, *read: (_layer_norm(to, *read), None, None),
    "ne": _compare("equal", negated=True),
    "one_hot": lambda to, codes, size: to.emit("one_hot", codes, size=size),
    "permute": _permute,
    "pow": _power,
    "reciprocal": lambda to, x: to.emit("div", 1.0, x),
    "rnn_step": fused.rnn_step,
    "rsub": _two("sub", swapped=True),
    "select": _select,
    "silu": activations.silu,
    "slice": _slice,
    "softplus": _softplus,
    "square": lambda to, x: to.emit("mul", x, x),
    "stack": _stack,
    "sub": _two("sub"),
    "sum": _reduce("sum"),
    "t": _transpose,
    "transpose": _transpose,
    "unbind": _unbind,
    "var": _variance,
    "where": _where,
}
