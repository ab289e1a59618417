"""Laws of vocabularies and of tokenising."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.vocab import UNKNOWN, Vocabulary, tokenize
from unspool.errors import DataError


@given(st.lists(st.text(max_size=4), max_size=40), st.integers(1, 3), st.integers(1, 9))
def test_kept_units_decode_to_themselves_and_others_to_unknown(units, minimum, largest):
    vocabulary = Vocabulary.build(units, minimum, largest)
    assert vocabulary.size == len(vocabulary.units) + 1 <= largest + 1
    assert all(units.count(unit) >= minimum for unit in vocabulary.units)
    decoded = vocabulary.decode(vocabulary.encode(units))
    assert decoded == [unit if unit in vocabulary.units else UNKNOWN for unit in units]
    assert Vocabulary.build(reversed(units), minimum, largest) == vocabulary
    assert Vocabulary.model_validate_json(vocabulary.model_dump_json()) == vocabulary


def test_units_stand_by_count_and_then_by_alphabet():
    assert Vocabulary.build("bacbcd", largest=3).units == ("b", "c", "a")


def test_codes_of_another_vocabulary_are_refused():
    for codes in ([2], [-1]):
        with pytest.raises(DataError, match="wanted 0 to 1"):
            Vocabulary(units=("a",)).decode(codes)


def test_a_unit_has_one_code():
    with pytest.raises(ValueError, match="twice"):
        Vocabulary(units=("a", "a"))


@given(st.text())
def test_bytes_decode_to_the_text(text):
    vocabulary = Vocabulary.of_bytes()
    codes = vocabulary.encode(tokenize(text, "bytes", lowercase=False)[0])
    assert vocabulary.size == 257
    assert bytes(code - 1 for code in codes.tolist()).decode("utf-8", "surrogatepass") == text
    assert "".join(tokenize(text, "characters", lowercase=False)[0]) == text


@given(st.text())
def test_words_leave_out_white_space_alone(text):
    assert "".join(tokenize(text, "words", lowercase=False)[0]) == "".join(text.split())


def test_words_keep_inner_apostrophes_and_letters_of_all_scripts():
    text = "Don't 'quote' l\u2019\u00e9t\u00e9, \u041c\u0438\u0440 3.5!"
    words = ["don't", "'", "quote", "'", "l\u2019\u00e9t\u00e9", ",", "\u043c\u0438\u0440", "3.5", "!"]
    assert tokenize(text, "words", lowercase=True)[0] == words
