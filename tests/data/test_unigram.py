"""Unigram pieces: the sums over all cuts are those that one gets by writing every cut down, and what is learnt is what the words repeat."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.unigram import _Lattice, learn_pieces

SINGLE = (*"abc", *("\u2581" + letter for letter in "abc"))
WORDS = st.text("abc", min_size=1, max_size=7).map("\u2581".__add__)


def cuts(word: str, pieces: dict[str, float]) -> list[list[str]]:
    """All ways to write a word; its mark belongs to its first byte."""
    if not word:
        return [[]]
    stops = range(2 if word[0] == "\u2581" else 1, len(word) + 1)
    return [[word[:stop], *rest] for stop in stops if word[:stop] in pieces for rest in cuts(word[stop:], pieces)]


MORE = st.lists(WORDS | st.text("abc", min_size=2, max_size=4), max_size=6, unique=True)


@given(st.lists(WORDS, min_size=1, max_size=4, unique=True), MORE, st.integers(0, 99))
def test_expected_counts_are_those_of_all_cuts_written_down(words, more, seed):
    draw = np.random.default_rng(seed)
    pieces = list(dict.fromkeys([*SINGLE, *more]))
    scores = np.log(draw.dirichlet(np.ones(len(pieces))) + 1e-9)
    often = draw.integers(1, 9, len(words)).astype(np.float64)
    known = dict(zip(pieces, scores.tolist(), strict=True))
    wanted, best = dict.fromkeys(pieces, 0.0), []
    for word, count in zip(words, often.tolist(), strict=True):
        found = cuts(word, known)
        shares = [exp(sum(known[piece] for piece in one)) for one in found]
        best.append(log(max(shares)))
        for one, share in zip(found, shares, strict=True):
            for piece in one:
                wanted[piece] += count * share / sum(shares)
    lattice = _Lattice.of(words, pieces, 16)
    np.testing.assert_allclose(lattice.expected(scores, often), list(wanted.values()), atol=1e-9)
    np.testing.assert_allclose(lattice.best(scores), best)
    kept = np.flatnonzero(draw.random(len(pieces)) < 0.5 + (np.arange(len(pieces)) < len(SINGLE)))
    fewer = _Lattice.of(words, [pieces[number] for number in kept.tolist()], 16)
    np.testing.assert_allclose(lattice.of_pieces(kept, len(pieces)).expected(scores[kept], often), fewer.expected(scores[kept], often))


def test_pieces_are_what_words_have_in_common():
    stems, ends = "abc bca cab aac bba ccb abb bcc".split(), "dee efd fdd def edf fed eff dfe".split()
    counts = {f"\u2581{stem}{end}": 1 for stem in stems for end in ends}  # none is a piece by itself, for it came once
    single = (*"abcdef", *("\u2581" + letter for letter in "abcdef"))
    pieces, scores = learn_pieces(counts, single, len(single) + 16, 16)
    assert pieces[: len(single)] == single
    assert set(pieces[len(single) :]) == {*("\u2581" + stem for stem in stems), *ends}
    assert list(scores[len(single) :]) == sorted(scores[len(single) :], reverse=True)
    assert sum(map(exp, scores)) == pytest.approx(1, abs=0.1)


@given(st.dictionaries(WORDS, st.integers(1, 5), min_size=1, max_size=12), st.integers(7, 20), st.integers(1, 4))
def test_pieces_are_as_many_as_asked_at_most_and_the_order_of_words_means_nothing(counts, size, longest):
    pieces, scores = learn_pieces(counts, SINGLE, size, longest)
    assert pieces[: len(SINGLE)] == SINGLE and len(pieces) == len(set(pieces)) == len(scores) <= size
    assert all(len(piece.lstrip("\u2581")) <= longest for piece in pieces) and max(scores) <= 0 and np.isfinite(scores).all()
    assert learn_pieces(dict(reversed(counts.items())), SINGLE, size, longest) == (pieces, scores)
