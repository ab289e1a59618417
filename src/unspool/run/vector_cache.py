"""Vectors of texts that were read before, in memory or on the disk.

On the disk they stand in shards, safetensors files of `keys` (R, 32), `lengths` (R,) and `vectors` (the sum of the lengths, W), each named by the
sha256 of its content and written beside, synced and then renamed: what is half written, or was changed since, is thrown away and made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from unspool.bundle import LARGEST_HEADER, sync_folder
from unspool.errors import DataError
from unspool.training.durable import write_synced

SHARD_BYTES = 64 << 20
KEY_BYTES = 32
PIECE = 1 << 20
STALE_SECONDS = 86_400.0
_SHARD = re.compile(r"([0-9a-f]{64})\.safetensors")
_TYPES = {"keys": ("U8", np.uint8), "lengths": ("I64", np.int64), "vectors": ("F32", np.float32)}

Singles = NDArray[np.float32]
K = TypeVar("K", bound=np.generic)


class VectorCache:
    """Vectors (T, W) by the sha256 of what they were made from; those on the disk are mapped, so that they take no memory of their own.

    folder  where shards are kept; None keeps all in memory
    Raises DataError where the disk does not take a shard.
    """

    def __init__(self, folder: Path | None, width: int):
        self.folder = folder
        self.width = width
        self._known: dict[bytes, Singles] = {}
        self._waiting: dict[bytes, Singles] = {}
        for path in () if folder is None else _listed(folder):
            self._open(path)

    def __contains__(self, key: bytes) -> bool:
        return key in self._known or key in self._waiting

    def __getitem__(self, key: bytes) -> Singles:
        return self._known[key] if key in self._known else self._waiting[key]

    def add(self, vectors: Iterable[tuple[bytes, Singles]]) -> None:
        """Keep vectors; they are on the disk once there are enough for a shard, or after `flush`."""
        self._waiting.update(vectors)
        if sum(one.nbytes for one in self._waiting.values()) >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Whatever waits is written, where there is a folder."""
        if self.folder is None or not self._waiting:
            return
        content = _encoded(self._waiting)
        path = self.folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
        beside = self.folder / f".{path.stem}.{os.getpid()}.part"  # runs that share the cache may write the same shard
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_synced(beside, content)
            beside.replace(path)
            sync_folder(self.folder)
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error}); free some space there, or set data.contextual.cache") from None
        self._known.update(_mapped(path, self.width) or self._waiting)
        self._waiting = {}

    def _open(self, path: Path) -> None:
        """Take what a shard holds, where it is as it was written."""
        named = _SHARD.fullmatch(path.name)
        try:
            if named is None:
                if path.suffix == ".part" and time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()  # a run that was killed left it
                return
            found = _mapped(path, self.width) if _digest(path) == named[1] else None
            if found is None:
                path.unlink()
        except OSError:
            return
        self._known.update(found or {})


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error}); choose another data.contextual.cache") from None


def _encoded(vectors: dict[bytes, Singles]) -> bytes:
    content: bytes = save({
        "keys": np.frombuffer(b"".join(vectors), np.uint8).reshape(-1, KEY_BYTES),
        "lengths": np.array([len(one) for one in vectors.values()], np.int64),
        "vectors": np.concatenate(list(vectors.values())),
    })
    return content


def _digest(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            sha.update(piece)
    return sha.hexdigest()


def _mapped(path: Path, width: int) -> dict[bytes, Singles] | None:
    """The vectors of a shard, mapped; None where it holds something else."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LARGEST_HEADER:
                return None
            header = json.loads(file.read(length))
        keys = _tensor(path, header["keys"], 8 + length, "U8", np.dtype(np.uint8))
        lengths = _tensor(path, header["lengths"], 8 + length, "I64", np.dtype(np.int64))
        vectors = _tensor(path, header["vectors"], 8 + length, "F32", np.dtype(np.float32))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if keys.shape != (len(lengths), KEY_BYTES) or vectors.shape != (lengths.sum(), width):
        return None
    ends = np.cumsum(lengths)
    return {bytes(key): vectors[end - steps : end] for key, steps, end in zip(keys, lengths.tolist(), ends.tolist(), strict=True)}


def _tensor(path: Path, told: dict[str, Any], begin: int, name: str, kind: np.dtype[K]) -> NDArray[K]:
    """A tensor of a safetensors file, mapped; ValueError where it is of another type."""
    if told["dtype"] != name:
        raise ValueError(name)
    return np.asarray(np.memmap(path, kind, "r", begin + told["data_offsets"][0], tuple(told["shape"])))
