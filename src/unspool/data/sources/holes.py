"""Missing values inside a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.spec import Policy
from unspool.errors import DataError

Columns = Mapping[str, NDArray[np.generic]]
Indices = NDArray[np.intp]
Place = Callable[[int], str]


def present(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(T,) True where a value is neither NaN nor None."""
    if values.dtype == object:
        return np.array([value is not None for value in values.tolist()], np.bool_)
    return ~np.isnan(values.astype(np.float64, copy=False))


def pieces(columns: Columns, policy: Policy, place: Place, name: str) -> list[tuple[Indices, Columns]]:
    """The parts of a record without missing values: which of its rows (T,) each keeps, and its columns.

    fill   the last value goes on; rows before every column has its first are cut off
    split  rows where anything is missing are left out and cut the record
    """
    masks = {column: present(values) for column, values in columns.items()}
    here = np.logical_and.reduce(list(masks.values()))
    rows = np.arange(len(here))
    if here.all():
        return [(rows, columns)]
    if policy == "error":
        raise _error(masks, ~here, place, name)
    if policy == "split":
        kept = [piece[here[piece]] for piece in np.split(rows, np.flatnonzero(~here))]
        found = [(piece, _taken(columns, piece)) for piece in kept if len(piece)]
        if not found:
            raise DataError(f"{place(0)}: record {name!r} misses a value in every row, so nothing is left; {_FILL}")
        return found
    return [_filled(columns, masks, place, name)]


def pieces_and_future(
    columns: Columns, targets: Sequence[str], known: Sequence[str], policy: Policy, place: Place, name: str
) -> list[tuple[Indices, Columns]]:
    """As `pieces`, for a prediction: rows after the last one with a target tell the future, and hold the known columns alone."""
    there = np.logical_or.reduce([present(columns[target]) for target in targets])
    observed = int(np.flatnonzero(there)[-1]) + 1 if there.any() else len(there)
    rows = np.arange(len(there))
    found = pieces(_taken(columns, rows[:observed]), policy, place, name)
    if observed == len(there):
        return found
    for column in known:
        absent = ~present(columns[column][observed:])
        if absent.any():
            row = observed + int(np.argmax(absent))
            raise DataError(
                f"{place(row)}: column {column!r} is missing in record {name!r}, in a row after the last target, which tells what is "
                "known of the future; fill it in, or end the file earlier"
            )
    kept, whole = found[-1]
    if kept[-1] != observed - 1:
        raise DataError(
            f"{place(observed - 1)}: record {name!r} misses a value in its last row with a target, from which a forecast starts; fill it in"
        )
    joined = {column: np.concatenate([whole[column], columns[column][observed:]]) for column in whole}
    return [*found[:-1], (np.concatenate([kept, rows[observed:]]), joined)]


_FILL = "repeat the last values (missing: fill), or leave out the column that is missing most"


def _filled(
    columns: Columns, masks: Mapping[str, NDArray[np.bool_]], place: Place, name: str
) -> tuple[Indices, Columns]:
    for column, mask in masks.items():
        if not mask.any():
            raise DataError(f"{place(0)}: column {column!r} of record {name!r} holds no value at all; leave it out")
    start = max(int(np.argmax(mask)) for mask in masks.values())
    rows = np.arange(len(next(iter(masks.values()))))
    last = {column: np.maximum.accumulate(np.where(mask, rows, 0)) for column, mask in masks.items()}
    return rows[start:], {column: values[last[column]][start:] for column, values in columns.items()}


def _taken(columns: Columns, rows: Indices) -> Columns:
    return {column: values[rows] for column, values in columns.items()}


def _error(masks: Mapping[str, NDArray[np.bool_]], holes: NDArray[np.bool_], place: Place, name: str) -> DataError:
    row = int(np.argmax(holes))
    column = next(column for column, mask in masks.items() if not mask[row])
    return DataError(
        f"{place(row)}: column {column!r} is missing (empty or NaN) in record {name!r}, in the first of "
        f"{int(holes.sum())} such rows; repeat the last value (missing: fill) or cut there (missing: split)"
    )
