"""Shape rules of the step program: what an operation gives for what it reads, worked out without computing anything.

A value that depends on a stream has the streams as one of its axes, and no operation acts along that one, so that no
stream sees another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

Kind = Literal["float", "int", "bool"]
Attributes = Mapping[str, Any]

BATCH = -1
LARGEST_ROW = 1 << 26
"""Most numbers that a step may hold for one stream."""


@dataclass(frozen=True, slots=True)
class Form:
    """The kind and shape of a value; BATCH stands for the number of streams."""

    kind: Kind
    shape: tuple[int, ...]

    @property
    def batched(self) -> bool:
        return BATCH in self.shape

    @property
    def size(self) -> int:
        """Numbers, for one stream."""
        return abs(prod(self.shape))


Rule = Callable[[Sequence[Form], Attributes], Form]


class ShapeError(ValueError):
    """An operation does not fit what it reads; the message says how."""


def checked(form: Form) -> Form:
    """`form`, where streams are at most one of its axes and it is not too large; ShapeError otherwise."""
    if form.shape.count(BATCH) > 1 or min(form.shape, default=0) < BATCH:
        raise ShapeError(f"gives shape {form.shape}, where one stream would see another")
    if form.size > LARGEST_ROW:
        raise ShapeError(f"gives shape {form.shape}, wanted at most {LARGEST_ROW:,} numbers a stream")
    return form


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape of an elementwise result, as numpy has it."""
    rank = max(map(len, shapes))
    result = []
    for sizes in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            raise ShapeError(f"reads shapes {', '.join(map(str, shapes))}, which do not fit together")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def same_kind(forms: Sequence[Form]) -> Kind:
    kinds = {form.kind for form in forms}
    if len(kinds) > 1:
        raise ShapeError(f"reads {' and '.join(sorted(kinds))}, wanted one kind; cast first")
    return forms[0].kind


def elementwise(forms: Sequence[Form], attributes: Attributes) -> Form:
    return Form(same_kind(forms), broadcast([form.shape for form in forms]))


def arithmetic(forms: Sequence[Form], attributes: Attributes) -> Form:
    if same_kind(forms) == "bool":
        raise ShapeError("reckons with bool; cast first")
    return elementwise(forms, attributes)


def of_floats(rule: Rule) -> Rule:
    """The same rule, for numbers with a fraction alone."""

    def strict(forms: Sequence[Form], attributes: Attributes) -> Form:
        if any(form.kind != "float" for form in forms):
            raise ShapeError(f"reads {', '.join(form.kind for form in forms)}, wanted float; cast first")
        return rule(forms, attributes)

    return strict


def comparison(forms: Sequence[Form], attributes: Attributes) -> Form:
    return Form("bool", elementwise(forms, attributes).shape)


def logical(forms: Sequence[Form], attributes: Attributes) -> Form:
    if same_kind(forms) != "bool":
        raise ShapeError(f"reads {forms[0].kind}, wanted bool")
    return elementwise(forms, attributes)


def where(forms: Sequence[Form], attributes: Attributes) -> Form:
    if forms[0].kind != "bool":
        raise ShapeError(f"chooses by {forms[0].kind}, wanted bool")
    return Form(same_kind(forms[1:]), broadcast([form.shape for form in forms]))


def linear(forms: Sequence[Form], attributes: Attributes) -> Form:
    x, weight, *bias = forms
    if len(weight.shape) != 2 or weight.batched or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"reads {x.shape} with weights {weight.shape}, wanted (..., in) and (out, in)")
    if any(form.shape != weight.shape[:1] for form in bias):
        raise ShapeError(
            f"reads {x.shape} with weights {weight.shape} and a bias {bias[0].shape if bias else ()}, wanted (out,)"
        )
    return Form("float", (*x.shape[:-1], weight.shape[0]))


def matmul(forms: Sequence[Form], attributes: Attributes) -> Form:
    left, right = (form.shape for form in forms)
    if len(left) < 2 or len(right) < 2 or left[-1] != right[-2] or BATCH in (left[-1], right[-1]):
        raise ShapeError(f"multiplies {left} by {right}, wanted (..., n, k) by (..., k, m), k not the streams")
    return Form("float", (*broadcast([left[:-2], right[:-2]]), left[-2], right[-1]))


def axis_of(form: Form, axis: int, added: int = 0) -> int:
    """`axis` counted from the front; ShapeError where there is none, or it is that of the streams."""
    rank = len(form.shape) + added
    if not -rank <= axis < rank:
        raise ShapeError(f"acts along axis {axis} of shape {form.shape}, which has none such")
    axis %= rank
    if not added and form.shape[axis] == BATCH:
        raise ShapeError(f"acts along axis {axis} of shape {form.shape}, where one stream would see another")
    return axis


def along(forms: Sequence[Form], attributes: Attributes) -> Form:
    """Same shape out, e.g. a softmax."""
    form = forms[0]
    if form.shape[axis_of(form, attributes["axis"])] == 0:
        raise ShapeError(f"acts along axis {attributes['axis']} of shape {form.shape}, which has no numbers there")
    return form


def layer_norm(forms: Sequence[Form], attributes: Attributes) -> Form:
    x, *affine = forms
    count = attributes["axes"]
    if (
        not 1 <= count <= len(x.shape)
        or BATCH in x.shape[-count:]
        or any(form.shape != x.shape[-count:] for form in affine)
    ):
        raise ShapeError(
            f"normalizes {count} axes of {x.shape} with {[form.shape for form in affine]}, wanted their parameters"
        )
    return x


def reduction(forms: Sequence[Form], attributes: Attributes) -> Form:
    form = forms[0]
    axes = {axis_of(form, axis) for axis in attributes["axes"]}
    if len(axes) != len(attributes["axes"]) or not axes or any(form.shape[axis] == 0 for axis in axes):
        raise ShapeError(f"reduces axes {attributes['axes']} of {form.shape}, wanted at least one, each once, and none of size 0")
    kept = [
        1 if axis in axes else size for axis, size in enumerate(form.shape) if attributes["keep"] or axis not in axes
    ]
    return Form(form.kind, tuple(kept))


def slice_(forms: Sequence[Form], attributes: Attributes) -> Form:
    form, start, stop, step = forms[0], attributes["start"], attributes["stop"], attributes["step"]
    axis = axis_of(form, attributes["axis"])
    if not (0 <= start <= stop <= form.shape[axis] and step >= 1):
        raise ShapeError(f"cuts {start}:{stop}:{step} out of axis {axis} of {form.shape}, wanted some of it")
    return Form(form.kind, (*form.shape[:axis], len(range(start, stop, step)), *form.shape[axis + 1 :]))


def select(forms: Sequence[Form], attributes: Attributes) -> Form:
    form = forms[0]
    axis = axis_of(form, attributes["axis"])
    if not 0 <= attributes["index"] < form.shape[axis]:
        raise ShapeError(f"takes number {attributes['index']} of axis {axis} of {form.shape}, which has none such")
    return Form(form.kind, form.shape[:axis] + form.shape[axis + 1 :])


def cat(forms: Sequence[Form], attributes: Attributes) -> Form:
    axis = axis_of(forms[0], attributes["axis"])
    rests = {(*form.shape[:axis], 0, *form.shape[axis + 1 :]) for form in forms}
    if len(rests) > 1 or any(len(form.shape) != len(forms[0].shape) for form in forms):
        raise ShapeError(
            f"joins {', '.join(str(form.shape) for form in forms)} along axis {axis}; the other axes must agree"
        )
    total = sum(form.shape[axis] for form in forms)
    return Form(same_kind(forms), (*forms[0].shape[:axis], total, *forms[0].shape[axis + 1 :]))


def stack(forms: Sequence[Form], attributes: Attributes) -> Form:
    axis = axis_of(forms[0], attributes["axis"], added=1)
    if len({form.shape for form in forms}) > 1:
        raise ShapeError(f"stacks {', '.join(str(form.shape) for form in forms)}; the shapes must be one")
    return Form(same_kind(forms), (*forms[0].shape[:axis], len(forms), *forms[0].shape[axis:]))


def reshape(forms: Sequence[Form], attributes: Attributes) -> Form:
    form, shape = forms[0], tuple(attributes["shape"])
    if prod(form.shape) != prod(shape) or _before_streams(form.shape) != _before_streams(shape):
        raise ShapeError(f"makes {shape} of {form.shape}, wanted as many numbers, and streams kept apart")
    if form.batched and 0 in shape and not form.shape[0] == shape[0] == BATCH:
        raise ShapeError(f"makes {shape} of {form.shape}, which hold no numbers: then the streams must come first")
    return Form(form.kind, shape)


def _before_streams(shape: tuple[int, ...]) -> int | None:
    """Numbers between two of a stream's; None where there are no streams."""
    return prod(shape[: shape.index(BATCH)]) if BATCH in shape else None


def permute(forms: Sequence[Form], attributes: Attributes) -> Form:
    form, order = forms[0], tuple(attributes["order"])
    if sorted(order) != list(range(len(form.shape))):
        raise ShapeError(f"reorders the axes of {form.shape} as {order}, wanted each once")
    return Form(form.kind, tuple(form.shape[axis] for axis in order))


def expand(forms: Sequence[Form], attributes: Attributes) -> Form:
    form, shape = forms[0], tuple(attributes["shape"])
    if len(shape) < len(form.shape) or broadcast([form.shape, shape]) != shape:
        raise ShapeError(f"spreads {form.shape} to {shape}, which do not fit together")
    if BATCH in shape and not form.batched:
        raise ShapeError(f"spreads {form.shape} over the streams; add it to something that has them")
    return Form(form.kind, shape)


def embedding(forms: Sequence[Form], attributes: Attributes) -> Form:
    table, codes = forms
    if table.kind != "float" or len(table.shape) != 2 or table.batched or codes.kind != "int":
        raise ShapeError(
            f"looks up {codes.kind} {codes.shape} in {table.kind} {table.shape}, wanted int and (codes, width)"
        )
    return Form("float", (*codes.shape, table.shape[1]))


def one_hot(forms: Sequence[Form], attributes: Attributes) -> Form:
    if forms[0].kind != "int" or attributes["size"] < 1:
        raise ShapeError(
            f"makes {attributes['size']} inputs of {forms[0].kind} {forms[0].shape}, wanted int codes and a size from 1"
        )
    return Form("int", (*forms[0].shape, attributes["size"]))


def rnn(forms: Sequence[Form], attributes: Attributes) -> Form:
    return _cell(forms, gates=1, states=1)


def gru(forms: Sequence[Form], attributes: Attributes) -> Form:
    return _cell(forms, gates=3, states=1)


def lstm(forms: Sequence[Form], attributes: Attributes) -> Form:
    """The new h and the new c, (BATCH, 2, H)."""
    h = _cell(forms, gates=4, states=2)
    return Form("float", (BATCH, 2, *h.shape[1:]))


def _cell(forms: Sequence[Form], gates: int, states: int) -> Form:
    x, *held = (form.shape for form in forms[: 1 + states])
    input_weight, state_weight, *biases = (form.shape for form in forms[1 + states :])
    hidden = held[0][-1] if held[0] else 0
    if len(x) != 2 or x[0] != BATCH or hidden < 1 or any(shape != (BATCH, hidden) for shape in held):
        raise ShapeError(f"steps from {held[0]} with {x}, wanted (streams, units), at least one, and (streams, inputs)")
    rows = gates * hidden
    if input_weight != (rows, x[1]) or state_weight != (rows, hidden) or biases not in ([], [(rows,), (rows,)]):
        raise ShapeError(
            f"steps with weights {input_weight} and {state_weight} and biases {biases}, wanted {(rows, x[1])}, "
            f"{(rows, hidden)} and two of {(rows,)}, or none"
        )
    return Form("float", (BATCH, hidden))


def full(forms: Sequence[Form], attributes: Attributes) -> Form:
    """A constant for every stream of what is read."""
    shape = tuple(attributes["shape"])
    if forms[0].shape[:1] != (BATCH,) or any(size < 0 for size in shape):
        raise ShapeError(
            f"fills {shape} for each stream of {forms[0].shape}, which has no streams, or a size is negative"
        )
    return Form(attributes["kind"], (BATCH, *shape))


def cast(forms: Sequence[Form], attributes: Attributes) -> Form:
    return Form(attributes["kind"], forms[0].shape)
