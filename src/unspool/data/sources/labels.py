"""A text and what the source says of it, as a record."""

from __future__ import annotations

import re
from collections.abc import Mapping

from unspool.data.preparation import category_text
from unspool.data.sources.files import short
from unspool.errors import DataError
from unspool.types import PARTS, Part, Record

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def text_record(where: str, name: str, text: str, label: str | None, separator: str | None, part: Part | None = None) -> Record:
    """The record of a text.

    label      as the source writes it; None where it has none
    separator  between several labels; None where a text has one
    """
    label = None if label is None else sound(where, label).strip()
    labels = None if label is None or separator is None else several(where, label, separator)
    return Record(name=name, where=where, text=sound(where, text), label=label, labels=labels, part=part)


def sound(where: str, text: str) -> str:
    """The text; DataError where it holds half of a surrogate pair, which stands for no character and which no file can hold."""
    half = None if text.isascii() else _HALF_A_PAIR.search(text)
    if half is not None:
        raise DataError(
            f"{where}: character {half.start()} is {half.group()!r}, half of a surrogate pair, wanted whole characters; "
            "mend it where the text was decoded"
        )
    return text


def label_text(where: str, value: object) -> str | None:
    """A label or part as text; None where it is missing. DataError for a value that names nothing."""
    if isinstance(value, Mapping | list | tuple) or (isinstance(value, float) and value == value and not value.is_integer()):
        raise DataError(f"{where}: got {short(value)} as a label or part, wanted text, a whole number or true and false; write it as text")
    return value if isinstance(value, str) else category_text(value)


def several(where: str, label: str, separator: str) -> tuple[str, ...]:
    """The single labels, without the blanks around them; () where the label is blank."""
    if not label.strip():
        return ()
    labels = tuple(one.strip() for one in label.split(separator))
    if "" in labels:
        raise DataError(f"{where}: the labels {short(label)} have nothing between two separators {separator!r}; take one of them out")
    twice = next((one for index, one in enumerate(labels) if one in labels[:index]), None)
    if twice is not None:
        raise DataError(f"{where}: the labels {short(label)} name {twice!r} twice, wanted each once; take one of them out")
    return labels


def part_of(where: str, value: str | None) -> Part:
    """The part that a cell names."""
    for part in PARTS:
        if value == part:
            return part
    raise DataError(f"{where}: is in part {value!r}, wanted {', '.join(PARTS)}; rename the part")
