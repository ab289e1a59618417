"""Whole records as the rows of batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.batching import bucketed
from unspool.types import Cut, Prepared


def whole_records(
    prepared: Sequence[Prepared], spans: NDArray[np.int64], context: int | None, size: int, buckets: bool, shuffle: tuple[int, int] | None
) -> list[Cut]:
    """The cuts of an epoch, each of `size` records of `spans` (n, 3), one a row; of a record that is read in windows each of those is a row.

    context  only so many last steps of each are read; None reads all
    buckets  records of like length go together where they are shuffled
    shuffle  seed and epoch; None puts them in the order of their lengths
    """
    read = [_read(prepared[index], context) for index in spans[:, 0]]
    record = np.repeat(spans[:, 0], [len(windows) for windows in read])
    start, stop = np.concatenate([np.zeros((0, 2), np.int64), *read]).T
    if shuffle is not None:
        batches = bucketed(stop - start, size, *shuffle, buckets=buckets)
    else:
        order = np.argsort(stop - start, kind="stable")
        batches = [order[first : first + size] for first in range(0, len(order), size)]
    return [Cut(record[chosen], start[chosen], stop[chosen], np.zeros(len(chosen), np.bool_)) for chosen in batches]


def _read(item: Prepared, context: int | None) -> NDArray[np.int64]:
    """(W, 2) from which step to which a record is read."""
    if item.windows is not None:
        return item.windows
    return np.array([[0 if context is None else max(item.steps - context, 0), item.steps]], np.int64)


def inputs(prepared: Sequence[Prepared], cut: Cut) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Values (B, T, C), codes (B, T, N) and lengths (B,) of the rows of a cut, padded on the right."""
    lengths = cut.stop - cut.start
    first, longest = prepared[0], int(lengths.max())
    values = np.zeros((cut.rows, longest, first.values.shape[1]), np.float32)
    codes = np.zeros((cut.rows, longest, first.codes.shape[1]), np.int64)
    # Most have either values or codes, and to cut nothing out of every row would take as long.
    rows = list(zip(cut.record.tolist(), cut.start.tolist(), cut.stop.tolist(), strict=True))
    for row, (record, start, stop) in enumerate(rows if values.size else ()):
        values[row, : stop - start] = prepared[record].values[start:stop]
    for row, (record, start, stop) in enumerate(rows if codes.size else ()):
        codes[row, : stop - start] = prepared[record].codes[start:stop]
    return values, codes, lengths
