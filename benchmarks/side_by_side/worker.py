"""A contender's process: `python -m side_by_side.worker NAME THREADS`. Reads requests and writes answers, a line of JSON each."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from side_by_side.cases import Cannot, Case, Prepared
from side_by_side.contenders import CONTENDERS

DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


class Worker:
    """Holds the case that was prepared last."""

    def __init__(self, name: str):
        self.contender = importlib.import_module(f"side_by_side.contenders.{CONTENDERS[name]['module']}")
        self.prepared: Prepared | None = None

    def prepare(self, case: dict[str, Any], answers: str) -> dict[str, Any]:
        """Make a case ready, write its answers to the file `answers` (.npz), and tell how long a call takes."""
        self.prepared = None
        try:
            prepared: Prepared = self.contender.prepare(Case(**case))
        except Cannot as cannot:
            return {"cannot": str(cannot)}
        np.savez(answers, allow_pickle=False, **{name: np.asarray(array) for name, array in prepared.answers().items()})
        self.prepared = prepared
        prepared.run()
        return {"seconds": best_of(prepared.run), "variant": prepared.variant}

    def repeat(self, calls: int) -> dict[str, Any]:
        """Seconds of a call, over `calls` of them; one more before wakes threads and caches."""
        assert self.prepared is not None
        run = self.prepared.run
        if calls > 1:
            run()
        started = perf_counter()
        for _ in range(calls):
            run()
        return {"seconds": (perf_counter() - started) / calls}


def best_of(run: Callable[[], object], least: float = 0.02) -> float:
    """The shortest of some calls, which together take at least `least` seconds."""
    found: list[float] = []
    began = perf_counter()
    while not found or perf_counter() - began < least:
        started = perf_counter()
        run()
        found.append(perf_counter() - started)
    return min(found)


def private_output() -> TextIO:
    """Where answers go; whatever libraries print goes to standard error instead."""
    kept = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return kept


def start(threads: int) -> TextIO:
    """Bind this process to as many processors as threads, and to its parent's life: a stopped process would outlive it."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    return private_output()


def serve(worker: Any, out: TextIO) -> None:
    """Answer requests {"do": method, ...arguments} until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = getattr(worker, request.pop("do"))(**request)
        print(json.dumps(answer), file=out, flush=True)


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    out = start(threads)
    serve(Worker(name), out)


if __name__ == "__main__":
    main()
