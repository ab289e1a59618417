"""What a survey tells of texts in tokens, counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, Subwords, TaggedSource, TextSource, Tokens
from unspool.data.survey import survey
from unspool.errors import DataError
from unspool.types import Record

SPANS = {"train": np.array([[0, 0, -1], [1, 0, -1]]), "validation": np.array([[2, 0, -1]]), "test": np.array([[3, 0, -1], [4, 0, -1]])}
TEXTS = ("a b a", "b c", "a d d d", "", "E a f")


def surveyed(tokens: Tokens, texts: tuple[str, ...] = TEXTS, words=None, tags=None):
    source = TextSource(path="t") if words is None else TaggedSource(path="t")
    records = [
        Record(name=str(index), where=f"t:{index}", text=text, words=None if words is None else np.array(words[index]).reshape(-1, 2),
               tags=None if tags is None else tags[index], label=None if tags else "xy"[index % 2])
        for index, text in enumerate(texts)
    ]  # fmt: skip
    facts = survey(records, SPANS, Preparation.fit(DataSpec(source=source, tokens=tokens), records, SPANS["train"]))
    assert json.loads(json.dumps(facts)) == facts
    return facts


def test_unknown_words_are_counted_by_token_and_by_different_word():
    facts = surveyed(Tokens())
    assert facts["unknown"] == {"train": {"text": 0}, "validation": {"text": 0.75}, "test": {"text": pytest.approx(2 / 3)}}
    assert facts["tokens"]["train"] == {
        "tokens": 5, "unknown": 0, "different": 3, "different_unknown": 0,
        "median_length": 2.5, "length_95th_percentile": pytest.approx(2.95), "truncated": 0,
    }  # fmt: skip
    assert facts["tokens"]["validation"] | {"length_95th_percentile": 0} == {
        "tokens": 4, "unknown": 0.75, "different": 2, "different_unknown": 0.5, "median_length": 4, "length_95th_percentile": 0, "truncated": 0,
    }  # fmt: skip
    assert facts["tokens"]["test"]["tokens"] == 3 and facts["tokens"]["test"]["different_unknown"] == pytest.approx(2 / 3, abs=1e-4)
    assert facts["tokens"]["test"]["median_length"] == 1.5
    assert facts["lengths"] == {"minimum": 1, "median": 3, "maximum": 4}


def test_a_rare_word_of_the_train_part_is_unknown_there_too():
    assert surveyed(Tokens(minimum_count=2))["tokens"]["train"]["unknown"] == pytest.approx(1 / 5)


def test_a_vocabulary_of_nothing_is_refused():
    with pytest.raises(DataError, match=r"nothing in the 2 texts of the train part occurs 1000 times, .*lower data.tokens.minimum_count"):
        surveyed(Tokens(minimum_count=1000))


def test_what_is_left_out_of_long_texts_is_told_and_does_not_count():
    facts = surveyed(Tokens(longest=2))
    assert {part: found["truncated"] for part, found in facts["tokens"].items()} == {"train": 0.5, "validation": 1, "test": 0.5}
    assert facts["tokens"]["validation"]["tokens"] == 2 and facts["unknown"]["validation"]["text"] == 0.5
    assert facts["tokens"]["validation"]["median_length"] == 4
    assert facts["lengths"]["maximum"] == 2


def test_the_words_that_a_source_gives_are_the_ones_that_are_counted():
    texts = ("a-b a", "a-b c", "a-b d", "a-b", "e")
    words = ([[0, 3], [4, 5]], [[0, 3], [4, 5]], [[0, 3], [4, 5]], [[0, 3]], [[0, 1]])
    tags = (("X", "Y"), ("X", "Y"), ("X", "Y"), ("X",), ("Y",))
    facts = surveyed(Tokens(characters=4), texts, words, tags)
    assert facts["unknown"]["validation"] == {"text": 0.5, "characters": 0.25}
    assert facts["unknown"]["test"] == {"text": 0.5, "characters": 0.25}
    assert facts["tokens"]["train"]["tokens"] == 4 and facts["tokens"]["train"]["different"] == 3


@pytest.mark.parametrize(
    ("unit", "unknown", "different"), [("characters", 3 / 7, 1 / 3), ("bytes", 0, 0), ("spaces", 0.75, 0.5), ("subwords", 0, 0)]
)
def test_every_unit_has_its_rate(unit, unknown, different):
    found = surveyed(Tokens(unit=unit, subwords=Subwords(size=600) if unit == "subwords" else None))["tokens"]["validation"]
    assert (found["unknown"], found["different_unknown"]) == (pytest.approx(unknown, abs=1e-4), pytest.approx(different, abs=1e-4))
