"""The words of a matrix: one a line, in a Parquet file, or in JSON."""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources.files import listed, short
from unspool.data.sources.foreign import guarded
from unspool.data.sources.parquet import read_parquet
from unspool.data.vectors.search import Search, encoded
from unspool.data.vectors.stream import reading
from unspool.errors import DataError

if TYPE_CHECKING:
    import polars as pl

LARGEST_JSON = 256 << 20
MOST_COLUMNS = 20
WORD_NAMES = ("word", "words", "token", "tokens", "term", "key")
ROW_NAMES = ("row", "rows", "row_number", "index", "id", "idx", "position", "__index_level_0__")


def rows_met(path: Path, total: int, search: Search) -> NDArray[np.intp]:
    """The row, 0 to `total` - 1, of every word that is looked for and is there, in the order of `search.places`."""
    kind = next((suffix for suffix in reversed(path.suffixes) if suffix.lower() != ".gz"), "").lower()
    if kind not in _READERS:
        raise DataError(f"{path}: ends in {kind or 'nothing'!r}, wanted an index {listed(list(_READERS))}; name it by what it holds")
    return np.array([row for word, row in _READERS[kind](path, total) if search.meets(word)], np.intp)


def _lines(path: Path, total: int) -> Iterator[tuple[bytes, int]]:
    count = 0
    with reading(path) as reader:
        if reader.peek(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
            reader.skip(len(codecs.BOM_UTF8))
        for count, line in enumerate(reader.lines(1), 1):
            if b"\t" in line or b"\0" in line:
                raise DataError(f"{path}:{count}: holds a tab or a NUL, wanted one word a line and nothing else; keep the words alone")
            yield line.removesuffix(b"\r"), count - 1
    _check_count(path, count, total)


def _json(path: Path, total: int) -> Iterable[tuple[bytes, int]]:
    with reading(path) as reader:
        content = reader.whole(LARGEST_JSON)
    with guarded(str(path), "write it again as JSON in UTF-8"):
        found = json.loads(content, object_pairs_hook=tuple)  # pairs, since a name that comes twice is to be counted
    if not isinstance(found, list | tuple):
        raise DataError(f"{path}: holds {type(found).__name__}, wanted a list of words, or a mapping of words to rows; write it so")
    if isinstance(found, list):
        _check_count(path, len(found), total)
    pairs = zip(found, itertools.count(), strict=False) if isinstance(found, list) else found
    return [_checked(path, word, row, total) for word, row in pairs]


def _checked(path: Path, word: Any, row: Any, total: int) -> tuple[bytes, int]:
    if not isinstance(word, str):
        raise DataError(f"{path}: word {row} is {short(word)}, wanted text; write words alone")
    if type(row) is not int or not 0 <= row < total:
        raise DataError(f"{path}: word {short(word)} is in row {short(row)}, wanted a row 0 to {total - 1} of the matrix; mend it")
    return encoded(word), row


def _parquet(path: Path, total: int) -> Iterable[tuple[bytes, int]]:
    import polars as pl

    frame = read_parquet(path, lambda names: _few(path, names))
    texts = [name for name in frame.columns if isinstance(frame.schema[name], pl.String | pl.Categorical | pl.Enum)]
    named = [name for name in texts if name.lower() in WORD_NAMES]
    chosen = texts if len(texts) == 1 else named
    if len(chosen) != 1:
        raise DataError(f"{path}: has the text columns {listed(texts) or 'none'}, wanted one; name that of the words 'word'")
    words = frame[chosen[0]].cast(pl.String).to_list()
    rows = _row_numbers(path, frame, total)
    return ((b"" if word is None else encoded(word), row) for word, row in zip(words, rows, strict=True))


def _few(path: Path, names: Sequence[str]) -> list[str]:
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{path}: has {len(names)} columns, wanted a column of words and one of rows; take the others out")
    return list(names)


def _row_numbers(path: Path, frame: pl.DataFrame, total: int) -> Sequence[int]:
    """The column of row numbers, or the rows in order where no column holds whole numbers."""
    whole = [name for name in frame.columns if frame.schema[name].is_integer()]
    if not whole:
        _check_count(path, frame.height, total)
        return range(total)
    named = [name for name in whole if name.lower() in ROW_NAMES]
    if len(named) != 1:
        raise DataError(f"{path}: has the columns {listed(whole)} of whole numbers, wanted none, or one named 'row'; rename it, or take them out")
    rows = frame[named[0]].to_list()
    wrong = next((place for place, row in enumerate(rows) if row is None or not 0 <= row < total), None)
    if wrong is not None:
        raise DataError(f"{path}:{wrong + 1}: {named[0]!r} is {rows[wrong]}, wanted a row 0 to {total - 1} of the matrix; mend it")
    return rows


def _check_count(path: Path, count: int, total: int) -> None:
    if count != total:
        raise DataError(f"{path}: has {count:,} words, and the matrix {total:,} rows; give the index that was written with it")


_READERS = {".parquet": _parquet, ".txt": _lines, ".tsv": _lines, ".json": _json}
