"""A thread that is done takes what another has not begun, where it may, and everything is done once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("g++")


@pytest.mark.skipif(COMPILER is None, reason="needs g++")
def test_what_a_slow_thread_has_not_begun_is_done_by_another_where_it_is_lent(tmp_path):
    program = tmp_path / "lending"
    command = [COMPILER, "-std=c++20", "-O1", "-pthread", "-I", "native", "tests/native/lending.cpp", "-o", str(program)]
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True)
    told = {lent: subprocess.run([program, lent], check=True, capture_output=True, text=True).stdout for lent in ("0", "1")}
    assert told == {"0": "once 1, taken 0", "1": "once 1, taken 8"}
