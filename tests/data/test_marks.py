"""Where sentences begin, as codes: for a text as a whole, and piece by piece as it comes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.marks import BEGINS, GOES_ON, marks
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, TextSource, Tokens
from unspool.data.vocab import tokenize
from unspool.streaming import sentences
from unspool.types import Record

TEXT = "It rained. We stayed in! Why not? he said.\nThe end"
WORDS = st.sampled_from(["The", "sea", "Mr.", "Fox", "ran.", "Why?", "no", "3.5", '"Oh!"', "x", "\n", "U.S.", "end..."])


def begun(text, **choices):
    """The units with which sentences begin."""
    records = [Record("0", "t", text=text, label="a"), Record("1", "t", text="other", label="b")]
    spec = DataSpec(source=TextSource(), tokens=Tokens(sentences=True, lowercase=False, **choices))
    preparation = Preparation.fit(spec, records, np.array([[0, 0, -1], [1, 0, -1]]))
    units, _ = preparation.tokens.cut(text)
    codes = preparation.encode_text(text)
    assert preparation.code_names[-1] == "sentence" and preparation.code_sizes[-1] == 3 and codes.shape == (len(units), 2)
    return [unit for unit, code in zip(units, codes[:, -1].tolist(), strict=True) if code == BEGINS]


def test_the_first_unit_of_every_sentence_is_marked():
    assert begun(TEXT) == ["It", "We", "Why", "The"]
    assert begun(TEXT, unit="characters") == ["I", "W", "W", "T"]


def test_what_is_read_of_a_text_begins_with_a_sentence_wherever_it_is_cut():
    assert begun(TEXT, longest=4) == ["It", "We"]
    assert begun(TEXT, longest=4, keep="tail") == ["said", "The"]


def test_a_text_without_units_is_one_unknown_step():
    preparation = Preparation.fit(
        DataSpec(source=TextSource(), tokens=Tokens(sentences=True)),
        [Record("0", "t", text="a b", label="a"), Record("1", "t", text="b", label="b")], np.array([[0, 0, -1], [1, 0, -1]]),
    )  # fmt: skip
    assert preparation.encode_text(" ").tolist() == [[0, 0]]


def test_marks_stand_after_the_codes_of_characters():
    preparation = Preparation.fit(
        DataSpec(source=TextSource(), tokens=Tokens(sentences=True, characters=3)),
        [Record("0", "t", text="ab. Cd", label="a"), Record("1", "t", text="b", label="b")], np.array([[0, 0, -1], [1, 0, -1]]),
    )  # fmt: skip
    assert preparation.code_names == ("text", "character 0", "character 1", "character 2", "sentence")
    assert preparation.encode_text("ab. Cd")[:, -1].tolist() == [BEGINS, GOES_ON, BEGINS]


@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(st.integers(0, 12), max_size=4))
def test_pieces_have_the_marks_of_the_whole(words, cuts):
    """Pieces end between words; only what stands before the first word is told differently, and no layer reads that."""
    edges = sorted({0, len(words), *(cut for cut in cuts if cut < len(words))})
    pieces = ["".join(f"{word} " for word in words[start:stop]) for start, stop in pairwise(edges)]
    held, found = sentences.fresh(), []
    for piece in pieces:
        column, held = sentences.marked(held, piece, tokenize(piece, "words", False)[1])
        found += column[:, 0].tolist()
    whole = "".join(pieces)
    assert found == marks(whole, tokenize(whole, "words", False)[1])[:, 0].tolist()


def test_what_is_held_of_a_text_is_bounded():
    held = sentences.fresh()
    for _ in range(30):
        _, held = sentences.marked(held, "and so on " * 100, tokenize("and so on " * 100, "words", False)[1])
    assert len(str(held[sentences.TEXT])) <= sentences.LONGEST + 1
    column, _ = sentences.marked(held, "and. So", tokenize("and. So", "words", False)[1])
    assert column[:, 0].tolist() == [GOES_ON, GOES_ON, BEGINS]


@pytest.mark.parametrize("text", ["", " \n ", "\0", "a\0"])
def test_what_is_held_is_what_was_sent(text):
    _, held = sentences.marked(sentences.fresh(), text, tokenize(text, "words", False)[1])
    assert str(held[sentences.TEXT])[:-1].strip() == text.strip()
