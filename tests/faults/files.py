"""Files for good specs, whole and broken: tables, Parquet, archives of arrays, bombs."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from .making import ROWS


@dataclass(frozen=True)
class Broken:
    """A file of a good spec of kind `base`, the words of the message, and changes of the spec that lead to it."""

    base: str
    content: str | bytes
    words: tuple[str, ...]
    file: str
    changes: dict[str, Any] = field(default_factory=dict)


NAMES = {"forecast": "data.csv", "classify": "curves.csv", "arrays": "curves.npz", "text": "lines.tsv"}


def broken(base: str, content: str | bytes, *words: str, file: str = "", **changes: Any) -> Broken:
    """`file` where it is called otherwise than the good one."""
    name = file or NAMES[base]
    found = {key.replace("__", "."): value for key, value in changes.items()}
    return Broken(base, content, words, name, found | ({"data.source.path": file} if file else {}))


def parquet(**changes: Any) -> bytes:
    columns: dict[str, Any] = {"time": pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 10, 23), "1h", eager=True)}
    columns |= {"value": np.arange(ROWS) % 24 + np.random.default_rng(0).normal(size=ROWS), "holiday": np.zeros(ROWS)}
    stream = io.BytesIO()
    pl.DataFrame(columns | changes).write_parquet(stream)
    return stream.getvalue()


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(shape: Any, body: bytes, kind: str = "<f8") -> bytes:
    head = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + body


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]


def bomb(size: int, line: bytes = b"2024-01-01,1,0\n") -> bytes:
    stream, piece = io.BytesIO(), line * ((1 << 20) // len(line))
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1) as file:
        for _ in range(size // len(piece)):
            file.write(piece)
    return stream.getvalue()


def npz_bomb(size: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("values.npy", "w", force_zip64=True) as member:
        member.write(npy((size // 8,), b""))
        for _ in range(size >> 20):
            member.write(b"\0" * (1 << 20))
    return stream.getvalue()


def parquet_bomb() -> bytes:
    stream = io.BytesIO()
    rows = 40_000_000
    pl.LazyFrame({"value": [0.0]}).select(pl.col("value").repeat_by(rows).explode()).with_columns(
        time=pl.lit("2024-01-01"), holiday=pl.lit(0.0)
    ).collect().write_parquet(stream)
    return stream.getvalue()
