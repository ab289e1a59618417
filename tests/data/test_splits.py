"""Laws of splits: no step is in two parts, time runs forward, classes and groups are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.spec import GivenSplit, GroupSplit, RandomSplit, TimeSplit
from unspool.data.splits import split
from unspool.errors import DataError
from unspool.types import PARTS, Record


def series(steps: int, name: str = "a", start: str = "2024-01-01", **about: str) -> Record:
    times = np.datetime64(start, "us") + np.arange(steps) * np.timedelta64(3600, "s")
    return Record(name=name, where="demand.csv", columns={"y": np.arange(float(steps))}, times=times, **about)


def lines(labels: str) -> list[Record]:
    return [Record(name=str(i), where=f"t.txt:{i}", text=f"text {i}", label=label) for i, label in enumerate(labels)]


STEPS = st.lists(st.integers(30, 90), min_size=1, max_size=4)


@given(STEPS, st.floats(0.05, 0.3), st.integers(1, 9), st.integers(0, 4))
def test_parts_of_a_series_follow_one_another(steps, validation, test, embargo):
    records = [series(count, str(count)) for count in steps]
    parts = split(records, TimeSplit(validation=validation, test=test, embargo=embargo), seed=0)
    for index, count in enumerate(steps):
        (train, valid, last) = (parts[part][parts[part][:, 0] == index][0].tolist() for part in PARTS)
        assert train[1] == 0
        assert train[2] + embargo == valid[1]
        assert valid[2] + embargo == last[1]
        assert last[2] == count
        assert last[2] - last[1] == test
        assert valid[2] - valid[1] == int(count * validation + 0.5)


def test_a_class_that_is_too_small_is_told_where_it_stands():
    with pytest.raises(DataError, match="^t.txt:6: class 'c' has 1 records, wanted at least 3"):
        split(lines("abaabbcab"), RandomSplit(), seed=0)


def test_durations_are_counted_in_time():
    parts = split([series(100)], TimeSplit(validation="1d", test="12h"), seed=0)
    assert {part: spans.tolist() for part, spans in parts.items()} == {
        "train": [[0, 0, 64]],
        "validation": [[0, 64, 88]],
        "test": [[0, 88, 100]],
    }


def test_pieces_of_one_series_are_split_as_one():
    pieces = [series(50), series(6, "a#2", "2024-02-01"), series(44, "a#3", "2024-03-01"), series(10, "b")]
    parts = split(pieces, TimeSplit(validation=0.5, test=0.1), seed=0)
    assert parts["train"].tolist() == [[0, 0, 40], [3, 0, 4]]
    assert parts["validation"].tolist() == [[0, 40, 50], [1, 0, 6], [2, 0, 34], [3, 4, 9]]
    assert parts["test"].tolist() == [[2, 34, 44], [3, 9, 10]]


@pytest.mark.parametrize(
    ("steps", "spec"),
    [
        (4, TimeSplit()),
        (10, TimeSplit(validation=5, test=5)),
        (10, TimeSplit(validation=5, test=6)),
        (30, TimeSplit(embargo=15)),
        (30, TimeSplit(test="2d")),
        (30, TimeSplit(validation="2d", test=1)),
    ],
)
def test_a_part_that_comes_out_empty_is_told_with_numbers(steps, spec):
    with pytest.raises(DataError, match=rf"demand.csv: series 'a' has {steps} rows.*comes out empty.*; give more"):
        split([series(steps)], spec, seed=0)


def test_a_duration_needs_time_stamps():
    record = Record(name="a", where="x.npz", columns={"y": np.zeros(9)})
    with pytest.raises(DataError, match=r"no time stamps.*; name their column"):
        split([record], TimeSplit(test="1d"), seed=0)


@given(st.lists(st.sampled_from("ab"), min_size=0, max_size=60), st.integers(0, 9))
def test_a_stratified_split_has_every_class_in_every_part(labels, seed):
    records = lines("".join(["aaabbb", *labels]))
    parts = split(records, RandomSplit(validation=0.2, test=0.3), seed)
    members = np.concatenate([spans[:, 0] for spans in parts.values()])
    assert sorted(members.tolist()) == list(range(len(records)))
    for label in "ab":
        count = sum(record.label == label for record in records)
        for part, share in {"validation": 0.2, "test": 0.3}.items():
            found = sum(records[index].label == label for index in parts[part][:, 0].tolist())
            assert 1 <= found <= max(1, count * share + 1)
        assert any(records[index].label == label for index in parts["train"][:, 0].tolist())


def test_a_text_is_a_span_of_unknown_length():
    parts = split(lines("aaabbb"), RandomSplit(), seed=0)
    assert {tuple(span[1:]) for spans in parts.values() for span in spans.tolist()} == {(0, -1)}


def test_a_seed_gives_one_split_and_another_gives_another():
    one, again, other = (split(lines("ab" * 30), RandomSplit(), seed)["test"].tolist() for seed in (1, 1, 2))
    assert one == again != other


@given(st.lists(st.integers(0, 7), min_size=12, max_size=40), st.integers(0, 9))
def test_no_group_is_in_two_parts(groups, seed):
    records = [series(3, str(i), group=str(group)) for i, group in enumerate([*groups, 0, 1, 2])]
    parts = split(records, GroupSplit(), seed)
    found = [{records[index].group for index in spans[:, 0].tolist()} for spans in parts.values()]
    assert all(found)
    assert len(set.union(*found)) == sum(map(len, found))


def test_a_given_split_is_kept_and_its_validation_drawn_from_train():
    marks = ["train"] * 20 + ["test"] * 4
    records = [series(3, str(i), part=part, label="ab"[i % 2]) for i, part in enumerate(marks)]
    parts = split(records, GivenSplit(validation=0.2), seed=0)
    assert parts["test"][:, 0].tolist() == [20, 21, 22, 23]
    assert sorted(records[index].label for index in parts["validation"][:, 0].tolist()) == ["a", "a", "b", "b"]
    marked = [*records, series(3, "v", part="validation", label="a")]
    assert split(marked, GivenSplit(), seed=0)["validation"].tolist() == [[24, 0, 3]]


@pytest.mark.parametrize(
    ("records", "spec", "says"),
    [
        (lines("aaaabb"), RandomSplit(), "class 'b' has 2 records, wanted at least 3"),
        (lines("aa"), RandomSplit(stratify=False), "2 records, wanted at least 3"),
        ([series(3)], GroupSplit(), "has no group"),
        ([series(3, group=g) for g in "ab"], GroupSplit(), r"2 groups \(a, b\)"),
        ([series(3)], GivenSplit(), "marked as no part"),
        ([series(3, str(i), part="train") for i in range(9)], GivenSplit(), "in the test part"),
        ([], RandomSplit(), "no records"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(records, spec, says):
    with pytest.raises(DataError, match=f"{says}.*; "):
        split(records, spec, seed=0)
