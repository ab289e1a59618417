"""Predicting, judging anew, saving and loading: one model, one answer."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import unspool
from unspool.errors import BundleError, DataError, LiveError
from unspool.run.prepare import set_up
from unspool.run.results import predictions_of

from .making import ARRAYS, SERIES, TABLE, TEXT, WINDOWED, arrays, changed, hourly, pairs, resolved, same

KNOWN = {
    "data__columns__known": ["h", "k"],
    "data__columns__categories": ["k"],
    "data__columns__past": ["w"],
    "data__time": {"calendar": ["hour_of_day"]},
}
FORECASTS = {
    "carried": changed(TABLE, **KNOWN, task__lags=[4, 24]),
    "windowed": changed(WINDOWED, **KNOWN, task__lags=[4]),
    "point": changed(TABLE, model__head={"kind": "point", "hidden": 4}, data__columns__past=["w"]),
    "series": changed(TABLE, data__columns__series="s", data__columns__known=["h"]),
}


def frame_of(name):
    return hourly(series=("a", "b")) if name == "series" else hourly()


@pytest.fixture(scope="module", params=FORECASTS)
def forecast(request):
    """name, model, data"""
    data = frame_of(request.param)
    return request.param, unspool.train(FORECASTS[request.param], data=data), data


def test_the_forecast_at_the_end_of_a_record_is_the_one_that_is_judged_at_that_origin(forecast):
    """A record cut after an origin, the future of its known columns left in, gives the forecast that evaluation gave there."""
    name, model, data = forecast
    setup = set_up(model.spec, data)
    offline = predictions_of(model.network, model.task, model.facts, setup.records, setup.prepared, setup.spans["test"], "test")
    for row in (0, len(offline.origin) // 2, len(offline.origin) - 1):
        origin, record = int(offline.origin[row]), int(offline.record[row])
        own = data.filter(pl.col("s") == offline.names[record]) if name == "series" else data
        cut = own[: origin + 4].with_columns(y=pl.Series([*own["y"][: origin + 1], None, None, None], dtype=pl.Float64))
        (told,) = model.predict(cut.with_columns(w=pl.Series([*own["w"][: origin + 1], *[None] * 3], dtype=pl.Float64)))
        np.testing.assert_allclose(told["y"]["point"], offline.point[row, :, 0], rtol=1e-5)
        if offline.quantiles is not None:
            np.testing.assert_allclose(list(told["y"]["quantiles"].values()), offline.quantiles[row, :, 0].T, rtol=1e-5)
        assert told["time"] == f"{own['time'][origin].isoformat()}Z"
        assert told["times"] == [f"{(own['time'][origin] + timedelta(hours=ahead)).isoformat()}Z" for ahead in (1, 2, 3)]


def test_saved_and_loaded_a_model_predicts_the_same(forecast, tmp_path):
    _, model, data = forecast
    saved = model.save(tmp_path / "run")
    again = unspool.load(tmp_path / "run")
    assert saved.folder == again.folder == tmp_path / "run"
    assert (again.spec, again.facts.model_dump()) == (model.spec, model.facts.model_dump())
    full = data
    if model.facts.preparation.known:
        full = data.with_columns(y=pl.when(pl.col("time") < data["time"].max() - timedelta(hours=2)).then(pl.col("y")))
    assert again.predict(full) == model.predict(full)
    same(dict(again.metrics), _plain(model.metrics), 1e-12)
    assert len(again.history) == len(model.history)
    with pytest.raises(BundleError, match="already holds a run; choose another"):
        model.save(tmp_path / "run")


def test_judged_anew_on_its_own_data_it_scores_the_same(forecast):
    _, model, data = forecast
    whole = model.evaluate(data)["test"]
    assert whole["origins"] > model.metrics["test"]["origins"]
    setup = set_up(model.spec, data)
    spans = setup.spans["test"]
    offline = predictions_of(model.network, model.task, model.facts, setup.records, setup.prepared, spans, "test")
    error = np.nanmean(np.abs(offline.point - offline.truth))
    assert model.metrics["test"]["mae"] == pytest.approx(error)
    with pytest.raises(DataError, match="not kept; give it as `data`"):
        model.evaluate()


def test_a_forecast_without_the_known_future_says_what_to_add():
    model = unspool.train(FORECASTS["carried"], data=hourly())
    with pytest.raises(DataError, match="0 rows after its last target, and a forecast of 3 steps reads h, k of each; add rows in which only"):
        model.predict(hourly())
    with pytest.raises(DataError, match="column 'y' is missing .*in the first of 50 such rows"):
        model.predict(hourly(50).with_columns(y=pl.lit(None, pl.Float64)))
    early = hourly(12).with_columns(y=pl.Series([*[1.0] * 9, None, None, None]))
    with pytest.raises(DataError, match="9 observed steps, and a forecast needs 24 .its lags and context.; give a longer history"):
        model.predict(early)


def test_a_context_that_is_not_there_is_told():
    model = unspool.train(WINDOWED, data=hourly())
    with pytest.raises(DataError, match="7 observed steps, and a forecast needs 8"):
        model.predict(hourly(7))
    assert len(model.predict(hourly(8))) == 1


def test_from_one_row_the_calendar_goes_on_as_it_does_live():
    model = unspool.train(changed(TABLE, data__time={"calendar": ["hour_of_day"]}), data=hourly())
    one = hourly(1)
    (told,) = model.predict(one)
    live = model.stream().step({"time": "2024-01-01T00:00:00Z", "y": one["y"][0]})
    same(told["y"], live["y"])


def test_days_go_by_the_local_clock_offline_as_live():
    """Across a change of the clock, a day is 23 hours long in UTC."""
    spec = changed(TABLE, data__time={"calendar": ["day_of_week"], "timezone": "Europe/Berlin"})
    data = hourly(200).with_columns(time=pl.datetime_range(pl.datetime(2023, 9, 1), pl.datetime(2024, 3, 18), "1d", eager=True))
    model = unspool.train(spec, data=data)
    short = data.head(120).with_columns(time=pl.datetime_range(pl.datetime(2023, 12, 1), pl.datetime(2024, 3, 29), "1d", eager=True))
    session = model.stream()
    for row in short.iter_rows(named=True):
        live = session.step({"time": row["time"].isoformat(), "y": row["y"]})
    same(model.predict(short)[0]["y"], live["y"])


CLASSES = {
    "arrays": (ARRAYS, arrays()),
    "text": (TEXT, pairs()),
    "strided": (changed(ARRAYS, model__backbone__front=[{"kernel": 4, "stride": 4}]), arrays()),
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_told_in_order_and_survive_the_folder(name, tmp_path):
    spec, data = CLASSES[name]
    model = unspool.train(spec, data=data, out=tmp_path / "run")
    bare = {"values": data["values"]} if isinstance(data, dict) else [text for _, text in data]
    told = model.predict(bare)
    assert [answer["record"] for answer in told] == [str(index) for index in range(40)]
    assert unspool.load(tmp_path / "run").predict(bare) == told
    for index in (0, 7, 39):
        alone = {"values": [bare["values"][index]]} if isinstance(bare, dict) else [bare[index]]
        same(model.predict(alone)[0]["probabilities"], told[index]["probabilities"])
    setup = set_up(model.spec, data)
    chosen = setup.spans["test"][:, 0].tolist()
    truth = [setup.records[index].label for index in chosen]
    right = [told[index]["label"] == label for index, label in zip(chosen, truth, strict=True)]
    assert model.metrics["test"]["accuracy"] == pytest.approx(np.mean(right))
    part = {"values": [data["values"][i] for i in chosen], "labels": truth} if isinstance(data, dict) else [data[i] for i in chosen]
    same(model.evaluate(part)["test"]["log_loss"], model.metrics["test"]["log_loss"])


def test_a_record_too_short_for_the_front_is_told_wherever_it_comes_in():
    spec, data = CLASSES["strided"]
    model = unspool.train(spec, data=data)
    short = {"values": [np.zeros((3, 2)), np.zeros((8, 2))]}
    for ask in (model.predict, model.evaluate):
        with pytest.raises(DataError, match="has 3 steps, fewer than the 4 that the front end consumes"):
            ask(short)


def test_without_classes_nothing_can_be_classified():
    with pytest.raises(DataError, match="no record has a class.*give every record its label"):
        unspool.train(ARRAYS, data={"values": arrays()["values"]})


def test_a_bidirectional_model_refuses_to_run_live_and_says_why(tmp_path):
    model = unspool.train(changed(SERIES, model__backbone__bidirectional=True), data=series_of_classes(), out=tmp_path / "run")
    for one in (model, unspool.load(tmp_path / "run")):
        assert one.program is None and not one.facts.live
        with pytest.raises(LiveError, match="needs the whole future of its record.*train it with model.backbone.bidirectional: false"):
            one.stream()
        with pytest.raises(LiveError, match="bidirectional"):
            one.verify(series_of_classes())
    assert model.metrics["verify"] == {"not_live": model.facts.why_not_live}


def series_of_classes():
    data = hourly(12, tuple(f"s{index:02d}" for index in range(20)))
    return data.with_columns(c=pl.col("s").str.slice(2, 1).cast(pl.Int64) % 2)


def test_a_prediction_heeds_no_label(tmp_path):
    """Also one that training never met; where answers are judged it is an error."""
    model = unspool.train(TEXT, data=pairs())
    strange = [("sideways", text) for _, text in pairs()]
    assert model.predict(strange) == model.predict([text for _, text in pairs()])
    with pytest.raises(DataError, match=r"data\[0\]: .*got class 'sideways', wanted one of"):
        model.evaluate(strange)


def test_a_text_cut_from_its_beginning_is_not_live():
    model = unspool.train(changed(TEXT, data__tokens={"keep": "tail", "longest": 3}), data=pairs())
    with pytest.raises(LiveError, match="last 3 tokens.*data.tokens.keep: head, or with model.memory kind windowed and context 3"):
        model.stream()


def test_evaluating_a_run_of_a_file_needs_no_data(tmp_path):
    hourly().write_csv(tmp_path / "d.csv")
    model = unspool.train(changed(TABLE, data__source={"kind": "table", "path": str(tmp_path / "d.csv")}), out=tmp_path / "run")
    again = unspool.load(tmp_path / "run").evaluate()
    same(again["test"], _plain(model.metrics["test"]))
    same(again["baselines"], _plain(model.metrics["baselines"]))


def _plain(tree):
    import json

    return json.loads(json.dumps(tree))


def test_the_spec_that_is_kept_is_the_one_that_was_settled():
    model = unspool.train(ARRAYS, data=arrays())
    assert model.spec.data.columns.past == ("x0", "x1")
    assert resolved(model.spec.model_dump(mode="json")) == model.spec
