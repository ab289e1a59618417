"""Raw files, frames, arrays and texts to records; polars and its like are imported here alone, when data is read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unspool.data.sources.files import CHUNK, measured, opened
from unspool.data.spec import ArraysSource, DataSpec, TableSource
from unspool.errors import DataError
from unspool.types import Record


def read(spec: DataSpec, folder: Path, data: object | None = None, labelled: bool = True) -> list[Record]:
    """The records of `spec.source`; DataError, naming file, row and column, for whatever is wrong with them.

    folder    paths of the spec are relative to it
    data      stands in for the file: a path to another one, or
              table   a pandas, polars or Arrow frame
              arrays  a mapping with values and, where there are, lengths, labels, parts, groups
              text    (label, text) pairs, or texts alone
    labelled  False to read for a prediction: labels, groups, parts and targets may be absent

    Rows in messages count as a person does: the header of a CSV is row 1; the first row of a frame or a Parquet file is
    row 1.
    """
    path, content = _place(spec, folder, data)
    if isinstance(spec.source, TableSource):
        from unspool.data.sources import table

        return table.read(spec, spec.source, path, content, labelled)
    if isinstance(spec.source, ArraysSource):
        from unspool.data.sources import arrays

        return arrays.read(spec, spec.source, path, content, labelled)
    from unspool.data.sources import texts

    return texts.read(spec, spec.source, path, content, labelled)


def missing(spec: DataSpec, folder: Path, data: object | None = None, labelled: bool = True) -> dict[str, int]:
    """Empty or NaN cells of every input column of a table, before anything is done about them; {} for other kinds."""
    path, content = _place(spec, folder, data)
    if not isinstance(spec.source, TableSource):
        return {}
    from unspool.data.sources import holes, table

    columns = table.load(spec, spec.source, path, content, labelled).columns
    return {name: int((~holes.present(values)).sum()) for name, values in columns.items()}


def digest(
    spec: DataSpec, folder: Path, records: Sequence[Record], data: object | None = None
) -> tuple[str, int]:
    """The sha256 of the file that was read, else of what the records hold, and their rows (a text is one)."""
    path, _ = _place(spec, folder, data)
    rows = sum(1 if record.text is not None else record.steps for record in records)
    return (_file_digest(path) if path is not None else _content_digest(records)), rows


def _place(spec: DataSpec, folder: Path, data: object | None) -> tuple[Path | None, object | None]:
    """The file to read, or the content that was handed over."""
    if isinstance(data, str | Path):
        return Path(data), None
    if data is not None:
        return None, data
    if spec.source.path is None:
        given = {"table": "a frame", "arrays": "a mapping of arrays", "text": "(label, text) pairs"}[spec.source.kind]
        raise DataError(f"data.source: no path, and no data was handed over; set data.source.path or give {given}")
    return folder / spec.source.path, None


def _file_digest(path: Path) -> str:
    measured(path)
    hashed = hashlib.sha256()
    with opened(path) as stream:
        while chunk := stream.read(CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()


def _content_digest(records: Sequence[Record]) -> str:
    hashed = hashlib.sha256()
    for record in records:
        parts = (record.name, record.text, record.label, record.group, record.part, tuple(record.columns), record.steps)
        hashed.update(repr(parts).encode("utf-8", "surrogatepass"))
        if record.times is not None:
            hashed.update(record.times.astype("<M8[us]").tobytes())
        for values in record.columns.values():
            cells = repr(values.tolist()).encode("utf-8", "surrogatepass") if values.dtype == object else None
            hashed.update(cells if cells is not None else values.astype(np.dtype("<f8")).tobytes())
    return hashed.hexdigest()


