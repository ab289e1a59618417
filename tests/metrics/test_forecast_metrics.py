"""Point forecast metrics: by hand, at their best and worst, against scikit-learn, and their laws."""

import numpy as np
import pytest
import sklearn.metrics as peer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unspool.errors import DataError
from unspool.metrics import mae, mape, mase, rmse, seasonal_scale, smape

NAN = float("nan")
TRUTH, POINT = np.array([2.0, -4.0, 0.0, 5.0]), np.array([1.0, -1.0, 0.0, 5.0])
METRICS = {"mae": mae, "rmse": rmse, "mape": mape, "smape": smape, "mase": lambda y, f: mase(y, f, 2.0)}
BY_HAND = {"mae": 1.0, "rmse": np.sqrt(10 / 4), "mape": 125 / 3, "smape": (200 / 3 + 120) / 4, "mase": 0.5}

moderate = st.one_of(st.just(0.0), st.floats(1e-3, 1e6), st.floats(-1e6, -1e-3))


@st.composite
def pairs(draw):
    shape = draw(array_shapes(max_dims=3, max_side=4))
    return draw(arrays(np.float64, shape, elements=moderate)), draw(arrays(np.float64, shape, elements=moderate))


@pytest.mark.parametrize("name", METRICS)
def test_the_score_is_the_one_computed_by_hand(name):
    assert METRICS[name](TRUTH, POINT) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_forecast_scores_zero(name):
    assert METRICS[name](TRUTH, TRUTH) == 0


def test_a_forecast_of_the_wrong_sign_has_the_worst_smape():
    assert smape(TRUTH[[0, 1, 3]], -TRUTH[[0, 1, 3]]) == pytest.approx(200)


def test_a_forecast_of_zero_is_off_by_one_hundred_percent():
    assert mape(TRUTH, np.zeros(4)) == pytest.approx(100)


@pytest.mark.parametrize("name", METRICS)
def test_an_unknown_truth_is_left_out_whatever_was_forecast_there(name):
    for anything in (7.0, NAN, np.inf):
        assert METRICS[name](np.append(TRUTH, NAN), np.append(POINT, anything)) == METRICS[name](TRUTH, POINT)


def test_mape_leaves_out_points_where_the_truth_is_zero():
    assert mape([0.0, 4.0], [3.0, 5.0]) == pytest.approx(25)


def test_smape_counts_a_zero_forecast_of_zero_as_right():
    assert smape([0.0, 1.0], [0.0, 3.0]) == pytest.approx(50)


@settings(max_examples=60, deadline=None)
@given(pairs())
def test_mae_rmse_and_mape_agree_with_scikit_learn(pair):
    truth, point = (side.ravel() for side in pair)
    assert mae(*pair) == pytest.approx(peer.mean_absolute_error(truth, point))
    assert rmse(*pair) == pytest.approx(peer.root_mean_squared_error(truth, point))
    if (kept := truth != 0).any():
        assert mape(*pair) == pytest.approx(100 * peer.mean_absolute_percentage_error(truth[kept], point[kept]))


@settings(max_examples=40, deadline=None)
@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(pair, random):
    order = list(range(pair[0].size))
    random.shuffle(order)
    truth, point = (side.ravel()[order] for side in pair)
    for metric in (mae, rmse, smape):
        assert metric(truth, point) == pytest.approx(metric(*pair))


@settings(max_examples=40, deadline=None)
@given(pairs(), st.floats(0.01, 100))
def test_mae_and_rmse_scale_with_the_unit_and_smape_does_not(pair, factor):
    truth, point = pair
    assert mae(factor * truth, factor * point) == pytest.approx(factor * mae(truth, point))
    assert rmse(factor * truth, factor * point) == pytest.approx(factor * rmse(truth, point))
    assert smape(factor * truth, factor * point) == pytest.approx(smape(truth, point))


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_rmse_is_never_below_mae_and_smape_stays_within_its_bounds(pair):
    assert rmse(*pair) >= mae(*pair) * (1 - 1e-12)
    assert 0 <= smape(*pair) <= 200 + 1e-9
    assert smape(*pair) == pytest.approx(smape(*pair[::-1]))


@pytest.mark.parametrize("season", [1, 3, 7])
def test_the_naive_forecast_has_a_mase_of_one_in_sample(season):
    series = np.random.default_rng(0).normal(size=40).cumsum()
    assert mase(series[season:], series[:-season], seasonal_scale(series, season)) == pytest.approx(1)


def test_mase_does_not_depend_on_the_unit():
    series, truth, point = np.random.default_rng(1).normal(size=(3, 20))
    in_units = mase(truth, point, seasonal_scale(series, 2))
    assert mase(9 * truth, 9 * point, seasonal_scale(9 * series, 2)) == pytest.approx(in_units)


def test_each_series_can_have_its_own_scale():
    truth, point = np.zeros((2, 2)), np.array([[1.0, 3.0], [10.0, 30.0]])
    assert mase(truth, point, [[1.0], [10.0]]) == pytest.approx(2)


def test_a_scale_of_no_number_is_allowed_where_the_truth_is_unknown():
    assert mase([[1.0], [NAN]], [[3.0], [0.0]], [[2.0], [NAN]]) == pytest.approx(1)


def test_the_seasonal_scale_is_the_one_computed_by_hand():
    assert seasonal_scale([1.0, 2.0, 4.0, 8.0], 1) == pytest.approx(7 / 3)
    assert seasonal_scale([1.0, 2.0, 4.0, 8.0], 2) == pytest.approx(4.5)


def test_the_seasonal_scale_leaves_out_pairs_with_an_unknown_end():
    assert seasonal_scale([1.0, 2.0, NAN, 8.0, 3.0], 1) == pytest.approx(3)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    "truth, point, message",
    [
        ([1.0, 2.0], [1.0], r"truth has shape \(2,\), point \(1,\); wanted one shape"),
        ([[1.0, 2.0]], [1.0, 2.0], r"truth has shape \(1, 2\), point \(2,\)"),
        ([NAN, NAN], [1.0, 2.0], "truth is known at none of 2 points"),
        ([], [], "truth is known at none of 0 points"),
        ([1.0, 2.0], [1.0, NAN], "point: NaN or infinite at 1 of 2 points"),
        ([1.0, np.inf], [1.0, 2.0], "truth is infinite at 1 of 2 points"),
        (["a", "b"], [1.0, 2.0], "truth has type <U1; wanted numbers"),
    ],
)
def test_input_that_cannot_be_judged_is_refused(metric, truth, point, message):
    with pytest.raises(DataError, match=message):
        metric(truth, point)


def test_mape_refuses_a_truth_that_is_zero_everywhere():
    with pytest.raises(DataError, match=r"every known truth is 0.*use mae or smape"):
        mape([0.0, NAN], [1.0, 1.0])


@pytest.mark.parametrize("scale", [0.0, -1.0, NAN, np.inf])
def test_mase_refuses_a_scale_that_measures_nothing(scale):
    with pytest.raises(DataError, match="wanted finite numbers above 0"):
        mase(TRUTH, POINT, scale)


def test_mase_refuses_a_scale_that_does_not_fit():
    with pytest.raises(DataError, match=r"scale has shape \(3,\), truth \(4,\)"):
        mase(TRUTH, POINT, [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "series, season, message",
    [
        ([1.0, 2.0], 2, "series has 2 steps; a season of 2 wants 3 or more"),
        ([], 1, "series has 0 steps; a season of 1 wants 2 or more"),
        ([1.0, 2.0, 1.0, 2.0], 2, "repeats itself every 2 steps, so its scale is 0.*use mae"),
        ([1.0, NAN, 2.0, NAN], 1, "no two known values 1 steps apart"),
        ([NAN, NAN], 1, "series is known at none of 2 points"),
        ([1.0, 2.0], 0, "season is 0 steps; wanted 1 or more"),
        ([[1.0, 2.0]], 1, r"series has shape \(1, 2\); wanted one axis"),
    ],
)
def test_a_series_without_a_seasonal_scale_is_refused(series, season, message):
    with pytest.raises(DataError, match=message):
        seasonal_scale(series, season)


def test_metrics_leave_what_they_are_given_alone():
    truth, point = TRUTH.copy(), POINT.copy()
    for metric in METRICS.values():
        metric(truth, point)
    np.testing.assert_array_equal(truth, TRUTH)
    np.testing.assert_array_equal(point, POINT)
