"""The ways of running one model over a case; each gives raw answers (A, ...) at the asked steps, a session told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.answers.blend import Blend
from unspool.data.facts import Facts
from unspool.export.cases import Case, window_of
from unspool.layers import State
from unspool.models.sequence_model import SequenceModel
from unspool.streaming import Executor, Interpreter, Program, Session

Array = NDArray[np.float32]
Step = Callable[[Array, NDArray[np.int64], Array | None], Array]


STREAMS = 5
"""Streams that the executor is given at once, all the same."""


class Runs:
    """A network and its program, run in every way over the same case."""

    def __init__(self, network: SequenceModel, facts: Facts, program: Program, draw: np.random.Generator, blend: Blend | None = None):
        self.network, self.facts, self.program, self.draw, self.blend = network, facts, program, draw, blend
        self.device = next(network.parameters()).device
        self.interpreter, self.executor = Interpreter(program), Executor(program, STREAMS)
        self.window = window_of(facts)

    def whole(self, case: Case) -> Array:
        """Offline: one scan of the record, or of each window."""
        return self._scanned(case, lambda start, stop: [(start, stop)])

    def chunks(self, case: Case) -> Array:
        """Scans of pieces cut at random, the state carried from one to the next."""

        def cut(start: int, stop: int) -> list[tuple[int, int]]:
            strides = (stop - start) // self.facts.stride
            inner = self.draw.integers(1, strides, 5) if strides > 1 else np.zeros(0, np.int64)
            edges = [start, *sorted({start + int(edge) * self.facts.stride for edge in inner}), stop]
            return list(pairwise(edges))

        return self._scanned(case, cut)

    def steps(self, case: Case) -> Array:
        """The network's step, an instant at a time."""
        state: State = {}

        def begin() -> None:
            nonlocal state
            state = self.network.initial_state(1)

        def step(values: Array, codes: NDArray[np.int64], future: Array | None) -> Array:
            nonlocal state
            raw, state = self.network.step(
                self._tensor(values), self._tensor(codes), None if future is None else self._tensor(future), state
            )
            return np.asarray(raw[0].cpu().numpy())

        return self._stepped(case, begin, step)

    def interpreted(self, case: Case) -> Array:
        """The step program, in numpy."""
        state: dict[str, NDArray[Any]] = {}

        def begin() -> None:
            nonlocal state
            state = self.program.initial_state(1)

        def step(values: Array, codes: NDArray[np.int64], future: Array | None) -> Array:
            nonlocal state
            given: dict[str, NDArray[Any]] = {"values": values, "codes": codes}
            raw, state = self.interpreter.run(given if future is None else given | {"future": future}, state)
            assert raw is not None
            return np.asarray(raw[0])

        return self._stepped(case, begin, step)

    def executed(self, case: Case) -> Array:
        """The step program by what runs it live, many streams at once: (A, STREAMS, ...)."""

        def step(values: Array, codes: NDArray[np.int64], future: Array | None) -> Array:
            rows = [None if array is None else np.repeat(array, STREAMS, axis=0) for array in (values, codes, future)]
            return self.executor.step(*rows)

        return self._stepped(case, self.executor.reset, step)

    def session(self, case: Case) -> dict[int, dict[str, Any]]:
        """What a session answers to the raw records, by step, where it is ready."""
        session = Session(self.program, self.facts, self.blend)
        found: dict[int, dict[str, Any]] = {}
        for step, record in case.live:
            answer = session.step(record)
            if answer["ready"]:
                found.setdefault(step, answer)
        return found

    def _scanned(self, case: Case, cut: Callable[[int, int], list[tuple[int, int]]]) -> Array:
        if self.window is None:
            pooled = self._pooled(case, cut(0, case.steps))[:, (case.asked + 1) // self.facts.stride - 1]
        else:
            pooled = torch.cat(
                [self._pooled(case, cut(*self._stretch(step)))[:, -1:] for step in case.asked.tolist()], 1
            )
        raw = self.network.head(pooled, None if case.future is None else self._tensor(case.future[None, case.asked]))
        return np.asarray(raw[0].cpu().numpy())

    def _pooled(self, case: Case, pieces: list[tuple[int, int]]) -> Tensor:
        """Pooled states (1, T // stride, H)."""
        state, found = None, []
        for start, stop in pieces:
            values, codes = self._tensor(case.values[None, start:stop]), self._tensor(case.codes[None, start:stop])
            y, state = self.network.scan(values, codes, state)
            found.append(y)
        return torch.cat(found, dim=1)

    def _stepped(self, case: Case, begin: Callable[[], None], step: Step) -> Array:
        """Answers at the asked steps: along the case, or along each window from the beginning."""
        stretches = [(0, case.steps)] if self.window is None else [self._stretch(step) for step in case.asked.tolist()]
        asked, found = set(case.asked.tolist()), []
        for start, stop in stretches:
            begin()
            raw, strides = None, (stop - start) // self.facts.stride
            for index in range(strides):
                at = slice(start + index * self.facts.stride, start + (index + 1) * self.facts.stride)
                raw = step(
                    self._instant(case.values, at), self._instant(case.codes, at), self._ahead(case, at.stop - 1, stop)
                )
                if self.window is None and at.stop - 1 in asked:
                    found.append(raw)
            if self.window is not None and raw is not None:
                found.append(raw)
        return np.stack(found)

    def _stretch(self, step: int) -> tuple[int, int]:
        """The window that ends with a step."""
        assert self.window is not None
        return max(0, step + 1 - self.window), step + 1

    def _instant(self, array: NDArray[Any], at: slice) -> NDArray[Any]:
        """(1, C), or (1, stride, C) where the model consumes several steps at once."""
        return array[at] if self.facts.stride == 1 else array[None, at]

    def _ahead(self, case: Case, step: int, stop: int) -> Array | None:
        """What is known of the future at a step; of a window, only at its end."""
        if case.future is None:
            return None
        return case.future[[step if self.window is None else stop - 1]]

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
