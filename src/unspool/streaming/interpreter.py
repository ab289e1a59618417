"""The reference executor of a step program: numpy, float32, any number of streams at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from unspool.streaming.functions import FUNCTIONS, linear_with
from unspool.streaming.given import Given
from unspool.streaming.program import Array, Operation, Program, State

Step = tuple[Callable[..., Array], tuple[int, ...], int]


class Interpreter:
    """Runs a program. A stream's state comes in and goes out; the arrays that came in are left as they are, and may be among those that go out."""

    def __init__(self, program: Program):
        self.program = program
        self._given = Given(program)
        self._slots = {name: slot for slot, name in enumerate(program.forms)}
        self._template: list[Any] = [None] * len(self._slots)
        for name, array in program.parameters.items():
            self._template[self._slots[name]] = array
        self._gives = [(name, self._slots[value]) for name, value in program.after.items()]
        self._answer = self._slots[program.output]
        self._all = self._plan([program.output, *program.after.values()])
        self._silent = self._plan(program.after.values())

    def run(
        self, inputs: Mapping[str, Array], state: State, answer: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        """One instant of B streams: raw answers (B, ...), or None without `answer`, and the state after it.

        Without `answer`, inputs that the state does not need may be left out. Raises LiveError where shapes are not
        the program's.
        """
        self._given.check(inputs, state, answer)
        values = self._template.copy()
        for given, names in ((inputs, self.program.inputs), (state, self.program.state)):
            for name in names:
                values[self._slots[name]] = given.get(name)
        with np.errstate(all="ignore"):  # exp may overflow to infinity on the way to a sigmoid of 0
            for function, slots, out in self._all if answer else self._silent:
                values[out] = function(*[values[slot] for slot in slots])
        return (values[self._answer] if answer else None), {name: values[slot] for name, slot in self._gives}

    def _plan(self, wanted: Iterable[str]) -> list[Step]:
        """The operations that `wanted` needs, in order."""
        needed = self.program.needed(wanted)
        return [self._step(operation) for operation in self.program.operations if operation.output in needed]

    def _step(self, operation: Operation) -> Step:
        slots = tuple(self._slots[name] for name in operation.inputs)
        out = self._slots[operation.output]
        weights = [self._template[slot] for slot in slots[1:]]
        if operation.name == "linear" and all(weight is not None for weight in weights):
            return linear_with(*weights), slots[:1], out
        return FUNCTIONS[operation.name](operation.attributes), slots, out
