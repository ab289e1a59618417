"""A survey finds what was put into the data, and the synthetic problems are what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from unspool.data.preparation import Preparation
from unspool.data.schemes import spans
from unspool.data.sources import missing, read
from unspool.data.spec import ArraysSource, Columns, DataSpec, RandomSplit, TableSource, TextSource, TimeAxis, TimeSplit
from unspool.data.splits import split
from unspool.data.survey import survey
from unspool.data.synthetic import adding_problem, first_token, named_sentences, parity, seasonal_series, sensor_table

TABLE = DataSpec(
    source=TableSource(path="s.csv"),
    columns=Columns(time="time", series="sensor", past=("temperature", "shift"), categories=("shift",), label="fault",
                    group="site"),
    time=TimeAxis(gaps="fill"),
)  # fmt: skip


def test_a_table_is_surveyed(tmp_path):
    path = sensor_table(tmp_path / "s.csv", sensors=9, rows=30, seed=1)
    assert path.read_bytes() == sensor_table(tmp_path / "t.csv", sensors=9, rows=30, seed=1).read_bytes()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:10] + lines[12:]))
    records = read(TABLE, tmp_path)
    spans = split(records, RandomSplit(validation=0.3, test=0.3), seed=0)
    facts = survey(records, spans, Preparation.fit(TABLE, records, spans["train"]), missing(TABLE, tmp_path))
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["records"], facts["rows"], facts["gaps_filled"], facts["frequency_seconds"]) == (9, 270, 2, 3600)
    assert facts["start"].startswith("2024-01-01T00:00:00")
    assert facts["classes"] == {"no": 6, "yes": 3}
    assert facts["lengths"] == {"minimum": 30, "median": 30, "maximum": 30}
    assert facts["missing"] == {"temperature": 0, "shift": 0}
    assert sum(part["rows"] for part in facts["parts"].values()) == 270
    assert facts["leakage"]["groups"].keys() <= {"site0", "site1", "site2", "site3"}
    assert facts["leakage"]["groups"]
    assert facts["leakage"]["identical"]["spans"] == facts["duplicates"]["records"] == 0
    assert facts["unknown"]["test"] == {"shift": 0}


def test_copies_and_leaks_are_found():
    pairs = [("a", "one"), ("b", "two"), ("a", "one"), ("b", "four"), ("a", "five")]
    records = read(DataSpec(source=TextSource()), Path(), pairs)
    spans = {"train": np.array([[0, 0, -1], [1, 0, -1]]), "validation": np.array([[3, 0, -1]]),
             "test": np.array([[2, 0, -1], [4, 0, -1]])}  # fmt: skip
    preparation = Preparation.fit(DataSpec(source=TextSource()), records, spans["train"])
    facts = survey(records, spans, preparation)
    assert facts["duplicates"] == {"records": 1, "examples": [["data[0] (0)", "data[2] (2)"]]}
    assert facts["leakage"]["identical"]["spans"] == 2
    assert facts["unknown"] == {"train": {"text": 0}, "validation": {"text": 1}, "test": {"text": 0.5}}
    assert facts["frequency_seconds"] is None
    assert survey([])["records"] == 0
    many = survey(read(DataSpec(source=TextSource()), Path(), [("a", str(index % 9)) for index in range(90)]))["duplicates"]
    assert many["records"] == 81 and [len(places) for places in many["examples"]] == [3] * 5


def test_parts_of_one_series_in_time_are_no_leak():
    values = seasonal_series(100, 24, seed=0)
    records = read(DataSpec(source=ArraysSource()), Path(), {"values": values})
    assert survey(records, split(records, TimeSplit(), 0))["leakage"]["identical"]["spans"] == 0


def test_a_seasonal_series_has_its_season():
    series = seasonal_series(480, 24, seed=3)
    assert (series == seasonal_series(480, 24, seed=3)).all()
    assert np.abs(np.fft.rfft(series - series.mean())).argmax() == 480 // 24


def test_the_adding_problem_marks_two_numbers_to_add():
    values, sums = adding_problem(50, 11, seed=0)
    assert values.shape == (50, 11, 2)
    assert (values[:, :, 1].sum(axis=1) == 2).all()
    np.testing.assert_allclose((values[:, :, 0] * values[:, :, 1]).sum(axis=1), sums)


def test_labels_follow_from_the_sequences():
    rows, labels = first_token(40, 2, 9, classes=3, seed=0)
    assert [str(int(row[0, 0])) for row in rows] == labels
    assert {len(row) for row in rows} <= set(range(2, 10))
    assert set(labels) == {"0", "1", "2"}
    rows, labels = parity(40, 1, 5, seed=0)
    assert all((row.sum() % 2 == 1) == (label == "odd") for row, label in zip(rows, labels, strict=True))


def test_in_named_sentences_the_word_before_a_name_tells_what_it_is_of():
    made = named_sentences(200, seed=0)
    assert made == named_sentences(200, seed=0) != named_sentences(200, seed=1)
    of = {"PER": set(), "LOC": set()}
    for words, tags in made:
        assert len(words) == len(tags)
        for kind, start, stop in spans(tags):
            of[kind].add(" ".join(words[start:stop]))
            assert (words[start - 1] in ("in", "near")) == (kind == "LOC") if start else kind == "PER"
    assert of == {"PER": {"Ada Byron", "Alan Mathison Turing", "Grace", "Lincoln"}, "LOC": {"New York", "Oslo", "Lima", "Lincoln"}}
