"""The extension under sanitizers: no access outside of what was given, nothing undefined, no two threads at the same number."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from unspool import native

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("g++")
HERE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
CMAKE, NINJA = (shutil.which(tool, path=HERE) for tool in ("cmake", "ninja"))
PROBLEMS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(COMPILER is None, reason="needs g++"),
]
INSTRUCTION_SETS = [name for name in ("baseline", "avx2", "avx512") if native.library() is not None and name in native.library().instruction_sets]
FLAGS = {"baseline": (), "avx2": ("-mavx2", "-mfma"), "avx512": ("-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma")}

LAWS = ("scans", "coded", "dropout", "cross_entropy")
TESTS = {law: f"tests/laws/test_{law}.py" for law in LAWS} | {"executor": "tests/streaming"}


def run(*command: object, **environment: str) -> str:
    done = subprocess.run([str(one) for one in command], cwd=ROOT, capture_output=True, text=True, env=os.environ | environment)
    told = done.stdout + done.stderr
    assert done.returncode == 0 and not PROBLEMS.search(told), told[-6000:]
    return told


def library(name: str) -> str:
    """Where the compiler has a library of its own."""
    return subprocess.run([str(COMPILER), f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension built with checks of addresses and of undefined behaviour."""
    folder = tmp_path_factory.mktemp("checked")
    chosen = (f"-DCMAKE_MAKE_PROGRAM={NINJA}", f"-DPython_EXECUTABLE={sys.executable}", "-DUNSPOOL_SANITIZE=address,undefined")
    run(CMAKE, "-S", "native", "-B", folder, "-G", "Ninja", *chosen)
    run(NINJA, "-C", folder)
    (found,) = folder.glob("_native*.so")
    return found


@pytest.mark.parametrize("tests", TESTS.values(), ids=TESTS)
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_kernels_stay_within_what_they_are_given(checked, name, tests):
    first = " ".join(map(library, ("libasan.so", "libstdc++.so")))  # the checks look for the functions of exceptions once, when they are loaded
    options = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1", "LD_PRELOAD": first, "UNSPOOL_NATIVE": name}
    pytest_options = ("-q", "-p", "no:cacheprovider", "--capture=sys", "-m", "not slow")
    told = run(sys.executable, "tests/native/run_with.py", checked, *pytest_options, tests, **options)
    assert re.search(r"\d+ passed", told) and "failed" not in told


@pytest.mark.parametrize("kernel", ["scan", "cross_entropy"])
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_threads_that_share_work_never_meet_at_a_number(tmp_path, name, kernel):
    program = tmp_path / "race"
    flags = ("-std=c++20", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-DUNSPOOL_ISA={name}", *FLAGS[name])
    run(COMPILER, *flags, "-I", "native", f"native/{kernel}.cpp", f"native/{kernel}_plan.cpp", f"tests/native/{kernel}_race.cpp", "-o", program)
    for threads in (2, 3):
        assert "difference" in run(program, threads)


def test_all_that_was_written_before_threads_met_may_be_read_after(tmp_path):
    program = tmp_path / "meeting"
    run(COMPILER, "-std=c++20", "-O1", "-g", "-fsanitize=thread", "-pthread", "-I", "native", "tests/native/meeting.cpp", "-o", program)
    for threads in (2, 3, 5):
        assert run(program, threads) == "0"
