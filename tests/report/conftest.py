"""Run folders that tests read, and may change in a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .runs import classify_run, forecast_run


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return forecast_run(root / "forecast", days=30), classify_run(root / "classify", rows=300)


@pytest.fixture
def forecast_folder(_made, tmp_path) -> Path:
    return Path(shutil.copytree(_made[0], tmp_path / "forecast"))


@pytest.fixture
def classify_folder(_made, tmp_path) -> Path:
    return Path(shutil.copytree(_made[1], tmp_path / "classify"))
