"""No word on the standard error stream from code that is not Python."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """While open, what the process writes to its standard error goes nowhere.

    The Parquet reader of polars panics on some damaged files. The panic is caught and becomes an exception, which says what is wrong; but before
    that, on threads of its own, Rust has printed it to file descriptor 2, with a backtrace. There is no switch for it, and Python's `sys.stderr` is
    not asked, so the descriptor itself is put elsewhere. That holds for the whole process: keep it short, and one at a time, or the second to enter
    would save and put back the first one's nowhere.
    """
    with _ONE_AT_A_TIME:
        try:
            saved = os.dup(STDERR)
        except OSError:  # a service without a standard error stream
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, STDERR)
            os.close(nowhere)
            yield
        finally:
            os.dup2(saved, STDERR)
            os.close(saved)
