"""The examples' specs hold, and the demo is the example that it says it is."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from unspool.run import load_spec
from unspool.spec import read_yaml

from .pages import ROOT

SPECS = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_spec_of_an_example_holds_and_reads_what_is_fetched(path):
    for _, place in load_spec(path).data.source.places:
        file = Path(place).resolve().relative_to(ROOT / ".data")
        assert f'"{file}"' in (ROOT / "examples" / "fetch.py").read_text(encoding="utf-8")


def test_there_are_examples():
    assert len(SPECS) >= 5


def test_the_demo_is_the_example_on_electricity_demand():
    example = read_yaml(ROOT / "examples" / "vic_elec.yaml")
    del example["data"]["source"]["path"]
    assert example == read_yaml(Path(str(files("unspool.cli") / "demo.yaml")))


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=110, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    assert (built.returncode, built.stderr) == (0, "")
    assert "data.source" in (tmp_path / "spec.html").read_text(encoding="utf-8")
