"""Which labels there are where a record may have any number of them, and which of them each has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.types import Record


def learn_labels(records: Sequence[Record], train_spans: NDArray[np.int64]) -> tuple[str, ...]:
    """The labels of the train spans (n, 3) in alphabetical order; DataError for a record without a place for labels, or with one that train lacks."""
    for record in records:
        if record.labels is None:
            raise DataError(
                f"{record.where}: record {record.name!r} says nothing of labels, and others do; "
                "give it an empty label where it has none, or leave it out"
            )
    train = {label for index in train_spans[:, 0].tolist() for label in records[index].labels or ()}
    if not train:
        raise DataError(f"{records[0].where}: no record of the train part has a label; wanted at least one label to learn")
    for record in records:
        stray = next((label for label in record.labels or () if label not in train), None)
        if stray is not None:
            raise DataError(
                f"{record.where}: record {record.name!r} has the label {stray!r}, which no train record has; "
                "put some of it into the train part, or take the label out"
            )
    return tuple(sorted(train))


def stratified(records: Sequence[Record], fractions: Sequence[float], draw: np.random.Generator) -> NDArray[np.int64]:
    """(n,) the part of each record, 0 for what the fractions leave: every label as evenly as can be (Sechidis et al. 2011).

    The rarest label that is left goes first, its records one by one to the part that lacks most of it; of equal parts to the one that lacks most
    records, and of those to the first. Thus a label that has one record alone is in part 0, where that is the largest.
    """
    shares = np.array([1 - sum(fractions), *fractions])
    order = draw.permutation(len(records))
    having: dict[str, list[int]] = {}
    for index in order.tolist():
        for label in records[index].labels or ():
            having.setdefault(label, []).append(index)
    lacking = {label: len(members) * shares for label, members in having.items()}
    room, parts = len(records) * shares, np.full(len(records), -1, np.int64)
    left = {label: len(members) for label, members in having.items()}
    while left:
        label = min(left, key=lambda one: (left[one], one))
        for index in having[label]:
            if parts[index] < 0:
                parts[index] = _neediest(lacking[label], room)
                _take(records[index], int(parts[index]), lacking, room, left)
        del left[label]
    for index in order.tolist():
        if parts[index] < 0:
            parts[index] = _neediest(room, room)
            room[parts[index]] -= 1
    return parts


def _neediest(lacking: NDArray[np.float64], room: NDArray[np.float64]) -> int:
    return max(range(len(lacking)), key=lambda part: (round(float(lacking[part]), 9), round(float(room[part]), 9), -part))


def _take(record: Record, part: int, lacking: dict[str, NDArray[np.float64]], room: NDArray[np.float64], left: dict[str, int]) -> None:
    room[part] -= 1
    for label in record.labels or ():
        lacking[label][part] -= 1
        if label in left:
            left[label] -= 1
