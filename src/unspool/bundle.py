"""A run folder: what is in it, how it is written so that a crash leaves no half of it, and read without being trusted.

manifest.json           sha256 and size of every file below, written last: a folder without one is not finished
spec.yaml               the run's spec, complete            facts.json    what a trained model must know to be run
weights.safetensors     of the network                      metrics.json  history.jsonl
program.json            the step program, and program.safetensors, where the model can run live
ngrams.safetensors      of a language model that is blended with them
predictions.json        of the test part, and predictions.safetensors
checkpoints/            of training, left out of the manifest
report.html             made from the others at any time, left out of the manifest
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load

from unspool.answers.blend import Blend
from unspool.answers.ngrams import KneserNey
from unspool.data.facts import Facts, GenerateFacts
from unspool.errors import BundleError, DataError

FORMAT = 1
MANIFEST, SPEC, FACTS, WEIGHTS = "manifest.json", "spec.yaml", "facts.json", "weights.safetensors"
METRICS, HISTORY = "metrics.json", "history.jsonl"
REPORT, CARD = "report.html", "card.md"
PROGRAM, PROGRAM_TENSORS = "program.json", "program.safetensors"
PREDICTIONS = ("predictions.json", "predictions.safetensors")
NGRAMS = "ngrams.safetensors"
CHECKPOINTS = "checkpoints"

LEFT_OUT = (MANIFEST, CHECKPOINTS)
NEEDED = (SPEC, FACTS, WEIGHTS)
LARGEST = {".safetensors": 4 << 30}
LARGEST_OTHER = 256 << 20
LARGEST_MANIFEST = 4 << 20
LARGEST_HEADER = 16 << 20
MOST_FILES = 10_000
PIECE = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}){0,3}")


def write_file(folder: Path, name: str, content: bytes) -> None:
    """A file of a run folder: written beside, synced, renamed, so never a part of it. Raises BundleError."""
    if not _NAME.fullmatch(name):
        raise BundleError(f"{name!r}: is no name for a file of a run folder; wanted one like metrics.json")
    path = folder / name
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {error.strerror or error}; choose another folder") from error


def seal(folder: Path) -> None:
    """Write the manifest, which makes the folder a finished run. Raises BundleError where that cannot be."""
    for stale in folder.glob(".*.part"):
        stale.unlink()
    files = {name: {"bytes": _size(folder, name), "sha256": _digest(folder, name)} for name in sorted(_files(folder))}
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise BundleError(f"{folder / missing[0]}: is missing, so the run cannot be sealed; write it first")
    write_file(folder, MANIFEST, _manifest(files))


def read_tensors(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Named arrays of a safetensors file; its header is measured before anything is made of it. Raises BundleError."""
    header = int.from_bytes(content[:8], "little")
    if len(content) < 8 or header > min(LARGEST_HEADER, len(content) - 8):
        raise BundleError(f"{where}: claims a header of {header:,} bytes in {len(content):,}; copy the run anew")
    try:
        tensors: dict[str, NDArray[Any]] = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{where}: is not a safetensors file: {error}; take it from the run anew") from None
    return tensors


@dataclass(frozen=True)
class Bundle:
    """A finished run folder, every file of which was found to be as it was sealed.

    files  by name, size and sha256
    """

    folder: Path
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, folder: str | Path, apart_from: Collection[str] = ()) -> Bundle:
        """Check the folder against its manifest. Raises BundleError that names the file and the remedy.

        apart_from  files that are not looked at, since they are about to be made anew
        """
        place = Path(folder)
        files = {name: facts for name, facts in _read_manifest(place).items() if name not in apart_from}
        present = set(_files(place)) - set(apart_from)
        for name in files:
            if name not in present:
                raise BundleError(
                    f"{place / name}: is missing, and {MANIFEST} lists it; copy the whole run folder anew"
                )
        for name in sorted(present - set(files)):
            raise BundleError(
                f"{place / name}: is not part of the run ({MANIFEST} does not list it); move it out of the folder"
            )
        for name, facts in files.items():
            _check(place, name, facts, _size(place, name), _digest(place, name))
        return cls(place, files)

    def read(self, name: str) -> bytes:
        """A file's content, checked once more as it is read. Raises BundleError."""
        if name not in self.files:
            raise BundleError(f"{self.folder / name}: this run has no such file; it has {', '.join(self.files)}")
        content = b"".join(_pieces(self.folder, name))
        _check(self.folder, name, self.files[name], len(content), hashlib.sha256(content).hexdigest())
        return content

    def facts(self) -> Facts:
        try:
            return Facts.model_validate_json(self.read(FACTS))
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise BundleError(f"{self.folder / FACTS}: {place}: {problem['msg']}; train with this version") from None

    def spec_text(self) -> str:
        return self._text(SPEC)

    def weights(self) -> dict[str, NDArray[Any]]:
        return read_tensors(self.read(WEIGHTS), str(self.folder / WEIGHTS))

    def blend(self) -> Blend | None:
        """The n-grams beside a language model's network; None of a network alone. Raises BundleError."""
        facts = self.facts()
        told, tokens = facts.task.blend if isinstance(facts.task, GenerateFacts) else None, facts.preparation.tokens
        if told is None or tokens is None:
            return None
        place = str(self.folder / NGRAMS)
        try:
            found = Blend(KneserNey.of_tensors(read_tensors(self.read(NGRAMS), place), tokens.vocabulary.size), told.share)
        except DataError as error:
            raise BundleError(f"{place}: {error}") from None
        return found if found.facts == told else _refuse(self.folder / NGRAMS, "does not hold the n-grams of this model")

    def metrics(self) -> dict[str, Any]:
        metrics = _json(self._text(METRICS), self.folder / METRICS) if METRICS in self.files else {}
        return metrics if isinstance(metrics, dict) else _refuse(self.folder / METRICS, "is no mapping")

    def history(self) -> list[dict[str, Any]]:
        lines = self._text(HISTORY).splitlines() if HISTORY in self.files else []
        return [_json(line, self.folder / HISTORY) for line in lines if line.strip()]

    def prediction_files(self) -> dict[str, bytes]:
        """Predictions of the test part, as `unspool.report` reads them."""
        return {name: self.read(name) for name in PREDICTIONS if name in self.files}

    def program_files(self) -> dict[str, bytes] | None:
        """The step program, as `unspool.streaming.Program` reads it; None where the model cannot run live."""
        if PROGRAM not in self.files:
            return None
        return {name: self.read(name) for name in (PROGRAM, PROGRAM_TENSORS)}

    def _text(self, name: str) -> str:
        try:
            return self.read(name).decode()
        except UnicodeDecodeError:
            return _refuse(self.folder / name, "is not UTF-8")


def _read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    if not folder.is_dir():
        kind = "is a file, not a run folder" if folder.exists() else "no such run folder"
        raise BundleError(f"{folder}: {kind}; give the folder that `unspool train` wrote")
    path = folder / MANIFEST
    if not os.path.lexists(path):
        if (folder / CHECKPOINTS).is_dir() or (folder / SPEC).is_file():
            raise BundleError(
                f"{folder}: training has not finished here; go on with: unspool train SPEC --out {folder} --resume"
            )
        raise BundleError(
            f"{folder}: is not a run folder, for it has no {MANIFEST}; give the folder that `unspool train` wrote"
        )
    if _size(folder, MANIFEST) > LARGEST_MANIFEST:
        _refuse(path, f"is larger than {LARGEST_MANIFEST:,} bytes")
    content = b"".join(_pieces(folder, MANIFEST))
    manifest = _json(content, path)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        _refuse(path, "has no format")
    if manifest["format"] > FORMAT:
        raise BundleError(
            f"{path}: is of format {manifest['format']}, and this unspool reads up to {FORMAT}; install a newer unspool"
        )
    return _listed(manifest, content, path)


def _listed(manifest: dict[str, Any], content: bytes, path: Path) -> dict[str, dict[str, Any]]:
    """The files of a manifest that is, byte for byte, as `seal` wrote it."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not _entries_are_sound(files) or _manifest(files) != content:
        _refuse(path, "was changed or cut short")
    for name in (*NEEDED, PROGRAM_TENSORS) if PROGRAM in files else NEEDED:
        if name not in files:
            _refuse(path, f"does not list {name}")
    return files


def _entries_are_sound(files: dict[str, Any]) -> bool:
    return len(files) <= MOST_FILES and all(
        _NAME.fullmatch(name)
        and isinstance(facts, dict)
        and set(facts) == {"bytes", "sha256"}
        and isinstance(facts["bytes"], int)
        for name, facts in files.items()
    )


def _manifest(files: Mapping[str, Any]) -> bytes:
    """The manifest's bytes; the sha256 at its end is that of the rest, so that a change of itself is found too."""
    body = {"format": FORMAT, "files": dict(files)}
    own = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return (json.dumps(body | {"sha256": own}, indent=1) + "\n").encode()


def _files(folder: Path, below: str = "") -> Iterator[str]:
    """Names of all files that a manifest lists; links and whatever is neither a file nor a folder are refused."""
    with os.scandir(folder / below) as entries:
        for found, entry in enumerate(entries):
            name = below + entry.name
            if found >= MOST_FILES:
                _refuse(folder, f"holds more than {MOST_FILES:,} files")
            if name in LEFT_OUT and not (name == MANIFEST and entry.is_symlink()):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(folder, name + "/")
            elif entry.is_file(follow_symlinks=False):
                yield name
            else:
                _refuse(folder / name, "is a link or no ordinary file")


def _handle(folder: Path, name: str) -> int:
    """An open ordinary file that is no link and no larger than a file of its kind may be."""
    path = folder / name
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise BundleError(
            f"{path}: cannot be read: {error.strerror}; links are refused, copy the file itself"
        ) from None
    facts = os.fstat(handle)
    largest = LARGEST.get(path.suffix, LARGEST_OTHER)
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > largest:
        os.close(handle)
        _refuse(path, f"is no ordinary file of at most {largest:,} bytes")
    return handle


def _size(folder: Path, name: str) -> int:
    with open(_handle(folder, name), "rb") as file:
        return os.fstat(file.fileno()).st_size


def _pieces(folder: Path, name: str) -> Iterator[bytes]:
    with open(_handle(folder, name), "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _digest(folder: Path, name: str) -> str:
    sha = hashlib.sha256()
    for piece in _pieces(folder, name):
        sha.update(piece)
    return sha.hexdigest()


def _check(folder: Path, name: str, listed: Mapping[str, Any], size: int, digest: str) -> None:
    if size != listed["bytes"]:
        _refuse(folder / name, f"is {size:,} bytes long, and was sealed with {listed['bytes']:,}")
    if digest != listed["sha256"]:
        _refuse(folder / name, "was changed since it was sealed (its sha256 differs)")


def _json(text: str | bytes, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _refuse(path, "is not JSON")


def _refuse(path: Path, what: str) -> NoReturn:
    raise BundleError(f"{path}: {what}; copy the run folder anew, or train again")


def sync_folder(folder: Path) -> None:
    """Names made, changed and removed in a folder reach the disk; raises OSError."""
    if os.name == "nt":  # Windows opens no folder, and keeps names by itself
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
