"""From a step program to instructions for the native executor: values become parts of buffers, and constants are worked out.

An instruction works for each stream as if it were alone, so shapes here are those of one stream. What only changes the form of a value (a slice, a
permutation) costs nothing: it is another view of the same buffer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from unspool.streaming.functions import FUNCTIONS
from unspool.streaming.instruction import Instruction
from unspool.streaming.packing import Packing
from unspool.streaming.program import INPUTS, KIND_OF, TYPES, Array, Operation, Program
from unspool.streaming.rules import RULES
from unspool.streaming.shapes import Kind
from unspool.streaming.views import Buffer, Value, View, collapsed, constant_view, for_one, whole


class Lowering:
    """Goes through a program's operations: first those that the state needs, then those that an answer alone does.

    instructions        in order; the first `for_state` of them give the state after a step
    Raises LiveError where a constant cannot be worked out.
    """

    def __init__(self, program: Program, lanes: int):
        self.lanes = lanes
        self.buffers: list[Buffer] = []
        self.instructions: list[Instruction] = []
        self._forms = program.forms
        self._values: dict[str, Value] = dict(program.parameters)
        self._constants: dict[int, View] = {}
        self._registered: set[int] = set()
        for index, name in enumerate(INPUTS):
            if name in program.inputs:
                self._give(name, "input", index)
        for index, name in enumerate(program.state):
            self._give(name, "before", index)
        held = program.needed(program.after.values())
        self._lower(operation for operation in program.operations if operation.output in held)
        for index, name in enumerate(program.state):
            self._result(program.after[name], "after", index, since=0)
        self.for_state = len(self.instructions)
        asked = program.needed([program.output]) - held
        self._lower(operation for operation in program.operations if operation.output in asked)
        self._result(program.output, "answer", 0, since=self.for_state)

    def _give(self, name: str, place: Literal["input", "before"], index: int) -> None:
        form = self._forms[name]
        buffer = Buffer(form.kind, for_one(form.shape), place, index)
        self._register(buffer)
        self._values[name] = whole(buffer)

    def _lower(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            read = [self._values[name] for name in operation.inputs]
            constants = [value for value in read if isinstance(value, np.ndarray)]
            if operation.name == "full":
                self._values[operation.output] = _filled(operation)
            elif len(constants) == len(read):
                self._values[operation.output] = _worked_out(operation, constants)
            else:
                self._values[operation.output] = RULES[operation.name](self, operation, read)

    def _result(self, name: str, place: Literal["after", "answer"], index: int, since: int) -> None:
        """Let a value be written where it is wanted, or copy it there."""
        value, form = self._values[name], self._forms[name]
        if isinstance(value, View) and value.whole and value.buffer.place == "arena" and value.buffer.first >= since:
            value.buffer.place, value.buffer.index, value.buffer.shape = place, index, for_one(form.shape)
            return
        result = Buffer(form.kind, for_one(form.shape), place, index)
        self._register(result)
        self.copy(whole(result), self.view(value))

    def shape(self, operation: Operation) -> tuple[int, ...]:
        """Of what an operation gives."""
        return for_one(self._forms[operation.output].shape)

    def new(self, kind: Kind, shape: tuple[int, ...]) -> View:
        """Room for a value."""
        return whole(Buffer(kind, shape))

    def view(self, value: Value) -> View:
        """A value as an operand; a constant stands in the executor's memory from then on."""
        if isinstance(value, View):
            return value
        if id(value) not in self._constants:
            self._constants[id(value)] = constant_view(value, KIND_OF[value.dtype])
        return self._constants[id(value)]

    def constant(self, array: Array) -> View:
        """An array in C order as an operand, all of it."""
        return whole(Buffer(KIND_OF[array.dtype], array.shape, "constant", constant=array))

    def in_order(self, value: Value) -> View:
        """A value whose numbers stand one after the other, for each stream anew."""
        view = self.view(value)
        if view.buffer.place != "constant" and view.in_order:
            return view
        return self.copy(self.new(view.kind, view.shape), view)

    def rows(self, value: Value, count: int) -> View:
        """A value as `count` rows a stream, all rows of all streams at one distance."""
        view = self.in_order(value)
        return view if count == 1 or view.whole else self.copy(self.new(view.kind, view.shape), view)

    def copy(self, to: View, view: View) -> View:
        return self.each("copy", to, [view])

    def each(self, code: str, to: View, read: Sequence[View], numbers: Sequence[float] = ()) -> View:
        """An instruction number by number; operands are spread over the shape of `to`."""
        views = [to, *(view.expand(to.shape) for view in read)]
        sizes, strides = collapsed(views)
        return self.emit(Instruction(code, views, sizes, strides, numbers=numbers))

    def by_rows(
        self, code: str, views: list[View], shape: Sequence[int], numbers: Sequence[float] = (), weights: Sequence[Packing | None] = ()
    ) -> View:
        """An instruction whose operands are rows, of numbers that stand one after the other."""
        return self.emit(Instruction(code, views, [1], [[0] for _ in views], shape, numbers, weights))

    def emit(self, instruction: Instruction) -> View:
        """Add an instruction, if it has anything to do; returns what it writes."""
        to, now = instruction.views[0], len(self.instructions)
        works = to.size or instruction.code == "embedding"  # which checks its codes, whatever the width of its table
        for view in instruction.views if works else [to]:
            buffer = view.buffer
            if id(buffer) not in self._registered:
                self._register(buffer)
            buffer.first = now if buffer.first < 0 else buffer.first
            buffer.last = now
        if works:
            self.instructions.append(instruction)
        return to

    def _register(self, buffer: Buffer) -> None:
        self._registered.add(id(buffer))
        self.buffers.append(buffer)


def _filled(operation: Operation) -> Array:
    dtype = TYPES[operation.attributes["kind"]]
    return np.broadcast_to(dtype.type(operation.attributes["value"]), (1, *operation.attributes["shape"]))


def _worked_out(operation: Operation, constants: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[operation.name](operation.attributes)(*constants))
