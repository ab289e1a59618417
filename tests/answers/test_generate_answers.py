"""Tokens as a person reads them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unspool.answers.generate import Writer, ends_apart, shown, tell_next, tell_text
from unspool.data.facts import Facts, GenerateFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.subwords import BEGINS
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary, tokenize


def facts_of(unit: str, units: tuple[str, ...]) -> Facts:
    vocabulary = Vocabulary.of_bytes() if unit == "bytes" else Vocabulary(units=units)
    tokens = TokenFacts(unit=unit, line_ends=True, vocabulary=vocabulary)
    return Facts(task=GenerateFacts(tokens=9), preparation=Preparation(tokens=tokens), memory=MemoryFacts(kind="carried"))


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("spaces", "the N <unk> ( a , b ) .\nand so on\n"),
        ("words", "He said: (well, it's) done!\nAnd then?"),
        ("characters", "any text\n  at all."),
        ("bytes", "bytes: \N{GREEK SMALL LETTER ALPHA}\N{SNOWMAN}\n"),
    ],
)
def test_a_text_comes_back_as_it_was_cut(unit, text):
    units = tokenize(text, unit, False, line_ends=True)[0]
    facts = facts_of(unit, tuple(dict.fromkeys(units)))
    writer = Writer(facts, apart=True)
    assert "".join(writer.write(int(code)) for code in facts.preparation.tokens.vocabulary.encode(units)) == text


def test_pieces_of_words_are_put_together():
    units = (f"{BEGINS}the", f"{BEGINS}un", "seen", f"{BEGINS}.", f"{BEGINS}\n", f"{BEGINS}s\u00c3", "\u00a9")
    tokens = TokenFacts.model_construct(unit="subwords", line_ends=True, vocabulary=Vocabulary(units=units))
    facts = Facts.model_construct(preparation=Preparation.model_construct(tokens=tokens))
    writer = Writer(facts, apart=True)
    assert "".join(writer.write(code) for code in (1, 2, 3, 4, 5, 1, 6, 7, 1)) == "the unseen.\nthe s\u00e9 the"


def test_a_word_is_parted_from_what_stands_before():
    facts = facts_of("spaces", ("a", "\n"))
    assert Writer(facts, apart=False).write(1) == " a"
    assert Writer(facts, apart=True).write(1) == "a"
    writer = Writer(facts, apart=False)
    assert [writer.write(code) for code in (2, 1, 1)] == ["\n", "a", " a"]
    assert ends_apart("x ", False) and ends_apart("x\n", False) and not ends_apart("x", True) and ends_apart("", True)


def test_bytes_that_are_no_character_yet_wait():
    writer = Writer(facts_of("bytes", ()), apart=True)
    assert [writer.write(byte + 1) for byte in "\N{SNOWMAN}".encode()] == ["", "", "\N{SNOWMAN}"]
    assert writer.write(0xFF + 1) == "\N{REPLACEMENT CHARACTER}"


def test_bytes_that_wait_are_handed_on():
    facts = facts_of("bytes", ())
    pending, pieces = b"", []
    for byte in "\N{SNOWMAN}!".encode():
        writer = Writer(facts, True, pending)
        pieces.append(writer.write(byte + 1))
        pending = writer.pending
    assert pieces == ["", "", "\N{SNOWMAN}", "!"] and pending == b""


def test_a_token_is_shown_as_text_and_bytes_that_are_none_by_their_numbers():
    bytes_ = facts_of("bytes", ()).preparation.tokens
    assert [shown(bytes_, byte + 1) for byte in (0x41, 0x0A, 0xE2)] == ["A", "\n", "<0xE2>"]
    units = (f"{BEGINS}the", "seen", f"{BEGINS}s\u00c3\u00a9", f"{BEGINS}a\u00c3", "\u00a9", f"{BEGINS}\n")
    pieces = TokenFacts.model_construct(unit="subwords", line_ends=True, vocabulary=Vocabulary(units=units))
    assert [shown(pieces, code) for code in range(1, 7)] == [" the", "seen", " s\u00e9", " a<0xC3>", "<0xA9>", "\n"]
    words = facts_of("words", ("the",)).preparation.tokens
    assert [shown(words, code) for code in (0, 1)] == ["<unknown>", "the"]


def test_the_likeliest_tokens_stand_first_and_what_is_unknown_has_no_text():
    facts = facts_of("spaces", tuple("abcdefghijkl"))
    logits = np.log(np.array([0.3, 0.05, 0.4, *[0.025] * 10], np.float32))
    told = tell_next(facts, logits)
    assert [one["text"] for one in told][:4] == ["b", None, "a", "c"] and len(told) == 10
    np.testing.assert_allclose([one["probability"] for one in told][:3], [0.4, 0.3, 0.05], rtol=1e-6)


def test_how_well_a_text_was_foreseen_is_told():
    told = tell_text(np.log([0.5, 0.25]), 1, 3)
    assert told["perplexity"] == pytest.approx(8) and told["bits_per_character"] == pytest.approx(1)
    assert told["log_probability"] == pytest.approx(-3 * math.log(2)) and told["tokens"] == 2
    assert tell_text(np.log([0.5]), 0, 0)["perplexity"] is None
