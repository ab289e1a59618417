"""A broken spec is exit code 2 and one message: where, what was got, what is wanted or how to mend it. Nothing is written and nothing lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from unspool.cli import main

from .making import GONE, GOOD, ROWS, holds, line_of, put, put_data, put_spec, untouched


@dataclass(frozen=True)
class Wrong:
    """A good spec with `changes`; the message names `key`, its line, and holds `words`.

    line  the key that is told where it is not `key` or below it; none where the message names the data, not a line of the spec
    """

    base: str
    changes: dict[str, Any]
    key: str
    words: tuple[str, ...]
    line: str | None = ""


def wrong(base: str, key: str, value: Any, *words: str, line: str | None = "", **others: Any) -> Wrong:
    """One key is wrong; `others` are changes that lead to it, with __ for dots."""
    changes = {name.replace("__", "."): other for name, other in others.items()}
    return Wrong(base, changes | {key: value}, key, words, line)


WRONG: dict[str, Wrong] = {
    # a key that there is not, at every level
    "unknown section": wrong("forecast", "modle", {}, "unknown key", "did you mean 'model'?", "task, data, model, train, live"),
    "unknown task key": wrong("forecast", "task.horizen", 4, "unknown key", "did you mean 'horizon'?", "lags"),
    "unknown data key": wrong("forecast", "data.colums", {}, "unknown key", "did you mean 'columns'?"),
    "unknown column role": wrong("forecast", "data.columns.targets", ["value"], "unknown key", "did you mean 'target'?"),
    "unknown source key": wrong("arrays", "data.source.delimiter", ";", "unknown key", "known keys here: kind, path, channels, padded"),
    "unknown token key": wrong("text", "data.tokens.lower", True, "unknown key", "did you mean 'lowercase'?"),
    "unknown split key": wrong("classify", "data.split.embargo", 3, "unknown key", "known keys here: kind, validation, test, stratify"),
    "unknown backbone key": wrong("text", "model.backbone.hidden", 8, "unknown key", "known keys here: cell, layers"),
    "unknown cell key": wrong("forecast", "model.backbone.cell.units", 8, "unknown key", "hidden"),
    "unknown head key": wrong("classify", "model.head.levels", [0.5], "unknown key", "pool", model__head__kind="categorical"),
    "unknown optimizer key": wrong("arrays", "train.optimizer.lr", 0.1, "unknown key", "rate", train__optimizer__kind="adam"),
    "unknown live key": wrong("forecast", "live.latency", 1, "unknown key", "known keys here: memory", live__memory="carried"),
    # a value of another type
    "text for a number": wrong("forecast", "task.horizon", "four", "got 'four'", "wanted: a valid integer"),
    "fraction for a count": wrong("forecast", "train.epochs", 2.5, "got 2.5", "wanted: a valid integer"),
    "list for a mapping": wrong("forecast", "data.columns", ["value"], "got ['value']", "wanted"),
    "text for a list": wrong("forecast", "data.columns.target", "value", "got 'value'", "wanted: a valid tuple"),
    "number for a name": wrong("forecast", "data.columns.time", 7, "got 7", "wanted: a valid string"),
    "nothing for a number": wrong("forecast", "task.horizon", None, "got None", "wanted: a valid integer"),
    "word for true or false": wrong("arrays", "model.backbone.norm", "maybe", "got 'maybe'", "wanted: a valid boolean"),
    "infinite rate": wrong("text", "train.optimizer", {"kind": "adam", "rate": float("inf")}, "got inf", "finite number"),
    "rate that is no number": wrong("text", "train.optimizer", {"kind": "adam", "rate": float("nan")}, "got nan", "finite number"),
    # a value out of bounds
    "no epochs": wrong("forecast", "train.epochs", 0, "got 0", "wanted: greater than or equal to 1"),
    "seed below zero": wrong("arrays", "train.seed", -1, "got -1", "greater than or equal to 0"),
    "seed of more than 32 bits": wrong("arrays", "train.seed", 2**32, "got 4294967296", "less than 4294967296"),
    "horizon of a million": wrong("forecast", "task.horizon", 10**6, "got 1000000", "less than or equal to 10000"),
    "no units": wrong("classify", "model.backbone.cell.hidden", 0, "got 0", "greater than or equal to 1"),
    "all dropped": wrong("classify", "model.backbone.dropout", {"outputs": 1.0}, "got 1.0", "less than 1"),
    "seventeen layers": wrong("text", "model.backbone.layers", 17, "got 17", "less than or equal to 16"),
    "empty validation": wrong("classify", "data.split.validation", 0.0, "got 0.0", "greater than 0"),
    "nothing left to train on": wrong("text", "data.split.test", 0.9, "take 1.15 of the data", "wanted less than 1", line="data.split"),
    "part of no rows": wrong("forecast", "data.split.test", 0, "got 0 rows", "wanted at least 1"),
    "part of no length": wrong("forecast", "data.split.test", "8 weeks", "got '8 weeks'", "e.g. 30min"),
    "two delimiters": wrong("forecast", "data.source.delimiter", ";;", "got ';;'", "at most 1 character"),
    # a choice that there is not
    "unknown task": wrong("forecast", "task.kind", "forcast", "got 'forcast'", "wanted one of forecast, classify", "did you mean 'forecast'?"),
    "task without a kind": wrong("forecast", "task.kind", GONE, "kind is missing", "say which kind is meant", line="task"),
    "unknown source": wrong("arrays", "data.source.kind", "hdf5", "got 'hdf5'", "wanted one of table, arrays, text"),
    "unknown cell": wrong("classify", "model.backbone.cell.kind", "lstmm", "got 'lstmm'", "did you mean 'lstm'?"),
    "unknown memory": wrong("forecast", "model.memory", {"kind": "kept"}, "got 'kept'", "wanted one of carried, windowed"),
    "unknown metric": wrong("text", "task.metric", "acuracy", "got 'acuracy'", "did you mean 'accuracy'?"),
    "unknown scaler": wrong("forecast", "data.scaling", {"default": "zscore"}, "got 'zscore'", "wanted one of standard"),
    "unknown policy": wrong("forecast", "data.missing", "ignore", "got 'ignore'", "wanted one of error, fill, split"),
    "unknown zone": wrong("forecast", "data.time", {"timezone": "Mars/Olympus"}, "got 'Mars/Olympus'", "e.g. Europe/Berlin"),
    "unknown calendar feature": wrong("forecast", "data.time", {"calendar": ["moon_phase"]}, "got 'moon_phase'", "hour_of_day"),
    "unknown optimizer": wrong("text", "train.optimizer", {"kind": "adamax"}, "got 'adamax'", "did you mean 'adam'?"),
    # something missing
    "no task": wrong("forecast", "task", GONE, "is missing and has no default; add it", line=None),
    "no data": wrong("classify", "data", GONE, "is missing and has no default; add it", line=None),
    "no source": wrong("text", "data.source", GONE, "is missing and has no default; add it", line="data"),
    "no horizon": wrong("forecast", "task.horizon", GONE, "is missing and has no default; add it", line="task"),
    "no context": wrong("forecast", "model.memory", {"kind": "windowed"}, "context", "is missing"),
    # options that contradict each other, told by the choice itself
    "lags shorter than the horizon": wrong("forecast", "task.lags", [2, 24], "2 is shorter than the horizon of 4", "drop it", line="task"),
    "levels without the median": wrong("forecast", "model.head.levels", [0.1, 0.9], "got [0.1, 0.9]", "with 0.5 among them", line="model.head"),
    "levels that fall": wrong("forecast", "model.head.levels", [0.9, 0.5], "wanted ascending numbers", line="model.head"),
    "season of no steps": wrong("forecast", "task.seasons", [0], "wanted periods of at least 1 step", line="task"),
    "column of two roles": wrong("forecast", "data.columns.past", ["value"], "'value' is named twice", "keep it in one", line="data.columns"),
    "stray category": wrong("forecast", "data.columns.categories", ["shop"], "'shop'", "add it to one of them", line="data.columns"),
    "tokens of a table": wrong("classify", "data.tokens", {"unit": "words"}, "tokens are for text sources", "leave tokens out", line="data"),
    "residual of one layer": wrong("text", "model.backbone.residual", True, "needs layers of at least 2", line="model.backbone"),
    "forget gate of a GRU": wrong(
        "text", "model.backbone.initialization", {"forget_bias": 1.0}, "is for an lstm, and the cell is gru; drop it", line="model.backbone"
    ),
    "plateau that never drops": wrong(
        "forecast", "train.schedule", {"kind": "plateau", "patience": 9}, "never lowers the rate", "raise train.patience", line="train"
    ),
    # options that contradict each other across the spec
    "columns of a text": wrong("text", "data.columns.label", "class", "a text source has no columns; drop it", data__columns={}),
    "series of arrays": wrong("arrays", "data.columns.series", "curve", "arrays have channels only", "drop it", data__columns={}),
    "forecast of a text": wrong("text", "task", {"kind": "forecast", "horizon": 2}, "a text cannot be forecast", "use task kind classify"),
    "forecast of nothing": wrong("forecast", "data.columns.target", [], "needs at least one target column; add it"),
    "label in a forecast": wrong("forecast", "data.columns.label", "holiday", "takes effect in classify alone; drop it"),
    "target in a classification": wrong("classify", "data.columns.target", ["value"], "takes effect in forecast alone", data__columns__past=[]),
    "no label column": wrong("classify", "data.columns.label", GONE, "one class each; add it", line="data.columns"),
    "no input column": wrong("classify", "data.columns.past", [], "name at least one input column"),
    "calendar without stamps": wrong(
        "forecast", "data.time", {"calendar": ["hour_of_day"]}, "needs time stamps", "columns.time", data__columns__time=GONE, line="data"
    ),
    "gaps without stamps": wrong("forecast", "data.time.gaps", "fill", "needs time stamps; add data.columns.time", data__columns__time=GONE),
    "harmonics of no wave": wrong("forecast", "data.time.harmonics", {"hour_of_day": 2}, "hour_of_day", "add it there"),
    "filled text": wrong("text", "data.missing", "fill", "cannot take effect on text; drop it"),
    "scaling of an unknown column": wrong("forecast", "data.scaling", {"columns": {"price": "none"}}, "price", "value, holiday"),
    "scaling of a text": wrong("text", "data.scaling", {"columns": {"x": "none"}}, "a text has no numbers to scale; drop it"),
    "time split of a classification": wrong("classify", "data.split", {"kind": "time"}, "use random, group or given"),
    "group split without groups": wrong("classify", "data.split", {"kind": "group"}, "needs data.columns.group; add it"),
    "given split without parts": wrong("classify", "data.split", {"kind": "given"}, "needs data.columns.part; add it"),
    "given split of a text": wrong("text", "data.split", {"kind": "given"}, "needs the owner's parts; name them in data.source.parts, or use random"),
    "random split of one series": wrong("forecast", "data.split", {"kind": "random"}, "there is one; use time"),
    "group that splits nothing": wrong("classify", "data.columns.group", "class", "with data.split.kind: group alone"),
    "bidirectional forecast": wrong("forecast", "model.backbone.bidirectional", True, "must not read the record from its end", "set it to false"),
    "batches beside streams": wrong("forecast", "data.batching", {"size": 8}, "set model.memory.streams instead"),
    "cuts of a classification": wrong("classify", "model.memory", {"kind": "carried", "truncate": 5}, "forecast and generate alone", "drop it"),
    "strided carried forecast": wrong(
        "forecast", "model.backbone.front", [{"channels": 4, "kernel": 3, "stride": 2}], "its stride must be 1", "windowed"
    ),
    "context off the stride": wrong(
        "classify", "model.memory", {"kind": "windowed", "context": 7}, "7 is not a multiple", "use 6",
        model__backbone__front=[{"channels": 4, "kernel": 2, "stride": 2}],
    ),
    "classes of a forecast": wrong("forecast", "model.head", {"kind": "categorical"}, "does not answer a forecast", "point or quantile"),
    "quantiles of a class": wrong("text", "model.head", {"kind": "quantile"}, "does not answer a classify; use categorical"),
    "huber of another loss": wrong("forecast", "model.head", {"kind": "point", "huber": 2.0}, "with loss: huber alone", "the loss is mse"),
    "pinball of a point": wrong("forecast", "task.metric", "pinball", "needs quantiles", model__head={"kind": "point"}),
    "embedding of numbers": wrong("arrays", "model.embed", {"kind": "one_hot"}, "there are no tokens or categories to embed; drop it"),
    "live asked of a bidirectional model": wrong(
        "classify", "live.memory", "carried", "needs the whole future", "set model.backbone.bidirectional to false",
        model__backbone__bidirectional=True,
    ),
    "live asked otherwise than trained": wrong("forecast", "live.memory", "windowed", "model.memory is carried", "set live.memory to carried"),
}
"""Told before any data is read."""

WITH_DATA: dict[str, Wrong] = {
    "no such column": wrong("forecast", "data.columns.target", ["vallue"], "no column 'vallue'", "did you mean 'value'?", line=None),
    "no such label": wrong("classify", "data.columns.label", "kind", "no column 'kind'", "there are: 'curve', 'value', 'class'", line=None),
    "no such channel": wrong("arrays", "data.columns.past", ["x7"], "'x7'", "there are: 'x0'", data__columns={}, line=None),
    "no such file": wrong("text", "data.source.path", "line.tsv", "no such file", "did you mean", "lines.tsv", line=None),
    "horizon longer than the series": wrong(
        "forecast", "task.horizon", 1000, "the train part", "160 steps", "task.horizon is 1000", "shorten", line=None,
    ),
    "horizon longer than a part": wrong(
        "forecast", "task.horizon", 60, "the validation part", "40 steps", "task.horizon is 60", "give more rows", line=None,
    ),
    "context longer than a part": wrong(
        "forecast", "model.memory", {"kind": "windowed", "context": 239}, "the train part", "model.memory.context is 239", "shorten", line=None
    ),
    "lags longer than the train part": wrong(
        "forecast", "task.lags", [230], "the train part", "the longest of task.lags is 230", "shorten", line=None,
    ),
    "seasons longer than the train part": wrong(
        "forecast", "task.seasons", [230], "task.seasons", "over 230 steps in the train part of at most 160 rows", "shorter", line=None,
    ),
    "test part larger than the data": wrong("forecast", "data.split.test", 500, f"has {ROWS} rows", "comes out empty", "test 500", line=None),
    "test part longer than the data": wrong("forecast", "data.split.test", "52w", "comes out empty", "test 52w", line=None),
    "embargo of all rows": wrong("forecast", "data.split.embargo", 150, "comes out empty", "embargo 150 rows", line=None),
    "logarithm of values below zero": wrong(
        "classify", "data.scaling", {"default": "log1p"}, "curves.csv:", "column 'value'", "wanted more than -1", "choose", line=None,
    ),
    "stride longer than a record": wrong(
        "classify", "model.backbone.front", [{"channels": 4, "kernel": 20, "stride": 20}], "has 12 steps, fewer than the 20", "lower", line=None
    ),
    "one group too few": wrong(
        "classify", "data.split", {"kind": "group", "validation": 0.3, "test": 0.3}, "2 groups (down, up)", "wanted at least 3",
        data__columns__group="class", line=None,
    ),
    "parts that are none": wrong(
        "classify", "data.split", {"kind": "given"}, "is in part", "wanted train, validation, test", data__columns__part="class", line=None
    ),
    "words for numbers": wrong("classify", "data.columns.past", ["class"], ":2: column 'class': got 'up', wanted a number", line=None,
                               data__columns__label="curve"),
    "wrong kind of file": wrong("arrays", "data.source.path", "lines.tsv", "lines.tsv", "cannot be read", line=None),
    "wrong encoding": wrong("text", "data.source.encoding", "utf-16", "utf-16", "set source.encoding: utf-16-le or utf-16-be, or utf-8", line=None),
    "channels of another number": wrong("arrays", "data.source.channels", ["x", "y"], "has 1 channels", "names 2", line=None),
}
"""Told when the spec meets its data."""



def places(message: str, path, key: str) -> None:
    """The message tells the file, the line and the dotted key, and that is where the key stands."""
    told = re.search(rf"^{re.escape(str(path))}:(\d+): ([\w.]+(?:\[\d+\])?[\w.]*): ", message, re.MULTILINE)
    assert told, message
    assert told[2].startswith(key), message
    assert int(told[1]) == line_of(path, told[2]), message


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_spec_is_told_with_its_line_and_key(name, capfd, tmp_path):
    case = WRONG[name]
    path = put_spec(tmp_path, case.base, case.changes)
    message = untouched(capfd, tmp_path, ["check", path])
    holds(message, case.words)
    if case.line is None:  # there is no such line
        holds(message, [f"{path}: {case.key}: "])
    else:
        places(message, path, case.line or case.key)


@pytest.mark.parametrize("name", WITH_DATA)
def test_a_spec_that_its_data_does_not_allow_is_told(name, capfd, tmp_path):
    put_data(tmp_path)
    case = WITH_DATA[name]
    message = untouched(capfd, tmp_path, ["check", put_spec(tmp_path, case.base, case.changes)])
    holds(message, [*case.words, str(tmp_path)])


TRAINED = {name: WRONG[name] for name in (
    "unknown cell key", "text for a number", "no epochs", "unknown task", "no context", "levels without the median", "forecast of a text",
    "random split of one series", "strided carried forecast", "live asked of a bidirectional model",
)} | {name: WITH_DATA[name] for name in (
    "no such column", "no such file", "horizon longer than a part", "lags longer than the train part", "seasons longer than the train part",
    "test part larger than the data", "logarithm of values below zero", "stride longer than a record",
)}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("options", [(), ("--json", "--seed", "3")], ids=["plain", "json"])
def test_training_refuses_what_the_check_refuses_and_leaves_no_folder(name, options, capfd, tmp_path):
    put_data(tmp_path)
    case = TRAINED[name]
    path = put_spec(tmp_path, case.base, case.changes)
    holds(untouched(capfd, tmp_path, ["train", path, "--out", tmp_path / "run", *options]), case.words)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there, so asking for one is no mistake")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_written(capfd, tmp_path):
    put_data(tmp_path)
    path = put_spec(tmp_path, "classify", {"train.device": "cuda"})
    message = untouched(capfd, tmp_path, ["train", path, "--out", tmp_path / "run"])
    holds(message, ["train.device: got cuda", "no CUDA device", "set train.device to cpu or auto"])
    assert not (tmp_path / "run").exists()


def test_a_source_without_a_file_is_told(capfd, tmp_path):
    message = untouched(capfd, tmp_path, ["check", put_spec(tmp_path, "forecast", {"data.source.path": GONE})])
    holds(message, ["data.source: no path", "set data.source.path"])


def test_a_seed_that_is_none_is_told(capfd, tmp_path):
    put_data(tmp_path)
    path = put_spec(tmp_path, "text")
    holds(untouched(capfd, tmp_path, ["check", path, "--seed", "-1"]), ["train.seed: got -1", "greater than or equal to 0"])


OCCUPIED: dict[str, tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]] = {
    "someone's files": ({"notes.txt": "mine"}, (), ("is not empty and holds no run", "new or empty")),
    "a finished run": ({"spec.yaml": "x", "manifest.json": "{}"}, (), ("already holds a run", "choose another --out")),
    "an unfinished run": ({"spec.yaml": "x"}, (), ("already holds an unfinished run", "go on with --resume")),
    "another spec": ({"spec.yaml": "x"}, ("--resume",), ("was started with another spec", "resume with that one")),
    "nothing to resume": ({}, ("--resume",), ("holds no run to resume", "leave out --resume")),
}


@pytest.mark.parametrize("name", OCCUPIED)
def test_a_folder_that_holds_something_is_never_written_into(name, capfd, tmp_path):
    put_data(tmp_path)
    files, options, words = OCCUPIED[name]
    (tmp_path / "run").mkdir()
    for file, content in files.items():
        put(tmp_path / "run", file, content)
    arguments = ["train", put_spec(tmp_path, "classify"), "--out", tmp_path / "run", *options]
    holds(untouched(capfd, tmp_path, arguments), [str(tmp_path / "run"), *words])


def test_a_file_in_place_of_the_folder_is_never_overwritten(capfd, tmp_path):
    put_data(tmp_path)
    taken = put(tmp_path, "run", "mine")
    holds(untouched(capfd, tmp_path, ["train", put_spec(tmp_path, "text"), "--out", taken]), [str(taken), "is a file", "new or empty"])


def test_several_mistakes_are_told_at_once_one_a_line(capfd, tmp_path):
    path = put_spec(tmp_path, "forecast", {"task.horizon": 0, "train.epochs": "x", "modle": 1, "model.backbone.layers": 99})
    message = untouched(capfd, tmp_path, ["check", path])
    assert len(message.splitlines()) == 4
    for key in ("task.horizon", "train.epochs", "modle", "model.backbone.layers"):
        assert f"{path}:{line_of(path, key)}: {key}: " in message


def test_the_good_specs_are_good(capfd, tmp_path):
    put_data(tmp_path)
    for base in GOOD:
        assert main(["check", str(put_spec(tmp_path, base)), "--json"]) == 0
    assert capfd.readouterr().err == ""
