"""Two small runs, trained once."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from unspool.cli import main

from .making import put_data, put_spec


def trained(folder: Path, base: str, changes: dict[str, Any]) -> Path:
    put_data(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(["train", str(put_spec(folder, base, changes)), "--out", str(folder / "run"), "--json"])
    assert code == 0
    return folder / "run"


@pytest.fixture(scope="session")
def forecast_run(tmp_path_factory) -> Path:
    """Carried, with a known column, lags and the calendar."""
    return trained(tmp_path_factory.mktemp("forecast"), "forecast", {"task.lags": [24], "data.time": {"calendar": ["hour_of_day"]}})


@pytest.fixture(scope="session")
def classify_run(tmp_path_factory) -> Path:
    return trained(tmp_path_factory.mktemp("classify"), "classify", {})


@pytest.fixture(scope="session")
def text_run(tmp_path_factory) -> Path:
    return trained(tmp_path_factory.mktemp("text"), "text", {})
