"""The command line with the library below it: from `init` to a live stream."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

from unspool.cli import main
from unspool.errors import MissingExtra

DEMO = sys.modules["unspool.cli.demo"]
SLOW = [("forecast", "arrays"), ("classify", "table"), ("classify", "arrays"), ("classify", "text"), ("tag", "tagged"), ("generate", "text")]
KINDS = [("forecast", "table"), *(pytest.param(*kind, marks=pytest.mark.slow) for kind in SLOW)]
STEPS = {
    ("forecast", "table"): [{"time": f"2024-01-01T{hour:02d}:00:00Z", "value": 100.0 + hour} for hour in range(3)],
    ("forecast", "arrays"): [{"value": 100.0, "other": 0.5}] * 3,
    ("classify", "table"): [{"x": 0.5, "y": -0.5}] * 3,
    ("classify", "arrays"): [{"x": 0.5, "y": -0.5}] * 3,
    ("classify", "text"): [{"text": "a lovely day"}] * 3,
    ("tag", "tagged"): [{"text": "Ada Byron lives "}, {"text": "in Oslo ."}, {"text": " now"}],
    ("generate", "text"): [{"text": "the cat"}, {"text": " and"}, {"text": " the dog"}],
}


def answer(capsys, *arguments):
    assert main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("task", "source"), KINDS)
def test_an_example_goes_from_init_to_a_live_stream(tmp_path, capsys, task, source):
    assert main(["init", str(tmp_path), "--task", task, "--source", source, "--example"]) == 0
    capsys.readouterr()
    spec, run = tmp_path / "spec.yaml", tmp_path / "run"

    checked = answer(capsys, "check", spec, "--set", "train.epochs=2")
    assert checked["spec"]["train"]["epochs"] == 2
    assert checked["model"]["live"] is True

    trained = answer(capsys, "train", spec, "--out", run, "--set", "train.epochs=2")
    assert trained["metrics"]["baselines"]
    assert answer(capsys, "evaluate", run)["test"] == trained["metrics"]["test"]
    assert answer(capsys, "verify", run)["equal"] is True
    assert answer(capsys, "report", run)["report"].endswith("report.html")
    data = next(path for path in tmp_path.iterdir() if path.name.startswith("data."))
    assert len(answer(capsys, "predict", run, data)) >= 1

    lines = "".join(json.dumps(step) + "\n" for step in STEPS[task, source]) + "nonsense\n"
    live = subprocess.run([sys.executable, "-c", STREAM, str(run)], input=lines, capture_output=True, text=True, timeout=60)
    assert live.returncode == 2
    assert live.stderr == ""
    answers = [json.loads(line) for line in live.stdout.splitlines()]
    assert [set(told) == {"error", "line"} for told in answers] == [False, False, False, True]


STREAM = "import sys; from unspool.cli import main; code = main(['stream', sys.argv[1]]); assert 'torch' not in sys.modules; sys.exit(code)"


def test_training_into_a_folder_that_holds_a_run_is_refused(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    main(["init", str(tmp_path), "--example"])
    assert main(["train", str(tmp_path / "spec.yaml"), "--out", str(tmp_path / "run")]) == 2
    assert "already holds a run" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "train"])
def test_a_spec_that_is_not_there_is_named(tmp_path, capsys, verb):
    arguments = ["--out", str(tmp_path / "run")] if verb == "train" else []
    assert main([verb, str(tmp_path / "spec.yml"), *arguments]) == 2
    assert f"{tmp_path / 'spec.yml'}: no such spec file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["evaluate", "predict", "stream", "verify", "report"])
def test_a_run_folder_that_is_not_there_is_named(tmp_path, capsys, verb):
    arguments = ["data.csv"] if verb == "predict" else []
    assert main([verb, str(tmp_path / "nowhere"), *arguments]) == 2
    assert str(tmp_path / "nowhere") in capsys.readouterr().err


def test_a_wrong_key_is_told_with_its_line(tmp_path, capsys):
    main(["init", str(tmp_path), "--example"])
    spec = tmp_path / "spec.yaml"
    spec.write_text(spec.read_text().replace("horizon:", "horizn:"))
    assert main(["check", str(spec)]) == 2
    told = capsys.readouterr().err
    assert "task.horizn: unknown key; did you mean 'horizon'?" in told
    assert f"{spec}:6" in told


@pytest.fixture
def small_demo(tmp_path, monkeypatch):
    """The demo on six weeks of made-up demand, with a network of four units and one epoch."""
    from unspool.run import load_spec

    times = pl.datetime_range(pl.datetime(2012, 1, 1), pl.datetime(2012, 2, 12), "30m", eager=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    step = pl.arange(0, len(times), eager=True)
    frame = pl.DataFrame(
        {
            "Time": times,
            "Demand": 4000 + 800 * (step * 2 * 3.141592653589793 / 48).sin() + (step * 37 % 101),
            "Temperature": 20 + 8 * (step * 2 * 3.141592653589793 / 48).cos(),
            "Holiday": ["TRUE" if 0 <= day // 48 < 2 else "FALSE" for day in step],
        }
    )
    path = tmp_path / "vic_elec.csv"
    frame.write_csv(path)
    small = ["model.backbone.cell.hidden=4", "train.epochs=1", "data.split.validation=3d", "data.split.test=9d"]
    template = DEMO.files("unspool.cli") / "demo.yaml"
    monkeypatch.setattr(DEMO, "data_file", lambda: path)
    monkeypatch.setattr(DEMO, "demo_spec", lambda data: load_spec(template, [f"data.source.path={data}", *small]))


@pytest.mark.timeout(600)
def test_the_demo_streams_what_it_forecast(small_demo, tmp_path, capsys):
    found = answer(capsys, "demo", "--out", tmp_path / "run")
    assert found["last_week"]["answers"] == 336
    assert found["last_week"]["largest_difference"] < 1e-5
    assert found["verify"]["equal"] is True
    assert main(["demo", "--out", str(tmp_path / "run")]) == 0
    printed = capsys.readouterr()
    assert "epoch" not in printed.err
    assert "naive 336" in printed.out
    assert "336 live answers" in printed.out


def test_the_demo_names_the_extra_that_it_needs(monkeypatch):
    monkeypatch.setattr(DEMO, "PACKAGE", "a-package-of-another-world")
    with pytest.raises(MissingExtra, match=r"pip install unspool\[demo\]"):
        DEMO.data_file()


def test_the_demo_reads_a_spec_that_holds(tmp_path):
    spec = DEMO.demo_spec(tmp_path / "vic_elec.csv")
    assert spec.task.horizon == 48
    assert spec.data.source.path == str(tmp_path / "vic_elec.csv")
