"""An NPZ file: every array's declared shape is checked against its bytes before memory is taken for it. No pickle."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unspool.data.sources.files import LARGEST_BYTES, LARGEST_RATIO, RATIO_FROM_BYTES, listed, measured
from unspool.data.sources.foreign import guarded
from unspool.errors import DataError

MOST_MEMBERS = 100
LONGEST_HEADER = 10_000
ENCRYPTED = 0x1


def read_npz(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Those arrays of `names` that the file holds."""
    size = measured(path)
    with guarded(str(path), "write it again with numpy.savez_compressed"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _check_members(path, size, members)
        there = {member.filename.removesuffix(".npy"): member for member in members}
        stray = [name for name in there if name not in names]
        if stray:
            raise DataError(f"{path}: holds an array {stray[0]!r}, wanted some of {listed(names)}; rename or remove it")
        return {name: _array(path, archive, member) for name, member in there.items()}


def _check_members(path: Path, size: int, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MOST_MEMBERS or len({member.filename for member in members}) < len(members):
        raise DataError(f"{path}: holds {len(members)} arrays, wanted at most {MOST_MEMBERS}, each once; take some out")
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise DataError(f"{path}: array {member.filename!r} is encrypted; write it without a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{path}: array {member.filename!r} is packed in another way; use numpy.savez_compressed")
    total = sum(member.file_size for member in members)
    if total > LARGEST_BYTES or (total > RATIO_FROM_BYTES and total > LARGEST_RATIO * size):
        raise DataError(
            f"{path}: {size:,} bytes unpack to {total:,}, wanted at most {LARGEST_RATIO} times as many and "
            f"{LARGEST_BYTES:,}; write it with numpy.savez, or cut it into several files"
        )


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    where = f"{path}: array {member.filename!r}"
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(where, stream)
        if dtype.hasobject or dtype.kind not in "biufUS":
            raise DataError(f"{where}: holds {dtype}, wanted numbers or text; convert it before it is saved")
        wanted = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or stream.tell() + wanted != member.file_size:
            raise DataError(
                f"{where}: its header says {shape} of {dtype}, {wanted:,} bytes, and "
                f"{member.file_size - stream.tell():,} follow; write the file again"
            )
        content = stream.read(wanted)
        if len(content) != wanted or stream.read(1):
            raise DataError(f"{where}: is cut off after {len(content):,} of {wanted:,} bytes; write the file again")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _header(where: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    with guarded(where, "write it again with numpy.savez_compressed"):
        version = npy.read_magic(stream)
        if version == (1, 0):
            return npy.read_array_header_1_0(stream, max_header_size=LONGEST_HEADER)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream, max_header_size=LONGEST_HEADER)
    raise DataError(f"{where}: is of NPY version {version}, wanted 1.0 or 2.0; write it again with numpy.savez")
