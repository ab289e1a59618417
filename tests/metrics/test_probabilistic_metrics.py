"""Quantile and interval metrics: by hand, at their best and worst, against scikit-learn, and their laws."""

import numpy as np
import pytest
import sklearn.metrics as peer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unspool.errors import DataError
from unspool.metrics import (
    coverage,
    crps_from_quantiles,
    interval_score,
    interval_width,
    mae,
    pinball,
    pinball_by_level,
)

NAN, INF = float("nan"), float("inf")
LEVELS = [0.1, 0.5, 0.9]
values = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@st.composite
def quantile_forecasts(draw):
    shape = draw(array_shapes(max_dims=2, max_side=4))
    levels = draw(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4))
    truth = draw(arrays(np.float64, shape, elements=values))
    return truth, draw(arrays(np.float64, (*shape, len(levels)), elements=values)), levels


@st.composite
def intervals(draw):
    ends = np.sort(draw(arrays(np.float64, (draw(st.integers(1, 8)), 2), elements=values)), axis=1)
    return draw(arrays(np.float64, len(ends), elements=values)), ends[:, 0], ends[:, 1]


def test_pinball_is_the_one_computed_by_hand():
    truth, quantiles = [10.0, 0.0], [[8.0, 10.0, 15.0], [1.0, 1.0, 1.0]]
    by_level = [(0.1 * 2 + 0.9 * 1) / 2, (0 + 0.5 * 1) / 2, (0.1 * 5 + 0.1 * 1) / 2]
    np.testing.assert_allclose(pinball_by_level(truth, quantiles, LEVELS), by_level)
    assert pinball(truth, quantiles, LEVELS) == pytest.approx(np.mean(by_level))
    assert crps_from_quantiles(truth, quantiles, LEVELS) == pytest.approx(2 * np.mean(by_level))


def test_quantiles_that_all_hit_the_truth_score_zero():
    truth = np.random.default_rng(0).normal(size=(3, 2))
    quantiles = np.repeat(truth[..., None], 3, axis=-1)
    assert pinball(truth, quantiles, LEVELS) == crps_from_quantiles(truth, quantiles, LEVELS) == 0


@settings(max_examples=60, deadline=None)
@given(quantile_forecasts())
def test_pinball_agrees_with_scikit_learn(forecast):
    truth, quantiles, levels = forecast
    wanted = [
        peer.mean_pinball_loss(truth.ravel(), quantiles[..., q].ravel(), alpha=level) for q, level in enumerate(levels)
    ]
    np.testing.assert_allclose(pinball_by_level(*forecast), wanted, rtol=1e-9, atol=1e-9)
    assert pinball(*forecast) == pytest.approx(np.mean(wanted), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(quantile_forecasts())
def test_pinball_at_the_median_is_half_the_mae(forecast):
    truth, quantiles, _ = forecast
    assert pinball(truth, quantiles[..., :1], [0.5]) == pytest.approx(mae(truth, quantiles[..., 0]) / 2)


@settings(max_examples=30, deadline=None)
@given(quantile_forecasts(), st.randoms(use_true_random=False))
def test_the_order_of_points_and_levels_does_not_matter(forecast, random):
    truth, quantiles, levels = forecast
    truth, quantiles = truth.ravel(), quantiles.reshape(truth.size, -1)
    rows, columns = list(range(truth.size)), list(range(len(levels)))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = pinball(truth[rows], quantiles[rows][:, columns], np.array(levels)[columns])
    assert shuffled == pytest.approx(pinball(*forecast), abs=1e-9)


def test_the_quantile_of_the_sample_has_the_least_pinball_loss():
    sample = np.arange(1.0, 11.0)
    losses = {q: pinball(sample, np.full((10, 1), q), [0.75]) for q in sample}
    assert min(losses, key=losses.__getitem__) == 8.0


def test_crps_from_many_quantiles_is_near_that_of_the_uniform_distribution():
    levels = (np.arange(1000) + 0.5) / 1000
    truth = np.array([0.0, 0.3, 1.0])
    closed_form = np.mean(truth**2 - truth + 1 / 3)
    assert crps_from_quantiles(truth, np.tile(levels, (3, 1)), levels) == pytest.approx(closed_form, abs=1e-5)


def test_crps_of_a_certain_forecast_is_the_mae_where_levels_are_symmetric():
    truth, point = np.random.default_rng(0).normal(size=(2, 7))
    assert crps_from_quantiles(truth, np.repeat(point[:, None], 3, axis=1), LEVELS) == pytest.approx(mae(truth, point))


def test_interval_metrics_are_the_ones_computed_by_hand():
    truth, low, high = [1.0, 5.0, 0.0, 2.0], [1.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 2.0]
    assert coverage(truth, low, high) == 0.5
    assert interval_width(low, high) == 7 / 4
    assert interval_score(truth, low, high, alpha=0.1) == pytest.approx((7 + 20 * (2 + 1)) / 4)


def test_a_point_interval_on_the_truth_is_perfect():
    truth = np.random.default_rng(0).normal(size=5)
    assert coverage(truth, truth, truth) == 1
    assert interval_width(truth, truth) == interval_score(truth, truth, truth, alpha=0.2) == 0


def test_intervals_that_all_miss_cover_nothing():
    assert coverage([5.0, -5.0], [0.0, 0.0], [1.0, 1.0]) == 0


@settings(max_examples=40, deadline=None)
@given(intervals(), st.floats(0.01, 0.99))
def test_the_interval_score_is_the_pinball_loss_of_its_ends(interval, alpha):
    truth, low, high = interval
    by_level = pinball_by_level(truth, np.stack([low, high], axis=-1), [alpha / 2, 1 - alpha / 2])
    assert interval_score(*interval, alpha) == pytest.approx(2 / alpha * by_level.sum(), rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(intervals(), st.floats(0, 10))
def test_a_wider_interval_never_covers_less(interval, margin):
    truth, low, high = interval
    assert coverage(truth, low - margin, high + margin) >= coverage(truth, low, high)
    assert interval_score(truth, low, high, 0.1) >= interval_width(low, high)


def test_an_unbounded_interval_covers_everything_and_is_infinitely_wide():
    truth, low, high = [1.0, 9.0], [-INF, 0.0], [INF, INF]
    assert coverage(truth, low, high) == 1
    assert interval_width(low, high) == interval_score(truth, low, high, 0.1) == INF


def test_an_unknown_truth_is_left_out_whatever_was_forecast_there():
    truth, low, high = [1.0, NAN, NAN], [0.0, NAN, 5.0], [0.5, 1.0, 4.0]
    assert coverage(truth, low, high) == 0
    assert interval_score(truth, low, high, 0.5) == pytest.approx(0.5 + 4 * 0.5)
    assert pinball(truth, [[0.0], [NAN], [INF]], [0.5]) == pytest.approx(0.5)


@pytest.mark.parametrize("metric", [pinball, pinball_by_level, crps_from_quantiles])
@pytest.mark.parametrize(
    "truth, quantiles, levels, message",
    [
        ([1.0], [[1.0, 2.0]], [0.5], r"quantiles have shape \(1, 2\); .* 1 levels want \(1, 1\)"),
        ([1.0], [1.0], [0.5], r"quantiles have shape \(1,\)"),
        ([1.0], [[1.0]], [1.0], r"levels are \[1.0\]; wanted a list of shares between 0 and 1"),
        ([1.0], [[1.0]], [NAN], r"levels are \[nan\]"),
        ([1.0], [[1.0]], 0.5, "levels are 0.5; wanted a list"),
        ([1.0], np.zeros((1, 0)), [], r"levels are \[\]"),
        ([NAN], [[1.0]], [0.5], "truth is known at none of 1 points"),
        ([1.0], [[NAN]], [0.5], "quantiles: NaN or infinite at 1 of 1 points"),
    ],
)
def test_quantiles_that_cannot_be_judged_are_refused(metric, truth, quantiles, levels, message):
    with pytest.raises(DataError, match=message):
        metric(truth, quantiles, levels)


@pytest.mark.parametrize("metric", [coverage, lambda y, low, high: interval_score(y, low, high, 0.1)])
@pytest.mark.parametrize(
    "truth, low, high, message",
    [
        ([1.0], [1.0, 2.0], [1.0], r"low has shape \(2,\), high \(1,\)"),
        ([1.0, 2.0], [1.0], [1.0], r"truth has shape \(2,\), low and high \(1,\)"),
        ([1.0, 1.0], [0.0, 3.0], [1.0, 2.0], "1 of 2 intervals are no intervals, the first from 3 to 2; .*sort"),
        ([1.0], [NAN], [2.0], "from nan to 2"),
        ([1.0], [INF], [INF], "from inf to inf"),
        ([NAN], [0.0], [1.0], "truth is known at none of 1 points"),
        ([], [], [], "truth is known at none of 0 points"),
    ],
)
def test_intervals_that_cannot_be_judged_are_refused(metric, truth, low, high, message):
    with pytest.raises(DataError, match=message):
        metric(truth, low, high)


@pytest.mark.parametrize("low, high, message", [([], [], "0 intervals"), ([2.0], [1.0], "from 2 to 1")])
def test_a_width_that_has_no_value_is_refused(low, high, message):
    with pytest.raises(DataError, match=message):
        interval_width(low, high)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 90.0, NAN])
def test_the_interval_score_refuses_an_alpha_that_is_no_share(alpha):
    with pytest.raises(DataError, match="wanted a share between 0 and 1"):
        interval_score([1.0], [0.0], [2.0], alpha)
