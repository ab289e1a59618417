"""One answer for a text from those of its windows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def pooled(record: NDArray[np.int64], probabilities: Doubles, pool: Literal["mean", "max"], one_class: bool) -> Doubles:
    """(R, K) a row for each record, ascending: the mean of its windows' rows (M, K), or the greatest of each column. NaN in a window is NaN for all.

    record     (M,) of which record each window is
    one_class  the greatest are scaled to sum 1, for a record has one class
    """
    order = np.argsort(record, kind="stable")
    firsts = np.flatnonzero(np.diff(record[order], prepend=-1))
    if pool == "max":
        greatest = np.maximum.reduceat(probabilities[order], firsts, axis=0)
        return greatest / greatest.sum(axis=1, keepdims=True) if one_class else greatest
    windows = np.diff(firsts, append=len(order))
    return np.add.reduceat(probabilities[order], firsts, axis=0) / windows[:, None]
