"""What `unspool init` writes can be read, and is never written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unspool.cli import main
from unspool.data import sources
from unspool.data.spec import DataSpec
from unspool.spec import parse, read_yaml

SERIES = [("forecast", "table"), ("forecast", "arrays"), ("classify", "table"), ("classify", "arrays")]
KINDS = [*SERIES, ("classify", "text"), ("tag", "tagged"), ("generate", "text")]


def start(folder, task, source, *more):
    return main(["init", str(folder), "--task", task, "--source", source, *more])


@pytest.mark.parametrize(("task", "source"), KINDS)
def test_the_data_of_an_example_is_what_its_spec_says(tmp_path, task, source):
    assert start(tmp_path, task, source, "--example") == 0
    raw = read_yaml(tmp_path / "spec.yaml")
    assert raw["task"]["kind"] == task
    assert raw["data"]["source"]["kind"] == source
    records = sources.read(parse(DataSpec, raw["data"]), tmp_path)
    if task == "classify":
        assert len({record.label for record in records}) in (2, 3)
        assert len(records) >= 100
    elif task == "tag":
        assert {tag for record in records for tag in record.tags} == {"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}
    elif task == "generate":
        assert len(records) == 1 and records[0].text.count("\n") >= 1000
    else:
        assert [set(raw["data"]["columns"]["target"]) <= set(record.columns) for record in records] == [True]


@pytest.mark.parametrize(("task", "source"), KINDS)
def test_an_example_is_the_same_every_time(tmp_path, task, source):
    for name in ("one", "two"):
        start(tmp_path / name, task, source, "--example")
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert len(one) == 2


@pytest.mark.parametrize("there", ["spec.yaml", "data.csv"])
def test_nothing_is_overwritten(tmp_path, capsys, there):
    (tmp_path / there).write_text("mine")
    assert start(tmp_path, "forecast", "table", "--example") == 2
    assert f"{tmp_path / there}: is there already" in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {there: "mine"}


def test_without_an_example_only_a_spec_is_written(tmp_path, capsys):
    assert start(tmp_path / "new" / "folder", "classify", "text") == 0
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["spec.yaml"]
    assert "set data.source.path" in capsys.readouterr().out


def test_the_folder_may_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert Path("spec.yaml").is_file()


@pytest.mark.parametrize(("task", "source"), [("forecast", "text"), ("tag", "table"), ("generate", "tagged")])
def test_a_task_that_does_not_read_a_source_says_what_it_reads(tmp_path, capsys, task, source):
    assert start(tmp_path, task, source) == 2
    assert f"--task {task} reads no {source} source; use --source " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("task", "source"), [("forecast", "table"), ("classify", "table"), ("tag", "tagged"), ("generate", "text")])
def test_a_task_alone_means_its_commonest_source(tmp_path, task, source):
    assert main(["init", str(tmp_path), "--task", task]) == 0
    assert read_yaml(tmp_path / "spec.yaml")["data"]["source"]["kind"] == source


def test_a_file_is_no_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert start(tmp_path / "file", "forecast", "table") == 2
    assert "is a file" in capsys.readouterr().err


def test_the_words_of_the_example_decide_with_their_negation():
    from unspool.cli.example_data import example_file

    _, content = example_file("classify", "text")
    good = {"fine", "lovely", "bright"}
    for line in content.decode().splitlines():
        label, _, text = line.partition("\t")
        positive = bool(good & set(text.split()))
        assert (label == "good") == (positive != ("not" in text.split()))


def test_the_arrays_of_the_example_are_no_pickles(tmp_path):
    start(tmp_path, "classify", "arrays", "--example")
    with np.load(tmp_path / "data.npz", allow_pickle=False) as arrays:
        assert arrays["values"].shape == (120, 40, 2)
        assert set(arrays["labels"]) == {"left", "right", "line"}
