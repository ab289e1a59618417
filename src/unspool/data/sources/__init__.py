"""Raw files, frames, arrays and texts to records; polars and its like are imported here alone, when data is read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unspool.data.sources.files import CHUNK, measured, opened
from unspool.data.spec import ArraysSource, DataSpec, Source, TableSource, TaggedSource, TextSource
from unspool.errors import DataError
from unspool.types import Part, Record


def read(spec: DataSpec, folder: Path, data: object | None = None, labelled: bool = True) -> list[Record]:
    """The records of `spec.source`; DataError, naming file, row and column, for whatever is wrong with them.

    folder    paths of the spec are relative to it
    data      stands in for the file: a path to another one, or
              table   a pandas, polars or Arrow frame
              arrays  a mapping with values and, where there are, lengths, labels, parts, groups
              text    (label, text) pairs, texts alone, or a frame
              tagged  (words, tags) pairs; for a prediction lists of words too, and texts that are not cut, a record a sentence
    labelled  False to read for a prediction: labels, tags, groups, parts and targets may be absent

    Rows in messages count as a person does: the header of a CSV is row 1; the first row of a frame or a Parquet file is
    row 1. Where the parts stand in places of their own, records are marked with theirs, and named `test/17`.
    """
    places, content = _places(spec, folder, data)
    if data is None:
        _refuse_idle(spec, places)
    if not places:
        return _read(spec, None, content, labelled)
    return [_marked(record, part) for part, path in places for record in _read(spec, path, None, labelled)]


def missing(spec: DataSpec, folder: Path, data: object | None = None, labelled: bool = True) -> dict[str, int]:
    """Empty or NaN cells of every input column of a table, before anything is done about them; {} for other kinds."""
    places, content = _places(spec, folder, data)
    if not isinstance(spec.source, TableSource):
        return {}
    from unspool.data.sources import holes, table

    columns = table.load(spec, spec.source, places[0][1] if places else None, content, labelled).columns
    return {name: int((~holes.present(values)).sum()) for name, values in columns.items()}


def digest(
    spec: DataSpec, folder: Path, records: Sequence[Record], data: object | None = None
) -> tuple[str, int]:
    """The sha256 of the file that was read, else of what the records hold, and their rows (a text is one).

    Of several files it is that of their parts, their names and their own sha256, in the order in which they were read.
    """
    places, _ = _places(spec, folder, data)
    rows = sum(1 if record.text is not None else record.steps for record in records)
    if not places:
        return _content_digest(records), rows
    if places[0][0] is None and not os.path.isdir(places[0][1]):
        return _file_digest(places[0][1]), rows
    return _digest_of_all(spec.source, places), rows


def _read(spec: DataSpec, path: Path | None, content: object | None, labelled: bool) -> list[Record]:
    if isinstance(spec.source, TableSource):
        from unspool.data.sources import table

        return table.read(spec, spec.source, path, content, labelled)
    if isinstance(spec.source, ArraysSource):
        from unspool.data.sources import arrays

        return arrays.read(spec, spec.source, path, content, labelled)
    if isinstance(spec.source, TaggedSource):
        from unspool.data.sources import tagged

        return tagged.read(spec, spec.source, path, content, labelled)
    from unspool.data.sources import texts

    return texts.read(spec, spec.source, path, content, labelled)


def _places(spec: DataSpec, folder: Path, data: object | None) -> tuple[list[tuple[Part | None, Path]], object | None]:
    """The part and path of everything to read, or the content that was handed over."""
    if isinstance(data, str | Path):
        return [(None, Path(data))], None
    if data is not None:
        return [], data
    if not spec.source.places:
        given = {"table": "a frame", "arrays": "a mapping of arrays", "text": "(label, text) pairs", "tagged": "(words, tags) pairs"}
        raise DataError(f"data.source: no path, and no data was handed over; set data.source.path or give {given[spec.source.kind]}")
    return [(part, folder / path) for part, path in spec.source.places], None


def _refuse_idle(spec: DataSpec, places: Sequence[tuple[Part | None, Path]]) -> None:
    """DataError for an option of a text source that a look at the paths shows to be without effect."""
    from unspool.data.sources import texts

    source = spec.source
    if not isinstance(source, TextSource) or not all(os.path.exists(path) for _, path in places):
        return
    forms = [texts.form_of(path, source) for _, path in places]
    idle = source.idle(forms)
    if idle:
        raise DataError(f"{places[0][1]}: is read as {forms[0]}, where source.{idle[0]} cannot take effect; leave it out, or set source.format")


def _marked(record: Record, part: Part | None) -> Record:
    return record if part is None else replace(record, part=part, name=f"{part}/{record.name}")


def _digest_of_all(source: Source, places: Sequence[tuple[Part | None, Path]]) -> str:
    from unspool.data.sources import documents

    hashed = hashlib.sha256()
    for part, path in places:
        if isinstance(source, TextSource) and os.path.isdir(path):
            files = [(file.name, file.path) for file in documents.documents(path, source)]
        else:
            files = [("", path)]
        for name, place in files:
            hashed.update(f"{part or ''}\0{name}\0{_file_digest(place)}\n".encode())
    return hashed.hexdigest()


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
        if record.words is not None or record.labels is not None:
            words = None if record.words is None else record.words.tolist()
            hashed.update(repr((words, record.tags, record.labels)).encode("utf-8", "surrogatepass"))
        if record.times is not None:
            hashed.update(record.times.astype("<M8[us]").tobytes())
        for values in record.columns.values():
            cells = repr(values.tolist()).encode("utf-8", "surrogatepass") if values.dtype == object else None
            hashed.update(cells if cells is not None else values.astype(np.dtype("<f8")).tobytes())
    return hashed.hexdigest()


