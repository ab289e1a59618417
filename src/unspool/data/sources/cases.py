"""Rows with a text column, and columns for its label and part: a CSV, a Parquet file, JSON lines or a frame to records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unspool.data.sources import cells, jsonl
from unspool.data.sources.delimited import read_delimited
from unspool.data.sources.files import listed, nearest, short
from unspool.data.sources.foreign import guarded
from unspool.data.sources.frames import WHERE, from_frame
from unspool.data.sources.labels import label_text, part_of, text_record
from unspool.data.sources.parquet import read_parquet
from unspool.data.spec import TextSource
from unspool.errors import DataError
from unspool.types import Record

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the rows of one place become records; a row counts as a person does, the header of a CSV being row 1."""

    where: str
    source: TextSource
    labelled: bool

    def choose(self, there: Sequence[str]) -> list[str]:
        """The declared columns; those of labels and parts may be absent where they are not needed."""
        source = self.source
        roles = {"text": source.text, "label": source.label, "part": source.part}
        for role, name in roles.items():
            if name is not None and name not in there and (self.labelled or role == "text"):
                raise self._absent(role, name, there)
        return [name for name in roles.values() if name is not None and name in there]

    def _absent(self, role: str, name: str, there: Sequence[str]) -> DataError:
        nothing = ", or set source.label to null for texts without labels" if role == "label" else ""
        return DataError(
            f"{self.where}: no column {name!r}, which source.{role} names; {nearest(name, there)}there are: {listed(there)}; "
            f"rename it there or in the spec{nothing}"
        )

    def record(self, row: int, text: Any, label: Any, part: Any) -> Record:
        where, source = f"{self.where}:{row}", self.source
        if not isinstance(text, str) and text is not None:
            raise DataError(f"{where}: {source.text!r} is {short(text)}, wanted text; write it as text, or name another column in source.text")
        if text is None or not text.strip():
            raise DataError(f"{where}: {source.text!r} is empty, wanted a text; fill it in or take the row out")
        if self.labelled and not (label or "").strip() and source.label is not None and source.label_separator is None:
            raise DataError(f"{where}: {source.label!r} is empty, wanted a label; fill it in or take the row out")
        if self.labelled and label is None and source.label is not None:
            label = ""
        marked = part_of(where, part) if source.part is not None and self.labelled else None
        return text_record(where, str(row), text, label, source.label_separator, marked)


def read_csv(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    """One record a row of a CSV."""
    delimiter = "," if source.delimiter is None else source.delimiter
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n\0':
        raise DataError(f"{path}: source.delimiter is {delimiter!r}, wanted one ASCII character between the columns of a CSV; set it to ','")
    reader = _Reader(str(path), source, labelled)
    return _from_polars(reader, read_delimited(path, delimiter, source.encoding, reader.choose), 2)


def read_rows(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    """One record a row of a Parquet file."""
    reader = _Reader(str(path), source, labelled)
    return _from_polars(reader, read_parquet(path, reader.choose), 1)


def read_frame(frame: Any, source: TextSource, labelled: bool) -> list[Record]:
    """One record a row of a pandas, polars or Arrow frame."""
    reader = _Reader(WHERE, source, labelled)
    return _from_polars(reader, from_frame(frame, reader.choose), 1)


def read_jsonl(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    """One record a line that is a JSON object; keys that are not named are passed over."""
    reader = _Reader(str(path), source, labelled)
    return [_from_object(reader, number, item) for number, item in jsonl.read(path, source.encoding)]


def _from_polars(reader: _Reader, frame: pl.DataFrame, first_row: int) -> list[Record]:
    import polars as pl

    if not frame.height:
        raise DataError(f"{reader.where}: has no rows, wanted at least one; give data")
    source, columns = reader.source, frame.columns
    texts = frame[source.text]
    if texts.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise DataError(f"{reader.where}: column {source.text!r} holds {texts.dtype}, wanted text; convert it, or name another in source.text")
    empty = [None] * frame.height
    labels = _labels(reader, frame[source.label]) if source.label in columns else empty
    parts = _names(reader, frame[source.part]) if source.part in columns else empty
    rows = zip(texts.to_list(), labels, parts, strict=True)
    return [reader.record(row, *values) for row, values in enumerate(rows, start=first_row)]


def _labels(reader: _Reader, column: pl.Series) -> list[str | None]:
    import polars as pl

    if not isinstance(column.dtype, pl.List | pl.Array):
        return _names(reader, column)
    return [_joined(reader, reader.where, value) for value in column.to_list()]


def _names(reader: _Reader, column: pl.Series) -> list[str | None]:
    with guarded(f"{reader.where}: column {column.name!r}", "write it as text or whole numbers"):
        return list(cells.names(column, reader.where).tolist())


def _from_object(reader: _Reader, row: int, item: dict[str, Any]) -> Record:
    place, source = replace(reader, where=f"{reader.where}:{row}"), reader.source
    place.choose(list(item))
    label = None if source.label is None else item.get(source.label)
    part = None if source.part is None else item.get(source.part)
    told = _joined(place, place.where, label) if isinstance(label, list) else label_text(place.where, label)
    return reader.record(row, item[source.text], told, label_text(place.where, part))


def _joined(reader: _Reader, where: str, value: list[Any] | None) -> str | None:
    """A list of labels as it would stand in one cell."""
    separator = reader.source.label_separator
    if value is None:
        return None
    if separator is None:
        raise DataError(f"{where}: the label is a list, {short(value)}, wanted one label; set source.label_separator where a text has several")
    if not all(isinstance(one, str) and separator not in one for one in value):
        raise DataError(f"{where}: the labels {short(value)} are not all text without {separator!r}; choose another source.label_separator")
    return separator.join(value)
