"""Laws of batch plans and of padding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.batching import bucketed, pad, truncate, waste
from unspool.errors import DataError

LENGTHS = st.lists(st.integers(0, 300), min_size=1, max_size=80).map(lambda found: np.array(found, np.int64))


@given(LENGTHS, st.integers(1, 9), st.integers(0, 2**32), st.integers(0, 5), st.booleans())
def test_every_index_is_in_exactly_one_batch(lengths, size, seed, epoch, buckets):
    plan = bucketed(lengths, size, seed, epoch, buckets)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    assert sorted(map(len, plan))[1:] == [size] * (len(plan) - 1)


@given(LENGTHS, st.integers(0, 2**32), st.integers(0, 5))
def test_a_plan_is_a_pure_function_of_seed_and_epoch(lengths, seed, epoch):
    first, again = (bucketed(lengths, 4, seed, epoch, True) for _ in range(2))
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_epochs_and_seeds_differ():
    lengths = np.arange(1, 200)
    draws = ((0, 0), (0, 1), (1, 0))
    plans = [np.concatenate(bucketed(lengths, 8, seed, epoch, True)).tolist() for seed, epoch in draws]
    assert plans[0] != plans[1] != plans[2] != plans[0]


def test_buckets_bound_the_padding():
    lengths = np.random.default_rng(0).geometric(0.02, 5000)
    assert waste(bucketed(lengths, 32, 0, 0, False), lengths) > 0.5
    assert waste(bucketed(lengths, 32, 0, 0, True), lengths) < 0.2


@pytest.mark.parametrize("side", ["left", "right"])
@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_padding_keeps_every_row_and_fills_the_rest(side, steps):
    rows = [np.full((length, 2), length + 1.0, np.float32) for length in steps]
    batch, lengths = pad(rows, side, value=-7)
    assert batch.shape == (len(rows), max(steps), 2)
    assert batch.dtype == np.float32
    assert lengths.tolist() == steps
    for row, padded, length in zip(rows, batch, steps, strict=True):
        cut = padded.shape[0] - length
        kept, rest = (padded[:length], padded[length:]) if side == "right" else (padded[cut:], padded[:cut])
        assert (kept == row).all()
        assert (rest == -7).all()


def test_no_rows_are_no_batch():
    with pytest.raises(DataError, match="at least one"):
        pad([])


def test_truncating_keeps_the_head_or_the_tail():
    row = np.arange(5)[:, None]
    assert truncate(row, 2, "head").ravel().tolist() == [0, 1]
    assert truncate(row, 2, "tail").ravel().tolist() == [3, 4]
    assert truncate(row, 9, "tail").ravel().tolist() == [0, 1, 2, 3, 4]


def test_a_plan_without_padding_wastes_nothing():
    assert waste([np.array([0, 1])], np.array([4, 4])) == 0
    assert waste([np.array([0, 1])], np.array([2, 4])) == 0.25
