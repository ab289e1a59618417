"""A sentence a line, every item of it a word, a delimiter and a tag."""

from __future__ import annotations

import re
from pathlib import Path

from unspool.data.sources.files import short
from unspool.data.sources.lines import lines_of
from unspool.data.sources.sentences import BLANKS, Sentence
from unspool.data.spec import TaggedSource
from unspool.errors import DataError

_ITEM = re.compile(f"[^{BLANKS}]+")


def sentences(path: Path, source: TaggedSource, labelled: bool) -> list[Sentence]:
    """Every line that holds an item. Read for a prediction, either every item of the file has a tag or none has."""
    lines = enumerate(lines_of(path, source.encoding), start=1)
    cut = [(number, items) for number, line in lines if (items := _ITEM.findall(line))]
    if not labelled and not any(source.delimiter in item for _, items in cut for item in items):
        return [Sentence(number, tuple(items)) for number, items in cut]
    return [_sentence(f"{path}:{number}", number, items, source.delimiter) for number, items in cut]


def _sentence(where: str, number: int, items: list[str], delimiter: str) -> Sentence:
    words, tags = [], []
    for place, item in enumerate(items, start=1):
        word, found, tag = item.rpartition(delimiter)
        if not (word and found and tag):
            raise DataError(
                f"{where}: item {place} is {short(item)}, wanted a word, the delimiter {delimiter!r} and a tag; "
                "mend it, or set source.delimiter"
            )
        words.append(word)
        tags.append(tag)
    return Sentence(number, tuple(words), tuple(tags))
