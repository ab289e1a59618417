"""Texts with or without a label to records: lines, documents, rows of a table, or pairs and frames handed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unspool.data.sources import cases, documents
from unspool.data.sources.files import short
from unspool.data.sources.labels import label_text, sound, text_record
from unspool.data.sources.lines import lines_of
from unspool.data.spec import Columns, DataSpec, TextForm, TextSource
from unspool.errors import DataError
from unspool.types import Record


def read(spec: DataSpec, source: TextSource, path: Path | None, data: Any, labelled: bool) -> list[Record]:
    """One record a line, document, row or pair. Read for a prediction, labels may be absent."""
    if spec.columns != Columns():
        raise DataError("data.columns is for tables and arrays, and this source is text; leave it out")
    if path is None:  # asked of the type, for a lazy frame warns where it is asked itself
        return cases.read_frame(data, source, labelled) if hasattr(type(data), "columns") else _from_pairs(data, source, labelled)
    form = form_of(path, source)
    if form == "folders":
        return documents.read_folders(path, source, labelled)
    if form == "plain":
        return documents.read_plain(path, source)
    if form == "lines":
        return _from_lines(path, source, labelled)
    readers = {"csv": cases.read_csv, "parquet": cases.read_rows, "jsonl": cases.read_jsonl}
    return readers[form](path, source, labelled)


def form_of(path: Path, source: TextSource) -> TextForm:
    """How the path is read, which a look at it tells where the spec does not."""
    if source.format == "auto" and os.path.isdir(path):
        return "folders"
    return source.form(path) or "lines"


def _from_lines(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    """Read for a prediction, either every line has a label or none has."""
    delimiter = "\t" if source.delimiter is None else source.delimiter
    lines = lines_of(path, source.encoding)
    labels = [source.label is not None and delimiter in line for line in lines]
    for number, (line, has_label) in enumerate(zip(lines, labels, strict=True), start=1):
        if not line.strip():
            raise DataError(f"{path}:{number}: is a blank line, wanted a label and a text; take it out")
        if not has_label and source.label is not None and (labelled or any(labels)):
            raise DataError(
                f"{path}:{number}: got {short(line)}, wanted a label, the delimiter {delimiter!r} and a text; "
                "mend that line, set source.delimiter, or set source.label to null for lines without labels"
            )
    if not any(labels):
        return [text_record(f"{path}:{number}", str(number), line, None, None) for number, line in enumerate(lines, start=1)]
    pairs = (line.split(delimiter, 1) for line in lines)
    return [_from_line(f"{path}:{number}", number, label, text, source) for number, (label, text) in enumerate(pairs, start=1)]


def _from_line(where: str, number: int, label: str, text: str, source: TextSource) -> Record:
    if not label.strip() and source.label_separator is None:
        raise DataError(f"{where}: the label is empty, wanted a label before the delimiter; fill it in")
    if not text.strip():
        raise DataError(f"{where}: the text after label {label!r} is empty; fill it in or take the line out")
    return text_record(where, str(number), text, label, source.label_separator)


def _from_pairs(data: Any, source: TextSource, labelled: bool) -> list[Record]:
    if not isinstance(data, Iterable) or isinstance(data, bytes | dict):
        raise DataError(f"data: got {type(data).__name__}, wanted a list; give (label, text) pairs, or texts")
    records = [_from_pair(index, item, source, labelled) for index, item in enumerate(data)]
    if not records:
        raise DataError("data: is empty, wanted at least one (label, text) pair; give some")
    return records


def _from_pair(index: int, item: Any, source: TextSource, labelled: bool) -> Record:
    """The record of a pair; with source.label_separator, a label is text with separators or a list of labels."""
    where, separator = f"data[{index}]", source.label_separator
    if isinstance(item, str) and (not labelled or source.label is None or source.format == "plain"):
        return Record(name=str(index), where=where, text=sound(where, item))
    pair = isinstance(item, Sequence) and not isinstance(item, str | bytes) and len(item) == 2
    if not pair or not isinstance(item[1], str):
        remedy = "give labels, for without them nothing can be trained" if labelled else "give texts alone, or pairs"
        raise DataError(f"{where}: got {short(item)}, wanted a (label, text) pair of text; {remedy}")
    label, text = _label(where, item[0], separator), item[1]
    if not text.strip():
        raise DataError(f"{where}: the text after label {label!r} is empty, wanted something that can be seen; fill it in or take the pair out")
    if labelled and (label is None or (not label.strip() and separator is None)):
        raise DataError(f"{where}: the label is missing, wanted a label and a text; fill it in")
    return text_record(where, str(index), text, label, separator)


def _label(where: str, label: Any, separator: str | None) -> str | None:
    """As it would stand in a file; None where it is missing."""
    if not isinstance(label, list | tuple | set | frozenset):
        return label_text(where, label)
    if separator is None:
        raise DataError(f"{where}: the label is a list, {short(label)}, wanted one label; set source.label_separator where a text has several")
    return separator.join(sorted(map(str, label)) if isinstance(label, set | frozenset) else map(str, label))
