"""The structure of a CSV, checked before it is parsed: rows of equal length, sound quotes, a header with names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources.files import text_bytes
from unspool.data.sources.foreign import guarded
from unspool.errors import DataError

if TYPE_CHECKING:
    import polars as pl

BLOCK = 8 << 20
QUOTE, NEWLINE, RETURN = ord('"'), ord("\n"), ord("\r")
OTHER_DELIMITERS = (",", ";", "\t", "|")


def read_delimited(path: Path, delimiter: str, encoding: str, choose: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The columns that `choose` picks from the header's names, as text; row i of the frame is row i + 2 of the file."""
    content = text_bytes(path, encoding).rstrip(b"\r\n") + b"\n"
    start = _row_ends(path, np.frombuffer(content[: 2 << 20], np.uint8), 1)[0] + 1
    names = _header(path, content[:start].decode(), delimiter)
    chosen = choose(names)
    rows = _check_rows(path, content, start, ord(delimiter), len(names))
    if not rows:
        raise DataError(f"{path}: has a header and no rows, wanted at least one row; write the file again")
    return _parsed(path, memoryview(content)[start:], delimiter, sorted(map(names.index, chosen)), names, rows)


def _parsed(
    path: Path, body: memoryview, delimiter: str, places: list[int], names: Sequence[str], rows: int
) -> pl.DataFrame:
    import polars as pl

    with guarded(str(path), "check the quotes, or save the file as CSV again"):
        frame = pl.read_csv(bytes(body), has_header=False, columns=places, infer_schema=False, separator=delimiter)
        frame.columns = [names[place] for place in places]
    if frame.height != rows:
        raise DataError(
            f"{path}: its line ends make {rows:,} rows, but {frame.height:,} can be told apart; "
            "check the quotes: one inside a cell is written twice"
        )
    return frame


def _header(path: Path, line: str, delimiter: str) -> list[str]:
    if "\r" in line.rstrip("\r\n"):
        raise DataError(f"{path}:1: lines end in a carriage return alone; save the file with \\n or \\r\\n line ends")
    if "\n" in line.rstrip("\r\n"):
        raise DataError(f"{path}:1: a name in the header holds a line break, or a quote is left open; mend the header")
    with guarded(f"{path}:1", "mend the header"):
        names = next(csv.reader([line], delimiter=delimiter), [])
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"{path}:1: the header names {twice[0]!r} more than once; give every column its own name")
    if len(names) == 1:
        _suggest_delimiter(path, line, delimiter)
    return names


def _suggest_delimiter(path: Path, line: str, delimiter: str) -> None:
    best = max(OTHER_DELIMITERS, key=line.count)
    if best != delimiter and line.count(best):
        raise DataError(
            f"{path}:1: only one column was found with the delimiter {delimiter!r}, and {line.count(best) + 1} with "
            f"{best!r}; set source.delimiter: {best!r}"
        )


def _check_rows(path: Path, content: bytes, start: int, delimiter: int, columns: int) -> int:
    """The number of rows after the header, all of `columns` cells; DataError for the first that has more or fewer."""
    rows = 0
    while start < len(content):
        block = np.frombuffer(content, np.uint8, min(BLOCK, len(content) - start), start)
        ends = _row_ends(path, block, rows + 2)
        block = block[: ends[-1] + 1]
        _refuse_blank(path, block, ends, rows + 2)
        cells = np.diff(np.cumsum(_outside(block, delimiter), dtype=np.int64)[ends], prepend=0) + 1
        if (cells != columns).any():
            row = int(np.argmax(cells != columns))
            raise DataError(
                f"{path}:{rows + 2 + row}: has {cells[row]} cells, and the header has {columns}; mend that row: "
                "a cell that holds the delimiter needs quotes, a missing cell is left empty"
            )
        rows, start = rows + len(ends), start + len(block)
    return rows


def _outside(block: NDArray[np.uint8], character: int) -> NDArray[np.bool_]:
    """(bytes,) where `character` stands outside quotes; the block starts outside."""
    found: NDArray[np.bool_] = block == character
    quotes = block == QUOTE
    if quotes.any():
        found &= ~np.logical_xor.accumulate(quotes)
    return found


def _row_ends(path: Path, block: NDArray[np.uint8], row: int) -> NDArray[np.intp]:
    ends = np.flatnonzero(_outside(block, NEWLINE))
    if not len(ends):
        raise DataError(f"{path}:{row}: a quote is opened in this row and never closed; close it, or take it out")
    return ends


def _refuse_blank(path: Path, block: NDArray[np.uint8], ends: NDArray[np.intp], row: int) -> None:
    lengths = np.diff(ends, prepend=-1) - 1
    blank = (lengths == 0) | ((lengths == 1) & (block[ends - 1] == RETURN))
    if blank.any():
        raise DataError(f"{path}:{row + int(np.argmax(blank))}: is a blank row; take it out")


