"""Random step programs of small whole numbers: their sums have the same bits in any order, so that whatever runs them must agree exactly."""

from __future__ import annotations

from math import prod
from random import Random

import numpy as np
from hypothesis import strategies as st

from unspool.streaming import Operation, Program
from unspool.streaming.operations import OPERATIONS
from unspool.streaming.program import INPUTS, TYPES
from unspool.streaming.shapes import BATCH, Form, ShapeError, checked

CODES = 4
MOST = 64
"""No number that is read again is larger; a product of rows stays far below 2^24, up to which float32 has all whole numbers."""
LARGEST = 120
"""Numbers in a value."""


class Drawing:
    """A program as it grows."""

    def __init__(self, random: Random):
        self.random = random
        self.forms: dict[str, Form] = {}
        self.parameters: dict[str, np.ndarray] = {}
        self.operations: list[Operation] = []
        self.codes: set[str] = set()  # values that hold nothing but codes

    def choose(self, *options):
        return self.random.choice(options)

    def pick(self, *kinds, fits=lambda form: True) -> str | None:
        """A value of one of the kinds, streams in it or not."""
        found = [name for name, form in self.forms.items() if form.kind in kinds and fits(form)]
        return self.choose(*found) if found else None

    def constant(self, kind, shape) -> str:
        name = f"p{len(self.parameters)}"
        low, high = (0, 1) if kind == "bool" else (-2, 2)
        self.parameters[name] = np.random.default_rng(self.random.randrange(1000)).integers(low, high + 1, shape).astype(TYPES[kind])
        self.forms[name] = Form(kind, shape)
        return name

    def add(self, operation: str, *reads: str, small: bool = True, **attributes) -> str | None:
        """The new value's name; None where the operation does not fit. Kept within MOST unless it is small anyway."""
        forms = [self.forms[name] for name in reads]
        try:
            form = checked(OPERATIONS[operation].rule(forms, attributes))
        except ShapeError:
            return None
        if form.size > LARGEST:
            return None
        name = f"v{len(self.operations)}"
        self.operations.append(Operation(operation, reads, name, attributes))
        self.forms[name] = form
        if small:
            return name
        for bound, sign in (("minimum", 1), ("maximum", -1)):
            limit = f"{bound} of {form.kind}"
            self.parameters.setdefault(limit, np.array(sign * MOST, TYPES[form.kind]))
            self.forms.setdefault(limit, Form(form.kind, ()))
            name = self.add(bound, name, limit)
        return name


def _one(to: Drawing):
    name = to.pick("float")
    return name and to.add(to.choose("abs", "neg", "relu"), name)


def _two(to: Drawing):
    name = to.pick("float", "int")
    kind = to.forms[name].kind
    return to.add(to.choose("add", "sub", "mul", "maximum", "minimum"), name, _beside(to, kind), small=False)


def _compared(to: Drawing):
    name = to.pick("float", "int", "bool")
    return to.add(to.choose("less", "less_equal", "equal"), name, _beside(to, to.forms[name].kind))


def _logical(to: Drawing):
    name = to.pick("bool")
    return name and (to.add("not", name) if to.choose(True, False) else to.add(to.choose("and", "or"), name, _beside(to, "bool")))


def _where(to: Drawing):
    mask, one = to.pick("bool"), to.pick("float", "int", "bool")
    return mask and to.add("where", mask, one, _beside(to, to.forms[one].kind))


def _beside(to: Drawing, kind) -> str:
    """Another of that kind: a value, or a constant of one number or a few."""
    return to.constant(kind, to.choose((), (1,), (3,), (2, 1))) if to.choose(True, False, False) else to.pick(kind) or to.constant(kind, ())


def _cast(to: Drawing):
    return to.add("cast", to.pick("float", "int", "bool"), kind=to.choose("float", "int", "bool"))


def _linear(to: Drawing):
    name = to.pick("float", fits=lambda form: form.shape and form.shape[-1] not in (BATCH, 0))
    if name is None:
        return None
    wide = to.choose(1, 2, 5, 17)
    bias = [to.constant("float", (wide,))] if to.choose(True, False) else []
    return to.add("linear", name, to.constant("float", (wide, to.forms[name].shape[-1])), *bias, small=False)


def _matmul(to: Drawing):
    left = to.pick("float", fits=lambda form: len(form.shape) > 1 and form.shape[-1] != BATCH)
    if left is None:
        return None
    deep = to.forms[left].shape[-1]
    right = to.pick("float", fits=lambda form: len(form.shape) > 1 and form.shape[-2] == deep) if to.choose(True, False) else None
    return to.add("matmul", left, right or to.constant("float", (deep, to.choose(1, 3))), small=False)


def _axis(to: Drawing, name: str) -> int | None:
    """One that is not that of the streams, from the front or from the back."""
    shape = to.forms[name].shape
    axes = [axis for axis, size in enumerate(shape) if size not in (BATCH, 0)]
    return to.choose(*axes, *(axis - len(shape) for axis in axes)) if axes else None


def _reduced(to: Drawing):
    name = to.pick("float")
    axes = {_axis(to, name) for _ in range(to.choose(1, 2))}
    return None if None in axes else to.add(to.choose("sum", "amax", "amin"), name, axes=tuple(axes), keep=to.choose(True, False), small=False)


def _cumsum(to: Drawing):
    name = to.pick("float")
    axis = _axis(to, name)
    return None if axis is None else to.add("cumsum", name, axis=axis, small=False)


def _moved(to: Drawing):
    """What changes the form and no number; codes stay codes."""
    name = to.pick("float", "int", "bool")
    axis, shape = _axis(to, name), to.forms[name].shape
    rank, way = len(shape), to.choose("slice", "select", "permute", "stack", "cat", "reshape", "expand")
    if way == "permute":
        made = to.add("permute", name, order=tuple(to.random.sample(range(rank), rank)))
    elif way == "stack":
        made = to.add("stack", *[name] * to.choose(1, 2, 3), axis=to.random.randint(-rank - 1, rank))
    elif way == "expand":
        spread = tuple(to.choose(1, 2) if size == 1 else size for size in shape)
        made = to.add("expand", name, shape=(*to.choose((), (2,)), *spread))
    elif way == "reshape":
        made = to.add("reshape", name, shape=_split(to, shape))
    elif axis is None:
        return None
    elif way == "cat":
        others = [other for other, form in to.forms.items() if form == to.forms[name] and (other in to.codes) == (name in to.codes)]
        made = to.add("cat", *[to.choose(*others) for _ in range(to.choose(1, 2, 3))], axis=axis)
    elif way == "select":
        made = to.add("select", name, axis=axis, index=to.random.randrange(shape[axis]))
    else:
        start = to.random.randint(0, shape[axis])
        stop = to.random.randint(start, shape[axis])
        made = to.add("slice", name, axis=axis, start=start, stop=stop, step=to.choose(1, 1, 2, 3))
    if name in to.codes and made is not None:
        to.codes.add(made)
    return made


def _split(to: Drawing, shape):
    """Axes before the streams and those after them, each made one or split in two."""

    def other(sizes):
        count = prod(sizes)
        split = [(part, count // part) for part in range(1, count + 1) if count % part == 0]
        return to.choose(sizes, (count,), *split)

    if BATCH not in shape:
        return other(shape)
    place = shape.index(BATCH)
    return (*other(shape[:place]), BATCH, *other(shape[place + 1 :]))


def _full(to: Drawing):
    name = to.pick("float", "int", "bool", fits=lambda form: form.shape[:1] == (BATCH,))
    kind = to.choose("float", "int", "bool")
    return name and to.add("full", name, shape=to.choose((), (1,), (2, 3)), value=to.choose(0, 1), kind=kind)


def _coded(to: Drawing):
    name = to.choose(*to.codes)
    if to.choose(True, False):
        return to.add("one_hot", name, size=CODES + 1)
    return to.add("embedding", to.constant("float", (CODES, to.choose(1, 3))), name)


def _rnn(to: Drawing):
    h = to.pick("float", fits=lambda form: len(form.shape) == 2 and form.shape[0] == BATCH and form.shape[1] > 0)
    x = to.pick("float", fits=lambda form: len(form.shape) == 2 and form.shape[0] == BATCH)
    if h is None or x is None:
        return None
    units, read = to.forms[h].shape[1], to.forms[x].shape[1]
    shapes = [(units, read), (units, units), *[(units,)] * to.choose(0, 2)]
    return to.add("rnn", x, h, *[to.constant("float", shape) for shape in shapes], activation="relu", small=False)


WAYS = (_one, _two, _two, _compared, _logical, _where, _cast, _linear, _matmul, _reduced, _cumsum, _moved, _moved, _moved, _full, _coded, _rnn)


def program_of(seed: int, length: int) -> Program:
    """As many operations as that, or fewer; all that is computed is remembered, so that it can be looked at."""
    to = Drawing(Random(seed))
    inputs = {"values": to.choose((3,), (2, 3), (4, 1), (17,)), "codes": to.choose((), (1,), (2, 3)), "future": to.choose((3,), (3, 2))}
    state = {f"s{index}": to.choose(np.zeros(3), np.ones((2, 3)), np.arange(4)) for index in range(to.choose(0, 1, 3))}
    state = {name: array.astype(TYPES[to.choose("float", "float", "int")]) for name, array in state.items()}
    for name, shape in inputs.items():
        to.forms[name] = Form(INPUTS[name], (BATCH, *shape))
    for name, array in state.items():
        to.forms[name] = Form("float" if array.dtype == np.float32 else "int", (BATCH, *array.shape))
    to.codes.add("codes")
    for _ in range(length):
        to.choose(*WAYS)(to)
    after = {name: to.choose(*[value for value, form in to.forms.items() if form == to.forms[name]]) for name in state}
    kept = {f"kept {name}": name for name in map(_streams_first(to), list(to.forms)) if name}
    state |= {name: np.zeros(to.forms[value].shape[1:], TYPES[to.forms[value].kind]) for name, value in kept.items()}
    answers = [name for name, form in to.forms.items() if form.kind == "float" and form.shape[:1] == (BATCH,)]
    return Program(inputs, state, to.parameters, tuple(to.operations), to.choose(*answers), after | kept)


def _streams_first(to: Drawing):
    """From a value's name to that of the same with its streams in front; None where there are none, or others are made of it."""
    read = {name for operation in to.operations for name in operation.inputs}

    def turned(name):
        shape = to.forms[name].shape
        if name in read or BATCH not in shape:
            return None
        place = shape.index(BATCH)
        return to.add("permute", name, order=(place, *[axis for axis in range(len(shape)) if axis != place])) if place else name

    return turned


programs = st.builds(program_of, st.integers(0, 1 << 32), st.integers(1, 16))


def whole_inputs(made: Program, streams: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        name: draw.integers(0, CODES, (streams, *shape)) if name == "codes" else draw.integers(-2, 3, (streams, *shape)).astype(np.float32)
        for name, shape in made.inputs.items()
    }
