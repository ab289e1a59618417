"""One answer from those of the windows, against sums written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.answers.windows import pooled


@pytest.mark.parametrize("pool", ["mean", "max"])
@given(records=st.lists(st.integers(0, 5), min_size=1, max_size=20), seed=st.integers(0, 99))
def test_each_record_has_the_mean_or_the_greatest_of_its_windows(pool, records, seed):
    rows = np.random.default_rng(seed).dirichlet(np.ones(3), len(records))
    where = np.array(records)
    for one_class in (True, False):
        found = pooled(where, rows, pool, one_class)
        for row, record in zip(found, sorted(set(records)), strict=True):
            own = rows[where == record]
            wanted = own.mean(axis=0) if pool == "mean" else own.max(axis=0) / (own.max(axis=0).sum() if one_class else 1)
            np.testing.assert_allclose(row, wanted)


def test_a_window_that_is_no_number_spoils_its_record_alone():
    rows = np.array([[0.5, 0.5], [np.nan, np.nan], [0.2, 0.8]])
    for pool in ("mean", "max"):
        found = pooled(np.array([0, 0, 1]), rows, pool, one_class=True)
        assert np.isnan(found[0]).all() and np.isfinite(found[1]).all()
