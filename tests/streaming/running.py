"""A program beside its reference: what the executor gives is what the interpreter gives, for any number of streams."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from unspool import native
from unspool.streaming import Executor, Interpreter, Operation, Program
from unspool.streaming.program import TYPES

STREAMS = (1, 2, 3, 17)
CODES = 5
"""Codes that are drawn run from 0 to one less."""

needs_native = pytest.mark.skipif(native.library() is None, reason=f"the native executor is not there: {native.why_not()}")


def program(*operations, inputs, answer="y", kept=(), state=(), after=(), **parameters) -> Program:
    """Operations as (name, inputs, output, attributes); `kept` are remembered besides, so that they can be looked at."""
    made = tuple(Operation(name, tuple(read), output, attributes) for name, read, output, attributes in operations)
    state, after = dict(state), dict(after)
    if kept:
        forms = Program(inputs, state, parameters, made, answer, after).forms
        state |= {f"kept {name}": np.zeros(forms[name].shape[1:], TYPES[forms[name].kind]) for name in kept}
        after |= {f"kept {name}": name for name in kept}
    return Program(inputs, state, parameters, made, answer, after)


def mixed(width=3):
    """A program with every kind of state and input: a running sum, the last codes, whether a number was ever above one."""
    ways = [
        ("add", ["sum", "values"], "total", {}),
        ("less", ["one", "values"], "above", {}),
        ("or", ["ever", "above"], "ever above", {}),
        ("add", ["last", "codes"], "codes so far", {}),
        ("embedding", ["table", "codes"], "looked up", {}),
        ("add", ["total", "looked up"], "y", {}),
    ]
    state = {"sum": np.zeros(width, np.float32), "ever": np.zeros(width, bool), "last": np.array(7), "same": np.arange(2)}
    after = {"sum": "total", "ever": "ever above", "last": "codes so far", "same": "same"}
    inputs = {"values": (width,), "codes": ()}
    return program(*ways, inputs=inputs, state=state, after=after, one=np.array(1, np.float32), table=normal(5, width))


def normal(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def inputs_of(made: Program, streams: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        name: draw.integers(0, CODES, (streams, *shape)) if name == "codes" else draw.normal(size=(streams, *shape)).astype(np.float32)
        for name, shape in made.inputs.items()
    }


def state_of(made: Program, streams: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A state as after some steps: the initial one, with noise where it holds numbers."""
    draw, state = np.random.default_rng(seed), made.initial_state(streams)
    return {
        name: array + draw.normal(size=array.shape).astype(np.float32) if array.dtype == np.float32 else array for name, array in state.items()
    }


def close(got: np.ndarray, wanted: np.ndarray, rtol: float = 1e-5, atol: float = 2e-5) -> None:
    """Numbers as far as float32 goes, all else exactly."""
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    if wanted.dtype == np.float32:
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(got, wanted)


def equal(got: np.ndarray, wanted: np.ndarray) -> None:
    """To the last bit; NaN equals NaN."""
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    np.testing.assert_array_equal(got, wanted)


def runs_as_the_interpreter(made: Program, streams: int, compare=close, steps: int = 2, inputs=inputs_of) -> None:
    """`run` with the caller's state and `step` with the executor's own, over a few steps; without an answer too."""
    reference, executor = Interpreter(made), Executor(made, streams)
    held = state_of(made, streams)
    executor.state = held
    for index in range(steps):
        given = inputs(made, streams, seed=index)
        wanted, after = reference.run(given, held)
        silent, alone = executor.run(given, held, answer=False)
        got, own = executor.run(given, held)
        stepped = executor.step(**given)
        assert silent is None
        for answer in (got, stepped):
            compare(answer, np.array(wanted))
        for states in (own, alone, executor.state):
            assert list(states) == list(made.state)
            for name, array in after.items():
                compare(states[name], np.array(array))
        held = own


def streams_are_alone(made: Program, given: Mapping[str, np.ndarray] | None = None, noise: bool = True) -> None:
    """A stream's answer and state have the same bits whatever the others hold, NaN too, and however many they are."""
    streams = max(STREAMS)
    given, held = given or inputs_of(made, streams), state_of(made, streams) if noise else made.initial_state(streams)
    executor = Executor(made)
    wanted, after = executor.run(given, held)
    for kept in (0, 5, streams - 1):
        others = {name: _with_others(array, kept) for name, array in given.items()}
        strange = {name: _with_others(array, kept) for name, array in held.items()}
        for row, inputs, state in ((kept, others, strange), (0, _only(given, kept), _only(held, kept))):
            got, own = executor.run(inputs, state)
            np.testing.assert_array_equal(got[row], wanted[kept])
            for name, array in after.items():
                np.testing.assert_array_equal(own[name][row], array[kept])


def _with_others(array: np.ndarray, kept: int) -> np.ndarray:
    """Every row but one is another."""
    other = array[::-1].copy()
    if array.dtype == np.float32 and array.size:
        other.reshape(len(other), -1)[::2] = np.nan
        other.reshape(len(other), -1)[1::4] = np.inf
    other[kept] = array[kept]
    return other


def _only(arrays: Mapping[str, np.ndarray], kept: int) -> dict[str, np.ndarray]:
    return {name: array[kept : kept + 1] for name, array in arrays.items()}
