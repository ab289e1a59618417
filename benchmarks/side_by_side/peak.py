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

BURSTS = 5


class Peak:
    """Measures it, as often as it is asked: what the machine has to give is not the same from one minute to the next."""

    def __init__(self) -> None:
        compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
        self._folder = tempfile.TemporaryDirectory()
        self._program = f"{self._folder.name}/peak" if compiler else None
        if compiler:
            self.by = "independent chains of fused multiply-adds (peak.cpp)"
            subprocess.run([compiler, "-O3", "-march=native", "-ffp-contract=fast", "-pthread", "-o", f"{self._program}", str(SOURCE)], check=True)
        else:
            self.by = f"torch's product of two {SIZE} x {SIZE} matrices; no C++ compiler was found"

    def now(self, threads: int, bursts: int = 1) -> float:
        """GFLOP/s: the best of some bursts of a twentieth of a second."""
        if self._program is None:
            return _product(threads)
        command = [self._program, str(threads), str(bursts)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def told(self, threads: list[int]) -> dict[str, Any]:
        """GFLOP/s by number of threads, and how they were measured."""
        return {"by": self.by, **{str(number): self.now(number, BURSTS) for number in threads}}

    def close(self) -> None:
        self._folder.cleanup()


def _product(threads: int) -> float:
    import torch

    from side_by_side.worker import best_of

    torch.set_num_threads(threads)
    left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
    return 2e-9 * SIZE**3 / best_of(lambda: left @ right, least=1.0)
