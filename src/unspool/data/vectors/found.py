"""What was found of the wanted words, and how."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The vectors of those wanted words that have one.

    words       n words, in the order in which they were wanted, and then the further ones, in the order of the file
    matrix      (n, width) float32, all finite
    exact       how many of them were found as they are written
    lowered     how many were found in lower case alone
    made        how many were made of their n-grams alone
    further     how many words of the head of the file were kept besides
    missing     the wanted words without a vector
    repeated    how often a word that is looked for came again in the file; its first vector counts
    unreadable  how many words of the file are empty or not UTF-8, so that nothing can match them
    """

    words: tuple[str, ...]
    matrix: NDArray[np.float32]
    exact: int
    lowered: int
    made: int
    further: int
    missing: tuple[str, ...]
    repeated: int
    unreadable: int

    @property
    def width(self) -> int:
        """The numbers of a vector."""
        return self.matrix.shape[1]

    @property
    def coverage(self) -> float:
        """The share of the wanted words that have a vector, 0 to 1."""
        found = len(self.words) - self.further
        return found / (found + len(self.missing))
