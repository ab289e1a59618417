"""What a forecast is trained on and judged on, against plain loops; and that nothing leaks from after an origin."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.models.spec import Carried, Windowed
from unspool.types import PARTS

from .making import carried, check_batch, forecast, origins, prepared_of, problems, unseen

STREAMS = Carried(truncate=5, streams=2)


def batches_of(task, prepared, spans, part, epoch=0):
    examples = task.examples(prepared, spans[part], part)
    cuts = examples.plan(epoch)
    return cuts, [examples.batch(cut) for cut in cuts]


def with_lags(task, found):
    """Those origins from which every lag reaches a step of the record."""
    return [(record, origin) for record, origin in found if origin + 1 >= max(task.spec.lags, default=0)]


def windowed_or_none(task, prepared, spans, part):
    """The windows of a part; None where it is too short for one, which is a DataError told elsewhere."""
    context = task.memory.context
    extra = context if part == "train" else min(context, int(spans[part][:, 1].min()))
    if (spans[part][:, 2] - spans[part][:, 1] + (0 if part == "train" else extra)).max() < context + task.spec.horizon:
        return None
    return batches_of(task, prepared, spans, part)


@given(problems(), st.data())
def test_streams_hold_what_plain_loops_find_and_ask_at_every_step(problem, data):
    prepared, spans, choices = problem
    task = forecast(carried(data), **choices)
    cuts, batches = batches_of(task, prepared, spans, "train", data.draw(st.integers(0, 3)))
    for cut, batch in zip(cuts, batches, strict=True):
        check_batch(task, prepared, cut, batch)
    wanted = [(record, origin) for record, start, stop in spans["train"].tolist() for origin in range(start, stop - task.spec.horizon)]
    assert sorted(origins(cuts, batches)) == with_lags(task, wanted)


@given(problems(), st.data())
@pytest.mark.parametrize("part", ["validation", "test"])
def test_whole_records_are_judged_exactly_where_the_horizon_lies_in_the_part(part, problem, data):
    prepared, spans, choices = problem
    task = forecast(carried(data), **choices)
    cuts, batches = batches_of(task, prepared, spans, part)
    for cut, batch in zip(cuts, batches, strict=True):
        check_batch(task, prepared, cut, batch)
    wanted = [(record, origin) for record, start, stop in spans[part].tolist() for origin in range(start - 1, stop - task.spec.horizon)]
    assert sorted(origins(cuts, batches)) == with_lags(task, wanted)


@given(problems(), st.integers(1, 8))
@pytest.mark.parametrize("part", PARTS)
def test_windows_hold_what_plain_loops_find(part, problem, context):
    prepared, spans, choices = problem
    task = forecast(Windowed(context=context), **choices)
    made = windowed_or_none(task, prepared, spans, part)
    if made is None:
        return
    for cut, batch in zip(*made, strict=True):
        assert ((cut.stop - cut.start) == context).all()
        check_batch(task, prepared, cut, batch)
    wanted = []
    for record, start, stop in spans[part].tolist():
        first = start + context - 1 if part == "train" else max(start - 1, context - 1)
        wanted += [(record, origin) for origin in range(first, stop - task.spec.horizon)]
    assert sorted(origins(*made)) == with_lags(task, wanted)


@given(problems(), st.data())
def test_the_watched_part_is_the_validation_part(problem, data):
    """Scanned from a little before it, a long record gives the very answers to give, with the same truth and future."""
    prepared, spans, choices = problem
    task = forecast(carried(data), **choices)
    watched = task.watched(prepared, spans["validation"])
    judged = task.examples(prepared, spans["validation"], "validation")
    assert watched.warmup == 10 * task.memory.truncate
    plans = [examples.plan(0) for examples in (watched, judged)]
    found = [origins(plan, [examples.batch(cut) for cut in plan]) for plan, examples in zip(plans, (watched, judged), strict=True)]
    assert sorted(found[0]) == sorted(found[1])


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_scanning_a_record_in_chunks_asks_the_same(chunk, monkeypatch):
    prepared, spans = [prepared_of(40, 0), prepared_of(25, 1)], {"test": np.array([[0, 20, 40], [1, 9, 25]])}
    task = forecast(STREAMS, horizon=2, lags=(3,))
    whole = origins(*batches_of(task, prepared, spans, "test"))
    monkeypatch.setattr("unspool.tasks.forecast.SCANNED_STEPS", chunk)
    cuts, batches = batches_of(task, prepared, spans, "test")
    for row in range(2):
        met = [(int(cut.start[row]), int(cut.stop[row])) for cut in cuts]
        assert met[0][0] == 0
        assert all(one[1] == other[0] for one, other in pairwise(met))
        assert [bool(cut.carry[row]) for cut in cuts] == [False, *[True] * (len(cuts) - 1)]
    assert sorted(origins(cuts, batches)) == sorted(whole)
    for cut, batch in zip(cuts, batches, strict=True):
        check_batch(task, prepared, cut, batch)


@given(problems(), st.integers(1, 6), st.data())
@pytest.mark.parametrize("part", ["validation", "test"])
def test_windowed_and_carried_are_asked_for_the_same_truth(part, problem, context, data):
    prepared, spans, choices = problem
    windowed = forecast(Windowed(context=context), **choices)
    made = windowed_or_none(windowed, prepared, spans, part)
    if made is None:
        return
    found = []
    for cuts, batches in (made, batches_of(forecast(carried(data), **choices), prepared, spans, part)):
        told = {}
        for cut, batch in zip(cuts, batches, strict=True):
            for row, column in np.argwhere(batch.weights > 0):
                place = (int(cut.record[row]), int(cut.start[row] + batch.asked[row, column]))
                told[place] = (batch.truth[row, column].tolist(), batch.future[row, column].tolist())
        found.append(told)
    assert found[0].items() <= found[1].items()


@settings(max_examples=30)
@given(problems(), st.data())
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("windowed", [False, True])
def test_nothing_that_an_answer_reads_comes_from_after_its_origin(windowed, part, problem, data):
    prepared, spans, choices = problem
    task = forecast(Windowed(context=3) if windowed else carried(data), **choices)
    if windowed and windowed_or_none(task, prepared, spans, part) is None:
        return
    cuts, batches = batches_of(task, prepared, spans, part)
    found = origins(cuts, batches)
    if not found:
        return
    index, origin = data.draw(st.sampled_from(found))
    steps = np.arange(prepared[index].steps)
    changed = list(prepared)
    changed[index] = unseen(prepared[index], steps > origin, known=steps > origin + task.spec.horizon)
    examples = task.examples(changed, spans[part], part)
    for cut, batch in zip(cuts, batches, strict=True):
        other = examples.batch(cut)
        for row, column in np.argwhere(batch.weights > 0):
            if (cut.record[row], cut.start[row] + batch.asked[row, column]) == (index, origin):
                seen = int(batch.asked[row, column]) + 1
                np.testing.assert_array_equal(other.values[row, :seen], batch.values[row, :seen])
                np.testing.assert_array_equal(other.codes[row, :seen], batch.codes[row, :seen])
                np.testing.assert_array_equal(other.future[row, column], batch.future[row, column])
                assert (other.truth[row, column] != batch.truth[row, column]).all()


@given(problems(), st.data())
@pytest.mark.parametrize("windowed", [False, True])
def test_training_never_touches_a_row_of_another_part(windowed, problem, data):
    prepared, spans, choices = problem
    task = forecast(Windowed(context=2) if windowed else carried(data), **choices)
    changed = []
    for index, record in enumerate(prepared):
        outside = np.ones(record.steps, bool)
        for _, start, stop in spans["train"][spans["train"][:, 0] == index].tolist():
            outside[start:stop] = False
        changed.append(unseen(record, outside, known=outside))
    for epoch in range(2):
        cuts, batches = batches_of(task, prepared, spans, "train", epoch)
        examples = task.examples(changed, spans["train"], "train")
        for cut, batch in zip(cuts, batches, strict=True):
            other = examples.batch(cut)
            for name in ("values", "codes", "asked", "weights", "future", "truth", "known_truth"):
                np.testing.assert_array_equal(getattr(other, name), getattr(batch, name))


def test_an_unknown_target_is_no_truth_and_no_lag():
    record = prepared_of(12, 0, known=0)
    targets = record.targets.copy()
    targets[6] = np.nan
    task = forecast(STREAMS, horizon=2, lags=(3,))
    cuts, batches = batches_of(task, [replace(record, targets=targets)], {"train": np.array([[0, 0, 12]])}, "train")
    asked = origins(cuts, batches)
    # origin 7 and 8 reach step 6 with their lag: 8 + 1 - 3 and 7 + 2 - 3
    assert sorted(origin for _, origin in asked) == [2, 3, 4, 5, 6, 9]
    for cut, batch in zip(cuts, batches, strict=True):
        assert np.isfinite(batch.truth).all() and np.isfinite(batch.future).all()
        for row, column in np.argwhere(batch.weights > 0):
            first = int(cut.start[row] + batch.asked[row, column]) + 1
            assert batch.known_truth[row, column, :, 0].tolist() == [first != 6, first + 1 != 6]


def test_at_the_end_all_of_a_record_is_seen():
    record = prepared_of(10, 0)
    record = replace(record, known=np.arange(13, dtype=np.float32)[:, None])
    for memory, start in ((STREAMS, 0), (Windowed(context=4), 6), (Windowed(context=40), 0)):
        cut, batch = forecast(memory, horizon=3, lags=(3,)).at_end(record)
        assert (cut.start[0], cut.stop[0]) == (start, 10)
        assert start + batch.asked[0, 0] == 9
        assert batch.weights.all() and not batch.known_truth.any()
        assert batch.future[0, 0, :, 0].tolist() == [10, 11, 12]
        np.testing.assert_array_equal(batch.future[0, 0, :, 1], record.targets[7:, 0])
