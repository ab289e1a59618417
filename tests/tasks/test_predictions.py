"""Raw answers come back beside the record, the origin, the stamps and the truth that they belong to."""

from __future__ import annotations

import numpy as np
import pytest

from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.scaling import Scaler
from unspool.models.spec import Carried, Windowed
from unspool.types import Record

from .making import classify, forecast, prepared_of

HOUR = np.timedelta64(3600, "s").astype("timedelta64[us]")
LENGTHS = (30, 41)


def records_of(lengths=LENGTHS, times=True):
    made = []
    for index, steps in enumerate(lengths):
        stamps = np.datetime64("2024-01-01", "us") + (100 * index + np.arange(steps)) * HOUR
        columns = {"y": 1000.0 * index + np.arange(steps), "z": -np.arange(steps, dtype=np.float64)}
        made.append(Record(f"s{index}", "here", columns, stamps if times else None))
    return made


def facts_of(levels=(), horizon=3):
    scalers = {"y": Scaler(kind="none"), "z": Scaler(kind="none")}
    preparation = Preparation(targets=("y", "z"), scalers=scalers, frequency_seconds=3600.0)
    return Facts(task=ForecastFacts(horizon=horizon, levels=levels), preparation=preparation, memory=MemoryFacts(kind="carried"))


def answer(cut, batch, levels):
    """Raw answers that tell where they were given: record and origin, step, target and level."""
    where = 1e4 * cut.record[:, None] + cut.start[:, None] + batch.asked
    raw = where[:, :, None, None] + 100 * np.arange(3)[:, None] + 0.5 * np.arange(2)
    return (raw[..., None] + 0.1 * np.arange(len(levels)) if levels else raw).astype(np.float32)


@pytest.mark.parametrize("memory", [Carried(truncate=5, streams=2), Windowed(context=4)], ids=["carried", "windowed"])
@pytest.mark.parametrize("levels", [(), (0.1, 0.5, 0.9)])
def test_forecasts_stand_beside_their_origin_truth_and_stamps(memory, levels):
    records, task, facts = records_of(), forecast(memory, horizon=3, lags=(4,)), facts_of(levels)
    prepared = [prepared_of(steps, 0, targets=2) for steps in LENGTHS]
    examples = task.examples(prepared, np.array([[0, 20, 30], [1, 30, 41]]), "test")
    cuts = examples.plan(0)
    batches = [examples.batch(cut) for cut in cuts]
    made = task.predictions(facts, records, cuts, batches, [answer(cut, batch, levels) for cut, batch in zip(cuts, batches, strict=True)])
    assert made.names == ("s0", "s1") and made.targets == ("y", "z") and made.levels == levels
    assert sorted(zip(made.record, made.origin, strict=True)) == [(0, t) for t in range(19, 27)] + [(1, t) for t in range(29, 38)]
    for row, (record, origin) in enumerate(zip(made.record, made.origin, strict=True)):
        ahead = origin + 1 + np.arange(3)
        told = 1e4 * record + origin + 100 * np.arange(3)[:, None] + 0.5 * np.arange(2)
        np.testing.assert_allclose(made.point[row], told + (0.1 if levels else 0.0), atol=1e-3)
        np.testing.assert_array_equal(made.truth[row], np.stack([records[record].columns[name][ahead] for name in ("y", "z")], axis=1))
        np.testing.assert_array_equal(made.times[row], records[record].times[ahead])
        if levels:
            np.testing.assert_allclose(made.quantiles[row, ..., 2] - made.quantiles[row, ..., 0], 0.2, atol=2e-3)
    assert (made.quantiles is None) == (not levels)


def test_stamps_go_on_evenly_beyond_the_record_and_truth_ends_there():
    records, task = records_of((30,)), forecast(Carried(truncate=5, streams=2), horizon=3)
    cut, batch = task.at_end(prepared_of(30, 0, targets=2, known=0))
    made = task.predictions(facts_of(), records, [cut], [batch], [answer(cut, batch, ())])
    assert made.origin.tolist() == [29]
    assert np.isnan(made.truth).all()
    np.testing.assert_array_equal(made.times[0], records[0].times[-1] + np.arange(1, 4) * HOUR)


def test_stamps_within_a_record_are_its_own():
    """A day is not always 24 hours long in UTC."""
    record = records_of((30,))[0]
    record.times[15:] += HOUR
    task = forecast(Carried(truncate=5, streams=2), horizon=3)
    examples = task.examples([prepared_of(30, 0, targets=2)], np.array([[0, 10, 20]]), "test")
    cuts = examples.plan(0)
    batches = [examples.batch(cut) for cut in cuts]
    made = task.predictions(facts_of(), [record], cuts, batches, [answer(cuts[0], batches[0], ())])
    np.testing.assert_array_equal(made.times, record.times[made.origin[:, None] + np.arange(1, 4)])


def test_without_stamps_there_are_no_times():
    task = forecast(Carried(truncate=5, streams=2), horizon=3)
    cut, batch = task.at_end(prepared_of(30, 0, targets=2, known=0))
    assert task.predictions(facts_of(), records_of((30,), times=False), [cut], [batch], [answer(cut, batch, ())]).times is None


@pytest.mark.parametrize("size", [1, 3, 50])
def test_classes_come_back_in_the_order_of_the_records(size):
    lengths = [9, 2, 7, 7, 3, 1, 8]
    prepared = [prepared_of(steps, index, targets=0, label=index % 3) for index, steps in enumerate(lengths)]
    records = [Record(str(index), "here") for index in range(len(lengths))]
    facts = Facts(task=ClassifyFacts(counts=(1, 1, 1)), preparation=Preparation(labels=("a", "b", "c")), memory=MemoryFacts(kind="carried"))
    task = classify(size=size)
    chosen = np.array([[index, 0, lengths[index]] for index in (1, 2, 4, 6)])
    examples = task.examples(prepared, chosen, "test")
    cuts = examples.plan(0)
    logits = [np.stack([cut.record, 0 * cut.record, 0 * cut.record], axis=1)[:, None].astype(np.float32) for cut in cuts]
    made = task.predictions(facts, records, cuts, [examples.batch(cut) for cut in cuts], logits)
    assert made.names == ("1", "2", "4", "6")
    assert made.truth.tolist() == [1, 2, 1, 0]
    np.testing.assert_allclose(np.log(made.probabilities[:, 0] / made.probabilities[:, 1]), [1, 2, 4, 6], rtol=1e-6)
