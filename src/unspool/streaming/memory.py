"""How a stream remembers: the state carried from step to step, or the last steps scanned anew for each answer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unspool.data.facts import Facts
from unspool.streaming.executor import Executor
from unspool.streaming.program import TYPES, Array, Program

Held = Mapping[str, Array]


class Memory:
    """Feeds a network's inputs to a program. `held` comes in and goes out, and no array in it is ever changed.

    window  steps that are scanned anew; None where the state is carried
    engine  what runs the program
    """

    def __init__(self, program: Program, facts: Facts):
        tokens = facts.preparation.tokens
        tail = tokens.longest if tokens is not None and tokens.keep == "tail" else None
        context = facts.memory.context
        self.window = context if context is None or tail is None else min(context, tail)
        self.stride = facts.stride
        self._executor = Executor(program)
        self.engine = self._executor.engine
        self._start = program.initial_state(1)
        self._state = program.state
        self._sizes = {name: shape[-1] for name, shape in program.inputs.items() if name != "future"}

    def fresh(self) -> dict[str, Array]:
        """What is held before the first step: inputs that wait for an answer or a full stride, and the state."""
        held = {f"inputs/{name}": np.zeros((0, size), _TYPE[name]) for name, size in self._sizes.items()}
        return held | ({f"network/{name}": array for name, array in self._start.items()} if self.window is None else {})

    def limits(self) -> dict[str, int]:
        """Most rows of what grows."""
        most = self.stride - 1 if self.window is None else self.window
        return {f"inputs/{name}": most for name in self._sizes}

    def steps(self, held: Held) -> int:
        """Steps that wait, or are in the window."""
        return len(held[f"inputs/{next(iter(self._sizes))}"])

    def lacking(self, held: Held, whole: bool) -> int:
        """Steps after which there can be an answer; where `whole`, a window must be full."""
        if self.window is None:
            return (-self.steps(held)) % self.stride
        return max(0, (self.window if whole else self.stride) - self.steps(held))

    def feed(self, held: Held, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Take in T steps, `values` (T, C) and `codes` (T, N), without an answer."""
        return self.ask(held, rows, None, answer=False)[0]

    def ask(
        self, held: Held, rows: Mapping[str, Array], future: Array | None, answer: bool = True
    ) -> tuple[dict[str, Array], Array | None]:
        """Take in T steps; the raw answer after the last of them that filled a stride, None where none did.

        future  (L, F) of a forecast
        """
        joined = {name: np.concatenate([held[f"inputs/{name}"], rows[name]]) for name in self._sizes}
        if self.window is not None:
            kept = {f"inputs/{name}": array[-self.window :] for name, array in joined.items()}
            if not answer:
                return kept, None
            seen = {name: kept[f"inputs/{name}"] for name in joined}
            return kept, self._run(self._start, seen, future, answer=True)[1]
        state = {name: held[f"network/{name}"] for name in self._state}
        state, raw = self._run(state, joined, future, answer)
        used = len(next(iter(joined.values()))) // self.stride * self.stride
        after = {f"inputs/{name}": array[used:].copy() for name, array in joined.items()}
        return after | {f"network/{name}": array for name, array in state.items()}, raw

    def _run(
        self, state: dict[str, Array], rows: Mapping[str, Array], future: Array | None, answer: bool
    ) -> tuple[dict[str, Array], Array | None]:
        """As many full strides as there are in `rows`, asked at the last one alone."""
        strides = len(next(iter(rows.values()))) // self.stride
        raw = None
        given = {} if future is None else {"future": future[None]}
        for index in range(strides):
            last = answer and index == strides - 1
            if self.stride == 1:
                taken = {name: array[index : index + 1] for name, array in rows.items()}
            else:
                taken = {
                    name: array[None, index * self.stride : (index + 1) * self.stride] for name, array in rows.items()
                }
            raw, state = self._executor.run(taken | given if last else taken, state, answer=last)
        return state, None if raw is None else raw[0]


_TYPE = {"values": TYPES["float"], "codes": TYPES["int"]}
