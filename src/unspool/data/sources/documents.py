"""Files that are a text each: in a folder for every class, or plain."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unspool.data.sources.files import LARGEST_BYTES, listed, measured, text_bytes
from unspool.data.sources.labels import text_record
from unspool.data.spec import TextSource
from unspool.errors import DataError
from unspool.types import Record

MOST_FILES = 1_000_000
DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a folder: its path from there, in slashes, and its bytes."""

    name: str
    path: Path
    size: int


def read_folders(path: Path, source: TextSource, labelled: bool) -> list[Record]:
    """One record a file, its label the folder below `path` that it is in, its name the path from there.

    Read for a prediction, the files may also lie in `path` itself, without a label.
    """
    found = documents(path, source)
    if labelled and not os.path.isdir(path):
        raise DataError(f"{path}: is a file, wanted a folder of folders, one for each class; give another path, or set source.format")
    beside = [file for file in found if "/" not in file.name]
    if beside and (labelled or len(beside) < len(found)):
        raise DataError(
            f"{path}: is a folder with {beside[0].name!r} in it, wanted a folder of folders, one for each class; move it into one, "
            "take it out, or say in source.pattern which files are texts"
        )
    if not beside:
        _refuse_empty_classes(path, {file.name.partition("/")[0] for file in found})
    return [_record(file, source, None if beside else file.name.partition("/")[0]) for file in found]


def read_plain(path: Path, source: TextSource) -> list[Record]:
    """One record without a label for the file, or for each file below the folder."""
    return [_record(file, source, None) for file in documents(path, source)]


def documents(path: Path, source: TextSource) -> list[Found]:
    """The file itself, or those below the folder that `source.pattern` picks, in the order of their paths.

    Hidden files and folders, pipes, sockets and devices are passed over, and never opened; a symbolic link below the folder is a DataError.
    """
    if not os.path.isdir(path):
        return [Found(path.name, path, measured(path))]
    found: list[Found] = []
    total = 0
    for file in _below(path):
        if not PurePosixPath(file.name).match(source.pattern):
            continue
        found.append(file)
        total += file.size
        if len(found) > MOST_FILES or total > LARGEST_BYTES:
            raise DataError(
                f"{path}: holds more than {MOST_FILES:,} files or {LARGEST_BYTES:,} bytes, wanted at most so many; cut it into several sources"
            )
    if not found:
        names = listed([file.name for file in _below(path)], 5) or "no files"
        raise DataError(f"{path}: is a folder without a text, it holds {names}; give another path, or mend source.pattern {source.pattern!r}")
    return sorted(found, key=lambda file: file.name)


def _record(file: Found, source: TextSource, label: str | None) -> Record:
    text = text_bytes(file.path, source.encoding, longest=None).decode()
    if not text.strip():
        raise DataError(f"{file.path}: holds nothing that can be seen, wanted a text; write one, or take the file out")
    return text_record(str(file.path), file.name, text, label, source.label_separator)


def _refuse_empty_classes(path: Path, classes: set[str]) -> None:
    for entry in _entries(path):
        folder = path / entry.name
        if entry.name not in classes and entry.is_dir(follow_symlinks=False) and not any(_below(folder)):
            raise DataError(f"{folder}: is a class's folder without a file, wanted at least one text; put some there, or take the folder out")


def _below(root: Path) -> Iterator[Found]:
    """Every visible file below a folder."""
    waiting = [(root, "")]
    while waiting:
        folder, prefix = waiting.pop()
        for entry in _entries(folder):
            name = f"{prefix}{entry.name}"
            _check(folder, entry, name)
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                waiting.append((folder / entry.name, f"{name}/"))
            elif stat.S_ISREG(info.st_mode):
                yield Found(name, folder / entry.name, info.st_size)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error}); check who may read it") from None


def _check(folder: Path, entry: os.DirEntry[str], name: str) -> None:
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in entry.name):
        raise DataError(f"{folder}: holds {entry.name!r}, wanted names in UTF-8 without line ends and the like; rename it")
    if entry.is_symlink():
        raise DataError(f"{folder / entry.name}: is a symbolic link, wanted a file or a folder; copy what it points to, or take it out")
    if name.count("/") > DEEPEST:
        raise DataError(f"{folder}: lies more than {DEEPEST} folders deep; move its files up, or take it out")
