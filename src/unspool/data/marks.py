"""Where sentences begin, as a column of codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unspool.data.sentences import sentences

GOES_ON, BEGINS = 1, 2
MARKS = 3
"""Codes of the column, with 0 for what is unknown."""


def marks(text: str, offsets: NDArray[np.int64], after: int = -1) -> NDArray[np.int64]:
    """(T, 1) BEGINS for each unit that is the first one of a sentence, GOES_ON for the others.

    offsets  (T, 2) of the units in the text, ascending
    after    the place of the unit before them; the first unit of a text has none
    """
    starts = sentences(text)[:, 0]
    number = np.searchsorted(starts, np.concatenate([[after], offsets[:, 0]]), side="right")
    return np.where(np.diff(number) > 0, BEGINS, GOES_ON).astype(np.int64)[:, None]
