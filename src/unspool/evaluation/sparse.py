"""Rows that are mostly zero, compressed (CSR)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseRows:
    """Row i holds `values[starts[i]:starts[i + 1]]` at the ascending `columns[starts[i]:starts[i + 1]]`.

    starts (N + 1,)   columns, values (nonzeros,)   width F
    """

    starts: Places
    columns: Places
    values: NDArray[np.float64]
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def of(cls, rows: Places, columns: Places, values: NDArray[np.float64], shape: tuple[int, int]) -> SparseRows:
        """From places in order of rows, then columns, each at most once."""
        counts = np.bincount(rows, minlength=shape[0])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(starts, np.ascontiguousarray(columns), np.ascontiguousarray(values), shape[1])

    @property
    def rows(self) -> Places:
        """(nonzeros,) the row of each value."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def transposed(self) -> SparseRows:
        order = np.argsort(self.columns, kind="stable")
        return SparseRows.of(self.columns[order], self.rows[order], self.values[order], (self.width, len(self)))

    def dense(self) -> NDArray[np.float64]:
        table = np.zeros((len(self), self.width))
        table[self.rows, self.columns] = self.values
        return table
