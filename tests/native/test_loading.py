"""Which instruction set is loaded, and what is said where none is."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from unspool import native
from unspool.errors import InputError

needs_native = pytest.mark.skipif(native.library() is None, reason=f"the native engine is not there: {native.why_not()}")


def told(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "UNSPOOL_NATIVE"}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=kept | environment, timeout=100)


LOADED = "from unspool import native; library = native.library(); print(library and library.instruction_set, native.why_not(), sep='|')"


@needs_native
def test_the_best_instruction_set_that_is_here_is_loaded():
    assert told(LOADED).stdout.strip() == f"{native.library().instruction_sets[-1]}|"


@needs_native
@pytest.mark.parametrize("name", native.library().instruction_sets if native.library() else [])
def test_an_instruction_set_can_be_asked_for(name):
    assert told(LOADED, UNSPOOL_NATIVE=name).stdout.strip() == f"{name}|"


@needs_native
def test_python_may_end_while_a_graph_is_alive():
    """It holds a plan of the library's; that is no leak to warn of."""
    done = told("import torch; from unspool.layers import LSTM; y, state = LSTM(2, 3)(torch.ones(1, 2, 2)); print(y.shape[-1])")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


@needs_native
def test_off_is_off_and_says_so():
    assert told(LOADED, UNSPOOL_NATIVE="off").stdout.strip() == "None|UNSPOOL_NATIVE is off"


@needs_native
def test_a_name_that_is_unknown_is_an_error_of_the_user_and_says_which_there_are():
    done = told("import sys; from unspool.cli import main; sys.exit(main(['doctor']))", UNSPOOL_NATIVE="avx9")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "UNSPOOL_NATIVE: got avx9, wanted off or one of baseline" in done.stderr


def test_without_the_extension_a_user_is_told_how_to_get_it(monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(native, "import_module", missing)
    native._loaded.cache_clear()
    try:
        assert native.library() is None
        assert "no C++ compiler was found when unspool was installed; install one" in native.why_not()
    finally:
        monkeypatch.undo()
        native._loaded.cache_clear()


def test_an_extension_that_cannot_be_loaded_says_why(monkeypatch):
    def broken(name: str) -> None:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(native, "import_module", broken)
    native._loaded.cache_clear()
    try:
        assert native.library() is None and "libgomp.so.1" in native.why_not()
    finally:
        monkeypatch.undo()
        native._loaded.cache_clear()


def test_a_setting_that_is_refused_is_an_input_error(monkeypatch):
    def refuses(name: str) -> None:
        raise ImportError("UNSPOOL_NATIVE: got x, wanted off")

    monkeypatch.setattr(native, "import_module", refuses)
    native._loaded.cache_clear()
    try:
        with pytest.raises(InputError, match="got x, wanted off"):
            native.library()
    finally:
        monkeypatch.undo()
        native._loaded.cache_clear()


@needs_native
def test_lengths_beyond_the_steps_are_refused_by_the_kernels_too():
    lengths = np.array([2, 9])
    with pytest.raises(ValueError, match="lengths: row 1 has 9 of 4 steps"):
        native.library().ScanPlan("lstm", 2, 4, 3, 5, lengths.ctypes.data, False, 1)
    with pytest.raises(ValueError, match="no cell is called gated"):
        native.library().ScanPlan("gated", 2, 4, 3, 5, 0, False, 1)


POOLS = """
import os, sys
{first}
{second}
native.library()
pools = {{line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}}
print(len(pools))
"""


@needs_native
@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux")
@pytest.mark.parametrize("order", [("import torch", "from unspool import native"), ("from unspool import native; native.library()", "import torch")])
def test_there_is_one_pool_of_threads_with_torch_whichever_is_loaded_first(order):
    assert told(POOLS.format(first=order[0], second=order[1])).stdout.strip() == "1"


FEWER_THREADS = """
import torch
from unspool import LSTM
torch.set_num_threads(9)
net = LSTM(8, 72)
for _ in range(20):
    net.scan(torch.randn(40, 30, 8))[0].square().sum().backward()
"""


@needs_native
def test_a_team_may_be_smaller_than_it_was_asked_to_be():
    """What it works in suffices: the parts of fewer threads are larger, and all of them together may be too."""
    assert told(FEWER_THREADS, OMP_THREAD_LIMIT="8").returncode == 0
