"""What is cut from a record: windows of a fixed context, and streams for truncated backpropagation through time."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.types import Cut

Counts = NDArray[np.int64]


def sliding(spans: Counts, context: int, horizon: int, every: int = 1) -> Counts:
    """Contexts whose following `horizon` steps lie inside the same span.

    spans    (S, 3)  record, start, stop
    every    steps from one context's start to the next
    returns  (N, 3)  record, start, stop with stop - start = `context`; DataError where none fits
    """
    spans = np.asarray(spans, np.int64).reshape(-1, 3)
    room = spans[:, 2] - spans[:, 1] - context - horizon
    counts = np.where(room >= 0, room // every + 1, 0)
    total = int(counts.sum())
    if not total:
        longest = int((spans[:, 2] - spans[:, 1]).max(initial=0))
        raise DataError(
            f"no window fits: context {context} + horizon {horizon} = {context + horizon} steps, and the longest of "
            f"{len(spans)} spans has {longest}; shorten the context or the horizon, or give this part more rows"
        )
    before = np.cumsum(counts) - counts
    windows = np.empty((total, 3), np.int64)
    windows[:, 0] = np.repeat(spans[:, 0], counts)
    windows[:, 1] = np.repeat(spans[:, 1] - before * every, counts) + np.arange(total) * every
    windows[:, 2] = windows[:, 1] + context
    return windows


def future_index(origins: Counts, horizon: int) -> Counts:
    """(O,) last steps that were seen -> (O, horizon) the steps after each."""
    return np.asarray(origins, np.int64)[:, None] + np.arange(1, horizon + 1)


def streams(spans: Counts, rows: int, truncate: int, offset: int = 0) -> list[Cut]:
    """Spans as contiguous streams side by side, cut every `truncate` steps.

    A long span gives several streams, so that about `rows` equally long ones run in lockstep; none is made shorter than
    `truncate`. A row whose stream has ended takes the next stream, or stays empty. Cuts have `rows` rows, or fewer
    where there are fewer streams.

    spans    (S, 3)  record, start, stop
    offset   steps by which the first cut of every stream is shorter, below `truncate`; moves the cuts between epochs
    returns  cuts in order; every step of every span is in exactly one
    """
    if not 0 <= offset < truncate:
        raise ValueError(f"offset {offset} must be at least 0 and less than truncate {truncate}")
    pieces = _pieces(spans, rows, truncate)
    if not len(pieces):
        return []
    places, cuts = _lay(_cut_counts(pieces, truncate, offset), min(rows, len(pieces)))
    shape = (cuts, min(rows, len(pieces)))
    record, start, stop = (np.zeros(shape, np.int64) for _ in range(3))
    carry = np.zeros(shape, np.bool_)
    for (source, begin, end), (row, first, last) in zip(pieces.tolist(), places, strict=True):
        edges = np.arange(begin - offset, end, truncate)
        record[first:last, row] = source
        start[first:last, row] = np.maximum(edges, begin)
        stop[first:last, row] = np.minimum(edges + truncate, end)
        carry[first + 1 : last, row] = True
    return [Cut(*parts) for parts in zip(record, start, stop, carry, strict=True)]


def _pieces(spans: Counts, rows: int, truncate: int) -> Counts:
    """(M, 3) streams: each span in as many nearly equal parts as its share of all steps asks for."""
    spans = np.asarray(spans, np.int64).reshape(-1, 3)
    spans = spans[spans[:, 2] > spans[:, 1]]
    steps = spans[:, 2] - spans[:, 1]
    wanted = np.rint(steps * rows / max(int(steps.sum()), 1)).astype(np.int64)
    parts = np.clip(wanted, 1, np.maximum(steps // truncate, 1))
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    record, begin, length, of = (np.repeat(column, parts) for column in (spans[:, 0], spans[:, 1], steps, parts))
    return np.stack([record, begin + part * length // of, begin + (part + 1) * length // of], axis=1)


def _cut_counts(pieces: Counts, truncate: int, offset: int) -> Counts:
    return -(-(pieces[:, 2] - pieces[:, 1] + offset) // truncate)


def _lay(counts: Counts, rows: int) -> tuple[list[tuple[int, int, int]], int]:
    """(row, first cut, last cut) of every stream, the row free first taking the next; and the number of cuts."""
    free = [(0, row) for row in range(rows)]
    places = []
    for count in counts.tolist():
        cut, row = free[0]
        heapq.heapreplace(free, (cut + count, row))
        places.append((row, cut, cut + count))
    return places, max(last for _, _, last in places)
