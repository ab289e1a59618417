"""What `check` says of a model before it is trained, counted by hand."""

from __future__ import annotations

import pytest

import unspool
from unspool.errors import DataError, SpecError

from .making import ARRAYS, SERIES, TABLE, TEXT, WINDOWED, arrays, changed, hourly, pairs, resolved


def checked(raw, data):
    return unspool.check(resolved(raw), data=data)


def test_a_forecast_is_counted():
    """Two inputs (y, w), GRU of 4, quantile head of 4 over 3 steps with one lag, 3 levels."""
    report = checked(changed(TABLE, data__columns__past=["w"], task__lags=[3]), hourly())
    gru = 3 * 4 * (2 + 4) + 2 * 3 * 4
    head = (4 * 4 + 4) + (1 * 4) + 3 * 4 + (4 * 3 + 3)
    assert report.model["parameters"] == gru + head
    assert report.model["multiply_adds_per_step"] == 3 * 4 * (2 + 4) + 4 * 4 + 3 * (1 * 4 + 4 * 3)
    assert report.model["state_bytes_per_stream"] == 4 * 4
    assert (report.model["stride"], report.model["latency_steps"], report.model["latency_seconds"]) == (1, 0, 0)
    assert report.model["memory"] == "carried" and report.model["live"]
    assert report.spec.data.split.kind == "time"
    assert {part: report.data["parts"][part]["steps"] for part in ("train", "validation", "test")} == {"train": 160, "validation": 40, "test": 40}
    assert report.data["parts"]["test"]["from"] == "2024-01-09T08:00:00.000000Z"


@pytest.mark.parametrize("cell, leaves", [("rnn", 1), ("gru", 1), ("lstm", 2)])
def test_the_state_of_a_stream_is_measured(cell, leaves):
    spec = changed(TABLE, model__backbone={"cell": {"kind": cell, "hidden": 5}, "layers": 3, "front": [{"channels": 2, "kernel": 4}]})
    assert checked(spec, hourly()).model["state_bytes_per_stream"] == 4 * (3 * leaves * 5 + 3 * 1)


def test_a_strided_front_makes_an_answer_wait():
    spec = changed(ARRAYS, model__backbone__front=[{"channels": 3, "kernel": 4, "stride": 2}, {"channels": 3, "kernel": 2, "stride": 2}])
    report = checked(spec, arrays())
    assert (report.model["stride"], report.model["latency_steps"], report.model["latency_seconds"]) == (4, 3, None)
    convolutions = 2 * (4 * 2 * 3) + 2 * 3 * 3
    assert report.model["multiply_adds_per_step"] == convolutions + 3 * 4 * (3 + 4) + 4 * 2


def test_a_window_costs_its_context_at_every_answer():
    report = checked(WINDOWED, hourly())
    assert report.model["multiply_adds_per_answer"] == 8 * report.model["multiply_adds_per_step"]
    assert "each answer scans 8 steps anew" in report.model["windowed_cost"]


def test_what_cannot_run_live_says_why():
    report = checked(changed(ARRAYS, model__backbone__bidirectional=True), arrays())
    assert not report.model["live"] and "bidirectional" in report.model["why_not_live"]
    assert report.model["lookahead"] == "the whole record"
    assert "multiply_adds_per_step" not in report.model


def test_latency_is_told_in_seconds_where_time_is_known():
    assert checked(TABLE, hourly()).model["latency_seconds"] == 0


def test_padding_is_the_share_of_steps_that_are_none():
    assert checked(TABLE, hourly()).data["padding"] < 0.2
    assert checked(ARRAYS, arrays(shortest=6, longest=6)).data["padding"] == 0
    wide = arrays(shortest=1, longest=60)
    loose, close = (checked(changed(ARRAYS, data__batching={"size": 8, "buckets": buckets}), wide).data["padding"] for buckets in (False, True))
    assert 0 <= close < loose < 1


def test_texts_and_embeddings_are_counted():
    report = checked(changed(TEXT, model__embed={"kind": "learned", "width": 6}), pairs())
    words = 1 + 5  # the unknown one; fine, poor, a, b, c
    assert report.model["parameters"] == words * 6 + 3 * 4 * (6 + 4) + 2 * 3 * 4 + 4 * 2 + 2
    assert report.data["survey"]["classes"] == {"bad": 20, "good": 20}


def test_the_parameters_that_are_told_are_those_that_are_trained():
    assert checked(ARRAYS, arrays()).model["parameters"] == unspool.train(ARRAYS, data=arrays()).metrics["training"]["parameters"]


def test_what_training_would_refuse_is_refused():
    with pytest.raises(SpecError, match="live.memory"):
        checked(changed(TABLE, live={"memory": "windowed"}), hourly())
    with pytest.raises(DataError, match="validation part comes out empty|train part comes out empty"):
        checked(TABLE, hourly(70))
    with pytest.raises(DataError, match="no forecast can be asked in the train part: .*model.memory.context is 200; shorten those"):
        checked(changed(WINDOWED, model__memory__context=200), hourly())
    with pytest.raises(DataError, match="no path, and no data was handed over"):
        checked(SERIES, None)
    with pytest.raises(DataError, match="fewer than the 16 that the front end consumes"):
        checked(changed(ARRAYS, model__backbone__front=[{"kernel": 16, "stride": 16}]), arrays())
