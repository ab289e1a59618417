"""Numbers below the smallest normal one, 1.2e-38, slow a processor down many times; within training they are zeros."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from unspool.native import library


@contextmanager
def subnormals_are_zeros() -> Iterator[None]:
    """Within, all threads of torch's operations take subnormal numbers for zeros; nothing changes where there is no native library.

    Gradients that vanish become such numbers, and so do Adam's means of the gradients of a word that did not come for some hundred steps:
    torch.set_flush_denormal is of the calling thread alone.
    """
    extension = library()
    if extension is None:
        yield
        return
    threads = torch.get_num_threads()
    before = extension.take_subnormals(True, threads)
    try:
        yield
    finally:
        extension.take_subnormals(before, threads)
