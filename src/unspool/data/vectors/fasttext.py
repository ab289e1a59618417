"""A fastText model (.bin): its dictionary, and its input matrix of a row a word and a row a bucket of n-grams."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources.files import CHUNK
from unspool.data.vectors.detect import FASTTEXT
from unspool.data.vectors.found import Vectors
from unspool.data.vectors.search import FLOAT_BYTES, WIDEST, Search, check_room, encoded
from unspool.data.vectors.stream import Reader
from unspool.data.vectors.subwords import buckets
from unspool.errors import DataError

LONGEST_NGRAM = 100  # characters
LONGEST_MADE = 1000  # bytes of a word that is still made of its n-grams

_HEAD = struct.Struct("<4si12id")  # magic, version, arguments, the sampling threshold
_DICTIONARY = struct.Struct("<3i2q")  # entries, words, labels, tokens, pruned n-grams
_MATRIX = struct.Struct("<?2q")  # whether quantised, rows, columns
_ENTRY_BYTES = 9  # the count and the kind of a word, after its NUL
_SUPERVISED = 3


@dataclass(frozen=True, slots=True)
class _Model:
    width: int
    words: int
    buckets: int
    shortest: int
    longest: int


def read(reader: Reader, search: Search) -> Vectors:
    """The wanted words, and those of them that the model does not know but that have n-grams; labels are no words."""
    model, entries = _model(reader)
    own = _own_rows(reader, search, model, entries)
    _check_matrix(reader, model)
    parts = [[row, *_ngram_rows(word, model)] for word, row in zip(search.places, own, strict=True)]
    made: dict[str, int] = {}
    for word in search.unmet():
        rows = _ngram_rows(encoded(word), model)
        if rows:
            made[word] = len(parts)
            parts.append(rows)
    check_room(reader.path, len(parts), model.width)
    return search.vectors(_means(reader, model, parts), made)


def _model(reader: Reader) -> tuple[_Model, int]:
    """The model's sizes and the entries of its dictionary, words and labels."""
    path = reader.path
    if reader.peek(len(FASTTEXT)) != FASTTEXT:
        raise DataError(f"{path}: byte 0: is {reader.peek(4)!r}, wanted {FASTTEXT!r} of a fastText model; give a .bin file of fastText 0.1 or later")
    _, version, width, _, _, _, _, _, _, kind, count, shortest, longest, _, _ = _HEAD.unpack(reader.exactly(_HEAD.size))
    if version not in (11, 12):
        raise DataError(f"{path}: byte 4: is version {version} of a fastText model, wanted 11 or 12; write it again with fastText 0.9")
    if version == 11 and kind == _SUPERVISED:
        longest = 0  # classifiers had no n-grams before version 12, whatever they say
    if not 1 <= width <= WIDEST or count < 0 or shortest < 0 or not 0 <= longest <= LONGEST_NGRAM:
        raise DataError(
            f"{path}: byte 8: the model has {width} numbers a word, {count} buckets, and n-grams of {shortest} to {longest}, wanted 1 to "
            f"{WIDEST:,}, 0 or more, and up to {LONGEST_NGRAM}; copy or download it again"
        )
    start = reader.offset
    entries, words, labels, _, pruned = _DICTIONARY.unpack(reader.exactly(_DICTIONARY.size))
    if words < 0 or labels < 0 or entries != words + labels:
        raise DataError(f"{path}: byte {start}: has {entries} entries, {words} words and {labels} labels; copy or download it again")
    if pruned >= 0:
        raise _quantised(reader)
    reader.check_left(entries * (_ENTRY_BYTES + 1), f"{entries:,} words and labels")
    return _Model(width, words, count, shortest, longest), entries


def _own_rows(reader: Reader, search: Search, model: _Model, entries: int) -> list[int]:
    """The rows of the words that are looked for, in the order of `search.places`."""
    rows = []
    for row in range(entries):
        word = reader.until(b"\0")
        label = reader.exactly(_ENTRY_BYTES)[-1]
        if label != (row >= model.words):
            raise DataError(
                f"{reader.path}: byte {reader.offset - 1:,}: entry {row} is of kind {label}, wanted {model.words:,} words (0), then labels (1); "
                "copy or download it again"
            )
        if not label and search.meets(word):
            rows.append(row)
    return rows


def _ngram_rows(word: bytes, model: _Model) -> list[int]:
    if len(word) > LONGEST_MADE:
        return []
    return [model.words + bucket for bucket in buckets(word, model.shortest, model.longest, model.buckets)]


def _check_matrix(reader: Reader, model: _Model) -> None:
    start = reader.offset
    quantised, rows, width = _MATRIX.unpack(reader.exactly(_MATRIX.size))
    if quantised:
        raise _quantised(reader)
    if (rows, width) != (model.words + model.buckets, model.width):
        raise DataError(
            f"{reader.path}: byte {start:,}: the matrix is ({rows}, {width}), wanted {(model.words + model.buckets, model.width)}, a row for "
            "every word and bucket; copy or download it again"
        )
    reader.check_left(rows * width * FLOAT_BYTES, f"a matrix {(rows, width)}")


def _quantised(reader: Reader) -> DataError:
    return DataError(f"{reader.path}: is a quantised fastText model (.ftz), wanted a whole one; give the .bin that it was made of, or a .vec")


def _means(reader: Reader, model: _Model, parts: list[list[int]]) -> NDArray[np.float32]:
    """The mean of the rows of every part, (parts, width), while the matrix goes by in blocks of rows; a part names a row of its own at least."""
    counts = np.array([len(rows) for rows in parts], np.int64)
    rows = np.array([row for part in parts for row in part], np.int64)
    owners = np.repeat(np.arange(len(parts)), counts)
    tall = max(CHUNK // (FLOAT_BYTES * model.width), 1)
    order = np.lexsort((owners, rows // tall))
    rows, owners = rows[order], owners[order]
    sums = np.zeros((len(parts), model.width))
    total = model.words + model.buckets
    for top in range(0, total, tall):
        start, size = reader.offset, min(tall, total - top) * model.width * FLOAT_BYTES
        low, high = np.searchsorted(rows // tall, [top // tall, top // tall + 1]).tolist()
        if low == high:
            reader.skip(size)
            continue
        block = np.frombuffer(reader.exactly(size), "<f4").reshape(-1, model.width)
        _check_finite(reader, start, block, rows[low:high] - top)
        for begin in range(low, high, tall):  # a common n-gram may be in very many words
            piece = slice(begin, min(begin + tall, high))
            _add(sums, block, rows[piece] - top, owners[piece])
    return (sums / counts[:, None]).astype(np.float32)


def _add(sums: NDArray[np.float64], block: NDArray[np.float32], rows: NDArray[np.int64], owners: NDArray[np.int64]) -> None:
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sums[owners[starts]] += np.add.reduceat(block[rows], starts, axis=0, dtype=np.float64)


def _check_finite(reader: Reader, start: int, block: NDArray[np.float32], rows: NDArray[np.int64]) -> None:
    used = np.unique(rows)
    wrong = used[~np.isfinite(block[used]).all(axis=1)]
    if len(wrong):
        place = start + int(wrong[0]) * block.shape[1] * FLOAT_BYTES
        raise DataError(f"{reader.path}: byte {place:,}: a row holds NaN or infinity, wanted finite numbers; copy or download it again")
