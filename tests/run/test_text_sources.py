"""Parts that a source of texts names are its split, and options that its files leave without effect are told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unspool.errors import SpecError
from unspool.run.spec import make_spec, spec_from_text
from unspool.spec import to_yaml

from .making import TEXT, changed, resolved

OPEN = changed(TEXT, data__split=None)
PARTS = {"kind": "text", "parts": {"train": "train.csv", "test": "sub/test.csv"}}
COLUMN = {"kind": "text", "path": "t.jsonl", "part": "split"}


@pytest.mark.parametrize("source", [PARTS, COLUMN], ids=["places", "column"])
def test_parts_that_a_source_names_are_the_split(source):
    assert resolved(changed(OPEN, data__source=source)).data.split.kind == "given"
    assert resolved(changed(OPEN, data__source=source, data__split={"kind": "given"})).data.split.kind == "given"
    assert resolved(changed(OPEN, data__source={"kind": "text", "path": "t.jsonl"})).data.split.kind == "random"


def test_the_places_of_parts_start_at_the_spec_and_are_kept(tmp_path):
    spec = make_spec(changed(OPEN, data__source=PARTS), tmp_path)
    wanted = (("train", str(tmp_path / "train.csv")), ("test", str(tmp_path / "sub" / "test.csv")))
    assert spec.data.source.places == wanted
    assert spec_from_text(to_yaml(spec), "spec").data.source.places == wanted
    assert make_spec(changed(OPEN, data__source=COLUMN), Path("/data")).data.source.path == "/data/t.jsonl"


# the key that is named, what is said, the source, the split
BROKEN = [
    ("data.split.kind", "name them in data.source.parts, or use random", {"kind": "text", "path": "t.jsonl"}, {"kind": "given"}),
    ("data.source.parts", "set that or drop it", PARTS, {"kind": "random"}),
    ("data.source.part", "set that or drop it", COLUMN, {"kind": "random"}),
    ("data.source.part", "drop one of them", {**PARTS, "part": "split"}, None),
    ("data.source.text", "where the source is lines", {"kind": "text", "format": "lines", "text": "body"}, None),
    ("data.source.label", "where the source is lines", {"kind": "text", "format": "lines", "label": "topic"}, None),
    ("data.source.delimiter", "where the source is parquet", {"kind": "text", "path": "t.parquet", "delimiter": ";"}, None),
    ("data.source.encoding", "where the source is parquet", {"kind": "text", "path": "t.pq", "encoding": "latin-1"}, None),
    ("data.source.pattern", "where the source is csv", {"kind": "text", "path": "t.csv", "pattern": "*.txt"}, None),
    ("data.source.label_separator", "where the source is jsonl", {"kind": "text", "path": "t.jsonl", "label": None, "label_separator": "|"}, None),
    ("data.source.part", "where the source is folders", {"kind": "text", "format": "folders", "part": "split"}, {"kind": "given"}),
]


@pytest.mark.parametrize("key, says, source, split", BROKEN, ids=[f"{number} {case[0]}" for number, case in enumerate(BROKEN)])
def test_an_option_of_a_source_that_cannot_take_effect_says_why(key, says, source, split):
    with pytest.raises(SpecError) as told:
        resolved(changed(OPEN, data__source=source, data__split=split))
    assert re.fullmatch(rf"spec: {re.escape(key)}: .*{re.escape(says)}.*", str(told.value)), str(told.value)


def test_only_a_look_at_a_path_without_an_ending_tells_what_takes_effect():
    for options in ({"pattern": "*.txt"}, {"delimiter": ","}):
        resolved(changed(OPEN, data__source={"kind": "text", "path": "reviews", **options}))
