"""Runs a step program for any number of streams: by the native executor where it can be loaded, else by the numpy interpreter."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Literal
from weakref import WeakValueDictionary

import numpy as np

from unspool import native
from unspool.streaming.compiled import compiled
from unspool.streaming.functions import unknown_codes
from unspool.streaming.given import Given
from unspool.streaming.interpreter import Interpreter
from unspool.streaming.program import INPUTS, Array, Program, State

Engine = Literal["native", "interpreter"]


class Executor:
    """A program at work on `streams` streams, which it remembers from one `step` to the next.

    engine   which one runs it
    streams  rows of every input, answer and tensor of the state

    Not for two threads at once: the second may meet a RuntimeError, and nothing has happened then.
    Raises LiveError where a constant of the program cannot be worked out.
    """

    def __init__(self, program: Program, streams: int = 1):
        if streams < 1:
            raise ValueError(f"streams: got {streams}, wanted at least 1")
        self.program, self.streams = program, streams
        self._given = Given(program)
        self._held = [program.initial_state(streams)]
        library = native.library()
        self.engine: Engine = "interpreter" if library is None else "native"
        self._interpreter = Interpreter(program) if library is None else None
        if library is not None:
            self._library, self._compiled = library, _compiled_once(program, library)
            self._held.append(program.initial_state(streams))  # one is read while the other is written
            self._answer = np.zeros((streams, *program.answer_shape), np.float32)
            self._runner = self._larger = library.StepRunner(self._compiled, streams)
            self._room = streams
            self._runner.hold(*(list(held.values()) for held in self._held), self._answer)

    def step(self, values: Array | None = None, codes: Array | None = None, future: Array | None = None) -> Array:
        """One instant of every stream: raw answers (streams, ...), the caller's own.

        values  (streams, ...) float32    codes  (streams, ...) int64    future  (streams, L, F) float32
        Raises LiveError where the inputs are not the program's; then nothing has happened.
        """
        if self._interpreter is not None:
            return self._interpreted(self._interpreter, self._checked(values, codes, future))
        try:
            unknown = self._runner.step(values, codes, future)
        except TypeError:  # not its form, or not in C order
            given = self._checked(values, codes, future)
            unknown = self._runner.step(*(_in_order(given.get(name)) for name in INPUTS))
        if unknown is not None:
            raise unknown_codes(*unknown)
        return self._answer.copy()

    def run(self, inputs: Mapping[str, Array], state: State, answer: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """One instant of any B streams whose state is the caller's, as `Interpreter.run` has it; what is remembered here stays as it is."""
        if self._interpreter is not None:
            return self._interpreter.run(inputs, state, answer)
        streams = self._given.check(inputs, state, answer)
        after = {name: np.empty((streams, *array.shape), array.dtype) for name, array in self.program.state.items()}
        raw = np.empty((streams, *self.program.answer_shape), np.float32) if answer else None
        read, held, written = [inputs.get(name) for name in INPUTS], [state[name] for name in after], list(after.values())
        runner = self._runner_for(streams)
        try:
            unknown = runner.run(streams, read, held, written, raw)
        except TypeError:  # not in C order
            unknown = runner.run(streams, [*map(_in_order, read)], [*map(_in_order, held)], written, raw)
        if unknown is not None:
            raise unknown_codes(*unknown)
        return raw, after

    def reset(self) -> None:
        """Forget everything."""
        self.state = self.program.initial_state(self.streams)

    @property
    def state(self) -> dict[str, Array]:
        """What the streams remember, a copy: by name, (streams, ...). What is put back is copied too; LiveError where it is not the program's."""
        return {name: array.copy() for name, array in self._current.items()}

    @state.setter
    def state(self, given: State) -> None:
        self._given.check_state(given, self.streams)
        for name, array in self._current.items():
            array[...] = given[name]

    @property
    def _current(self) -> dict[str, Array]:
        return self._held[0 if self._interpreter is not None else self._runner.current]

    def _checked(self, *arrays: Array | None) -> dict[str, Array]:
        given = {name: array for name, array in zip(INPUTS, arrays, strict=True) if array is not None}
        self._given.check_inputs(given, self.streams)
        return given

    def _interpreted(self, interpreter: Interpreter, given: Mapping[str, Array]) -> Array:
        answer, after = interpreter.run(given, self._held[0])
        self._held[0] = {name: np.array(array, order="C") for name, array in after.items()}
        return np.array(answer)

    def _runner_for(self, streams: int) -> Any:
        """One with room for that many; of powers of two, so that few are made."""
        if streams <= self.streams:
            return self._runner
        if streams > self._room:
            self._room = 1 << (streams - 1).bit_length()
            self._larger = self._library.StepRunner(self._compiled, self._room)
        return self._larger


def _in_order(array: Array | None) -> Array | None:
    """In C order, every number at a multiple of its size."""
    return None if array is None else np.require(array, requirements=["C", "A"])


_COMPILING = threading.Lock()
_COMPILED: WeakValueDictionary[str, Any] = WeakValueDictionary()


def _compiled_once(program: Program, library: Any) -> Any:
    """One for all executors of programs that are the same, as long as there are any."""
    with _COMPILING:
        found = _COMPILED.get(program.digest)
        if found is None:
            found = _COMPILED[program.digest] = compiled(program, library)
        return found
