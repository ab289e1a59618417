"""Which rows go together in which order, and how rows of unlike length become one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError

Counts = NDArray[np.int64]

# Lengths in one bucket differ by at most this factor, so at most a fifth of a batch from one bucket is padding.
BUCKET_RATIO = 1.25


def bucketed(lengths: Counts, size: int, seed: int, epoch: int, buckets: bool) -> list[Counts]:
    """The batches of one epoch: every index once, in batches of `size` (one may be smaller), in a shuffled order.

    A pure function of its arguments, so an epoch can be taken up again at any batch.

    lengths  (N,)  steps of every row
    buckets  rows of like length go together; a batch on the border of two buckets holds rows of both
    """
    lengths = np.asarray(lengths, np.int64)
    draw = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch])))
    order = draw.permutation(len(lengths))
    if buckets:
        order = order[np.argsort(_bucket(lengths[order]), kind="stable")]
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[index] for index in draw.permutation(len(batches))]


def _bucket(lengths: Counts) -> Counts:
    bucket: Counts = np.ceil(np.log(np.maximum(lengths, 1)) / np.log(BUCKET_RATIO)).astype(np.int64)
    return bucket


def waste(plan: Sequence[Counts], lengths: Counts) -> float:
    """The share of padded steps over all batches of a plan, 0 to 1."""
    lengths = np.asarray(lengths, np.int64)
    held = sum(len(batch) * int(lengths[batch].max()) for batch in plan if len(batch))
    real = sum(int(lengths[batch].sum()) for batch in plan)
    return 1 - real / held if held else 0.0


def pad(
    rows: Sequence[NDArray[Any]], side: Literal["right", "left"] = "right", value: float = 0.0
) -> tuple[NDArray[Any], Counts]:
    """B rows (T_i, C) -> (B, T, C) with T the longest, and lengths (B,); padding holds `value`."""
    if not rows:
        raise DataError("no rows to put into a batch; give at least one")
    lengths = np.array([len(row) for row in rows], np.int64)
    longest = int(lengths.max())
    batch = np.full((len(rows), longest, *rows[0].shape[1:]), value, rows[0].dtype)
    for index, row in enumerate(rows):
        start = 0 if side == "right" else longest - len(row)
        batch[index, start : start + len(row)] = row
    return batch, lengths


def truncate(row: NDArray[Any], longest: int, keep: Literal["head", "tail"]) -> NDArray[Any]:
    """(T, C) -> at most `longest` steps of it, the first or the last."""
    return row[:longest] if keep == "head" else row[max(len(row) - longest, 0) :]
