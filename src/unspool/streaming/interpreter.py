"""The reference executor of a step program: numpy, float32, any number of streams at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.errors import LiveError
from unspool.streaming.functions import FUNCTIONS, linear_with
from unspool.streaming.program import TYPES, Array, Operation, Program, State

Step = tuple[Callable[..., Array], tuple[int, ...], int]


class Interpreter:
    """Runs a program. A stream's state comes in and goes out; the arrays that came in are left as they are."""

    def __init__(self, program: Program):
        self.program = program
        self._slots = {name: slot for slot, name in enumerate(program.forms)}
        self._template: list[Any] = [None] * len(self._slots)
        for name, array in program.parameters.items():
            self._template[self._slots[name]] = array
        self._reads = [(self._slots[name], name, shape) for name, shape in program.inputs.items()]
        self._remembers = [(self._slots[name], name, array.shape, array.dtype) for name, array in program.state.items()]
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
        values = self._template.copy()
        self._take(values, inputs, state, answer)
        with np.errstate(all="ignore"):  # exp may overflow to infinity on the way to a sigmoid of 0
            for function, slots, out in self._all if answer else self._silent:
                values[out] = function(*[values[slot] for slot in slots])
        return (values[self._answer] if answer else None), {name: values[slot] for name, slot in self._gives}

    def _take(self, values: list[Any], inputs: Mapping[str, Array], state: State, answer: bool) -> None:
        streams = None
        for slot, name, shape in self._reads:
            array = inputs.get(name)
            if array is None and not answer:
                continue
            if array is None or array.shape[1:] != shape or array.dtype != TYPES[self.program.forms[name].kind]:
                raise misfit("input", name, shape, array)
            streams = len(array)
            values[slot] = array
        for slot, name, shape, dtype in self._remembers:
            array = state.get(name)
            if (
                array is None
                or array.shape[1:] != shape
                or array.dtype != dtype
                or len(array) != (streams or len(array))
            ):
                raise misfit("state", name, shape, array)
            values[slot] = array

    def _plan(self, wanted: Iterable[str]) -> list[Step]:
        """The operations that `wanted` needs, in order."""
        needed = set(wanted)
        chosen = []
        for operation in reversed(self.program.operations):
            if operation.output in needed:
                needed.update(operation.inputs)
                chosen.append(self._step(operation))
        return chosen[::-1]

    def _step(self, operation: Operation) -> Step:
        slots = tuple(self._slots[name] for name in operation.inputs)
        out = self._slots[operation.output]
        weights = [self._template[slot] for slot in slots[1:]]
        if operation.name == "linear" and all(weight is not None for weight in weights):
            return linear_with(*weights), slots[:1], out
        return FUNCTIONS[operation.name](operation.attributes), slots, out


def misfit(what: str, name: str, shape: tuple[int, ...], got: NDArray[Any] | None) -> LiveError:
    """The error for an input or state that is not the program's."""
    found = "none" if got is None else f"{got.dtype} {got.shape}"
    return LiveError(f"{what} {name!r}: got {found}, wanted one row a stream of shape {shape}; is it of another model?")
