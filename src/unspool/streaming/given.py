"""What a program is given, held against what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.errors import LiveError
from unspool.streaming.program import TYPES, Array, Program, State


class Given:
    """The forms of a program's inputs and state."""

    def __init__(self, program: Program):
        remembered = program.needed(program.after.values())
        self._inputs = [(name, shape, TYPES[program.forms[name].kind], name in remembered) for name, shape in program.inputs.items()]
        self._state = [(name, array.shape, array.dtype) for name, array in program.state.items()]

    def check(self, inputs: Mapping[str, Array], state: State, answer: bool) -> int:
        """How many streams there are; LiveError where a row is not the program's, or not all have as many.

        Without `answer`, inputs that the state does not need may be left out.
        """
        return self.check_state(state, self.check_inputs(inputs, None, answer)) or 0

    def check_inputs(self, inputs: Mapping[str, Array], streams: int | None, answer: bool = True) -> int | None:
        """As many streams as there are, and as there must be where that is known."""
        for name, shape, dtype, remembered in self._inputs:
            array = inputs.get(name)
            if array is not None or answer or remembered:
                streams = _rows("input", name, array, shape, dtype, streams)
        return streams

    def check_state(self, state: State, streams: int | None) -> int | None:
        for name, shape, dtype in self._state:
            streams = _rows("state", name, state.get(name), shape, dtype, streams)
        return streams


def _rows(what: str, name: str, array: NDArray[Any] | None, shape: tuple[int, ...], dtype: np.dtype[Any], streams: int | None) -> int:
    """Rows of an array, which are `streams` where that is known."""
    if array is not None and array.dtype == dtype and array.ndim == 1 + len(shape) and array.shape[1:] == shape and streams in (None, len(array)):
        return len(array)
    got, each = "none" if array is None else f"{array.dtype} {array.shape}", "a stream" if streams is None else f"for each of {streams} streams"
    raise LiveError(f"{what} {name!r}: got {got}, wanted {dtype} rows of shape {shape}, one {each}; is it of another model?")
