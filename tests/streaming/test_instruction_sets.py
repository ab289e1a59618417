"""What holds of the executor holds for every instruction set that the processor has, and without any."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unspool import native

HERE = Path(__file__).parent
OPERATIONS, LAWS = ["test_executor_operations.py", "test_drawn_programs.py"], ["test_executor.py", "test_executor_refuses.py"]


def passed(files, **environment):
    """Runs test modules in a process of their own, and gives the last line."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(HERE / name) for name in files)]
    done = subprocess.run(command, env=os.environ | environment, cwd=HERE.parents[1], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def others():
    """Those besides the one that the other tests run on."""
    library = native.library()
    return [] if library is None else [name for name in library.instruction_sets if name != library.instruction_set]


@pytest.mark.parametrize("laws", [OPERATIONS[:1], pytest.param(OPERATIONS[1:], marks=pytest.mark.slow)], ids=["operations", "drawn programs"])
@pytest.mark.parametrize("name", others())
def test_another_instruction_set_keeps_the_laws(name, laws):
    told = passed(laws, UNSPOOL_NATIVE=name)
    assert "skipped" not in told, told


@pytest.mark.parametrize("laws", [LAWS[1:], pytest.param(LAWS[:1], marks=pytest.mark.slow)], ids=["what is refused", "what holds"])
def test_without_the_library_the_interpreter_keeps_them(laws):
    told = passed(laws, UNSPOOL_NATIVE="off")
    assert "skipped" in told, told
