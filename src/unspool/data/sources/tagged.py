"""Sentences of tagged words, from files and handed over, to records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from unspool.data.sentences import sentences
from unspool.data.sources import conll, conllu, slashes
from unspool.data.sources.files import short
from unspool.data.sources.labels import sound
from unspool.data.sources.sentences import Sentence, sentence_record
from unspool.data.spec import Columns, DataSpec, TaggedSource
from unspool.data.vocab import tokenize
from unspool.errors import DataError
from unspool.types import Record

READERS = {"columns": conll.sentences, "conllu": conllu.sentences, "slashes": slashes.sentences}


def read(spec: DataSpec, source: TaggedSource, path: Path | None, data: Any, labelled: bool) -> list[Record]:
    """One record a sentence, numbered from 1 in a file. Read for a prediction, tags may be absent."""
    if spec.columns != Columns():
        raise DataError("data.columns is for tables and arrays, and this source is tagged; set source.column, and leave data.columns out")
    if path is None:
        return _handed_over(data, labelled)
    found = READERS[source.form(path)](path, source, labelled)
    if not found:
        raise DataError(f"{path}: holds no sentence, wanted words with their tags; write it again or give another path")
    return [sentence_record(sentence, f"{path}:{sentence.line}", str(number)) for number, sentence in enumerate(found, start=1)]


def _handed_over(data: Any, labelled: bool) -> list[Record]:
    """(words, tags) pairs, or for a prediction also lists of words and texts that are not cut."""
    if not isinstance(data, Iterable) or isinstance(data, str | bytes | dict):
        raise DataError(f"data: got {type(data).__name__}, wanted a list of sentences; give (words, tags) pairs")
    records: list[Record] = []
    for index, item in enumerate(data):
        records += _of_text(index, item) if isinstance(item, str) and not labelled else [_from_item(index, item, labelled)]
    if not records:
        raise DataError("data: is empty, wanted at least one sentence; give (words, tags) pairs")
    return records


def _of_text(index: int, text: str) -> list[Record]:
    """The sentences of a raw text, all of its name; each has all of the text, to which its offsets refer, and its own words alone."""
    where = f"data[{index}]"
    sound(where, text)
    words = [tokenize(text[start:stop], "words", lowercase=False)[1] + start for start, stop in sentences(text).tolist()]
    return [Record(name=str(index), where=where, text=text, words=offsets) for offsets in words or [np.zeros((0, 2), np.int64)]]


def _from_item(index: int, item: Any, labelled: bool) -> Record:
    where = f"data[{index}]"
    if _is_texts(item) and not labelled:
        words, tags = tuple(item), None
    elif isinstance(item, list | tuple) and len(item) == 2 and all(map(_is_texts, item)) and len(item[0]) == len(item[1]):
        words, tags = tuple(item[0]), tuple(item[1])
    else:
        remedy = "give as many tags as words" if labelled else "give texts, lists of words, or pairs"
        raise DataError(f"{where}: got {short(item)}, wanted a pair of a list of words and a list of their tags; {remedy}")
    for place, word in enumerate(words):
        if not sound(where, word).strip():
            raise DataError(f"{where}: word {place} is {word!r}, wanted something that can be seen; take it out")
    for place, tag in enumerate(tags or ()):
        if not sound(where, tag).strip():
            raise DataError(f"{where}: the tag of word {place} is {tag!r}, wanted something that can be seen; fill it in")
    return sentence_record(Sentence(index, words, tags), where, str(index))


def _is_texts(item: Any) -> bool:
    return isinstance(item, list | tuple) and bool(item) and all(isinstance(text, str) for text in item)
