"""Which end of a long text is kept, with its tags; and the windows in which one is read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, SlidingWindows, TaggedSource, TextSource, Tokens
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.types import Record

KEEPS = ["head", "tail", "both"]


def facts(**options) -> TokenFacts:
    return TokenFacts(vocabulary=Vocabulary(units=("a",)), **options)


@pytest.mark.parametrize(
    ("keep", "longest", "wanted"),
    [
        ("head", 3, "abc"), ("tail", 3, "efg"), ("both", 3, "abg"), ("both", 4, "abfg"), ("both", 1, "a"),
        ("both", 7, "abcdefg"), ("both", 9, "abcdefg"), ("tail", None, "abcdefg"),
    ],
)  # fmt: skip
def test_the_units_that_are_kept(keep, longest, wanted):
    text = "a b c d e f g"
    units, offsets = facts(keep=keep, longest=longest).cut(text)
    assert "".join(units) == "".join(text[start:stop] for start, stop in offsets.tolist()) == wanted


@given(st.integers(0, 40), st.integers(1, 20) | st.none(), st.sampled_from(KEEPS))
def test_what_is_kept_is_the_two_ends_in_order(units, longest, keep):
    kept = facts(keep=keep, longest=longest).kept(units).tolist()
    assert kept == sorted(set(kept)) and len(kept) == min(units, longest or units)
    left_out = sorted(set(range(units)) - set(kept))
    assert not left_out or left_out == list(range(left_out[0], left_out[-1] + 1))
    if left_out:
        first, last = left_out[0], units - 1 - left_out[-1]
        assert {"head": last == 0, "tail": first == 0, "both": first - last in (0, 1)}[keep]
    runs = facts(keep=keep, longest=longest).runs([str(place) for place in range(units)])
    assert [place for run in runs for place in run] == [str(place) for place in kept]
    assert all(int(right) - int(left) == 1 for run in runs for left, right in pairwise(run))


def test_tags_are_those_of_the_words_that_are_kept_and_no_span_reaches_over_the_gap():
    words = ("Ada", "Byron", "met", "the", "old", "New", "York")
    tags = ("B-PER", "I-PER", "O", "O", "O", "B-LOC", "I-LOC")
    text = " ".join(words)
    starts = np.cumsum([0, *(len(word) + 1 for word in words[:-1])])
    places = np.stack([starts, starts + [len(word) for word in words]], axis=1)
    records = [Record(name="0", where="t:1", text=text, words=places, tags=tags)] * 2
    for longest, wanted in ((2, ["S-PER", "S-LOC"]), (4, ["B-PER", "E-PER", "B-LOC", "E-LOC"]), (5, ["B-PER", "E-PER", "O", "B-LOC", "E-LOC"])):
        spec = DataSpec(source=TaggedSource(path="t"), tokens=Tokens(longest=longest, keep="both"))
        preparation = Preparation.fit(spec, records, np.array([[0, 0, -1], [1, 0, -1]]))
        assert list(preparation.tags_read(tags)) == wanted
        prepared = preparation.prepare(records[0])
        assert [text[start:stop] for start, stop in prepared.offsets.tolist()] == [words[place] for place in preparation.tokens.kept(7)]
        assert [preparation.labels[number] for number in prepared.tags.tolist()] == wanted


@given(st.integers(1, 60), st.integers(2, 20), st.integers(1, 20))
def test_windows_read_every_step_and_the_last_ends_with_the_text(steps, size, step):
    found = facts(windows=SlidingWindows(size=size, step=min(step, size))).spans(steps)
    assert found[0, 0] == 0 and found[-1, 1] == steps
    assert (found[:, 1] - found[:, 0] == min(size, steps)).all()
    assert (found[1:, 0] <= found[:-1, 1]).all() and (np.diff(found[:, 0]) > 0).all()
    assert (np.diff(found[:-1, 0]) == min(step, size)).all()


def test_a_text_that_fits_is_one_window_and_texts_without_windows_have_none():
    windows = SlidingWindows(size=4, step=2)
    assert [facts(windows=windows).spans(steps).tolist() for steps in (1, 4, 5, 8)] == [
        [[0, 1]], [[0, 4]], [[0, 4], [1, 5]], [[0, 4], [2, 6], [4, 8]],
    ]  # fmt: skip
    assert facts().spans(9) is None
    record, other = Record(name="0", where="t:1", text="a b c d e", label="x"), Record(name="1", where="t:2", text="a", label="y")
    for given_windows, wanted in ((windows, [[0, 4], [1, 5]]), (None, None)):
        spec = DataSpec(source=TextSource(path="t"), tokens=Tokens(windows=given_windows))
        prepared = Preparation.fit(spec, [record, other], np.array([[0, 0, -1], [1, 0, -1]])).prepare(record)
        assert (None if prepared.windows is None else prepared.windows.tolist()) == wanted


def test_a_step_that_leaves_something_unread_is_refused():
    with pytest.raises(ValidationError, match="step 5 is more than size 4, so that some of a text is never read; lower it"):
        SlidingWindows(size=4, step=5)
