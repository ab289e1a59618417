from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.evaluation.baselines import forecast_baselines, last_known
from unspool.evaluation.evaluate import score
from unspool.types import Record

from .making import asked, forecast_facts, record

LEVELS = (0.1, 0.5, 0.9)


def baselines(records, origins, seasons=(1,), train=None, levels=(), horizon=3, targets=("y",)):
    forecasts = asked(records, origins, horizon, targets, levels)
    spans = np.array([[i, 0, r.steps] for i, r in enumerate(records)] if train is None else train).reshape(-1, 3)
    facts = forecast_facts(targets, levels, horizon, seasons)
    return forecast_baselines(records, forecasts, facts, spans)


def test_every_baseline_is_as_its_definition_says():
    made = baselines([record([1, 2, 4, 8, 16, 9, 9, 9])], [(0, 4)], seasons=(2, 3), train=[[0, 0, 4]])
    assert list(made) == ["naive", "seasonal_naive_2", "seasonal_naive_3", "drift", "mean"]
    np.testing.assert_allclose(made["naive"].point.ravel(), [16, 16, 16])
    np.testing.assert_allclose(made["seasonal_naive_2"].point.ravel(), [8, 16, 8])
    np.testing.assert_allclose(made["seasonal_naive_3"].point.ravel(), [4, 8, 16])
    np.testing.assert_allclose(made["drift"].point.ravel(), 16 + 15 / 4 * np.arange(1, 4))
    np.testing.assert_allclose(made["mean"].point.ravel(), [3.75] * 3)


def test_truth_origins_and_times_are_those_of_the_model():
    series = [record(np.arange(9.0)), record(np.arange(5.0), name="b")]
    forecasts = asked(series, [(1, 2), (0, 4), (0, 7)])
    made = forecast_baselines(series, forecasts, forecast_facts(seasons=(2,)), np.array([[0, 0, 9]]))
    for baseline in made.values():
        assert (baseline.names, baseline.targets) == (forecasts.names, forecasts.targets)
        assert baseline.truth is forecasts.truth
        assert baseline.origin is forecasts.origin
        assert baseline.record is forecasts.record


def test_naive_is_exact_on_a_constant_and_drift_on_a_line():
    origins = [(0, t) for t in range(4, 40)]
    constant = baselines([record(np.full(60, 7.0))], origins)
    line = baselines([record(3 - 0.5 * np.arange(60))], origins)
    for exact in (constant["naive"], constant["drift"], constant["mean"], line["drift"]):
        np.testing.assert_allclose(exact.point, exact.truth)


@given(season=st.integers(2, 9), horizon=st.integers(1, 25), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_seasonal_naive_is_exact_on_a_periodic_series_once_a_season_was_seen(season, horizon, seed):
    cycle = np.random.default_rng(seed).normal(size=season)
    series = record(np.tile(cycle, 20))
    origins = [(0, t) for t in range(season - 1, series.steps - horizon)]
    exact = baselines([series], origins, (season,), horizon=horizon)[f"seasonal_naive_{season}"]
    np.testing.assert_array_equal(exact.point, exact.truth)


@pytest.mark.parametrize("levels", [(), LEVELS])
@given(seed=st.integers(0, 2**32 - 1), holes=st.booleans())
@settings(max_examples=30, deadline=None)
def test_no_value_after_the_origin_or_outside_train_is_read(levels, seed, holes):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(2, 60))
    if holes:
        values[draw.random(values.shape) < 0.3] = np.nan
    origin = int(draw.integers(30, 55))
    changed = values.copy()
    changed[0, origin + 1 :] = draw.normal(size=59 - origin) * 100
    train = [[0, 0, 30], [1, 0, 60]]
    before, after = (
        baselines([record(v[0]), record(v[1])], [(0, origin)], (4, 7), train, levels) for v in (values, changed)
    )
    for name, made in before.items():
        np.testing.assert_array_equal(made.point, after[name].point)
        assert (made.quantiles is None) == (after[name].quantiles is None)
        if made.quantiles is not None:
            np.testing.assert_array_equal(made.quantiles, after[name].quantiles)


def test_where_a_rule_has_nothing_to_go_by_the_last_known_value_stands_in_and_then_the_mean():
    series = record([np.nan, np.nan, 5, 6, np.nan, 7, 8, 9])
    made = baselines([series], [(0, 0), (0, 3), (0, 4)], (4,))
    np.testing.assert_allclose(made["naive"].point[..., 0], [[7] * 3, [6] * 3, [6] * 3])
    np.testing.assert_allclose(made["seasonal_naive_4"].point[..., 0], [[7] * 3, [6, 6, 5], [6, 5, 6]])
    np.testing.assert_allclose(made["drift"].point[..., 0], [[7] * 3, [7, 8, 9], [8, 9, 10]])


@given(every=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_last_known_value_is_the_one_a_search_finds(every, seed):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(23, 2))
    values[draw.random(values.shape) < 0.5] = np.nan
    found = last_known(values, every)
    for t, d in np.ndindex(values.shape):
        back = [values[s, d] for s in range(t, -1, -every) if not np.isnan(values[s, d])]
        np.testing.assert_equal(found[t, d], back[0] if back else np.nan)


def test_rows_do_not_see_each_other_and_several_targets_are_several_series():
    draw = np.random.default_rng(0)
    columns = draw.normal(size=(3, 2, 40)).cumsum(axis=-1)
    records = [Record(str(i), "here", {"y0": c[0], "y1": c[1]}) for i, c in enumerate(columns)]
    origins = [(int(r), int(t)) for r, t in zip(draw.integers(0, 3, 30), draw.integers(0, 36, 30), strict=True)]
    together = baselines(records, origins, (5,), targets=("y0", "y1"))
    for row, (index, origin) in enumerate(origins):
        for t, name in enumerate(("y0", "y1")):
            one = [record(columns[index, t])]
            alone = baselines(one, [(0, origin)], (5,))
            for baseline, made in together.items():
                wanted = alone[baseline].point[0, :, 0]
                np.testing.assert_allclose(made.point[row, :, t], wanted, err_msg=f"{baseline} {name}")


def test_a_record_without_train_part_has_the_mean_of_all_train_parts():
    made = baselines([record([1, 2, 3, 4, 5]), record([9, 9, 9, 9, 9])], [(1, 1)], train=[[0, 0, 5]])
    np.testing.assert_allclose(made["mean"].point, 3)


def test_quantiles_of_the_naive_forecasts_cover_what_they_say():
    draw = np.random.default_rng(0)
    values = np.tile(draw.normal(size=24) * 3, 250) + draw.normal(size=6000)
    small = record(values)
    large = record(1000 * values[::-1], name="b")
    origins = [(r, t) for r in (0, 1) for t in range(3000, 5990)]
    made = baselines([small, large], origins, (24,), [[0, 0, 3000], [1, 0, 3000]], LEVELS)
    facts = forecast_facts(levels=LEVELS)
    for name in ("naive", "seasonal_naive_24"):
        found = made[name]
        assert found.quantiles.shape == (5980, 3, 1, 3)
        assert (np.diff(found.quantiles, axis=-1) >= 0).all()
        for rows in (found.record == 0, found.record == 1):
            part = replace(found, truth=found.truth[rows], point=found.point[rows], quantiles=found.quantiles[rows])
            assert score(part, facts)["coverage_80"] == pytest.approx(0.8, abs=0.03)
    assert score(made["seasonal_naive_24"], facts)["pinball"] < score(made["naive"], facts)["pinball"]
    assert made["drift"].quantiles is made["mean"].quantiles is None


def test_quantiles_are_left_out_where_no_horizon_fits_into_train():
    made = baselines([record(np.arange(9.0))], [(0, 4)], train=[[0, 0, 3]], levels=LEVELS)
    assert made["naive"].quantiles is None
    assert made["naive"].levels == ()


def test_the_quantiles_of_a_constant_series_are_its_value():
    made = baselines([record(np.full(30, 5.0))], [(0, 20)], levels=LEVELS)["naive"]
    np.testing.assert_array_equal(made.quantiles, np.full((1, 3, 1, 3), 5.0))


def test_no_origins_give_no_forecasts():
    made = baselines([record(np.arange(9.0))], [], levels=LEVELS)
    assert all(len(baseline.point) == 0 for baseline in made.values())
