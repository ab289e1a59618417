"""Memory of one training step: `python -m side_by_side.memory NAME THREADS` serves requests as a worker does.

A fresh process makes the case ready (weights, inputs and cotangent are there), trains a small case of the same form, so that libraries and thread
pools have what they keep, hands freed memory back to the system (malloc_trim), resets the peak of its resident set (/proc/self/clear_refs), runs
one step and reads the peak (VmHWM) again. The figure is that peak less the resident set just before the step.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from side_by_side.cases import Cannot, Case
from side_by_side.contenders import CONTENDERS
from side_by_side.worker import serve, start

PROCESS = Path("/proc/self")
RESET_PEAK = "5"
STEPS, ROWS, WIDTH = 3, 2, 8
"""Of the small case."""

WARM = 3
"""Runs of the small case; torch.jit compiles in the first and again in the second."""


class Weigher:
    def __init__(self, name: str):
        self.contender = importlib.import_module(f"side_by_side.contenders.{CONTENDERS[name]['module']}")

    def weigh(self, case: dict[str, Any], **options: str) -> dict[str, Any]:
        """MiB that a step of training takes above what was there before; `options` go to the contender."""
        whole = Case(**case)
        try:
            small = self.contender.prepare(replace(whole, steps=STEPS, rows=ROWS, inputs=WIDTH, hidden=WIDTH), **options)
            for _ in range(WARM):
                small.run()
            prepared = self.contender.prepare(whole, **options)
        except Cannot as cannot:
            return {"cannot": str(cannot)}
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        (PROCESS / "clear_refs").write_text(RESET_PEAK)
        before = resident("VmRSS")
        prepared.run()
        return {"mebibytes": (resident("VmHWM") - before) / 1024, "variant": prepared.variant}


def resident(field: str) -> int:
    """Kibibytes, from /proc/self/status."""
    found = re.search(rf"^{field}:\s+(\d+) kB", (PROCESS / "status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    out = start(threads)
    serve(Weigher(name), out)


if __name__ == "__main__":
    main()
