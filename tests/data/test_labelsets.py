"""Records of any number of labels: which labels there are, who has them, and parts that have a like share of each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import sources
from unspool.data.labelsets import learn_labels, stratified
from unspool.data.preparation import Preparation
from unspool.data.spec import ArraysSource, Columns, DataSpec, GivenSplit, RandomSplit, TableSource, TextSource
from unspool.data.splits import split
from unspool.data.survey import survey
from unspool.errors import DataError
from unspool.types import Record

SPEC = DataSpec(source=TextSource(label_separator=","))
SETS = st.lists(st.sets(st.sampled_from("abcdef")).map(lambda found: tuple(sorted(found))), min_size=4, max_size=60)


def records_of(sets, part=None):
    return [
        Record(str(index), f"t:{index}", text=f"text {index}", label=",".join(labels), labels=tuple(labels), part=part)
        for index, labels in enumerate(sets)
    ]


def all_of(records):
    return np.array([[index, 0, -1] for index in range(len(records))])


def test_labels_are_those_of_the_train_part_in_alphabetical_order():
    records = records_of([("b", "a"), (), ("c",), ("a",)])
    preparation = Preparation.fit(SPEC, records, all_of(records))
    assert preparation.several and preparation.labels == ("a", "b", "c")
    assert [preparation.prepare(record).labels.tolist() for record in records] == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert all(preparation.prepare(record).label == -1 for record in records)


def test_a_record_of_which_nothing_is_said_has_unknown_labels():
    records = records_of([("b", "a"), ("a",)])
    preparation = Preparation.fit(SPEC, records, all_of(records))
    assert preparation.prepare(Record("new", "n", text="text")).labels.tolist() == [-1, -1]


def test_a_preparation_survives_json():
    preparation = Preparation.fit(SPEC, records_of([("b", "a"), ("a",)]), np.array([[0, 0, -1], [1, 0, -1]]))
    assert Preparation.model_validate_json(preparation.model_dump_json()) == preparation


def test_labels_come_from_pairs_with_separators_and_with_lists():
    records = sources.read(SPEC, None, [("a, b", "one"), ("", "two"), (["c"], "three"), ({"a", "c"}, "four")])
    assert [record.labels for record in records] == [("a", "b"), (), ("c",), ("a", "c")]


def test_series_of_tables_and_arrays_may_have_several_labels_or_none():
    frame = pl.DataFrame({"s": ["x", "x", "y", "y"], "c": ["a|b", "a|b", None, None], "y": [1.0, 2.0, 3.0, 4.0]})
    columns = Columns(series="s", label="c", label_separator="|", past=("y",))
    records = sources.read(DataSpec(source=TableSource(), columns=columns), None, frame)
    assert [record.labels for record in records] == [("a", "b"), ()]
    given = {"values": np.ones((3, 4, 1)), "labels": ["b", "", "b|a"]}
    spec = DataSpec(source=ArraysSource(), columns=Columns(label_separator="|"))
    found = sources.read(spec, None, given)
    assert [record.labels for record in found] == [("b",), (), ("b", "a")]
    assert [record.labels for record in sources.read(spec, None, {"values": np.ones((3, 4, 1))}, labelled=False)] == [None] * 3
    preparation = Preparation.fit(spec, found, np.array([[index, 0, 4] for index in range(3)]))
    assert preparation.several and [preparation.prepare(record).labels.tolist() for record in found] == [[0, 1], [0, 0], [1, 1]]


@pytest.mark.parametrize(
    "records, train, message",
    [
        ([*records_of([("a",)]), Record("1", "t:1", text="x")], 2, "t:1: record '1' says nothing of labels.*leave it out"),
        (records_of([(), ()]), 2, "t:0: no record of the train part has a label"),
        (records_of([("a",), ("a", "z")]), 1, "t:1: record '1' has the label 'z', which no train record has; put some"),
    ],
    ids=["unlabelled", "none", "stray"],
)
def test_labels_that_cannot_be_learnt_are_an_error(records, train, message):
    with pytest.raises(DataError, match=message):
        learn_labels(records, all_of(records[:train]))


def test_a_label_that_the_train_part_lacks_is_an_error_later_too():
    records = records_of([("a",), ("b",)])
    preparation = Preparation.fit(SPEC, records, all_of(records))
    with pytest.raises(DataError, match="got class 'z', wanted one of a, b"):
        preparation.prepare(records_of([("z",)])[0])


@given(SETS, st.integers(0, 99))
def test_each_record_is_in_one_part_and_parts_are_about_as_large_as_asked(sets, seed):
    parts = stratified(records_of(sets), (0.2, 0.2), np.random.default_rng(seed))
    assert len(parts) == len(sets) and set(parts) <= {0, 1, 2}
    if not any(sets):
        assert abs((parts == 0).sum() - 0.6 * len(sets)) < 1


@given(SETS, st.integers(0, 99))
def test_what_is_learnt_of_is_the_train_part_alone(sets, seed):
    """A label that is anywhere is in the train part, which is the largest."""
    records = records_of(sets)
    parts = stratified(records, (0.1, 0.1), np.random.default_rng(seed))
    anywhere = {label for labels in sets for label in labels}
    assert {label for labels, part in zip(sets, parts, strict=True) for label in labels if part == 0} == anywhere


def test_parts_have_a_like_share_of_every_label_that_a_draw_would_not_give():
    draw = np.random.default_rng(0)
    rare = [("rare",) if index % 50 == 0 else () for index in range(1000)]
    sets = [(*labels, *(["even"] if index % 2 else []), *(["fifth"] if draw.random() < 0.2 else [])) for index, labels in enumerate(rare)]
    parts = stratified(records_of(sets), (0.1, 0.2), draw)
    counts = [Counter(label for labels, part in zip(sets, parts, strict=True) for label in labels if part == number) for number in range(3)]
    assert [count["rare"] for count in counts] == [14, 2, 4]
    assert [count["even"] for count in counts] == [350, 50, 100]
    assert [(parts == number).sum() for number in range(3)] == pytest.approx([700, 100, 200], abs=3)


@pytest.mark.parametrize("spec, part", [(RandomSplit(validation=0.2, test=0.2), None), (GivenSplit(validation=0.2), "train")])
def test_splits_are_stratified_by_label_and_repeat_with_the_seed(spec, part):
    records = records_of([("a",), ("b",), ("a", "b"), (), ("c",)] * 10, part)
    if part is not None:
        records = [*records, *records_of([("a",)], "test")]
    first, again, other = (split(records, spec, seed) for seed in (0, 0, 1))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["train"], other["train"])
    held = Counter(label for index in first["validation"][:, 0] for label in records[index].labels)
    assert held == {"a": 4, "b": 4, "c": 2}


def test_a_survey_counts_each_label():
    found = survey(records_of([("a", "b"), ("a",), ()]))
    assert found["classes"] == {"a": 2, "b": 1}
