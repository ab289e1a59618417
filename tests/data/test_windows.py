"""Laws of windows and of streams for truncated backpropagation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.windows import future_index, sliding, streams
from unspool.errors import DataError

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=1, max_size=6).map(
    lambda pairs: np.array([[index, start, start + steps] for index, (start, steps) in enumerate(pairs)], np.int64)
)


@given(SPANS, st.integers(1, 9), st.integers(0, 5), st.integers(1, 4))
def test_windows_are_all_that_fit_with_their_future(spans, context, horizon, every):
    wanted = [
        (record, first, first + context)
        for record, start, stop in spans.tolist()
        for first in range(start, stop, every)
        if first + context + horizon <= stop
    ]
    if wanted:
        assert sliding(spans, context, horizon, every).tolist() == [list(window) for window in wanted]
    else:
        with pytest.raises(DataError, match=f"{context + horizon} steps.*has {(spans[:, 2] - spans[:, 1]).max()}"):
            sliding(spans, context, horizon, every)


def test_the_future_is_the_steps_after_the_last_one_seen():
    assert future_index(np.array([4, 9]), 3).tolist() == [[5, 6, 7], [10, 11, 12]]


@given(SPANS, st.integers(1, 5), st.integers(1, 12), st.data())
def test_every_step_of_every_span_is_in_exactly_one_cut(spans, rows, truncate, data):
    offset = data.draw(st.integers(0, truncate - 1))
    seen: list[tuple[int, int]] = []
    for cut in streams(spans, rows, truncate, offset):
        assert ((cut.stop - cut.start) <= truncate).all()
        assert cut.rows <= rows
        for record, start, stop in zip(cut.record.tolist(), cut.start.tolist(), cut.stop.tolist(), strict=True):
            seen += [(record, step) for step in range(start, stop)]
    wanted = [(record, step) for record, start, stop in spans.tolist() for step in range(start, stop)]
    assert sorted(seen) == sorted(wanted)


@given(SPANS, st.integers(1, 5), st.integers(1, 12), st.data())
def test_a_row_that_carries_goes_on_where_it_ended(spans, rows, truncate, data):
    cuts = streams(spans, rows, truncate, data.draw(st.integers(0, truncate - 1)))
    for row in range(cuts[0].rows if cuts else 0):
        before = None
        for cut in cuts:
            here = (int(cut.record[row]), int(cut.start[row]))
            assert not cut.carry[row] or here == before
            assert cut.start[row] < cut.stop[row] or not cut.carry[row]
            before = (int(cut.record[row]), int(cut.stop[row]))


def test_a_long_span_fills_all_rows_evenly():
    cuts = streams(np.array([[0, 0, 1000]]), rows=4, truncate=50)
    assert len(cuts) == 5
    assert all(cut.steps == 200 for cut in cuts)
    assert [cut.carry.all() for cut in cuts] == [False, True, True, True, True]


def test_an_offset_moves_the_cut_points():
    points = [{int(cut.stop[0]) for cut in streams(np.array([[0, 0, 100]]), 1, 20, offset)} for offset in (0, 7)]
    assert points == [{20, 40, 60, 80, 100}, {13, 33, 53, 73, 93, 100}]


def test_no_stream_is_made_shorter_than_a_cut():
    assert streams(np.array([[0, 0, 100]]), rows=32, truncate=50)[0].rows == 2
