"""Checkpoints that a crash at any moment cannot spoil.

`folder/checkpoints/000012/` holds `tensors.safetensors`, `state.json` and `manifest.json`. It is written under another name, synced, and only then
given its own; the two newest are kept. Loading takes the newest whose every byte is as the manifest says, and reads nothing else.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from unspool.bundle import sync_folder
from unspool.errors import BundleError, TrainingError
from unspool.training.durable import write_synced

FOLDER = "checkpoints"
KEPT = 2
VERSION = 1

_TENSORS, _STATE, _MANIFEST = "tensors.safetensors", "state.json", "manifest.json"
_UNFINISHED = ".unfinished-"
_LARGEST_MANIFEST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that training needs to go on: named tensors, and a tree of plain JSON."""

    tensors: Mapping[str, Tensor]
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint as found: where, and a sentence for each newer one that is damaged."""

    checkpoint: Checkpoint
    path: Path
    notes: tuple[str, ...]


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first, whether damaged or not; what a killed save left is none of them."""
    inside = folder / FOLDER
    found = [path for path in inside.iterdir() if path.name.isascii() and path.name.isdigit()] if inside.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write the next checkpoint of a run and drop old ones; raises TrainingError where the disk does not take it, older ones then stay."""
    before = checkpoints(folder)
    number = int(before[-1].name) + 1 if before else 1
    path = folder / FOLDER / f"{number:06d}"
    unfinished = path.with_name(_UNFINISHED + path.name)
    try:
        _make_room(path.parent)
        _write(unfinished, _encoded(checkpoint))
        unfinished.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise TrainingError(_why_not_saved(path, error)) from None
    for old in before[: len(before) + 1 - KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def load_checkpoint(folder: Path) -> Loaded:
    """The newest checkpoint that is whole; raises BundleError where there is none."""
    notes: list[str] = []
    for path in reversed(checkpoints(folder)):
        try:
            return Loaded(_read(path), path, tuple(notes))
        except _DamagedError as damage:
            notes.append(f"{path} is damaged ({damage}); the checkpoint before it is used")
    if notes:
        raise BundleError(f"{folder / FOLDER}: every checkpoint is damaged: {'; '.join(notes)}; train anew in another folder (without --resume)")
    raise BundleError(f"{folder}: nothing to resume, there is no checkpoint in {folder / FOLDER}; train without --resume, or give the run's folder")


class _DamagedError(Exception):
    """A checkpoint is not as it was written; the message says how."""


def _make_room(inside: Path) -> None:
    """The folder of checkpoints, without what killed saves left in it."""
    if not inside.is_dir():
        inside.mkdir(parents=True, exist_ok=True)
        sync_folder(inside.parent)
    for left in inside.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left)


def _encoded(checkpoint: Checkpoint) -> dict[str, bytes]:
    # safetensors refuses tensors that share memory; copies share none.
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in checkpoint.tensors.items()}
    return {_TENSORS: safetensors.torch.save(tensors), _STATE: json.dumps(checkpoint.state, allow_nan=False).encode()}


def _write(path: Path, files: Mapping[str, bytes]) -> None:
    path.mkdir()
    for name, content in files.items():
        write_synced(path / name, content)
    described = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()}
    write_synced(path / _MANIFEST, _manifest(described))
    sync_folder(path)


def _manifest(files: Mapping[str, Mapping[str, Any]]) -> bytes:
    return json.dumps({"version": VERSION, "files": files}, indent=1, sort_keys=True).encode()


def _why_not_saved(path: Path, error: OSError) -> str:
    remedy = "free some space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to the disk and to the folder's permissions"
    older = checkpoints(path.parent.parent)
    kept = f"{older[-1].name} from before is kept; {remedy} and resume" if older else f"there is none from before; {remedy} and train again"
    return f"{path}: the checkpoint could not be written ({error.strerror or error}); {kept}"


def _read(path: Path) -> Checkpoint:
    files = _described(path)
    content = {name: _verified(path / name, files[name]) for name in (_TENSORS, _STATE)}
    try:
        return Checkpoint(safetensors.torch.load(content[_TENSORS]), json.loads(content[_STATE]))
    except (SafetensorError, ValueError, RecursionError) as error:
        raise _DamagedError(f"its content cannot be read: {error}") from None


def _described(path: Path) -> dict[str, Any]:
    """The files that the manifest describes."""
    raw = _bytes_of(path / _MANIFEST, _LARGEST_MANIFEST_BYTES)
    try:
        files = json.loads(raw)["files"]
        # Written anew it must be the same bytes: so a change that still parses is found too.
        whole = _manifest(files) == raw and set(files) == {_TENSORS, _STATE}
        whole = whole and all(set(entry) == {"bytes", "sha256"} and type(entry["bytes"]) is int for entry in files.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise _DamagedError(f"{_MANIFEST} is not as it was written, or is of another version")
    return dict(files)


def _verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    content = _bytes_of(path, int(entry["bytes"]))
    if len(content) != entry["bytes"]:
        raise _DamagedError(f"{path.name} has {len(content):,} bytes, wanted {entry['bytes']:,}")
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise _DamagedError(f"{path.name} does not have the sha256 of the manifest")
    return content


def _bytes_of(path: Path, largest: int) -> bytes:
    """A plain file's content, which is measured before it is read."""
    try:
        if path.is_symlink() or not path.is_file():
            raise _DamagedError(f"{path.name} is missing or not a plain file")
        if path.stat().st_size > largest:
            raise _DamagedError(f"{path.name} has {path.stat().st_size:,} bytes, wanted {largest:,}")
        return path.read_bytes()
    except OSError as error:
        raise _DamagedError(f"{path.name} cannot be read: {error.strerror or error}") from None
