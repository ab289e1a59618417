"""Sentences that a source has cut into words, and their columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unspool.data.sources.files import listed, nearest
from unspool.errors import DataError
from unspool.types import Record

BLANKS = " \t"
DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words in order.

    line   the first one's line in the file
    tags   one a word, or None
    glued  the places of words after which the text goes on without a space
    """

    line: int
    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    glued: frozenset[int] = frozenset()


def sentence_record(sentence: Sentence, where: str, name: str) -> Record:
    """The record whose text is the words with single spaces between them, where they are not glued."""
    ends = ["" if place in sentence.glued else " " for place in range(len(sentence.words))]
    ends[-1] = ""
    text = "".join(word + end for word, end in zip(sentence.words, ends, strict=True))
    lengths = np.array([len(word) for word in sentence.words], np.int64)
    stops = np.cumsum(lengths + np.array([0, *(len(end) for end in ends[:-1])], np.int64))
    return Record(name=name, where=where, text=text, words=np.stack([stops - lengths, stops], axis=1), tags=sentence.tags)


def blocks(lines: Sequence[str], first: int = 1) -> Iterator[list[tuple[int, str]]]:
    """The numbers and lines of every sentence: lines of blanks and those of a document's beginning end one, and are passed over.

    first  the number of the first line
    """
    block: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=first):
        if line.strip(BLANKS) and not line.startswith(DOCUMENT):
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def place_of_column(column: int | str, names: Sequence[str], width: int) -> int | None:
    """Where a column that is named, or numbered from 1 or from -1 at the end, stands among `width`; None where there is none such."""
    if isinstance(column, str):
        folded = [name.lower() for name in names]
        return folded.index(column.lower()) if column.lower() in folded else None
    place = column - 1 if column > 0 else width + column
    return place if 0 <= place < width else None


def absent(where: str, role: str, column: int | str, names: Sequence[str], width: int) -> DataError:
    """What is said where a column is not there."""
    there = f"there are: {listed(names)}" if names else f"there are {width} columns, and none has a name"
    hint = nearest(column, names) if isinstance(column, str) else ""
    return DataError(f"{where}: no column {column!r}, which source.{role} names; {hint}{there}; set source.{role} to one of them")
