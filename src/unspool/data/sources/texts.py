"""Lines of `label<delimiter>text`, or pairs handed over, to records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unspool.data.sources.files import short, text_bytes
from unspool.data.spec import Columns, DataSpec, TextSource
from unspool.errors import DataError
from unspool.types import Record


def read(spec: DataSpec, source: TextSource, path: Path | None, data: Any, labelled: bool) -> list[Record]:
    """One record a line or pair. Read for a prediction, either every line has a label or none has."""
    if spec.columns != Columns():
        raise DataError("data.columns is for tables and arrays, and this source is text; leave it out")
    return _from_file(path, source, labelled) if path is not None else _from_pairs(data, labelled)


def _from_file(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    lines = text_bytes(path, source.encoding).decode().removesuffix("\n").split("\n")
    lines = [line.removesuffix("\r") for line in lines]
    labels = [source.delimiter in line for line in lines]
    for number, (line, has_label) in enumerate(zip(lines, labels, strict=True), start=1):
        if not line.strip():
            raise DataError(f"{path}:{number}: is a blank line, wanted a label and a text; take it out")
        if not has_label and (labelled or any(labels)):
            raise DataError(
                f"{path}:{number}: got {short(line)}, wanted a label, the delimiter {source.delimiter!r} and a text; "
                "mend that line, or set source.delimiter"
            )
    if not any(labels):
        return [_record(str(path), number, None, line) for number, line in enumerate(lines, start=1)]
    pairs = (line.split(source.delimiter, 1) for line in lines)
    return [_record(str(path), number, label, text) for number, (label, text) in enumerate(pairs, start=1)]


def _record(path: str, number: int, label: str | None, text: str) -> Record:
    where = f"{path}:{number}"
    if label is not None and not label.strip():
        raise DataError(f"{where}: the label is empty, wanted a label before the delimiter; fill it in")
    if label is not None and not text.strip():
        raise DataError(f"{where}: the text after label {label!r} is empty; fill it in or take the line out")
    return Record(name=str(number), where=where, text=text, label=label)


def _from_pairs(data: Any, labelled: bool) -> list[Record]:
    if not isinstance(data, Iterable) or isinstance(data, bytes | dict):
        raise DataError(f"data: got {type(data).__name__}, wanted a list; give (label, text) pairs, or texts")
    records = [_from_pair(index, item, labelled) for index, item in enumerate(data)]
    if not records:
        raise DataError("data: is empty, wanted at least one (label, text) pair; give some")
    return records


def _from_pair(index: int, item: Any, labelled: bool) -> Record:
    where = f"data[{index}]"
    if isinstance(item, str) and not labelled:
        return Record(name=str(index), where=where, text=item)
    pair = isinstance(item, Sequence) and not isinstance(item, str | bytes) and len(item) == 2
    if not pair or not isinstance(item[1], str):
        remedy = "give labels, for without them nothing can be trained" if labelled else "give texts alone, or pairs"
        raise DataError(f"{where}: got {short(item)}, wanted a (label, text) pair of text; {remedy}")
    label = None if item[0] is None else str(item[0])
    if labelled and not label:
        raise DataError(f"{where}: the label is missing, wanted a label and a text; fill it in")
    return Record(name=str(index), where=where, text=item[1], label=label)
