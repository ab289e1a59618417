"""What is given to a trained model: a file or a stream that cannot be used is exit code 2 and told with its place."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

from unspool.cli import main

from .making import curve_rows, curves, demand, holds, hourly, put, refusal, snapshot, text_lines, texts, with_row

LATER = hourly(60, first="2024-03-01")
EMPTY = [f"{row.split(',')[0]},,0" for row in hourly(64, first="2024-03-01")[60:]]
"""The rows of the horizon, of which the targets are not known."""

PREDICT: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "no known future": ("forecast", demand(LATER), ("has 0 rows after its last target", "reads holiday", "add rows in which only")),
    "half of the known future": ("forecast", demand(LATER + EMPTY[:2]), ("has 2 rows after its last target", "4 steps")),
    "a hole in the known future": (
        "forecast", demand(LATER + EMPTY[:2] + [EMPTY[2][:-1]] + EMPTY[3:]), ("column 'holiday'", "missing"),
    ),
    "a history too short for the lags": ("forecast", demand(LATER[-10:] + EMPTY), ("has 10 observed steps", "needs 24", "give a longer history")),
    "no history": ("forecast", demand(EMPTY), (":2: column 'value' is missing",)),
    "a hole in the history": ("forecast", demand([*LATER[:50], EMPTY[0].replace(EMPTY[0][:16], LATER[50][:16]), *LATER[51:], *EMPTY]), ("value",)),
    "a column missing": ("forecast", demand(LATER + EMPTY).replace("holiday", "feast", 1), ("no column 'holiday'", "columns.known")),
    "time going back": ("forecast", demand(LATER + LATER[:1] + EMPTY), (":62:", "goes back in time")),
    "a gap": ("forecast", demand(LATER[:30] + LATER[33:] + EMPTY), (":32:", "has a gap of 4 h")),
    "text in a number": ("forecast", demand([*LATER[:-1], "2024-03-03T11:00,x,0", *EMPTY]), (":61: column 'value': got 'x'",)),
    "infinity": ("forecast", demand([*LATER[:-1], "2024-03-03T11:00,inf,0", *EMPTY]), (":61: column 'value': got infinity",)),
    "a number beyond a float": ("forecast", demand([*LATER[:-1], "2024-03-03T11:00,1e300,0", *EMPTY]), (":61:", "column 'value'", "far too large")),
    "an empty file": ("forecast", "", ("is empty (0 bytes)",)),
    "an archive for a table": ("forecast", b"PK\x03\x04rubbish", ("is no text file",)),
    "no input column": ("classify", curves().replace("value", "load", 1), ("no column 'value'", "columns.past")),
    "a NaN": ("classify", curves([*curve_rows(), "z,nan,up"]), (":290: column 'value' is missing",)),
    "no series": ("classify", curves([*curve_rows(), ",1,up"]), (":290: the row names no series",)),
    "a blank line": ("text", "it is fine\n\nit is poor\n", (":2: is a blank line",)),
    "labels in some lines": ("text", "good\tit is fine\nit is poor\n", (":2: got 'it is poor'",)),
    "no UTF-8": ("text", b"it is \xff\n", (":1: byte 6 is not utf-8",)),
}


@pytest.fixture
def run_of(request):
    return lambda kind: request.getfixturevalue(f"{kind}_run")


@pytest.mark.parametrize("name", PREDICT)
def test_predict_tells_what_it_cannot_use(name, run_of, capfd, tmp_path):
    kind, content, words = PREDICT[name]
    run, path = run_of(kind), put(tmp_path, "input.txt" if kind == "text" else "input.csv", content)
    before = snapshot(run)
    message = refusal(capfd, ["predict", run, path, "--out", tmp_path / "answers.jsonl"])
    holds(message, [str(path), *words])
    assert snapshot(run) == before
    assert not (tmp_path / "answers.jsonl").exists()


EVALUATE: dict[str, tuple[str, str | bytes, tuple[str, ...]]] = {
    "an unknown class": ("classify", curves([*curve_rows(), "z,1,sideways"]), ("record 'z': got class 'sideways', wanted one of down, up",)),
    "no class": ("classify", curves([*curve_rows(), "z,1,"]), (":290: series 'z' has no label",)),
    "no column of classes": ("classify", curves().replace("class", "kind", 1), ("no column 'class'", "columns.label")),
    "an unknown class of a text": ("text", texts([*text_lines(), "so so\tfilm"]), (":25", "got class 'so so', wanted one of bad, good")),
    "texts without classes": ("text", "film\n", (":1: got 'film', wanted a label",)),
    "no target": ("forecast", demand().replace("value", "load", 1), ("no column 'value'",)),
    "a series of ten rows": ("forecast", demand(hourly(10)), ("no forecast can be judged", "has 10 steps", "the longest of task.lags is 24")),
    "a series of one row": ("forecast", demand(hourly(1)), ("no forecast can be judged", "has 1 steps", "give longer series")),
    "a text in a number": ("forecast", with_row(9, "2024-01-01T07:00,x,0"), (":9: column 'value': got 'x'",)),
}


@pytest.mark.parametrize("name", EVALUATE)
def test_evaluate_tells_what_it_cannot_use(name, run_of, capfd, tmp_path):
    kind, content, words = EVALUATE[name]
    path = put(tmp_path, "input.txt" if kind == "text" else "input.csv", content)
    holds(refusal(capfd, ["evaluate", run_of(kind), "--data", path]), [str(path), *words])


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_file_that_is_not_there_is_told(verb, classify_run, capfd, tmp_path):
    put(tmp_path, "curves.csv", curves())
    option = ["--data"] if verb == "evaluate" else []
    holds(refusal(capfd, [verb, classify_run, *option, tmp_path / "curve.csv"]), ["no such file", f"did you mean {tmp_path / 'curves.csv'}?"])


def test_answers_never_overwrite_a_file(classify_run, capfd, tmp_path):
    data, taken = put(tmp_path, "curves.csv", curves()), put(tmp_path, "answers.jsonl", "mine")
    holds(refusal(capfd, ["predict", classify_run, data, "--out", taken]), [str(taken), "nothing is overwritten", "give another --out"])
    assert taken.read_text() == "mine"


def test_answers_into_a_folder_that_is_not_there_are_told(classify_run, capfd, tmp_path):
    data = put(tmp_path, "curves.csv", curves())
    message = refusal(capfd, ["predict", classify_run, data, "--out", tmp_path / "no" / "answers.jsonl"])
    holds(message, [str(tmp_path / "no"), "does not exist; make it"])


@pytest.mark.parametrize("verb", ["verify", "stream", "evaluate"])
@pytest.mark.parametrize("name", ["nowhere", "spec.yaml", ".", "x" * 300])
def test_what_is_no_run_folder_is_told(verb, name, capfd, tmp_path):
    put(tmp_path, "spec.yaml", "task: {}")
    holds(refusal(capfd, [verb, tmp_path / name]), [str(tmp_path)])


ROW = {"time": "2024-01-01T01:00", "value": 3.0, "holiday": 0}
LINES: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "no JSON": (b"hello", ("not JSON", "wanted one JSON object a line")),
    "an empty line": (b"", ("not JSON",)),
    "half an object": (b'{"time": "2024-01-01T00:00", "va', ("not JSON",)),
    "a list": (b"[1, 2]", ("got list", "wanted a JSON object")),
    "a number": (b"7", ("got int", "wanted a JSON object")),
    "no UTF-8": (b'{"time": "\xff"}', ("not JSON",)),
    "a million brackets": (b"[" * 500_000, ("not JSON",)),
    "two million bytes": (b'{"time": "' + b"x" * (2 << 20) + b'"}', ("longer than 1,048,576 bytes",)),
    "an integer of 10,000 digits": (b'{"time": "2024-01-01T01:00", "holiday": 0, "value": ' + b"9" * 10_000 + b"}", ("not JSON",)),
    "no column": (json.dumps({"time": ROW["time"], "value": 3.0}).encode(), ("holiday",)),
    "an unknown column": (json.dumps(ROW | {"price": 1}).encode(), ("price",)),
    "text in a number": (json.dumps(ROW | {"value": "high"}).encode(), ("value", "high")),
    "a list in a number": (json.dumps(ROW | {"value": [3]}).encode(), ("value",)),
    "NaN": (json.dumps(ROW | {"value": np.nan}).encode(), ("value",)),
    "infinity": (json.dumps(ROW | {"value": np.inf}).encode(), ("value",)),
    "nothing in a number": (json.dumps(ROW | {"value": None}).encode(), ("value",)),
    "a number beyond a float": (json.dumps(ROW | {"value": 1e300}).encode(), ("value",)),
    "no stamp": (json.dumps({"value": 3.0, "holiday": 0}).encode(), ("time",)),
    "a stamp that is none": (json.dumps(ROW | {"time": "noon"}).encode(), ("noon",)),
    "a number for a stamp": (json.dumps(ROW | {"time": 1704067200}).encode(), ("time",)),
    "half of the future": (json.dumps(ROW | {"future": {"holiday": [0]}}).encode(), ("holiday", "4")),
    "an unknown future": (json.dumps(ROW | {"future": {"price": [0] * 4}}).encode(), ("price",)),
    "a future that is a number": (json.dumps(ROW | {"future": 3}).encode(), ("future",)),
}


def streamed(monkeypatch, capfd, run, lines: list[bytes]) -> tuple[int, list[dict], str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines) + b"\n")))
    code = main(["stream", str(run)])
    printed = capfd.readouterr()
    return code, [json.loads(line) for line in printed.out.splitlines()], printed.err


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_of_a_stream_is_answered_and_changes_nothing(name, forecast_run, monkeypatch, capfd):
    bad, words = LINES[name]
    rows = [dict(zip(("time", "value", "holiday"), row.split(","), strict=True)) for row in hourly(3)]
    good = [json.dumps(row | {"value": float(row["value"]), "holiday": int(row["holiday"])}).encode() for row in rows]
    _, whole, _ = streamed(monkeypatch, capfd, forecast_run, good)
    code, answers, told = streamed(monkeypatch, capfd, forecast_run, [good[0], bad, *good[1:]])
    assert code == 2
    assert told == ""
    assert [*answers[:1], *answers[2:]] == whole
    assert set(answers[1]) == {"error", "line"} and answers[1]["line"] == 2
    holds(answers[1]["error"], words)
    assert len(answers[1]["error"]) < 1000


def test_time_that_goes_back_in_a_stream_is_told(forecast_run, monkeypatch, capfd):
    lines = [json.dumps(ROW | {"time": stamp}).encode() for stamp in ("2024-01-02T00:00", "2024-01-01T00:00", "2024-01-02T00:00")]
    code, answers, _ = streamed(monkeypatch, capfd, forecast_run, lines)
    assert code == 2
    assert "error" not in answers[0]
    assert "2024-01-01T00:00" in answers[1]["error"] and "error" in answers[2]
