"""Which tags are learnt, in which scheme, and what is said where that cannot be."""

from __future__ import annotations

import re

import pytest

from unspool.data.schemes import spans
from unspool.data.tags import learn_tags
from unspool.errors import DataError
from unspool.types import Record

NAMES = [("B-PER", "I-PER", "O"), ("O", "B-LOC")]
IOB1 = [("I-PER", "I-PER", "O"), ("O", "I-LOC", "B-LOC")]
POS = [("DT", "NN"), ("NN", "VB")]


def records(sentences):
    return [Record(str(index), f"t.txt:{index + 1}", text="a " * len(tags or ()), tags=tags) for index, tags in enumerate(sentences)]


@pytest.mark.parametrize(
    ("sentences", "wanted", "labels", "scheme"),
    [
        (NAMES, "auto", ("B-PER", "E-PER", "O", "S-LOC"), "iobes"),
        (NAMES, "iobes", ("B-PER", "E-PER", "O", "S-LOC"), "iobes"),
        (NAMES, "iob2", ("B-LOC", "B-PER", "I-PER", "O"), "iob2"),
        (NAMES, "iob1", ("I-LOC", "I-PER", "O"), "iob1"),
        (NAMES, "none", ("B-LOC", "B-PER", "I-PER", "O"), None),
        (IOB1, "iob2", ("B-LOC", "B-PER", "I-PER", "O"), "iob2"),
        (IOB1, "auto", ("B-PER", "E-PER", "O", "S-LOC"), "iobes"),
        (POS, "auto", ("DT", "NN", "VB"), None),
        (POS, "none", ("DT", "NN", "VB"), None),
        ([("B", "I", "O")], "auto", ("B", "E", "O"), "iobes"),
    ],
)
def test_tags_are_learnt_in_the_scheme_that_is_wanted(sentences, wanted, labels, scheme):
    assert learn_tags(records(sentences), wanted) == (labels, scheme)


def test_the_spans_are_the_same_in_every_scheme():
    from unspool.data.schemes import convert

    for wanted in ("iobes", "iob2", "iob1"):
        _, scheme = learn_tags(records(IOB1), wanted)
        assert [spans(convert(tags, scheme)) for tags in IOB1] == [spans(tags) for tags in IOB1]


@pytest.mark.parametrize("wanted", ["iobes", "iob2", "iob1"])
def test_a_scheme_that_the_tags_are_not_of_is_told(wanted):
    said = f"t.txt:1: data.tokens.scheme is {wanted}, and the tags (DT, NN, VB ...) name no spans, wanted O, B-TYPE, I-TYPE and their like; set it"
    with pytest.raises(DataError, match=re.escape(said)):
        learn_tags(records(POS), wanted)


def test_many_tags_are_not_all_told():
    with pytest.raises(DataError) as told:
        learn_tags(records([tuple(f"T{index}" for index in range(50))]), "iobes")
    assert "T0, T1, T10, T11, T12 ..." in str(told.value)


def test_a_record_without_tags_is_told():
    with pytest.raises(DataError, match=re.escape("t.txt:2: record '1' has no tags, and others have; tag all or none")):
        learn_tags(records([NAMES[0], None]), "auto")


@pytest.mark.parametrize("sentences", [[("O", "O")], [("NN",), ("NN", "NN")]])
def test_one_tag_alone_is_told(sentences):
    with pytest.raises(DataError, match=re.escape(f"t.txt:1: the train part has one tag alone, {sentences[0][0]!r}; wanted at least two")):
        learn_tags(records(sentences), "auto")
