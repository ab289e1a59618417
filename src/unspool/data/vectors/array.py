"""An NPY matrix of vectors, whose words stand in a file beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unspool.data.sources.foreign import guarded
from unspool.data.vectors.detect import NPY
from unspool.data.vectors.found import Vectors
from unspool.data.vectors.index import rows_met
from unspool.data.vectors.search import WIDEST, Search, check_room, shown
from unspool.data.vectors.stream import Reader
from unspool.errors import DataError


def read(reader: Reader, index: Path | None, search: Search) -> Vectors:
    """The wanted rows of a matrix that stays on disk."""
    path = reader.path
    if reader.packed or reader.peek(len(NPY)) != NPY:
        got = "is packed" if reader.packed else f"starts with {reader.peek(len(NPY))!r}"
        raise DataError(f"{path}: {got}, wanted {NPY!r} of an NPY file; unpack it, or write it with numpy.save")
    if index is None:
        raise DataError(f"{path}: is a matrix without words, and no index was given; give its words as .parquet, .txt, .tsv or .json")
    with guarded(str(path), "write it again with numpy.save"):
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or not len(matrix) or not 1 <= matrix.shape[1] <= WIDEST:
        raise DataError(f"{path}: holds {matrix.dtype} {matrix.shape}, wanted floats (words, 1 to {WIDEST:,} numbers); save it so")
    if matrix.offset + matrix.nbytes != reader.largest:
        raise DataError(f"{path}: its header says {matrix.nbytes:,} bytes, and {reader.largest - matrix.offset:,} follow; write it again")
    rows = rows_met(index, len(matrix), search)
    check_room(path, len(rows), matrix.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        found = matrix[rows].astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(wrong):
        word = list(search.places)[wrong[0]]
        raise DataError(
            f"{path}[{rows[wrong[0]]}]: the vector of {shown(word)} holds NaN, infinity or what is beyond float32, wanted finite numbers; "
            "mend it, or take the word out of the index"
        )
    return search.vectors(found, {})
