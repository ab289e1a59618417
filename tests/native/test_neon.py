"""The kernels of 64-bit ARM, under an emulator: they build without a warning, and give what those of this machine give."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
NATIVE, CROSS, EMULATOR = (shutil.which(name) for name in ("g++", "aarch64-linux-gnu-g++", "qemu-aarch64-static"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (NATIVE and CROSS and EMULATOR), reason="needs g++, and Debian's g++-aarch64-linux-gnu and qemu-user-static"),
]
KERNEL = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
"""As native/CMakeLists.txt has them."""


def run(*command: object) -> str:
    done = subprocess.run([str(one) for one in command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


def numbers(compiler: str, name: str, kernel: str, folder: Path, *emulator: str) -> np.ndarray:
    """What the program of a kernel's tests computes when it is built for an instruction set."""
    built, program, told = folder / f"{name}.o", folder / name, folder / f"{name}.numbers"
    flags = ("-std=c++20", "-Wall", "-Wextra", "-Werror", f"-DUNSPOOL_ISA={name}")
    run(compiler, *flags, *KERNEL, "-c", f"native/{kernel}.cpp", "-o", built)
    around = (f"native/{kernel}_plan.cpp", f"tests/native/{kernel}_race.cpp")
    run(compiler, *flags, "-O1", "-pthread", "-static", "-I", "native", built, *around, "-o", program)
    assert "difference" in run(*emulator, program, 2, told)
    return np.fromfile(told, np.float32)


@pytest.mark.parametrize("kernel", ["scan", "cross_entropy"])
def test_neon_computes_what_this_machine_does(tmp_path, kernel):
    here, there = numbers(NATIVE, "baseline", kernel, tmp_path), numbers(CROSS, "neon", kernel, tmp_path, EMULATOR)
    assert len(here) > 100_000
    np.testing.assert_allclose(there, here, rtol=2e-5, atol=2e-5)


def test_the_executor_is_built_for_neon_too(tmp_path):
    run(CROSS, "-std=c++20", *KERNEL, "-Wall", "-Wextra", "-Werror", "-DUNSPOOL_ISA=neon", "-c", "native/executor.cpp", "-o", tmp_path / "executor.o")


def test_subnormal_numbers_are_zeros_there_too_and_only_within(tmp_path):
    program = tmp_path / "subnormals"
    run(CROSS, "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-I", "native", "tests/native/subnormals.cpp", "-o", program)
    assert run(EMULATOR, program) == "1001"
