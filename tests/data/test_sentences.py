"""A text is cut into sentences by rule: nothing of it is lost, and no word is cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unspool.data.sentences import ABBREVIATIONS, sentences
from unspool.data.vocab import tokenize

MARKS = ".!?\u2026\u3002\uff1f\n\r\t\u2028\x85\x1c \u00a0\u3000\"')]\u201d\u2019"
PIECES = st.sampled_from([*MARKS, "Mr", "a", "B", "I", "no", "3", "e.g.", "U.S", "\U0001f600", "\0", "\u0301"])
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)


def cut(text):
    return [text[start:stop] for start, stop in sentences(text).tolist()]


@given(TEXTS)
@example("")
@example(" \n ")
def test_every_character_is_in_one_sentence_or_is_white_space_between(text):
    at = 0
    for start, stop in sentences(text).tolist():
        assert at <= start < stop and not text[at:start].strip()
        assert text[start:stop] == text[start:stop].strip()
        at = stop
    assert not text[at:].strip()


@given(TEXTS)
def test_the_words_of_a_text_are_those_of_its_sentences(text):
    words = [(tokenize(text[start:stop], "words", False)[1] + start).tolist() for start, stop in sentences(text).tolist()]
    assert [place for sentence in words for place in sentence] == tokenize(text, "words", False)[1].tolist()


@given(TEXTS)
def test_no_sentence_goes_on_after_a_line_end(text):
    assert all(len(sentence.splitlines()) == 1 for sentence in cut(text))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It rained... Then it stopped.", ["It rained...", "Then it stopped."]),
        ("It rained... and stopped.", ["It rained... and stopped."]),
        ("Really?! Yes.", ["Really?!", "Yes."]),
        ("no end", ["no end"]),
        ("A line\nanother\r\n\r\n third ", ["A line", "another", "third"]),
        ('He said "Stop." Then (why?) he left.', ['He said "Stop."', "Then (why?) he left."]),
        ("\u201cCome here!\u201d she said. He came.", ["\u201cCome here!\u201d she said.", "He came."]),
        ("Mr. Byron met Dr. Turing on Jan. 5. It snowed.", ["Mr. Byron met Dr. Turing on Jan. 5.", "It snowed."]),
        ("It costs $3.50 today. At 5.30 it opens.", ["It costs $3.50 today.", "At 5.30 it opens."]),
        ("J. R. R. Tolkien wrote it. So did I. Then he slept.", ["J. R. R. Tolkien wrote it.", "So did I.", "Then he slept."]),
        ("The U.S. Army left at 5 p.m. and slept.", ["The U.S. Army left at 5 p.m. and slept."]),
        ("Fruit, e.g. apples, i.e. food. Good.", ["Fruit, e.g. apples, i.e. food.", "Good."]),
        ("See Fig. 3 and No. 5. He said no. They left.", ["See Fig. 3 and No. 5.", "He said no.", "They left."]),
        ("1. First\n2. Second. Third in 2024. Then", ["1. First", "2. Second.", "Third in 2024.", "Then"]),
        ("Write to ada@example.com. Or see www.example.com.", ["Write to ada@example.com.", "Or see www.example.com."]),
        ("\u4f60\u597d\u3002\u518d\u89c1\uff01", ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01"]),
        ("Apples, etc. They are good.", ["Apples, etc.", "They are good."]),
        (". . .", [".", ".", "."]),
        ("Acme Inc. Chairman Smith", ["Acme Inc. Chairman Smith"]),
        ("(Mr. Smith) \u201cDr. Who\u201d", ["(Mr. Smith) \u201cDr. Who\u201d"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, wanted):
    assert cut(text) == wanted


def test_abbreviations_are_written_small_and_without_their_stop():
    assert all(word == word.lower() and word.isalpha() for word in ABBREVIATIONS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", [".", ". ", "Mr. ", "a" * 9, ' "', "1. ", "\n", ".'", "! a ", "\u3002"])
def test_the_work_grows_as_the_text_does(piece):
    """Were it to grow with the square of the length, this would not end."""
    text = piece * (250_000 // len(piece))
    found = sentences(text)
    assert found[0, 0] == len(text) - len(text.lstrip()) and found[-1, 1] == len(text.rstrip()) if text.strip() else not len(found)
