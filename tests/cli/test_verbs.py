"""Every verb: what it hands to the library, what it prints, and what it answers to a program."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType

import pytest
import yaml

import unspool
from unspool.cli import main
from unspool.cli.output import number

from .conftest import NOTE


def answered(capsys, arguments):
    """The one JSON document on stdout; anything else beside it fails."""
    assert main([*map(str, arguments), "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    return json.loads(printed.out)


def test_check_answers_with_spec_data_and_model(fake_run, capsys):
    found = {"spec": {"task": "forecast"}, "data": {"rows": 10}, "model": {"parameters": 3}}
    assert answered(capsys, ["check", "spec.yaml"]) == found | {"notes": [NOTE]}


def test_check_prints_yaml_that_reads_back(fake_run, capsys):
    assert main(["check", "spec.yaml"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed) == {"spec": {"task": "forecast"}, "data": {"rows": 10}, "model": {"parameters": 3}}
    assert f"\n# {NOTE}\n" in printed


def test_check_passes_overrides_and_seed_on(fake_run):
    assert main(["check", "spec.yaml", "--set", "a.b=1", "--set", "c=2", "--seed", "7"]) == 0
    name, path, overrides, seed = fake_run.calls[0]
    assert (name, str(path), overrides, seed) == ("load_spec", "spec.yaml", ["a.b=1", "c=2"], 7)


def test_check_prints_the_schema_without_a_spec(fake_run, capsys):
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["task"]["description"] == "what is asked"


def test_check_wants_a_spec_or_the_schema(fake_run, capsys):
    assert main(["check"]) == 2
    assert "SPEC: give a spec, or --schema" in capsys.readouterr().err


def test_train_answers_with_folder_and_metrics(fake_run, capsys, tmp_path):
    found = answered(capsys, ["train", "spec.yaml", "--out", tmp_path / "run"])
    assert found["folder"] == str(tmp_path / "run")
    assert found["live"] is True
    assert found["metrics"]["test"]["mae"] == 12.5


def test_train_passes_everything_on(fake_run, tmp_path):
    arguments = ["train", "spec.yaml", "--out", str(tmp_path), "--seed", "3", "--resume", "--set", "train.epochs=2"]
    assert main(arguments) == 0
    _, spec, options = fake_run.calls[0]
    assert str(spec) == "spec.yaml"
    hooks = options.pop("hooks")
    assert [type(hook).__name__ for hook in hooks] == ["ProgressHook"]
    assert options == {"out": tmp_path, "resume": True, "seed": 3, "overrides": ["train.epochs=2"]}


def test_train_shows_the_model_beside_its_baselines(fake_run, capsys, tmp_path):
    assert main(["train", "spec.yaml", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip() and not line.lstrip().startswith("─")}
    assert rows["mae"] == ["12.5", "20,000", "-"]
    assert rows["origins"] == ["2,688", "2,688", "2,688"]
    assert "mae_by_step" not in printed
    assert "seasonal naive 48" in printed
    assert f"unspool stream {tmp_path}" in printed.replace("\n", "")


@pytest.mark.parametrize(("data", "baselines"), [([], True), (["--data", "other.csv"], False)])
def test_evaluate_answers_with_scores(fake_run, capsys, tmp_path, data, baselines):
    found = answered(capsys, ["evaluate", tmp_path, *data])
    assert found["test"]["mase"] == 0.71
    assert ("baselines" in found) is baselines
    assert main(["evaluate", str(tmp_path), *data]) == 0
    assert ("drift" in capsys.readouterr().out) is baselines


def test_predict_prints_one_json_line_a_record(fake_run, capsys, tmp_path):
    assert main(["predict", str(tmp_path), "data.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["series"] for line in lines] == ["a", "b"]
    assert answered(capsys, ["predict", tmp_path, "data.csv"]) == [json.loads(line) for line in lines]


def test_predict_writes_a_new_file_and_never_an_old_one(fake_run, capsys, tmp_path):
    out = tmp_path / "answers.jsonl"
    assert answered(capsys, ["predict", tmp_path, "data.csv", "--out", out]) == {"answers": 2, "file": str(out)}
    kept = out.read_text()
    assert len(kept.splitlines()) == 2
    assert main(["predict", str(tmp_path), "data.csv", "--out", str(out)]) == 2
    assert f"{out}: is there already" in capsys.readouterr().err
    assert out.read_text() == kept


def test_verify_answers_with_what_was_found(fake_run, capsys, tmp_path):
    assert answered(capsys, ["verify", tmp_path]) == {"comparisons": {"whole_and_steps": 1.5e-07}, "equal": True, "steps": 960}
    assert main(["verify", str(tmp_path)]) == 0
    lines = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {name.strip(): value for name, value in lines.items()} == {"whole and steps": "1.5e-07", "equal": "True", "steps": "960"}


def test_report_tells_where_the_page_is(monkeypatch, capsys, tmp_path):
    page = ModuleType("unspool.report")
    page.write = lambda folder: folder / "report.html"
    monkeypatch.setitem(sys.modules, "unspool.report", page)
    monkeypatch.setattr(unspool, "report", page, raising=False)
    assert answered(capsys, ["report", tmp_path]) == {"report": str(tmp_path / "report.html")}
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"


def test_doctor_tells_versions(capsys):
    found = answered(capsys, ["doctor"])
    assert found["unspool"] == unspool.__version__
    assert found["packages"]["torch"].startswith("2.")
    engines = found["torch"]["engines"]
    assert list(engines) == ["native", "cudnn", "eager"] and engines["eager"] == {"available": True, "reason": "everything else"}
    assert all(told["reason"] for told in engines.values())
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert f"numpy        {found['packages']['numpy']}" in told
    assert "engine eager everything else" in told


def test_doctor_tells_why_the_native_engine_is_missing(monkeypatch, capsys):
    monkeypatch.setattr("unspool.kernels.engine.why_no_library", lambda: "UNSPOOL_NATIVE is off")
    assert answered(capsys, ["doctor"])["torch"]["engines"]["native"] == {"available": False, "reason": "UNSPOOL_NATIVE is off"}
    assert main(["doctor"]) == 0
    assert "engine native missing: UNSPOOL_NATIVE is off" in capsys.readouterr().out


def test_doctor_fails_where_a_package_is_missing(monkeypatch, capsys):
    monkeypatch.setattr("unspool.cli.doctor.CORE", ("numpy", "torch-of-another-world"))
    assert main(["doctor"]) == 1
    assert "MISSING: pip install torch-of-another-world" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "told"), [(None, "-"), (3, "3"), (2688, "2,688"), (0.123456, "0.1235"), (1234567.8, "1,234,568"), (-1500.4, "-1,500"), (1e-9, "1e-09")]
)
def test_numbers_are_told_to_four_digits(value, told):
    assert number(value) == told


@pytest.mark.parametrize("arguments", [["--help"], ["stream", "--help"], ["--version"]])
def test_help_and_version_load_no_torch(arguments):
    code = f"import sys; from unspool.cli import main; code = main({arguments!r}); assert 'torch' not in sys.modules; sys.exit(code)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
