"""Plans of training are pure, differ from epoch to epoch and, over epochs, leave no origin out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.errors import DataError
from unspool.models.spec import Carried, Windowed
from unspool.tasks.forecast import ForecastSpec

from .making import forecast, origins, prepared_of

CARRIED, WINDOWED = Carried(truncate=7, streams=3), Windowed(context=4)
PREPARED = [prepared_of(60, 0), prepared_of(23, 1)]
SPANS = np.array([[0, 0, 60], [1, 3, 23]])
MEMORIES = pytest.mark.parametrize("memory", [CARRIED, WINDOWED], ids=["carried", "windowed"])


def rows_of(examples, epoch):
    return [[part.tolist() for part in (cut.record, cut.start, cut.stop, cut.carry)] for cut in examples.plan(epoch)]


@MEMORIES
def test_a_plan_is_a_pure_function_of_its_epoch(memory):
    one, other = (forecast(memory, horizon=2, every=2).examples(PREPARED, SPANS, "train") for _ in range(2))
    assert rows_of(one, 3) == rows_of(one, 3) == rows_of(other, 3)
    cut = one.plan(3)[1]
    first, again = one.batch(cut), other.batch(cut)
    for name in ("values", "asked", "weights", "truth", "future"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


@MEMORIES
def test_epochs_and_seeds_differ(memory):
    plans = [rows_of(forecast(memory, seed=seed, horizon=2).examples(PREPARED, SPANS, "train"), epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert plans[0] != plans[1]
    assert plans[0] != plans[2]


@MEMORIES
@pytest.mark.parametrize("part", ["validation", "test"])
def test_what_is_judged_is_the_same_in_every_epoch(memory, part):
    examples = forecast(memory, horizon=2, every=3).examples(PREPARED, SPANS, part)
    assert rows_of(examples, 0) == rows_of(examples, 5)


def covered(memory, every, spans, epochs):
    examples = forecast(memory, horizon=2, every=every).examples(PREPARED, spans, "train")
    found = []
    for epoch in range(epochs):
        cuts = examples.plan(epoch)
        found.append(origins(cuts, [examples.batch(cut) for cut in cuts]))
    return found


@settings(max_examples=10)
@given(st.integers(1, 7), st.integers(1, 4), st.integers(7, 9))
def test_over_epochs_every_origin_of_a_stream_is_asked(every, streams, truncate):
    found = covered(Carried(truncate=truncate, streams=streams), every, SPANS, 60)
    wanted = {(record, origin) for record, start, stop in SPANS.tolist() for origin in range(start, stop - 2)}
    assert set().union(*found) == wanted
    for asked in found:
        assert len(asked) == len(set(asked))
        assert len(asked) <= len(wanted) / every + 2 * sum(-(-(stop - start) // truncate) + streams for _, start, stop in SPANS.tolist())


@pytest.mark.parametrize("every", [1, 3, 16, 30])
def test_over_epochs_every_window_is_asked(every):
    found = covered(WINDOWED, every, SPANS, 60 if every < 16 else 200)
    wanted = {(record, origin) for record, start, stop in SPANS.tolist() for origin in range(start + 3, stop - 2)}
    assert set().union(*found) == wanted
    for asked in found:
        assert len(asked) == len(set(asked))
        assert len(SPANS) <= len(asked) <= len(wanted) / every + len(SPANS)
        steps = [[origin for record, origin in asked if record == index] for index in (0, 1)]
        assert all((np.diff(sorted(one)) == every).all() for one in steps)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_part_too_short_for_a_window_says_so(part):
    with pytest.raises(DataError, match=r"context 4 \+ horizon 70 = 74 steps.*shorten"):
        forecast(WINDOWED, horizon=70).examples(PREPARED, SPANS, part)


def test_a_batch_of_windows_has_the_size_that_was_asked():
    sizes = [cut.rows for cut in forecast(WINDOWED, size=8, horizon=2).examples(PREPARED, SPANS, "train").plan(0)]
    assert sorted(sizes)[1:] == [8] * (len(sizes) - 1)


def test_lags_and_seasons_are_checked_where_they_are_given():
    with pytest.raises(ValueError, match="lags: 2 is shorter than the horizon of 3"):
        ForecastSpec(horizon=3, lags=(3, 2))
    with pytest.raises(ValueError, match="seasons: got"):
        ForecastSpec(horizon=3, seasons=(0,))
