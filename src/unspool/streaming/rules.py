"""Which instructions stand for each operation of a step program that reads something computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from unspool.streaming import packing
from unspool.streaming.instruction import Instruction
from unspool.streaming.program import Array, Operation
from unspool.streaming.shapes import Kind
from unspool.streaming.views import Value, View, collapsed

if TYPE_CHECKING:
    from unspool.streaming.lowering import Lowering

Rule = Callable[["Lowering", Operation, Sequence[Value]], Value]


def _each(kind: Kind | None = None, *numbers: str) -> Rule:
    """Number by number, under the operation's own name; `kind` is that of the result where it is not the operands'."""

    def each(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
        views = [to.view(value) for value in read]
        result = to.new(kind or views[-1].kind, to.shape(operation))
        return to.each(operation.name, result, views, [float(operation.attributes[name]) for name in numbers])

    return each


def _cast(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    view, kind = to.view(read[0]), operation.attributes["kind"]
    return view if view.kind == kind else to.each("cast", to.new(kind, view.shape), [view])


def _linear(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    x, weight, *bias = read
    return _product(to, to.shape(operation), x, _array(weight), _array(bias[0]) if bias else None)


def _product(to: Lowering, shape: tuple[int, ...], x: Value, weight: Array, bias: Array | None) -> View:
    """x times the weight (out, in), turned."""
    count, (wide, deep) = prod(x.shape[:-1]), weight.shape
    bias = np.zeros(wide, np.float32) if bias is None else bias
    weights = [packing.plain(weight, to.lanes), packing.plain(packing.column(bias), to.lanes)]
    return to.by_rows("linear", [to.new("float", shape), to.rows(x, count)], (count, deep, wide), weights=weights)


def _matmul(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    left, right, shape = read[0], read[1], to.shape(operation)
    if isinstance(right, np.ndarray) and prod(right.shape[:-2]) == 1:
        return _product(to, shape, left, np.ascontiguousarray(right.reshape(right.shape[-2:]).T), None)
    high, wide, deep = shape[-2], shape[-1], left.shape[-1]
    first, second = to.view(left), to.view(right)
    if second.strides[-1] != 1 and wide != 1:
        second = to.copy(to.new("float", second.shape), second)
    result = to.new("float", shape)
    front = shape[:-2]
    parts = [result, first.expand((*front, high, deep)), second.expand((*front, deep, wide))]
    sizes, strides = collapsed([View(part.buffer, part.start, front, part.strides[:-2]) for part in parts])
    rows = (high, deep, wide, *first.strides[-2:], second.strides[-2])
    return to.emit(Instruction("matmul", parts, sizes, strides, rows))


def _reduction(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    x, rank = to.view(read[0]), len(read[0].shape)
    axes = sorted({axis % rank for axis in operation.attributes["axes"]})
    kept = [axis for axis in range(rank) if axis not in axes]
    count, width = prod(x.shape[axis] for axis in kept), prod(x.shape[axis] for axis in axes)
    views = [to.new("float", to.shape(operation)), to.rows(x.permute([*kept, *axes]), count)]
    return to.by_rows(operation.name, views, (count, width))


def _along(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    """The axis goes last, and back again."""
    x, rank = to.view(read[0]), len(read[0].shape)
    axis = operation.attributes["axis"] % rank
    order = [*(one for one in range(rank) if one != axis), axis]
    turned = x.permute(order)
    count, width = prod(turned.shape[:-1]), turned.shape[-1]
    result = to.by_rows(operation.name, [to.new("float", turned.shape), to.rows(turned, count)], (count, width))
    return result.permute([order.index(one) for one in range(rank)])


def _layer_norm(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    x, *affine = read
    front = len(x.shape) - operation.attributes["axes"]
    count, width = prod(x.shape[:front]), prod(x.shape[front:])
    weights = [packing.plain(packing.column(_array(one)), to.lanes) for one in affine]
    numbers, views = [float(operation.attributes["epsilon"])], [to.new("float", x.shape), to.rows(x, count)]
    return to.by_rows("layer_norm", views, (count, width), numbers, [*weights, *[None] * (2 - len(weights))])


def _slice(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    take = operation.attributes
    return to.view(read[0]).cut(take["axis"], take["start"], take["stop"], take["step"])


def _select(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return to.view(read[0]).select(operation.attributes["axis"], operation.attributes["index"])


def _permute(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return to.view(read[0]).permute(operation.attributes["order"])


def _expand(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return to.view(read[0]).expand(to.shape(operation))


def _reshape(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return to.in_order(read[0]).reshape(to.shape(operation))


def _cat(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    parts, axis, at = [to.view(value) for value in read], operation.attributes["axis"], 0
    result = to.new(parts[0].kind, to.shape(operation))
    for part in parts:
        to.copy(result.cut(axis, at, at + part.shape[axis], 1), part)
        at += part.shape[axis]
    return result


def _stack(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    parts = [to.view(value) for value in read]
    result = to.new(parts[0].kind, to.shape(operation))
    for index, part in enumerate(parts):
        to.copy(result.select(operation.attributes["axis"], index), part)
    return result


def _embedding(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    table, codes = np.ascontiguousarray(_array(read[0])), to.in_order(read[1])
    result = to.new("float", to.shape(operation))
    if not codes.size:
        return result
    views = [result, codes, to.constant(table)]
    return to.by_rows("embedding", views, (codes.size, *table.shape))


def _one_hot(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    codes = to.in_order(read[0])
    result = to.new("int", to.shape(operation))
    return to.by_rows("one_hot", [result, codes], (codes.size, operation.attributes["size"]))


def _rnn(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return _cell(to, operation, f"rnn_{operation.attributes['activation']}", read, packing.rnn, states=1)


def _gru(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    if operation.attributes["reset"] == "after":
        return _cell(to, operation, "gru_reset_after", read, packing.gru_reset_after, states=1)
    room = to.new("float", (3 * packing.padded(read[1].shape[1]),))
    return _cell(to, operation, "gru_reset_before", read, packing.gru_reset_before, 1, room)


def _lstm(to: Lowering, operation: Operation, read: Sequence[Value]) -> View:
    return _cell(to, operation, "lstm", read, packing.lstm, states=2)


Packer = Callable[[Sequence[Array], int], list[packing.Packing]]


def _cell(to: Lowering, operation: Operation, code: str, read: Sequence[Value], pack: Packer, states: int, *room: View) -> View:
    computed = [to.in_order(value) for value in read[: 1 + states]]
    inputs, hidden = (view.shape[1] for view in computed[:2])
    weights = pack([_array(one) for one in read[1 + states :]], to.lanes)
    views = [to.new("float", to.shape(operation)), *computed, *room]
    return to.by_rows(code, views, (inputs, hidden, packing.padded(hidden)), weights=weights)


def _array(value: Value) -> Array:
    """A weight: it has no streams, and is therefore a constant."""
    assert isinstance(value, np.ndarray)
    return np.ascontiguousarray(value).reshape(value.shape)


FLOATS = "abs cos erf exp log log1p log_sigmoid neg relu rsqrt sigmoid sin sqrt tanh add sub mul div pow maximum minimum not and or where"

RULES: dict[str, Rule] = {
    **dict.fromkeys(FLOATS.split(), _each()),
    **dict.fromkeys(("less", "less_equal", "equal"), _each("bool")),
    **dict.fromkeys(("sum", "mean", "amax", "amin"), _reduction),
    **dict.fromkeys(("cumsum", "softmax", "log_softmax"), _along),
    "softplus": _each(None, "beta", "threshold"),
    "cast": _cast,
    "linear": _linear,
    "matmul": _matmul,
    "layer_norm": _layer_norm,
    "slice": _slice,
    "select": _select,
    "cat": _cat,
    "stack": _stack,
    "reshape": _reshape,
    "permute": _permute,
    "expand": _expand,
    "embedding": _embedding,
    "one_hot": _one_hot,
    "rnn": _rnn,
    "gru": _gru,
    "lstm": _lstm,
}
