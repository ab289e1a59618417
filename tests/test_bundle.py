"""A run folder is found to be as it was sealed, or refused by the name of the file."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save

from unspool import bundle
from unspool.bundle import Bundle, read_tensors
from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.errors import BundleError

WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
FACTS = Facts(
    task=ClassifyFacts(counts=(1, 2)), preparation=Preparation(labels=("a", "b")), memory=MemoryFacts(kind="carried")
)


@pytest.fixture
def folder(tmp_path):
    files = {
        "spec.yaml": b"task: {kind: classify}\n",
        "facts.json": FACTS.model_dump_json().encode(),
        "weights.safetensors": save(WEIGHTS),
        "metrics.json": b'{"test": {"accuracy": 0.5}}',
        "history.jsonl": b'{"epoch": 1}\n{"epoch": 2}\n',
        "program.json": b"{}",
        "program.safetensors": save(WEIGHTS),
    }
    place = tmp_path / "run"
    place.mkdir()
    for name, content in files.items():
        bundle.write_file(place, name, content)
    bundle.seal(place)
    return place


def test_a_sealed_folder_gives_back_what_was_written(folder):
    kept = Bundle.open(folder)
    assert kept.facts() == FACTS and kept.spec_text().startswith("task") and kept.metrics()["test"] == {"accuracy": 0.5}
    assert [line["epoch"] for line in kept.history()] == [1, 2]
    np.testing.assert_array_equal(kept.weights()["w"], WEIGHTS["w"])
    assert set(kept.program_files()) == {"program.json", "program.safetensors"} and kept.prediction_files() == {}


def test_sealing_again_changes_no_byte(folder):
    before = (folder / "manifest.json").read_bytes()
    bundle.seal(folder)
    assert (folder / "manifest.json").read_bytes() == before


def test_every_flipped_bit_and_truncation_is_found(folder):
    draw = np.random.default_rng(0)
    files = sorted(folder.iterdir())
    for trial in range(200):
        path = files[trial % len(files)]
        content = path.read_bytes()
        damaged = bytearray(content)
        if trial % 4 == 3:
            del damaged[draw.integers(len(content)) :]
        else:
            damaged[draw.integers(len(content))] ^= 1 << int(draw.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(BundleError, match=path.name):
            Bundle.open(folder)
        path.write_bytes(content)
    Bundle.open(folder)


@pytest.mark.parametrize(
    "name", ["spec.yaml", "facts.json", "weights.safetensors", "metrics.json", "program.safetensors"]
)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: is missing"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["more.txt", ".hidden", "sub/more.txt"])
def test_a_file_too_many_is_named(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("x")
    with pytest.raises(BundleError, match=f"{name}: is not part of the run"):
        Bundle.open(folder)


def test_checkpoints_may_come_and_go(folder):
    (folder / "checkpoints" / "1").mkdir(parents=True)
    (folder / "checkpoints" / "1" / "state.json").write_text("{}")
    assert not any(name.startswith("checkpoints") for name in Bundle.open(folder).files)


def test_what_is_about_to_be_made_anew_is_not_looked_at(folder):
    bundle.write_file(folder, "report.html", b"<html>")
    bundle.seal(folder)
    bundle.write_file(folder, "report.html", b"<html> changed")
    with pytest.raises(BundleError, match=r"report\.html"):
        Bundle.open(folder)
    assert "report.html" not in Bundle.open(folder, apart_from=["report.html"]).files


def test_a_file_changed_after_it_was_opened_is_found_as_it_is_read(folder):
    kept = Bundle.open(folder)
    (folder / "metrics.json").write_bytes(b'{"test": {"accuracy": 0.9}}')
    with pytest.raises(BundleError, match=r"metrics\.json: was changed"):
        kept.metrics()


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json", "more.bin"])
def test_links_are_refused(folder, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    path = folder / name
    elsewhere.write_bytes(path.read_bytes() if path.exists() else b"x")
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    with pytest.raises(BundleError, match="link"):
        Bundle.open(folder)


def test_a_pipe_is_refused_and_does_not_hang(folder):
    (folder / "metrics.json").unlink()
    os.mkfifo(folder / "metrics.json")
    with pytest.raises(BundleError, match=r"metrics\.json: is a link or no ordinary file"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "", ".hidden", "a\\b", "x" * 200])
def test_a_manifest_names_no_file_outside(folder, name):
    path = folder / "manifest.json"
    tree = json.loads(path.read_bytes())
    tree["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    path.write_bytes(bundle._manifest(tree["files"]))
    with pytest.raises(BundleError, match=r"manifest\.json: was changed"):
        Bundle.open(folder)
    with pytest.raises(BundleError, match="no name"):
        bundle.write_file(folder, name, b"")


def test_a_newer_format_says_to_install_a_newer_version(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"format": 2}))
    with pytest.raises(BundleError, match="format 2.*newer unspool"):
        Bundle.open(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[" * 100_000, b'{"format": "1"}', b'{"format": 1}', b'{"format": 1, "files": {"a": 1}}']
)
def test_a_manifest_that_is_none_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Bundle.open(folder)


def test_a_manifest_too_large_is_refused_unread(folder):
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError, match=r"manifest\.json: is no ordinary file of at most"):
        Bundle.open(folder)


def test_a_folder_that_is_none_says_what_is_wanted(folder, tmp_path):
    with pytest.raises(BundleError, match="no such run folder"):
        Bundle.open(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="is a file"):
        Bundle.open(folder / "spec.yaml")
    with pytest.raises(BundleError, match="is not a run folder"):
        Bundle.open(tmp_path)


def test_a_run_that_has_not_finished_says_how_to_go_on(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(BundleError, match="has not finished .*--resume"):
        Bundle.open(folder)


def test_a_folder_without_weights_is_not_sealed(folder):
    (folder / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors: is missing"):
        bundle.seal(folder)


def test_facts_of_another_form_are_a_bundle_error(folder):
    bundle.write_file(folder, "facts.json", b'{"task": {"kind": "dance"}}')
    bundle.seal(folder)
    with pytest.raises(BundleError, match=r"facts\.json: task"):
        Bundle.open(folder).facts()


def test_a_write_that_fails_leaves_the_old_file_whole(folder, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle.os, "fsync", fail)
    with pytest.raises(BundleError, match="No space left on device"):
        bundle.write_file(folder, "metrics.json", b"{}")
    monkeypatch.undo()
    assert json.loads((folder / "metrics.json").read_bytes()) == {"test": {"accuracy": 0.5}}


def test_sealing_takes_away_what_a_crash_left_behind(folder):
    (folder / ".metrics.json.part").write_bytes(b"{")
    bundle.seal(folder)
    assert Bundle.open(folder).metrics()


@pytest.mark.parametrize("content", [b"", b"1234567", b"\xff" * 64, (1 << 62).to_bytes(8, "little") + b"{}" * 40])
def test_tensors_whose_header_lies_are_refused(content):
    with pytest.raises(BundleError, match="weights: "):
        read_tensors(content, "weights")
