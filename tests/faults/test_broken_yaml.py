"""What is no spec at all, a path that leads to none, and an override that cannot be used: exit code 2 and one message."""

from __future__ import annotations

import os

import pytest

from .making import holds, put, put_data, put_spec, refusal, untouched

NO_YAML: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "empty file": ("", ("got nothing", "wanted a mapping with the keys task, data, model, train")),
    "comments alone": ("# a spec\n", ("got nothing", "wanted a mapping")),
    "a list": ("- task\n- data\n", ("got a list", "wanted a mapping")),
    "a sentence": ("forecast the demand", ("got text", "wanted a mapping")),
    "a number": ("7", ("got a number", "wanted a mapping")),
    "tabs": ("task:\n\tkind: forecast\n", (":2: not valid YAML", "check indentation")),
    "open bracket": ("task: {kind: forecast\ndata: 1\n", ("not valid YAML", "check indentation, colons and quotes")),
    "open quote": ('task: "forecast\n', ("not valid YAML",)),
    "uneven indentation": ("task:\n    kind: forecast\n  horizon: 4\n", (":3: not valid YAML",)),
    "two documents": ("task: 1\n---\ntask: 2\n", ("not valid YAML", "expected a single document")),
    "key twice": ("task: {kind: forecast}\ndata: {}\ntask: {kind: classify}\n", (":3: task is given twice", "first on line 1", "keep one")),
    "inner key twice": ("task:\n  kind: forecast\n  kind: forecast\n", (":3: task.kind is given twice", "first on line 2")),
    "list for a key": ("? [a, b]\n: 1\n", ("as a key", "wanted the name of an option")),
    "number for a key": ("1: 2\n", ("as a key", "wanted the name of an option")),
    "class of Python": ("task: !!python/object/apply:os.system ['echo hurt']\n", (":1: not valid YAML", "could not determine a constructor")),
    "unknown alias": ("task: *nowhere\n", (":1: not valid YAML", "undefined alias")),
    "bomb of anchors": (
        "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9)),
        ("holds more than 100,000 values",),
    ),
    "alias of itself": ("task: &a [*a]\n", ("a value cannot be read",)),
    "deep nesting": ("task: " + "[" * 500 + "]" * 500 + "\n", ("a value cannot be read",)),
    "deep mappings": ("{a: " * 1000 + "1" + "}" * 1000, ("a value cannot be read",)),
    "a date that there is not": ("task: 2024-02-31\n", ("a value cannot be read", "quote it if it is text")),
    "binary": (b"\x7fELF\x02\x01\x01\x00\xff\xfe\xff", ("is not UTF-8", "save the spec as UTF-8")),
    "UTF-16": ("task: {kind: forecast}".encode("utf-16"), ("is not UTF-8", "save the spec as UTF-8")),
    "Latin-1": ("task: {kind: pr\u00e9vision}".encode("latin-1"), ("byte 15 is not UTF-8",)),
    "control characters": ("task: \x00\x07\n", ("not valid YAML",)),
    "the data itself": ("time,value\n" * 100_000, ("1,100,000 bytes", "is this the data?")),
}


@pytest.mark.parametrize("name", NO_YAML)
def test_a_file_that_is_no_spec_is_told(name, capfd, tmp_path):
    content, words = NO_YAML[name]
    path = put(tmp_path, "spec.yaml", content)
    holds(untouched(capfd, tmp_path, ["check", path]), [str(path), *words])


def test_a_path_that_is_no_spec_is_told(capfd, tmp_path):
    put_spec(tmp_path, "text")
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, words in {
        "": ("is a folder, not a spec", "give the YAML file itself"),
        "spec.yml": ("no such spec file", "did you mean", "spec.yaml"),
        "nowhere/spec.yaml": ("no such spec file", "`unspool init` writes one"),
        "pipe.yaml": ("no such spec file",),
        "spec.yaml/x": ("no such spec file",),
        "x" * 300: ("cannot be read (File name too long)", "check the path"),
    }.items():
        holds(refusal(capfd, ["check", tmp_path / name]), [str(tmp_path), *words])


SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no equals sign": ("train.epochs", ("--set train.epochs: wanted KEY=VALUE", "e.g. --set")),
    "no key": ("=3", ("--set =3: wanted KEY=VALUE",)),
    "empty part of a key": ("train..epochs=3", ("wanted KEY=VALUE with a dotted key",)),
    "unknown key": ("train.epoch=3", ("train.epoch: unknown key", "did you mean 'epochs'?")),
    "wrong type": ("train.epochs=many", ("train.epochs: got 'many'", "wanted: a valid integer")),
    "no value": ("train.epochs=", ("train.epochs: got None", "wanted: a valid integer")),
    "out of bounds": ("train.epochs=0", ("train.epochs: got 0", "greater than or equal to 1")),
    "below a value": ("train.epochs.most=3", ("train.epochs is a number, not a mapping; nothing can be set in it",)),
    "bad YAML": ("task.lags=[1", ("--set task.lags: '[1' is not a YAML value", "quote it")),
    "bad union": ("model.memory.kind=both", ("model.memory.kind: got 'both'", "wanted one of carried, windowed")),
    "contradiction": ("data.columns.label=holiday", ("data.columns.label: takes effect in classify alone",)),
    "with the data": ("data.columns.target=[price]", ("no column 'price'", "there are: 'time', 'value', 'holiday'")),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_override_is_told(name, capfd, tmp_path):
    put_data(tmp_path)
    setting, words = SETTINGS[name]
    for more in ([], ["--json"]):
        holds(untouched(capfd, tmp_path, ["check", put_spec(tmp_path, "forecast"), "--set", setting, *more]), words)
