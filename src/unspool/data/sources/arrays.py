"""Arrays, from an NPZ file or handed over, to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.preparation import category_text
from unspool.data.sources import holes
from unspool.data.sources.files import listed, nearest
from unspool.data.sources.foreign import guarded
from unspool.data.sources.labels import several
from unspool.data.sources.npz import read_npz
from unspool.data.spec import ArraysSource, DataSpec
from unspool.errors import DataError
from unspool.types import PARTS, Part, Record

Rows = NDArray[np.float64]  # (T, C)

KEYS = ("values", "lengths", "labels", "parts", "groups")


def read(spec: DataSpec, source: ArraysSource, path: Path | None, data: Any, labelled: bool) -> list[Record]:
    """One record a row of (N, T, C), or several where missing values cut it."""
    where = str(path) if path is not None else "data"
    given = _given(read_npz(path, KEYS) if path is not None else data, where)
    _refuse_table_columns(spec, where)
    values = _records_of(given, source, spec, where, labelled)
    separator = spec.columns.label_separator
    about = {key: _about(given, key, len(values), where, separator is not None) for key in ("labels", "parts", "groups")}
    records: list[Record] = []
    for index, rows in enumerate(values):
        place = f"{where}: values[{index}]"
        label, part, group = (about[key][index] for key in ("labels", "parts", "groups"))
        labels = None if separator is None or "labels" not in given else several(place, label or "", separator)
        columns = _columns(spec, source, _unpadded(source, rows, place), place)
        pieces = holes.pieces(columns, spec.missing, partial("{}, step {}".format, place), str(index))
        for number, (_, whole) in enumerate(pieces, start=1):
            name = str(index) if number == 1 else f"{index}#{number}"
            records.append(
                Record(name=name, where=place, columns=whole, label=label, labels=labels, group=group, part=_part(part, place))
            )
    return records


def _given(data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise DataError(f"{where}: got {type(data).__name__}, wanted a mapping of arrays; give {{'values': ...}}")
    stray = [key for key in data if key not in KEYS]
    if stray:
        hint = nearest(str(stray[0]), KEYS)
        raise DataError(f"{where}: got the key {stray[0]!r}, wanted some of {listed(KEYS)}; {hint}rename or remove it")
    given = {key: value for key, value in data.items() if value is not None}
    if "values" not in given:
        raise DataError(f"{where}: has no array 'values'; there are: {listed(list(given)) or 'none'}; name it values")
    return given


def _refuse_table_columns(spec: DataSpec, where: str) -> None:
    keys = {"time": "a table", "series": "values", "label": "labels", "group": "groups", "part": "parts"}
    for role, instead in keys.items():
        if getattr(spec.columns, role) is not None:
            raise DataError(f"{where}: columns.{role} is for tables, and this source is arrays; use {instead} instead")


def _records_of(
    given: Mapping[str, Any], source: ArraysSource, spec: DataSpec, where: str, labelled: bool
) -> list[Rows]:
    """The (T_i, C) arrays of all records."""
    values, lengths = given["values"], given.get("lengths")
    if isinstance(values, Sequence) and not isinstance(values, str | bytes) and len(values) and np.ndim(values[0]):
        if lengths is not None:
            raise DataError(f"{where}: lengths belong to one array, and a list of arrays has its own; leave them out")
        found = [_two_axes(_numbers(rows, f"{where}: values[{index}]")) for index, rows in enumerate(values)]
        return _agreeing(found, where)
    array = _numbers(values, f"{where}: values")
    if lengths is not None:
        return _by_lengths(array, _lengths(lengths, where), source, where)
    if array.ndim == 2 and _is_rows_of_series(array, given, source, spec, labelled):
        array = array[:, :, None]
    if array.ndim < 3:
        return [_two_axes(array)]
    return list(array)


def _is_rows_of_series(
    array: NDArray[np.float64], given: Mapping[str, Any], source: ArraysSource, spec: DataSpec, labelled: bool
) -> bool:
    """Whether (a, b) is N series of one channel, and not one record of (T, C).

    The number of labels, parts or groups tells; else the number of channels; else a classification is of series.
    """
    rows, width = array.shape
    counts = {len(given[key]) for key in ("labels", "parts", "groups") if key in given and np.ndim(given[key])}
    if counts:
        return counts == {rows}
    if source.channels is not None:
        return len(source.channels) == 1 and width != 1
    return not labelled and not spec.columns.target and width != 1


def _by_lengths(
    array: NDArray[np.float64], lengths: NDArray[np.int64], source: ArraysSource, where: str
) -> list[Rows]:
    if array.ndim == 2 and lengths.sum() == len(array):
        return np.split(array, np.cumsum(lengths)[:-1])
    if array.ndim < 2 or len(lengths) != len(array) or lengths.max() > array.shape[1]:
        raise DataError(
            f"{where}: values {array.shape} and lengths {lengths.shape} of sum {lengths.sum()}, up to {lengths.max()}, "
            "do not fit; wanted values (N, T, C) with lengths up to T, or (S, C) with lengths that add up to S"
        )
    rows = array[:, :, None] if array.ndim == 2 else array
    steps = array.shape[1]
    starts = steps - lengths if source.padded == "left" else np.zeros_like(lengths)
    return [row[start : start + length] for row, start, length in zip(rows, starts, lengths, strict=True)]


def _lengths(lengths: Any, where: str) -> NDArray[np.int64]:
    found = np.asarray(lengths)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not found.size or found.min() < 1:
        raise DataError(f"{where}: lengths: got {found.dtype} {found.shape}, wanted whole numbers from 1; mend them")
    return found.astype(np.int64)


def _numbers(values: Any, place: str) -> NDArray[np.float64]:
    with guarded(place, "give numbers in one array, or a list of (T_i, C) arrays"):
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise DataError(f"{place}: holds {array.dtype}, wanted numbers; convert them first")
        array = array.astype(np.float64)
    if not 1 <= array.ndim <= 3 or not array.size:
        raise DataError(f"{place}: got shape {array.shape}, wanted (N, T, C), (N, T) or (T, C), none 0; reshape it")
    if np.isinf(array).any():
        index = tuple(int(axis[0]) for axis in np.nonzero(np.isinf(array)))
        raise DataError(f"{place}{list(index)}: got infinity, wanted a finite number; mend it, or make it NaN")
    return array


def _two_axes(array: NDArray[np.float64]) -> Rows:
    return array[:, None] if array.ndim == 1 else array


def _agreeing(found: list[Rows], where: str) -> list[Rows]:
    for index, rows in enumerate(found):
        if rows.ndim != 2 or rows.shape[1] != found[0].shape[1]:
            raise DataError(
                f"{where}: values[{index}] has shape {rows.shape}, and values[0] {found[0].shape}; "
                "give all records (T_i, C) with one number of channels"
            )
    return found


def _about(given: Mapping[str, Any], key: str, count: int, where: str, several_labels: bool) -> Sequence[str | None]:
    if key not in given:
        return [None] * count
    array = np.asarray(given[key])
    if array.ndim != 1 or len(array) != count:
        raise DataError(f"{where}: {key}: got shape {array.shape}, wanted ({count},), one for every record; reshape it")
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind not in "biufUO":
        raise DataError(f"{where}: {key}: holds {array.dtype}, wanted text or whole numbers; convert it first")
    texts = [category_text(value) for value in array.tolist()]
    if key == "labels" and None in texts and not several_labels:
        raise DataError(f"{where}: labels[{texts.index(None)}]: is missing; give every record a label, or none")
    return texts


def _unpadded(source: ArraysSource, rows: Rows, place: str) -> Rows:
    """Without the steps at the padded side in which every channel is NaN."""
    if source.padded == "none":
        return rows
    real = np.flatnonzero(~np.isnan(rows).all(axis=1))
    if not len(real):
        raise DataError(f"{place}: is padding alone (all NaN), wanted at least one real step; take the record out")
    return rows[: real[-1] + 1] if source.padded == "right" else rows[real[0] :]


def _columns(spec: DataSpec, source: ArraysSource, rows: Rows, place: str) -> dict[str, NDArray[np.generic]]:
    """The declared channels, all where none is declared; categories as text."""
    names = source.channels or tuple(f"x{channel}" for channel in range(rows.shape[1]))
    if len(names) != rows.shape[1] or len(set(names)) < len(names):
        raise DataError(
            f"{place}: has {rows.shape[1]} channels, and source.channels names {len(names)}: {listed(names)}; "
            "name every channel once"
        )
    columns = spec.columns
    declared = (*columns.target, *columns.past, *columns.known) or names
    absent = [name for name in declared if name not in names]
    if absent:
        hint = nearest(absent[0], names)
        raise DataError(f"{place}: no channel {absent[0]!r}; {hint}there are: {listed(names)}; see source.channels")
    kept = {name: np.ascontiguousarray(rows[:, names.index(name)]) for name in declared}
    return {name: _coded(values) if name in columns.categories else values for name, values in kept.items()}


def _coded(values: NDArray[np.float64]) -> NDArray[np.generic]:
    cells = np.empty(len(values), dtype=object)
    cells[:] = [category_text(value) for value in values.tolist()]
    return cells


def _part(value: str | None, place: str) -> Part | None:
    for part in PARTS:
        if value == part:
            return part
    if value is None:
        return None
    raise DataError(f"{place}: is in part {value!r}, wanted {', '.join(PARTS)}; rename the part")
