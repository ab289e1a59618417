import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.answers import forecast
from unspool.answers.table import table
from unspool.answers.widening import widen
from unspool.data.facts import Facts, ForecastFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.scaling import Scaler
from unspool.errors import DataError
from unspool.types import Forecasts


def facts(targets=("load", "wind"), levels=(), horizon=3, seconds=1800.0, kinds=("standard", "log1p")):
    scalers = {
        name: Scaler(kind=kind, center=2.0 + i, spread=4.0 + i)
        for i, (name, kind) in enumerate(zip(targets, kinds, strict=False))
    }
    return Facts(
        task=ForecastFacts(horizon=horizon, levels=levels),
        preparation=Preparation(targets=targets, scalers=scalers, frequency_seconds=seconds),
        memory=MemoryFacts(kind="carried"),
    )


def test_points_come_back_in_the_units_of_each_target():
    point, quantiles = forecast.read(facts(), np.float32([[0, 0], [1, 1], [-1, 0]]))
    np.testing.assert_allclose(point, [[2, np.expm1(3)], [6, np.expm1(8)], [-2, np.expm1(3)]])
    assert point.dtype == np.float64
    assert quantiles is None


def test_reading_undoes_scaling():
    known = facts()
    values = np.random.default_rng(0).uniform(1, 9, (5, 3, 2))
    scaled = np.stack([known.preparation.scalers[n].apply(values[..., i]) for i, n in enumerate(("load", "wind"))], -1)
    np.testing.assert_allclose(forecast.read(known, scaled)[0], values)


def test_the_point_of_a_quantile_forecast_is_its_median():
    raw = np.sort(np.random.default_rng(0).normal(size=(7, 3, 2, 3)), axis=-1)
    point, quantiles = forecast.read(facts(levels=(0.1, 0.5, 0.9)), raw)
    assert quantiles.shape == (7, 3, 2, 3)
    np.testing.assert_array_equal(point, quantiles[..., 1])
    assert (np.diff(quantiles, axis=-1) > 0).all()


@pytest.mark.parametrize("batch", [(), (1,), (4, 2)])
@pytest.mark.parametrize("levels", [(), (0.25, 0.5, 0.75, 0.9)])
def test_any_batch_is_read_row_by_row(batch, levels):
    raw = np.random.default_rng(0).normal(size=(*batch, 3, 2, *((len(levels),) if levels else ())))
    point, quantiles = forecast.read(facts(levels=levels), raw)
    assert point.shape == (*batch, 3, 2)
    for place in np.ndindex(batch):
        alone, spread = forecast.read(facts(levels=levels), raw[place])
        np.testing.assert_array_equal(alone, point[place])
        assert quantiles is None or np.array_equal(spread, quantiles[place])


@pytest.mark.parametrize("shape", [(3,), (4, 2), (3, 3), (3, 2, 3)])
def test_answers_of_another_model_are_refused(shape):
    with pytest.raises(ValueError, match=r"wanted \(\.\.\., 3, 2\)"):
        forecast.read(facts(), np.zeros(shape))


def test_a_told_forecast_is_json_with_stamps_and_levels():
    known = facts(targets=("load",), levels=(0.1, 0.5, 0.9))
    point, quantiles = forecast.read(known, np.arange(9, dtype=np.float32).reshape(3, 1, 3))
    answer = forecast.tell(known, np.datetime64("2024-12-31T23:00:00"), point, quantiles)
    assert json.loads(json.dumps(answer, allow_nan=False)) == {
        "time": "2024-12-31T23:00:00Z",
        "times": ["2024-12-31T23:30:00Z", "2025-01-01T00:00:00Z", "2025-01-01T00:30:00Z"],
        "load": {
            "point": [6, 18, 30],
            "quantiles": {"0.1": [2, 14, 26], "0.5": [6, 18, 30], "0.9": [10, 22, 34]},
        },
    }


def test_a_record_without_times_is_told_without_stamps():
    point, _ = forecast.read(facts(), np.zeros((3, 2)))
    assert set(forecast.tell(facts(), None, point, None)) == {"load", "wind"}
    answer = forecast.tell(facts(seconds=None), np.datetime64("2024-01-01"), point, None)
    assert answer["time"] == "2024-01-01T00:00:00Z"
    assert "times" not in answer


def test_stamps_between_seconds_do_not_drift_along_the_horizon():
    known = facts(horizon=3000, targets=("load",), seconds=1 / 3)
    answer = forecast.tell(known, np.datetime64("2024-01-01T00:00:00"), np.zeros((3000, 1)), None)
    assert answer["times"][0] == "2024-01-01T00:00:00.333333Z"
    assert answer["times"][-1] == "2024-01-01T00:16:40.000000Z"


def test_what_is_not_finite_is_told_as_null_and_nothing_else_is():
    point, _ = forecast.read(facts(), np.array([[np.nan, 0], [0, 1e30], [0, 0]]))
    answer = json.loads(json.dumps(forecast.tell(facts(), None, point, None), allow_nan=False))
    assert answer["load"]["point"] == [None, 2, 2]
    assert answer["wind"]["point"] == [pytest.approx(np.expm1(3)), None, pytest.approx(np.expm1(3))]


def test_a_target_named_like_a_stamp_is_refused():
    with pytest.raises(DataError, match=r"'times' .* rename that column"):
        forecast.tell(facts(targets=("times",)), np.datetime64("2024-01-01"), np.zeros((3, 1)), None)


def test_a_table_has_one_row_a_step():
    forecasts = Forecasts(
        names=("a", "b"),
        targets=("y",),
        record=np.array([1, 0]),
        origin=np.array([4, 9]),
        point=np.array([[[1.0], [2.0]], [[3.0], [4.0]]]),
        truth=np.array([[[1.5], [np.nan]], [[3.5], [4.5]]]),
        levels=(0.5,),
        quantiles=np.array([[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]]),
        times=np.array([["2024-01-01", "2024-01-02"], ["2024-02-01", "2024-02-02"]], "datetime64[us]"),
    )
    rows = table(forecasts)
    assert rows[1] == {
        "series": "b", "origin": 4, "step": 2, "time": "2024-01-02T00:00:00Z", "y": 2.0, "y_truth": None, "y_0.5": 2.0,
    }  # fmt: skip
    found = [(row["series"], row["step"], row["y"]) for row in rows]
    assert found == [("b", 1, 1), ("b", 2, 2), ("a", 1, 3), ("a", 2, 4)]
    json.dumps(rows, allow_nan=False)


@given(st.lists(st.floats(0, 5), min_size=5, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_widened_quantiles_never_cross_and_keep_their_median(factors, seed):
    quantiles = np.sort(np.random.default_rng(seed).normal(size=(6, 2, 5)), axis=-1)
    wide = widen(quantiles, (0.1, 0.3, 0.5, 0.7, 0.9), [factors, factors[::-1]])
    assert (np.diff(wide, axis=-1) >= 0).all()
    np.testing.assert_array_equal(wide[..., 2], quantiles[..., 2])


def test_factors_of_one_change_nothing_and_of_two_double_the_distance():
    quantiles = np.array([[1.0, 3.0, 4.0]])
    np.testing.assert_array_equal(widen(quantiles, (0.1, 0.5, 0.9), np.ones((1, 3))), quantiles)
    np.testing.assert_array_equal(widen(quantiles, (0.1, 0.5, 0.9), [[2, 1, 3]]), [[-1, 3, 6]])
