"""A CSV, a Parquet file or a frame to records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources import axis, cells, holes, stamps
from unspool.data.sources.delimited import read_delimited
from unspool.data.sources.files import listed, measured, nearest
from unspool.data.sources.frames import WHERE, from_frame
from unspool.data.sources.labels import several
from unspool.data.sources.parquet import MAGIC, read_parquet
from unspool.data.spec import DataSpec, TableSource
from unspool.errors import DataError
from unspool.types import PARTS, Part, Record

if TYPE_CHECKING:
    import polars as pl

Objects = NDArray[np.object_]
Rows = NDArray[np.int64]

ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".gz": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, slots=True)
class Table:
    """The declared columns of a table; `about` holds series, label, group and part where they are declared."""

    where: str
    rows: Rows
    columns: dict[str, NDArray[np.generic]]
    times: NDArray[np.datetime64] | None
    about: dict[str, Objects]


def read(spec: DataSpec, source: TableSource, path: Path | None, frame: Any, labelled: bool) -> list[Record]:
    """One record a series, or several where gaps or missing values cut it."""
    table = load(spec, source, path, frame, labelled)
    series = _series(table)
    step = None
    if table.times is not None:
        for name, rows in series:
            axis.check_order(table.times[rows], _Place(table, rows), name)
        step = axis.frequency([table.times[rows] for _, rows in series], spec.time.frequency)
    records = [record for name, rows in series for record in _records(spec, table, name, rows, step, labelled)]
    names = {record.name for record in records}
    if len(names) < len(records):
        raise DataError(f"{table.where}: a series is named like a piece of another (a#2); rename that series")
    return records


def load(spec: DataSpec, source: TableSource, path: Path | None, frame: Any, labelled: bool) -> Table:
    """The declared columns, read to numbers, categories and stamps, and nothing done about what is missing."""
    wanted = _Wanted(spec, str(path) if path is not None else WHERE, labelled)
    first_row = 1
    if path is None:
        found = from_frame(frame, wanted.choose)
    elif _format(path, source) == "parquet":
        found = read_parquet(path, wanted.choose)
    else:
        found, first_row = read_delimited(path, source.delimiter, source.encoding, wanted.choose), 2
    if not found.height:
        raise DataError(f"{wanted.where}: has no rows, wanted at least one; give data")
    return _typed(spec, found, wanted.where, first_row)


def _typed(spec: DataSpec, frame: pl.DataFrame, where: str, first_row: int) -> Table:
    chosen, inputs = spec.columns, (*spec.columns.target, *spec.columns.past, *spec.columns.known)
    columns: dict[str, NDArray[np.generic]] = {}
    for name in inputs:
        if name in frame.columns:
            coded = name in chosen.categories
            columns[name] = (
                cells.categories(frame[name], where) if coded else cells.numbers(frame[name], where, first_row)
            )
    times = None if chosen.time is None else stamps.parse(frame[chosen.time], where, first_row, spec.time.timezone)
    roles = {"series": chosen.series, "label": chosen.label, "group": chosen.group, "part": chosen.part}
    about = {role: cells.names(frame[name], where) for role, name in roles.items() if name in frame.columns and name}
    rows = np.arange(first_row, first_row + frame.height, dtype=np.int64)
    return Table(where, rows, columns, times, about)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The columns that the spec declares, checked against those that there are."""

    spec: DataSpec
    where: str
    labelled: bool

    def choose(self, there: Sequence[str]) -> list[str]:
        columns = self.spec.columns
        needed: dict[str, Sequence[str | None]]
        needed = {"time": [columns.time], "series": [columns.series], "past": columns.past, "known": columns.known}
        optional: dict[str, Sequence[str | None]] = {"target": columns.target, "label": [columns.label]}
        optional |= {"group": [columns.group], "part": [columns.part]}
        inputs = [*columns.target, *columns.past, *columns.known]
        if not inputs:
            raise DataError(
                f"{self.where}: no column is chosen as an input; name some in columns.target, columns.past or "
                f"columns.known; there are: {listed(there)}"
            )
        chosen = []
        for role, names in (needed | optional).items():
            for name in names:
                if name is not None and name in there:
                    chosen.append(name)
                elif name is not None and (self.labelled or role in needed):
                    raise self._absent(role, name, there)
        if not set(chosen) & set(inputs):
            raise self._absent("target", inputs[0], there)
        return list(dict.fromkeys(chosen))

    def _absent(self, role: str, name: str, there: Sequence[str]) -> DataError:
        return DataError(
            f"{self.where}: no column {name!r}, which columns.{role} names; {nearest(name, there)}"
            f"there are: {listed(there)}; rename it there or in the spec"
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where row `index` of a series stands: `demand.csv:17`."""

    table: Table
    rows: NDArray[np.intp]

    def __call__(self, index: int) -> str:
        return f"{self.table.where}:{self.table.rows[self.rows[index]]}"


def _format(path: Path, source: TableSource) -> str:
    if source.format != "auto":
        return source.format
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ENDINGS[ending]
    measured(path)
    with path.open("rb") as stream:
        return "parquet" if stream.read(4) == MAGIC else "csv"


def _series(table: Table) -> list[tuple[str, NDArray[np.intp]]]:
    """The rows of every series, in the order in which the series come first."""
    if "series" not in table.about:
        return [(Path(table.where).stem.removesuffix(".csv"), np.arange(len(table.rows)))]
    numbers: dict[str, int] = {}
    codes = np.empty(len(table.rows), np.int64)
    for index, name in enumerate(table.about["series"].tolist()):
        if name is None:
            raise DataError(f"{table.where}:{table.rows[index]}: the row names no series; fill it in or drop the row")
        codes[index] = numbers.setdefault(name, len(numbers))
    order = np.argsort(codes, kind="stable")
    edges = np.cumsum(np.bincount(codes))[:-1]
    return list(zip(numbers, np.split(order, edges), strict=True))


def _records(
    spec: DataSpec, table: Table, name: str, rows: NDArray[np.intp], step: int | None, labelled: bool
) -> list[Record]:
    place = _Place(table, rows)
    label = _constant(table, rows, "label", name)
    labels = _labels(spec, table, label, place(0))
    if label is None and labels is None and "label" in table.about and labelled:
        raise DataError(f"{place(0)}: series {name!r} has no label; fill column {spec.columns.label!r} in")
    group, part = _constant(table, rows, "group", name), _part(table, rows, name, place)
    found: list[Record] = []
    for taken, times in _even(spec, table, rows, step, place, name):
        columns = {column: values[taken] for column, values in table.columns.items()}
        for kept, whole in _whole(spec, columns, _Place(table, taken), name, labelled):
            found.append(
                Record(
                    name=name if not found else f"{name}#{len(found) + 1}",
                    where=table.where,
                    columns=whole,
                    times=None if times is None else times[kept],
                    rows=table.rows[taken[kept]],
                    label=label,
                    labels=labels,
                    group=group,
                    part=part,
                )
            )
    return found


def _labels(spec: DataSpec, table: Table, label: str | None, where: str) -> tuple[str, ...] | None:
    """The single labels of a series that may have several, or none where its cell is empty; None where each has one class."""
    separator = spec.columns.label_separator
    return None if separator is None or "label" not in table.about else several(where, label or "", separator)


def _whole(
    spec: DataSpec, columns: holes.Columns, place: _Place, name: str, labelled: bool
) -> list[tuple[holes.Indices, holes.Columns]]:
    targets = [target for target in spec.columns.target if target in columns]
    if labelled or not targets:
        return holes.pieces(columns, spec.missing, place, name)
    return holes.pieces_and_future(columns, targets, spec.columns.known, spec.missing, place, name)


def _even(
    spec: DataSpec, table: Table, rows: NDArray[np.intp], step: int | None, place: _Place, name: str
) -> list[tuple[NDArray[np.intp], NDArray[np.datetime64] | None]]:
    if table.times is None:
        return [(rows, None)]
    if step is None:
        return [(rows, table.times[rows])]
    found = axis.pieces(table.times[rows], step, spec.time.gaps, spec.time.timezone, place, name)
    return [(rows[taken], times) for taken, times in found]


def _constant(table: Table, rows: NDArray[np.intp], role: str, name: str) -> str | None:
    """The one value that a series has in a column about whole series."""
    if role not in table.about:
        return None
    values = table.about[role][rows]
    other = np.not_equal(values, values[0]).astype(np.bool_)
    if other.any():
        index = int(np.argmax(other))
        raise DataError(
            f"{table.where}:{table.rows[rows[index]]}: series {name!r} changes its {role} from {values[0]!r} to "
            f"{values[index]!r}, wanted one for a whole series; mend it, or name the series' column in columns.series"
        )
    return None if values[0] is None else str(values[0])


def _part(table: Table, rows: NDArray[np.intp], name: str, place: _Place) -> Part | None:
    value = _constant(table, rows, "part", name)
    for part in PARTS:
        if value == part:
            return part
    if value is None:
        return None
    raise DataError(f"{place(0)}: series {name!r} is in part {value!r}, wanted {', '.join(PARTS)}; rename the part")
