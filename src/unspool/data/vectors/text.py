"""Vectors in text: a word and its numbers a line, after a header (word2vec, fastText's .vec) or none (GloVe)."""

from __future__ import annotations

import codecs
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources.files import CHUNK, short
from unspool.data.vectors.detect import HEADER, is_number
from unspool.data.vectors.found import Vectors
from unspool.data.vectors.search import WIDEST, Search, shown
from unspool.data.vectors.stream import Reader
from unspool.errors import DataError

SAMPLE = 100  # lines that show how many numbers the others have


def read(reader: Reader, search: Search, headed: bool) -> Vectors:
    """The wanted rows; the numbers of other words are counted and not read.

    The last numbers of a line are the vector, so that a word may hold spaces; DataError where what it ends in
    looks like one number too many.
    """
    if reader.peek(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8:
        reader.skip(len(codecs.BOM_UTF8))
    count, claimed = header(reader) if headed else (None, None)
    first = 2 if headed else 1
    width = _usual_width(reader, first)
    if claimed is not None and width is not None and width != claimed:
        raise DataError(f"{reader.path}:1: the header says {claimed:,} numbers a word, and the lines have {width:,}; mend the header")
    width = width if claimed is None else claimed
    if width is None:
        raise DataError(f"{reader.path}: holds no line, wanted words and numbers; write it again or give another path")
    values, number = bytearray(), first - 1
    for number, line in enumerate(reader.lines(first), first):
        line = line.rstrip(b" \r")
        surplus = line.count(b" ") - width
        word = _spaced(f"{reader.path}:{number}", line, surplus, width) if surplus else line[: line.index(b" ")]
        if search.meets(word):
            values += _vector(f"{reader.path}:{number}", word, line[len(word) + 1 :].split(b" ")).tobytes()
    if count is not None and number - 1 != count:
        raise DataError(f"{reader.path}:1: the header says {count:,} words, and {number - 1:,} follow; copy or download it again, or mend it")
    return search.vectors(np.frombuffer(values, np.float32).reshape(-1, width), {})


def header(reader: Reader) -> tuple[int, int]:
    """The words and the numbers of each that the first line claims, which goes by."""
    line = reader.until(b"\n")
    match = HEADER.fullmatch(line)
    count, width = (int(match[1]), int(match[2])) if match else (0, 0)
    if count < 1 or not 1 <= width <= WIDEST:
        raise DataError(
            f"{reader.path}:1: the header is {short(line.decode('utf-8', 'replace'))}, wanted the number of words, from 1, and the numbers of "
            f"each, 1 to {WIDEST:,}; mend it, or set the format to glove where there is none"
        )
    return count, width


def _usual_width(reader: Reader, first: int) -> int | None:
    """The numbers that most of the first lines end in, or None without lines: the last word of a line may be a number too."""
    head = reader.peek(CHUNK)
    lines = head.split(b"\n", SAMPLE)
    if len(lines) > SAMPLE or (len(lines) > 1 and len(head) == CHUNK) or not lines[-1]:
        lines.pop()  # it is not whole
    counts = Counter(_numbers_at_end(line) for line in lines)
    if not counts:
        return None
    width = counts.most_common(1)[0][0]
    if not 1 <= width <= WIDEST:
        raise DataError(
            f"{reader.path}:{first}: most of the first lines end in {width:,} numbers, wanted a word and 1 to {WIDEST:,} numbers, with one space "
            "between them; check the delimiter, or name the format"
        )
    return width


def _numbers_at_end(line: bytes) -> int:
    fields = line.rstrip(b" \r").split(b" ")
    count = 0
    for field in reversed(fields[1:]):
        if not is_number(field):
            break
        count += 1
    return count


def _spaced(where: str, line: bytes, surplus: int, width: int) -> bytes:
    """The word of a line with more spaces than numbers."""
    if surplus < 0:
        got = f"has {line.count(b' '):,} numbers" if line else "is blank"
        raise DataError(f"{where}: {got}, wanted a word and {width:,} numbers; copy or download the file again, or take the line out")
    word, *fields = line.rsplit(b" ", width)
    _vector(where, word, fields)
    last = word.rpartition(b" ")[2]
    if not last or (b"." in last and is_number(last)):
        got = f"has {width + 1:,} numbers or more" if last else "has two spaces where one is wanted"
        raise DataError(f"{where}: {got}, wanted a word and {width:,} numbers; mend the line, or take it out")
    return word


def _vector(where: str, word: bytes, fields: list[bytes]) -> NDArray[np.float32]:
    try:
        numbers = list(map(float, fields))
    except ValueError:
        numbers = []
    if not numbers or b"_" in b"".join(fields):
        wrong = next(field for field in fields if not is_number(field))
        raise DataError(f"{where}: word {shown(word)}: got {shown(wrong)}, wanted a number; mend it, or take the line out")
    with np.errstate(over="ignore"):
        vector = np.array(numbers).astype(np.float32)
    if not np.isfinite(vector).all():
        raise DataError(
            f"{where}: word {shown(word)}: number {1 + int(np.argmin(np.isfinite(vector)))} is NaN, infinite or beyond float32, wanted a finite one; "
            "mend it, or take the line out"
        )
    return vector
