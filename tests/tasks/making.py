"""Prepared records of random numbers, parts cut from them, and what a batch should hold, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from unspool.models.spec import Carried, CategoricalHead, PointHead, Windowed
from unspool.tasks.classify import Classify, ClassifySpec
from unspool.tasks.forecast import Forecast, ForecastSpec
from unspool.types import Batch, Cut, Part, Prepared

Parts = dict[Part, np.ndarray]


def prepared_of(steps: int, seed: int, targets: int = 1, known: int = 1, label: int = -1) -> Prepared:
    draw = np.random.default_rng(seed)

    def numbers(width: int) -> np.ndarray:
        return draw.standard_normal((steps, width)).astype(np.float32)

    return Prepared(numbers(targets + 1), draw.integers(0, 5, (steps, 1)), numbers(known), numbers(targets), label)


def forecast(memory: Carried | Windowed, size: int = 4, seed: int = 0, **choices: object) -> Forecast:
    return Forecast(ForecastSpec(**choices), memory, PointHead(), size, seed)


def classify(size: int = 4, context: int | None = None, buckets: bool = True) -> Classify:
    memory = Carried() if context is None else Windowed(context=context)
    return Classify(ClassifySpec(), memory, CategoricalHead(), size, buckets, seed=0)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Prepared], Parts, dict[str, object]]:
    """Records of unlike length, each cut by time with an embargo between the parts, and a forecast to be made of them."""
    horizon = draw(st.integers(1, 4))
    choices = {"horizon": horizon, "lags": tuple(draw(st.lists(st.integers(horizon, horizon + 5), max_size=2, unique=True)))}
    targets, known = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    prepared, spans = [], {"train": [], "validation": [], "test": []}
    for index in range(draw(st.integers(1, 3))):
        sizes = {part: draw(st.integers(horizon + (6 if part == "train" else 1), 20)) for part in spans}
        embargo, start = draw(st.integers(0, 3)), 0
        for part, size in sizes.items():
            spans[part].append((index, start, start + size))
            start += size + embargo
        prepared.append(prepared_of(start - embargo, index + 1, targets, known))
    return prepared, {part: np.array(found) for part, found in spans.items()}, choices


def carried(draw: st.DataObject) -> Carried:
    return Carried(truncate=draw.draw(st.integers(1, 9)), streams=draw.draw(st.integers(1, 4)))


def unseen(record: Prepared, rows: np.ndarray, known: np.ndarray | None = None) -> Prepared:
    """The record with everything else in the rows that are True; what is known of them stays, unless `known` says otherwise."""
    changed = rows[:, None]
    return replace(
        record,
        values=np.where(changed, record.values + 100, record.values),
        codes=np.where(changed, (record.codes + 1) % 5, record.codes),
        targets=np.where(changed, record.targets - 50, record.targets),
        known=record.known if known is None else np.where(known[:, None], record.known * -9, record.known),
    )


def origins(cuts: Sequence[Cut], batches: Sequence[Batch]) -> list[tuple[int, int]]:
    """(record, last step seen) of every answer that counts."""
    found = []
    for cut, batch in zip(cuts, batches, strict=True):
        for row, column in np.argwhere(batch.weights > 0):
            found.append((int(cut.record[row]), int(cut.start[row] + batch.asked[row, column])))
    return found


def check_batch(task: Forecast, prepared: Sequence[Prepared], cut: Cut, batch: Batch) -> None:
    """What stands in a batch, by plain loops over its rows, its asked steps and its horizon."""
    assert batch.lengths.tolist() == (cut.stop - cut.start).tolist()
    assert batch.carry.tolist() == cut.carry.tolist()
    for row in range(cut.rows):
        record, start, length = prepared[cut.record[row]], int(cut.start[row]), int(batch.lengths[row])
        np.testing.assert_array_equal(batch.values[row, :length], record.values[start : start + length])
        np.testing.assert_array_equal(batch.codes[row, :length], record.codes[start : start + length])
        for column in range(batch.asked.shape[1]):
            if batch.weights[row, column] > 0:
                assert 0 <= batch.asked[row, column] < length
                _check_answer(task, record, batch, row, column, start + int(batch.asked[row, column]))
    assert np.isfinite(batch.future).all() and np.isfinite(batch.truth).all()


def _check_answer(task: Forecast, record: Prepared, batch: Batch, row: int, column: int, origin: int) -> None:
    for ahead in range(task.spec.horizon):
        step = origin + 1 + ahead
        lagged = [record.targets[step - lag] for lag in task.spec.lags]
        np.testing.assert_array_equal(batch.future[row, column, ahead], np.concatenate([record.known[step], *lagged]))
        np.testing.assert_array_equal(batch.truth[row, column, ahead], record.targets[step])
        assert batch.known_truth[row, column, ahead].all()
