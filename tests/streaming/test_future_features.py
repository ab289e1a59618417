"""What is known of the horizon is laid out alike for a whole record and for one live step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.future import future_features


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@given(st.integers(1, 5), st.integers(0, 3), st.integers(1, 2), st.lists(st.integers(0, 4), max_size=3))
def test_features_are_known_columns_then_lags_in_order(horizon, features, targets, further):
    lags = [horizon + more for more in further]
    known, target = numbers(30, features), numbers(30, targets)
    found, complete = future_features(known, target, np.arange(30), horizon, lags)
    assert found.shape == (30, horizon, features + targets * len(lags)) and found.dtype == np.float32
    for origin in range(30):
        able = origin + 1 >= max(lags, default=0) and (not features or origin + horizon < 30)
        assert complete[origin] == able
        for step in range(horizon):
            at = origin + 1 + step
            ahead = [known[at]] if features and able else []
            wanted = np.concatenate([np.zeros(0), *ahead, *(target[at - lag] for lag in lags)]) if able else 0
            np.testing.assert_array_equal(found[origin, step], wanted)


def test_an_unknown_target_makes_a_row_incomplete_and_zero():
    targets = numbers(10, 1)
    targets[3] = np.nan
    found, complete = future_features(numbers(10, 1), targets, np.arange(5, 8), 2, [4])
    assert complete.tolist() == [False, False, True]
    assert not np.isnan(found).any() and not found[~complete].any()


def test_known_columns_may_go_on_beyond_the_targets():
    _, complete = future_features(numbers(12, 2), numbers(8, 1), np.array([7]), 4, [5])
    assert complete.all()


@pytest.mark.parametrize("origin", [0, 9])
def test_nothing_known_and_no_lags_is_always_complete(origin):
    found, complete = future_features(numbers(10, 0), numbers(10, 1), np.array([origin]), 3, [])
    assert complete.all() and found.shape == (1, 3, 0)
