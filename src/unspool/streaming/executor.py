"""Runs a step program for any number of streams: by the native executor where it can be loaded, else by the numpy interpreter."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from unspool import native
from unspool.streaming.compiled import compiled
from unspool.streaming.functions import unknown_codes
from unspool.streaming.interpreter import Interpreter, misfit
from unspool.streaming.program import INPUTS, TYPES, Array, Program, State


class Executor:
    """A program at work on `streams` streams, which it remembers from one `step` to the next. Not for two threads at once.

    engine   "native" or "interpreter"
    why      why it is not the native one; empty where it is
    streams  rows of every input, answer and tensor of the state

    Raises LiveError where a constant of the program cannot be worked out.
    """

    def __init__(self, program: Program, streams: int = 1):
        if streams < 1:
            raise ValueError(f"streams: got {streams}, wanted at least 1")
        self.program, self.streams = program, streams
        self._dtypes = {name: TYPES[program.forms[name].kind] for name in program.inputs}
        library = native.library()
        self.engine: Literal["native", "interpreter"] = "interpreter" if library is None else "native"
        self.why = native.why_not() if library is None else ""
        self._interpreter = Interpreter(program) if library is None else None
        self._runners: dict[int, Any] = {}
        self._held = [program.initial_state(streams), program.initial_state(streams)]
        self._answer = np.zeros((streams, *program.answer_shape), np.float32)
        if library is not None:
            self._library, self._compiled = library, _compiled_once(program, library)
            self._runner = library.StepRunner(self._compiled, streams)
            self._runner.hold(*(list(held.values()) for held in self._held), self._answer)

    def step(self, values: Array | None = None, codes: Array | None = None, future: Array | None = None) -> Array:
        """One instant of every stream: raw answers (streams, ...), the caller's own.

        values  (streams, ...) float32    codes  (streams, ...) int64    future  (streams, L, F) float32
        Raises LiveError where the inputs are not the program's; then nothing has happened.
        """
        if self._interpreter is not None:
            answer, after = self._interpreter.run(_given(values, codes, future), self._held[0])
            self._held[0] = {name: np.ascontiguousarray(array) for name, array in after.items()}
            assert answer is not None
            return np.array(answer)
        try:
            unknown = self._runner.step(values, codes, future)
        except TypeError:
            given = self._checked(_given(values, codes, future), self.streams)
            unknown = self._runner.step(*(given.get(name) for name in INPUTS))
        if unknown is not None:
            raise unknown_codes(*unknown)
        return self._answer.copy()

    @property
    def state(self) -> dict[str, Array]:
        """What the streams remember, a copy: by name, (streams, ...)."""
        return {name: array.copy() for name, array in self._current.items()}

    @state.setter
    def state(self, given: State) -> None:
        for name, array in self._current.items():
            got = given.get(name)
            if got is None or got.shape != array.shape or got.dtype != array.dtype:
                raise misfit("state", name, array.shape[1:], got)
        for name, array in self._current.items():
            array[...] = given[name]

    def reset(self) -> None:
        """Forget everything."""
        self.state = self.program.initial_state(self.streams)

    def run(self, inputs: Mapping[str, Array], state: State, answer: bool = True) -> tuple[Array | None, dict[str, Array]]:
        """One instant of any B streams whose state is the caller's, as `Interpreter.run` has it; what is remembered here stays as it is."""
        if self._interpreter is not None:
            return self._interpreter.run(inputs, state, answer)
        streams = len(next(iter((state or inputs).values()))) if state or inputs else 0
        given = self._checked(inputs, streams, needed=answer)
        before = [_row(state, name, array, streams) for name, array in self.program.state.items()]
        after = {name: np.empty((streams, *array.shape), array.dtype) for name, array in self.program.state.items()}
        raw = np.empty((streams, *self.program.answer_shape), np.float32) if answer else None
        runner = self._runner_for(streams)
        unknown = runner.run(streams, [given.get(name) for name in INPUTS], before, list(after.values()), raw)
        if unknown is not None:
            raise unknown_codes(*unknown)
        return raw, after

    @property
    def _current(self) -> dict[str, Array]:
        return self._held[0 if self._interpreter is not None else self._runner.current]

    def _runner_for(self, streams: int) -> Any:
        """One with room for that many; the next power of two, so that few are made."""
        room = 1 << max(0, streams - 1).bit_length()
        if room not in self._runners:
            self._runners = {room: self._library.StepRunner(self._compiled, room)}
        return self._runners[room]

    def _checked(self, inputs: Mapping[str, Array], streams: int, needed: bool = True) -> dict[str, Array]:
        """The program's inputs in C order; LiveError where one is missing or of another form."""
        found = {}
        for name, shape in self.program.inputs.items():
            array = inputs.get(name)
            if array is None and not needed:
                continue
            if array is None or array.shape != (streams, *shape) or array.dtype != self._dtypes[name]:
                raise misfit("input", name, shape, array)
            found[name] = np.ascontiguousarray(array)
        return found


_COMPILING = threading.Lock()


def _compiled_once(program: Program, library: Any) -> Any:
    """Kept with the program, for all executors of it."""
    with _COMPILING:
        kept: dict[int, Any] = program.__dict__.setdefault("_compiled", {})
        if id(library) not in kept:
            kept[id(library)] = compiled(program, library)
        return kept[id(library)]


def _given(values: Array | None, codes: Array | None, future: Array | None) -> dict[str, Array]:
    named = zip(INPUTS, (values, codes, future), strict=True)
    return {name: array for name, array in named if array is not None}


def _row(state: State, name: str, like: Array, streams: int) -> Array:
    array = state.get(name)
    if array is None or array.shape != (streams, *like.shape) or array.dtype != like.dtype:
        raise misfit("state", name, like.shape, array)
    return np.ascontiguousarray(array)
