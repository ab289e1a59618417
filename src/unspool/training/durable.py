"""Files that are whole after a crash: written, synced, and only then given their name."""

from __future__ import annotations

import os
from pathlib import Path

from unspool.bundle import sync_folder


def write_synced(path: Path, content: bytes) -> None:
    """A file whose content has reached the disk; raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append_synced(path: Path, content: bytes) -> None:
    """`content` at the end of a file, on the disk; raises OSError."""
    with path.open("ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_synced(path: Path, content: bytes) -> None:
    """The file, old or new, never a part of it; raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    write_synced(beside, content)
    beside.replace(path)
    sync_folder(path.parent)
