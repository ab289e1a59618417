"""Ends of lines as tokens, words that white space cuts, and running text cut into parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.passages import in_parts
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, TextSource, TimeSplit, Tokens
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary, tokenize
from unspool.errors import DataError
from unspool.types import Record

TEXT = "the N <unk> rose\n don't stop .\n\nend"


@pytest.mark.parametrize(
    ("unit", "line_ends", "units"),
    [
        ("spaces", False, ["the", "N", "<unk>", "rose", "don't", "stop", ".", "end"]),
        ("spaces", True, ["the", "N", "<unk>", "rose", "\n", "don't", "stop", ".", "\n", "\n", "end"]),
        ("words", True, ["the", "N", "<", "unk", ">", "rose", "\n", "don't", "stop", ".", "\n", "\n", "end"]),
    ],
)
def test_words_and_the_ends_of_lines_are_cut_where_they_stand(unit, line_ends, units):
    found, offsets = tokenize(TEXT, unit, False, line_ends)
    assert found == units
    assert [TEXT[start:stop] for start, stop in offsets.tolist()] == units


@given(st.text(alphabet="ab \n\t.'", max_size=30), st.sampled_from(["words", "spaces"]))
def test_line_ends_are_all_there_and_change_nothing_else(text, unit):
    found, _ = tokenize(text, unit, True, line_ends=True)
    assert found.count("\n") == text.count("\n")
    assert [one for one in found if one != "\n"] == tokenize(text, unit, True)[0]


def facts_of(unit: str = "spaces", line_ends: bool = True) -> TokenFacts:
    return TokenFacts(unit=unit, line_ends=line_ends, vocabulary=Vocabulary(units=("\n", "a", "b", " ")))


@pytest.mark.parametrize(
    ("text", "closed", "words", "characters"),
    [("a b", "a b\n", 3, 4), ("a b\n", "a b\n", 3, 4), ("", "\n", 1, 1), (" a \n\nb", " a \n\nb\n", 5, 7)],
)
def test_a_text_ends_with_the_end_of_a_line_and_is_measured_with_it(text, closed, words, characters):
    assert facts_of().closed(text) == closed
    for unit in ("spaces", "words", "characters", "bytes"):
        assert facts_of(unit).extent(text) == (words, characters)


def test_without_line_ends_words_alone_are_counted():
    facts = facts_of(line_ends=False)
    assert facts.closed("a\nb") == "a\nb"
    assert facts.extent("a b\n\na") == (3, 4)
    assert facts_of("characters", line_ends=False).extent("a b\n\na") == (5, 6)


def test_the_end_of_a_line_stands_before_a_text_where_it_has_a_code():
    assert facts_of().before.tolist() == [1]
    assert facts_of(line_ends=False).before.tolist() == [0]
    assert facts_of("characters", line_ends=False).before.tolist() == [1]


def test_a_record_is_prepared_as_its_text_with_the_end_of_its_line():
    record = Record("0", "here", text="a b a")
    spec = DataSpec(source=TextSource(), tokens=Tokens(unit="spaces", line_ends=True))
    preparation = Preparation.fit(spec, [record], np.array([[0, 0, -1]]))
    assert preparation.tokens.vocabulary.units == ("a", "\n", "b")
    prepared = preparation.prepare(record)
    assert prepared.codes[:, 0].tolist() == [1, 3, 1, 2]
    assert prepared.offsets.tolist() == [[0, 1], [2, 3], [4, 5], [5, 6]]
    assert prepared.before.tolist() == [2]


def parts_of(texts: list[str], validation: float = 0.2, test: float = 0.2) -> dict[str, str]:
    records = [Record(str(index), "here", text=text) for index, text in enumerate(texts)]
    found: dict[str, str] = {"train": "", "validation": "", "test": ""}
    for record in in_parts(records, TimeSplit(validation=validation, test=test)):
        found[record.part] += record.text
    return found


@given(st.lists(st.text(alphabet="ab \n", max_size=40), min_size=1, max_size=6), st.sampled_from([0.1, 0.3]))
def test_parts_are_the_text_cut_into_three(texts, share):
    try:
        found = parts_of(texts, share, share)
    except DataError:
        return
    assert found["train"] + found["validation"] + found["test"] == "".join(texts)
    assert all(found.values())


def test_parts_begin_with_lines_and_have_the_sizes_that_are_asked_for():
    text = "".join(f"line {number} of it\n" for number in range(1000))
    found = parts_of([text])
    assert all(part.endswith("\n") for part in found.values())
    assert abs(len(found["test"]) / len(text) - 0.2) < 0.01
    assert abs(len(found["train"]) / len(text) - 0.6) < 0.01
    assert all(part.endswith(" ") for part in list(parts_of(["word " * 400]).values()))


def test_whole_records_keep_their_names_and_pieces_are_named_by_part():
    records = [Record("a", "here", text="x y\n" * 9), Record("b", "here", text="z\n" * 2)]
    found = in_parts(records, TimeSplit(validation=0.2, test=0.1))
    assert [(record.name, record.part) for record in found] == [("a#train", "train"), ("a#validation", "validation"), ("b", "test")]


def test_too_little_text_is_told():
    with pytest.raises(DataError, match=r"here: of 3 characters, none is in the .* part; give more text"):
        parts_of(["abc"])
