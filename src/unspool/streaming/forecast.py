"""A forecast's stream: one row a step, the answer for the horizon after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from unspool.answers import forecast as answers
from unspool.data.facts import Facts, ForecastFacts
from unspool.data.future import future_features
from unspool.errors import DataError
from unspool.streaming import clock
from unspool.streaming.memory import Held, Memory
from unspool.streaming.program import Array, Program
from unspool.streaming.rows import Reading, Rows, cell, check_keys

Answer = dict[str, Any]


class ForecastStream:
    """Records of columns, with `time` where the model knows time, and `future` where it reads known columns ahead."""

    def __init__(self, program: Program, facts: Facts):
        assert isinstance(facts.task, ForecastFacts)
        self.facts, self.task, self.preparation = facts, facts.task, facts.preparation
        self.rows = Rows(facts.preparation, ("future",) if facts.preparation.known else ())
        self.memory = Memory(program, facts)
        self.longest = max(self.task.lags, default=0)

    def fresh(self) -> dict[str, Array]:
        lags = np.zeros((0, len(self.preparation.targets)), np.float32)
        return self.rows.fresh() | self.memory.fresh() | {"lags": lags}

    def limits(self) -> dict[str, int]:
        return self.memory.limits() | {"lags": self.longest}

    def advance(self, held: Held, record: Mapping[str, Any]) -> tuple[dict[str, Array], Answer]:
        """What is held after one record, and the answer."""
        reading = self.rows.read(held, record)
        told: Answer = {} if reading.now is None else {"time": answers.stamps(np.array([clock.stamp(reading.now)]))[0]}
        if reading.note:
            told["note"] = reading.note
        given = self._given(record.get("future"))
        before = self.fresh() if reading.anew else held
        if not reading.steps:
            needs = f"a first value of {', '.join(reading.unseen)}"
            return {**before, **reading.book}, {**told, "ready": False, "needs": needs}
        fed = self._inputs(reading)
        lags = np.concatenate([before["lags"], fed.targets])[
            max(0, len(before["lags"]) + len(fed.targets) - self.longest) :
        ]
        needs = self._needs(before, reading.steps, len(lags), given)
        if needs:
            return {**self.memory.feed(before, fed.inputs), **reading.book, "lags": lags}, {
                **told,
                "ready": False,
                "needs": needs,
            }
        future, times = self._future(given, lags, reading.now)
        after, raw = self.memory.ask(before, fed.inputs, future)
        assert raw is not None
        point, quantiles = answers.read(self.facts, raw)
        answer = answers.tell(self.facts, None, point, quantiles)
        stamps = {} if times is None else {"times": answers.stamps(times)}
        return {**after, **reading.book, "lags": lags}, {**told, "ready": True, **stamps, **answer}

    def _inputs(self, reading: Reading) -> Fed:
        inputs: dict[str, Array] = {
            "values": self.preparation.values(reading.columns, reading.times),
            "codes": self.preparation.codes(reading.columns),
        }
        return Fed(inputs, self.preparation.scaled_targets(reading.columns))

    def _needs(self, before: Held, steps: int, lags: int, given: Mapping[str, Any] | None) -> str:
        """A sentence on what an answer still waits for; empty where nothing."""
        held = self.memory.steps(before) + steps
        if self.memory.window is not None and held < self.memory.window:
            return f"{self.memory.window - held} more steps, to fill the context of {self.memory.window}"
        if self.memory.window is None and held % self.memory.stride:
            return f"{-held % self.memory.stride} more steps, for it answers every {self.memory.stride}"
        if lags < self.longest:
            return f"{self.longest - lags} more steps, for it reads the targets {self.longest} steps before"
        if self.preparation.known and given is None:
            return f'"future": {", ".join(self.preparation.known)} of each of the next {self.task.horizon} steps'
        return ""

    def _given(self, future: Any) -> dict[str, list[Any]] | None:
        """The known columns of the horizon, checked."""
        if future is None:
            return None
        try:
            check_keys(future, self.preparation.known, self.preparation.known)
            return {name: self._horizon(name, future[name]) for name in self.preparation.known}
        except DataError as error:
            raise DataError(f"future: {error}") from None

    def _horizon(self, name: str, values: Any) -> list[Any]:
        """(L,) values of a known column, none missing."""
        several = isinstance(values, list | tuple | np.ndarray)
        if not several or len(values) != self.task.horizon:
            got = f"{len(values)} values" if several else repr(values)[:60]
            raise DataError(
                f"column {name!r}: got {got}, wanted a list of {self.task.horizon}, one for each step of the horizon"
            )
        cells = [cell(name, value, name in self.preparation.categories) for value in values]
        if None in cells:
            raise DataError(f"column {name!r}: step {cells.index(None) + 1} is missing; send a value for every step")
        return cells

    def _future(
        self, given: Mapping[str, list[Any]] | None, lags: Array, now: int | None
    ) -> tuple[Array | None, clock.Stamps | None]:
        """(L, F) for the head, None where it reads nothing; and the horizon's stamps."""
        timed = now is not None and self.preparation.frequency_seconds is not None
        times = clock.ahead(now, self.task.horizon, self.preparation) if now is not None and timed else None
        if not self.preparation.known_names and not self.longest:
            return None, times
        known = self.preparation.known_future(given or {}, times)
        padded = np.concatenate([np.zeros((len(lags), known.shape[1]), np.float32), known])
        features, complete = future_features(padded, lags, np.array([len(lags) - 1]), self.task.horizon, self.task.lags)
        assert complete[0]
        return features[0], times


@dataclass(frozen=True, slots=True)
class Fed:
    """Inputs (T, C) and (T, N) of the network, and scaled targets (T, D)."""

    inputs: Mapping[str, Array]
    targets: Array
