"""Characters of words as codes: each in its place, none where there is none, the ends of what is too long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unspool.data.characters import CharacterFacts
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary

WORDS = st.lists(st.text(max_size=12), max_size=6)


def spelt(facts, codes):
    """The characters that codes stand for: `?` for an unknown one, nothing where there is none."""
    return "".join({0: "", 1: "?"}.get(code, facts.vocabulary.units[code - 2] if code > 1 else "") for code in codes.tolist())


@given(WORDS, WORDS, st.integers(2, 9))
def test_a_word_is_spelt_as_it_stands_and_from_the_left(train, words, longest):
    facts = CharacterFacts.build(train, longest)
    codes = facts.encode(words)
    known = set("".join(train))
    assert codes.shape == (len(words), longest) and codes.dtype == np.int64
    assert facts.size == len(known) + 2 and (not codes.size or 0 <= codes.min() <= codes.max() < facts.size)
    for word, row in zip(words, codes, strict=True):
        read = word if len(word) <= longest else word[: longest - longest // 2] + word[len(word) - longest // 2 :]
        assert spelt(facts, row) == "".join(character if character in known else "?" for character in read)
        assert (row[: len(read)] > 0).all() and (row[len(read) :] == 0).all()
    assert CharacterFacts.model_validate_json(facts.model_dump_json()) == facts


def test_of_a_long_word_the_first_and_the_last_characters_are_read():
    facts = CharacterFacts.build(["abcdefgh"], 5)
    assert spelt(facts, facts.encode(["abcdefgh"])[0]) == "abcgh"
    assert spelt(CharacterFacts.build(["abcdefgh"], 4), CharacterFacts.build(["abcdefgh"], 4).encode(["abcdefgh"])[0]) == "abgh"


def test_case_is_kept_though_the_word_itself_is_folded():
    facts = TokenFacts(vocabulary=Vocabulary(units=("ada",)), characters=CharacterFacts.build(["Ada", "ada"], 4))
    codes, offsets = facts.encode("Ada ADA")
    assert codes[:, 0].tolist() == [1, 1] and offsets.tolist() == [[0, 3], [4, 7]]
    assert [spelt(facts.characters, row) for row in codes[:, 1:]] == ["Ada", "A?A"]
    assert facts.sizes == (2, 5, 5, 5, 5)  # A, a, d, unknown, none


def test_a_text_without_words_is_one_unknown_word_without_characters():
    facts = TokenFacts(vocabulary=Vocabulary(units=("a",)), characters=CharacterFacts.build(["a"], 3))
    codes, offsets = facts.encode(" ")
    assert codes.tolist() == [[0, 0, 0, 0]] and offsets.tolist() == [[0, 0]]


def test_one_character_is_too_few():
    with pytest.raises(ValidationError):
        CharacterFacts.build(["a"], 1)
