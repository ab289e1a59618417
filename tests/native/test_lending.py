"""Threads of a team: one that is done takes what another has not begun, where it may, and everything is done once; and they meet."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("g++")


pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs g++")


def driver(name: str, folder: Path) -> Path:
    program = folder / name
    command = [COMPILER, "-std=c++20", "-O1", "-pthread", "-I", "native", f"tests/native/{name}.cpp", "-o", str(program)]
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True)
    return program


def said(program: Path, *given: str) -> str:
    return subprocess.run([program, *given], check=True, capture_output=True, text=True).stdout


def test_what_a_slow_thread_has_not_begun_is_done_by_another_where_it_is_lent(tmp_path):
    program = driver("lending", tmp_path)
    assert {lent: said(program, lent) for lent in ("0", "1")} == {"0": "once 1, taken 0", "1": "once 1, taken 8"}


def test_no_thread_goes_on_before_all_have_come(tmp_path):
    program = driver("meeting", tmp_path)
    assert {threads: said(program, str(threads)) for threads in range(1, 10)} == dict.fromkeys(range(1, 10), "0")
