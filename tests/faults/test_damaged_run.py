"""A run folder in which anything was changed, cut, added, linked or left out is not loaded, and the message names the file."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

import unspool
from unspool import bundle
from unspool.errors import BundleError
from unspool.streaming import Session

from .making import curves, holds, put, refusal

DAMAGES = 200
MORE_DAMAGES = 1000


@pytest.fixture
def folder(classify_run, tmp_path) -> Path:
    """A copy of a whole run, to be damaged."""
    shutil.copytree(classify_run, tmp_path / "run")
    return tmp_path / "run"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def flip(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def lengthen(content: bytes, draw: random.Random) -> bytes:
    return content + draw.randbytes(draw.randrange(1, 9))


def blank(content: bytes, draw: random.Random) -> bytes:
    """A sector of zeros, as a disk gives that lost it; one of 512 bytes that held nothing else is left to `flip`."""
    first = draw.randrange(0, len(content), 512)
    blanked = content[:first] + bytes(len(content[first : first + 512])) + content[first + 512 :]
    return blanked if blanked != content else flip(content, draw)


WAYS: tuple[tuple[Callable[[bytes, random.Random], bytes], int], ...] = ((flip, 5), (cut, 3), (lengthen, 1), (blank, 1))
"""Each way to damage a file, and how often it is taken."""


def check_damages(folder: Path, number: int, seed: int) -> None:
    """So many damages, one after the other; each is found by whoever reads the folder."""
    draw, every = random.Random(seed), files(folder)
    for _ in range(number):
        path = draw.choice(every)
        (way,) = draw.choices(*zip(*WAYS, strict=True))
        whole = path.read_bytes()
        path.write_bytes(way(whole, draw))
        for read in (unspool.load, Session.open):
            with pytest.raises(BundleError) as error:
                read(folder)
            assert str(folder) in str(error.value) and ";" in str(error.value), f"{path.name}, {way.__name__}: {error.value}"
        path.write_bytes(whole)
    unspool.load(folder)


def test_two_hundred_damages_are_all_found(folder):
    check_damages(folder, DAMAGES, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["forecast", "classify", "text"])
def test_a_thousand_damages_are_all_found(kind, request, tmp_path):
    shutil.copytree(request.getfixturevalue(f"{kind}_run"), tmp_path / "run")
    check_damages(tmp_path / "run", MORE_DAMAGES, seed=2)


def test_every_file_there_is_was_sealed(classify_run, forecast_run, text_run):
    for folder in (classify_run, forecast_run, text_run):
        listed = set(json.loads((folder / bundle.MANIFEST).read_text())["files"]) | {bundle.MANIFEST}
        assert {str(path.relative_to(folder)) for path in files(folder)} == listed


def refused(folder: Path, *words: str) -> None:
    for read in (unspool.load, Session.open):
        with pytest.raises(BundleError) as error:
            read(folder)
        holds(str(error.value), [str(folder), ";", *words])


def test_every_missing_file_is_named(folder):
    for path in files(folder):
        content = path.read_bytes()
        path.unlink()
        refused(folder, path.name if path.name != bundle.MANIFEST else "has not finished")
        path.write_bytes(content)
    unspool.load(folder)


@pytest.mark.parametrize("name", ["extra.txt", ".hidden", "weights.safetensors.bak", "more/weights.safetensors", "weights.pt", "__init__.py"])
def test_a_file_more_is_named(name, folder):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    refused(folder, name, "is not part of the run")


def test_a_link_is_refused_even_to_the_very_same_bytes(folder, tmp_path):
    for number, path in enumerate(files(folder)):
        aside = tmp_path / f"aside{number}"
        shutil.move(path, aside)
        path.symlink_to(aside)
        refused(folder, path.name, "link")
        path.unlink()
        shutil.move(aside, path)
    unspool.load(folder)


def test_a_link_to_a_folder_a_pipe_and_a_folder_for_a_file_are_refused(folder, tmp_path):
    (folder / "more").symlink_to(tmp_path)
    refused(folder, "more", "link")
    (folder / "more").unlink()
    os.mkfifo(folder / "more")
    refused(folder, "more")
    (folder / "more").unlink()
    (folder / bundle.WEIGHTS).unlink()
    (folder / bundle.WEIGHTS).mkdir()
    refused(folder, bundle.WEIGHTS)


def test_files_that_changed_places_are_found(folder, forecast_run):
    names = [path.name for path in files(folder)]
    for one, other in pairwise(names):
        first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
        put(folder, one, second), put(folder, other, first)
        refused(folder)
        put(folder, one, first), put(folder, other, second)
    for name in names:
        if (forecast_run / name).is_file() and name != bundle.MANIFEST:
            whole = (folder / name).read_bytes()
            shutil.copy(forecast_run / name, folder / name)
            refused(folder, name)
            put(folder, name, whole)
    unspool.load(folder)


def test_every_verb_refuses_a_damaged_run(folder, capfd, tmp_path):
    data = put(tmp_path, "curves.csv", curves())
    path = folder / bundle.WEIGHTS
    put(folder, bundle.WEIGHTS, flip(path.read_bytes(), random.Random(3)))
    for verb in (["predict", folder, data], ["evaluate", folder], ["verify", folder], ["stream", folder], ["report", folder]):
        holds(refusal(capfd, verb), [str(path), "was changed since it was sealed"])


# What an attacker may do, who can write the manifest too.


def sealed(folder: Path, name: str, content: bytes) -> None:
    """The folder with another file, and a manifest that says it is right."""
    put(folder, name, content)
    listed = json.loads((folder / bundle.MANIFEST).read_text())
    listed["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    body = {key: value for key, value in listed.items() if key != "sha256"}
    whole = body | {"sha256": hashlib.sha256(json.dumps(body).encode()).hexdigest()}
    put(folder, bundle.MANIFEST, json.dumps(whole, indent=1) + "\n")


def tensors_of(header: object, body: bytes = b"\0" * 64) -> bytes:
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + body


def a_tensor(first: int, last: int, shape: list[int], kind: str = "F32") -> dict[str, object]:
    return {"dtype": kind, "shape": shape, "data_offsets": [first, last]}


CANARY = "unspool-canary"
HOSTILE: dict[str, bytes] = {
    "pickle": b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
    "pickle of protocol 0": f"cos\nsystem\n(S'touch {CANARY}'\ntR.".encode(),
    "archive of torch.save": b"PK\x03\x04" + b"archive/data.pkl" * 8,
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "header of 2**63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "header of a gigabyte": struct.pack("<Q", 1 << 30) + b"{" + b" " * 4096,
    "header beyond the file": struct.pack("<Q", 4096) + b"{}",
    "header that is no JSON": tensors_of(b"\xff" * 64),
    "header of deep brackets": tensors_of(b"[" * 100_000),
    "header that is a list": tensors_of([1, 2]),
    "tensors that overlap": tensors_of({"a": a_tensor(0, 32, [8]), "b": a_tensor(16, 64, [12])}),
    "tensors with a hole": tensors_of({"a": a_tensor(0, 16, [4]), "b": a_tensor(32, 64, [8])}),
    "tensor beyond the file": tensors_of({"a": a_tensor(0, 1 << 40, [1 << 38])}),
    "tensor that ends before it begins": tensors_of({"a": a_tensor(64, 0, [16])}),
    "shape that does not fit": tensors_of({"a": a_tensor(0, 64, [1 << 20, 1 << 20])}),
    "shape that overflows": tensors_of({"a": a_tensor(0, 64, [1 << 62, 1 << 62])}),
    "shape below zero": tensors_of({"a": a_tensor(0, 64, [-4, -4])}),
    "unknown kind of number": tensors_of({"a": a_tensor(0, 64, [16], "PY_OBJECT")}),
    "rubbish after the tensors": tensors_of({"a": a_tensor(0, 32, [8])}),
    "a million tensors": tensors_of({f"t{number}": a_tensor(0, 0, [0]) for number in range(300_000)}, b""),
    "other tensors": save({"a": np.zeros(4, np.float32)}),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("file", [bundle.WEIGHTS, bundle.PROGRAM_TENSORS])
def test_a_hostile_file_of_tensors_is_refused_though_the_manifest_agrees(name, file, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sealed(folder, file, HOSTILE[name])
    with pytest.raises(BundleError) as error:
        unspool.load(folder)
    holds(str(error.value), [file, ";"])
    assert len(str(error.value)) < 2000
    assert not (tmp_path / CANARY).exists()


TEXTS: dict[str, tuple[str, bytes]] = {
    "spec that names a class": (bundle.SPEC, b"task: !!python/object/apply:os.system ['true']\n"),
    "spec of another shape": (bundle.SPEC, b"task: {kind: classify}\n"),
    "spec that is none": (bundle.SPEC, b"\xff\xfe"),
    "facts that are none": (bundle.FACTS, b"[]"),
    "facts of deep brackets": (bundle.FACTS, b"[" * 100_000),
    "facts with NaN": (bundle.FACTS, b'{"task": NaN}'),
    "metrics that are a list": (bundle.METRICS, b"[1]"),
    "metrics of deep brackets": (bundle.METRICS, b"[" * 100_000),
    "history that is none": (bundle.HISTORY, b"{}\nhello\n"),
    "program that is none": (bundle.PROGRAM, b"{}"),
    "program of deep brackets": (bundle.PROGRAM, b"[" * 100_000),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_is_refused_though_the_manifest_agrees(name, folder, capfd):
    file, content = TEXTS[name]
    sealed(folder, file, content)
    message = refusal(capfd, ["verify", folder])
    holds(message, [file, ";"])


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", ".", "", "a\0b", "x" * 5000, "a//b", "..\\b"])
def test_a_manifest_that_names_a_path_elsewhere_is_refused(name, folder):
    listed = json.loads((folder / bundle.MANIFEST).read_text())
    listed["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    body = {key: value for key, value in listed.items() if key != "sha256"}
    whole = body | {"sha256": hashlib.sha256(json.dumps(body).encode()).hexdigest()}
    put(folder, bundle.MANIFEST, json.dumps(whole, indent=1) + "\n")
    refused(folder)
