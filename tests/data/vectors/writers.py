"""Writers of every format of word vectors, after their public descriptions."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Matrix = NDArray[np.floating]

WORDS = ("the", "Paris", ",", "7", "na\u00efve", "\u6771\u4eac", "\U0001f4a1", "a\u0085b", "'s", "0.5")
WIDTH = 5
MATRIX = np.random.default_rng(8).normal(size=(len(WORDS), WIDTH)).astype(np.float32)


def lines(words: Sequence[str], matrix: Matrix, end: str = "\n") -> bytes:
    return "".join(f"{word} {' '.join(map(repr, row))}{end}" for word, row in zip(words, matrix.tolist(), strict=True)).encode()


def header(matrix: Matrix) -> bytes:
    return b"%d %d\n" % matrix.shape


def binary(words: Sequence[str], matrix: Matrix, end: bytes = b"\n") -> bytes:
    return header(matrix) + b"".join(word.encode() + b" " + row.astype("<f4").tobytes() + end for word, row in zip(words, matrix, strict=True))


def npy(array: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npy_claiming(shape: tuple[int, ...], body: bytes = b"", dtype: str = "<f4") -> bytes:
    head = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + body


def fasttext(
    known: Sequence[str],
    rows: Matrix,
    classes: Sequence[str] = (),
    shortest: int = 3,
    longest: int = 6,
    version: int = 12,
    kind: int = 2,
    pruned: int = -1,
    quantised: bool = False,
    **lies: int,
) -> bytes:
    """A model: `rows` has a row for every word, then one for every bucket. `lies` stand in the file instead of the truth."""
    truth = {"width": rows.shape[1], "buckets": len(rows) - len(known), "entries": len(known) + len(classes), "words": len(known)}
    truth |= {"labels": len(classes), "matrix_rows": rows.shape[0], "matrix_width": rows.shape[1]}
    said = truth | lies
    parts = [struct.pack("<2i", 793712314, version)]
    parts.append(struct.pack("<12id", said["width"], 5, 5, 1, 5, 1, 2, kind, said["buckets"], shortest, longest, 100, 1e-4))
    parts.append(struct.pack("<3i2q", said["entries"], said["words"], said["labels"], 1000, pruned))
    for name, label in [(word, 0) for word in known] + [(label, 1) for label in classes]:
        parts.append(name.encode() + b"\0" + struct.pack("<qb", 3, label))
    parts.append(struct.pack("<?2q", quantised, said["matrix_rows"], said["matrix_width"]) + rows.astype("<f4").tobytes())
    return b"".join(parts) + struct.pack("<?2q", False, 0, rows.shape[1])


def saved(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def indices(folder: Path, words: Sequence[str], rows: Sequence[int]) -> list[Path]:
    """Every form of an index whose words stand in the order of the rows, and then some in another order."""
    shuffled = [(words[place], rows[place]) for place in np.random.default_rng(3).permutation(len(words)).tolist()]
    names, places = [word for word, _ in shuffled], [row for _, row in shuffled]
    saved(folder, "list.json", json.dumps(list(words)).encode())
    saved(folder, "map.json", json.dumps(dict(shuffled)).encode())
    saved(folder, "words.txt", "".join(f"{word}\n" for word in words).encode())
    saved(folder, "words.tsv", b"\xef\xbb\xbf" + "\r\n".join(words).encode())
    pl.DataFrame({"index": words}).write_parquet(folder / "words.parquet")
    pl.DataFrame({"score": [0.5] * len(words), "row": places, "term": names}).write_parquet(folder / "rows.parquet")
    pl.DataFrame({"kind": ["x"] * len(words), "word": names, "id": places}, schema_overrides={"word": pl.Categorical, "id": pl.UInt16}).write_parquet(
        folder / "kinds.parquet"
    )
    return [folder / name for name in ("list.json", "map.json", "words.txt", "words.tsv", "words.parquet", "rows.parquet", "kinds.parquet")]
