"""The binary format of word2vec: a text header, then each word, a space and its little-endian float32."""

from __future__ import annotations

import numpy as np

from unspool.data.vectors.found import Vectors
from unspool.data.vectors.search import FLOAT_BYTES, Search, shown
from unspool.data.vectors.stream import Reader
from unspool.data.vectors.text import header
from unspool.errors import DataError


def read(reader: Reader, search: Search) -> Vectors:
    """The wanted rows; other vectors are passed over."""
    count, width = header(reader)
    row_bytes = width * FLOAT_BYTES
    reader.check_left(count * (row_bytes + 1), f"{count:,} words of {width:,} numbers")
    values, starts = bytearray(), []
    for _ in range(count):
        word = reader.until(b" ").lstrip(b"\n")  # Mikolov's writer ends a vector with a line feed, others do not
        if search.meets(word):
            starts.append(reader.offset)
            values += reader.exactly(row_bytes)
        else:
            reader.skip(row_bytes)
    if reader.peek(3).strip(b"\r\n"):
        raise DataError(
            f"{reader.path}: byte {reader.offset:,}: more follows the {count:,} words of {width:,} numbers that the header says; "
            "copy or download it again"
        )
    matrix = np.frombuffer(values, "<f4").reshape(-1, width).astype(np.float32, copy=False)
    wrong = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(wrong):
        word = list(search.places)[wrong[0]]
        raise DataError(
            f"{reader.path}: byte {starts[wrong[0]]:,}: the vector of {shown(word)} holds NaN or infinity, wanted finite numbers; "
            "copy or download it again, or take the word out"
        )
    return search.vectors(matrix, {})
