"""A Parquet file, measured by what its footer says before any of it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unspool.data.sources.files import LARGEST_BYTES, LARGEST_RATIO, measured, opened
from unspool.data.sources.foreign import guarded
from unspool.data.sources.quiet import quiet
from unspool.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAGIC = b"PAR1"
CELL_BYTES = 8
# Columns that repeat themselves pack very well, so the ratio counts from here on only.
RATIO_FROM_BYTES = 128 << 20


def read_parquet(path: Path, choose: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The columns that `choose` picks from the names that there are."""
    import polars as pl

    size = measured(path)
    _check_magic(path, size)
    remedy = "write the file again"
    with quiet(), guarded(str(path), remedy):
        plan = pl.scan_parquet(path, glob=False)
        there = plan.collect_schema().names()
    chosen = choose(there)
    with quiet(), guarded(str(path), remedy):
        rows = int(plan.select(pl.len()).collect().item())
    _check_size(path, size, rows * len(chosen) * CELL_BYTES, rows)
    with quiet(), guarded(str(path), remedy):
        return plan.select(chosen).collect()


def _check_magic(path: Path, size: int) -> None:
    with opened(path) as stream:
        head = stream.read(4)
        stream.seek(max(size - 4, 0))
        tail = stream.read(4)
    if b"PARE" in (head, tail):
        raise DataError(f"{path}: is an encrypted Parquet file, wanted a plain one; decrypt it first")
    if head != MAGIC:
        raise DataError(f"{path}: starts with {head!r}, wanted {MAGIC!r} of a Parquet file; check source.format")
    if tail != MAGIC or size < 12:
        raise DataError(f"{path}: the Parquet file is cut off at byte {size:,}; copy or write it again")


def _check_size(path: Path, size: int, cells: int, rows: int) -> None:
    if cells > LARGEST_BYTES or (cells > RATIO_FROM_BYTES and cells > LARGEST_RATIO * size):
        raise DataError(
            f"{path}: {size:,} bytes hold {rows:,} rows, {cells:,} bytes in memory, wanted at most {LARGEST_BYTES:,} "
            f"and {LARGEST_RATIO} times the file; cut it into several files"
        )
