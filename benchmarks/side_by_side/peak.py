"""How many floating-point operations a second the processor can do at most, measured: what a share of the peak is a share of."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("peak.cpp")
SIZE = 1536
"""Of the square product that stands in where there is no compiler."""


def fused_multiply_add(threads: list[int]) -> dict[str, Any]:
    """GFLOP/s by number of threads, and how they were measured."""
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        return {"by": f"torch's product of two {SIZE} x {SIZE} matrices; no C++ compiler was found", **{str(n): _product(n) for n in threads}}
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/peak"
        subprocess.run([compiler, "-O3", "-march=native", "-ffp-contract=fast", "-pthread", "-o", program, str(SOURCE)], check=True)
        found = {str(n): float(subprocess.run([program, str(n)], check=True, capture_output=True, text=True).stdout) for n in threads}
    return {"by": "independent chains of fused multiply-adds (peak.cpp)", **found}


def _product(threads: int) -> float:
    import torch

    from side_by_side.worker import best_of

    torch.set_num_threads(threads)
    left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    return 2e-9 * SIZE**3 / best_of(lambda: left @ right, least=1.0)
