"""Stopped at any moment and resumed, training gives the same bytes as if it had not been stopped."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from unspool.errors import BundleError
from unspool.training import interruption
from unspool.training.checkpoint import checkpoints
from unspool.training.fit import fit
from unspool.training.hooks import Hook
from unspool.training.interruption import Interruption

from .problem import CPU, LOWER, Judge, Signs, Streams, classifier, forecaster, spec_of

RUNS = {
    "carried, momentum, plateau": (
        Streams,
        forecaster,
        {"optimizer": {"kind": "sgd", "rate": 0.1, "momentum": 0.9}, "schedule": {"kind": "plateau", "patience": 0, "factor": 0.3}},
    ),
    "dropout, adamw, one cycle": (Signs, classifier, {"optimizer": {"kind": "adamw", "rate": 0.05}, "schedule": {"kind": "one_cycle"}}),
    "early stopping, rmsprop": (
        Signs,
        classifier,
        {"optimizer": {"kind": "rmsprop", "rate": 0.5}, "schedule": {"kind": "cosine", "warmup": 1}, "patience": 1, "epochs": 4},
    ),
}
STEPS = 12  # at most, in every run


class KilledError(Exception):
    """The process dies here."""


class KillAt(Hook):
    """Dies after a number of steps, or right after a number of checkpoints."""

    def __init__(self, steps: int = -1, checkpoints: int = -1):
        self.steps, self.checkpoints = steps, checkpoints

    def stepped(self, progress):
        torch.rand(7)
        self.steps -= 1
        if self.steps == 0:
            raise KilledError

    def checkpointed(self, checkpoint):
        self.checkpoints -= 1
        if self.checkpoints == 0:
            raise KilledError


def run(name: str, folder: Path, resume: bool = False, hooks=(), every: float = 1e9, seed: int = 5):
    """The bytes of the history and the weights, and the History."""
    examples, network, choices = RUNS[name]
    data, made = examples(), network(seed=seed, dropout=0.3)
    spec = spec_of(**{"epochs": 3, "checkpoint_seconds": every, **choices})
    history = fit(made, data, Judge(data), LOWER, spec, device=CPU, folder=folder, resume=resume, hooks=hooks)
    return (folder / "history.jsonl").read_bytes(), safetensors.torch.save(made.state_dict()), history


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    return {name: run(name, tmp_path_factory.mktemp("straight")) for name in RUNS}


@pytest.mark.parametrize("every, steps", [(1e9, range(1, STEPS + 1)), (1e-9, (1, 4, 7))], ids=["saved each epoch", "saved each step"])
@pytest.mark.parametrize("name", RUNS)
def test_killed_after_any_step_and_resumed_is_as_if_never_killed(name, every, steps, straight, tmp_path):
    history, weights, whole = straight[name]
    killed = 0
    for step in steps:
        folder = tmp_path / str(step)
        try:
            run(name, folder, hooks=[KillAt(steps=step)], every=every)
        except KilledError:
            killed += 1
        # Another seed: every weight has to come from the checkpoint.
        got = run(name, folder, resume=True, every=every, seed=6)
        assert got[0] == history
        assert got[1] == weights
        assert (got[2].best, got[2].early) == (whole.best, whole.early)
    assert killed >= min(8, len(steps))


@pytest.mark.parametrize("name", RUNS)
def test_killed_again_and_again_after_every_checkpoint(name, straight, tmp_path):
    resume = False
    for _ in range(3 * STEPS):
        try:
            history, weights, _ = run(name, tmp_path, resume=resume, hooks=[KillAt(checkpoints=1 if resume else 2)], every=1e-9)
            break
        except KilledError:
            resume = True
    assert resume
    assert (history, weights) == straight[name][:2]


def test_a_finished_run_resumes_to_its_end(straight, tmp_path):
    name = "early stopping, rmsprop"
    run(name, tmp_path)
    (tmp_path / "history.jsonl").unlink()  # killed before the last line was written
    assert run(name, tmp_path, resume=True)[:2] == straight[name][:2]


def test_a_killed_save_is_ignored_and_swept_away(straight, tmp_path):
    name = "carried, momentum, plateau"
    with pytest.raises(KilledError):
        run(name, tmp_path, hooks=[KillAt(steps=6)], every=1e-9)
    newest = checkpoints(tmp_path)[-1]
    left = newest.with_name(f".unfinished-{int(newest.name) + 1:06d}")
    shutil.copytree(newest, left)
    (left / "manifest.json").unlink()
    assert run(name, tmp_path, resume=True, every=1e-9)[:2] == straight[name][:2]
    assert not left.exists()


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(straight, tmp_path):
    name = "dropout, adamw, one cycle"
    with pytest.raises(KilledError):
        run(name, tmp_path, hooks=[KillAt(steps=6)], every=1e-9)
    path = checkpoints(tmp_path)[-1] / "tensors.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    history, weights, told = run(name, tmp_path, resume=True)
    assert (history, weights) == straight[name][:2]
    assert len(told.notes) == 1 and "is damaged (tensors.safetensors has" in told.notes[0]


def test_another_run_is_not_resumed(tmp_path):
    examples, judge = Signs(), Judge(Signs())
    given = {"device": CPU, "folder": tmp_path}
    fit(classifier(), examples, judge, LOWER, spec_of(epochs=1), **given, fingerprint={"data": "a" * 64, "spec": "s"})
    with pytest.raises(BundleError) as error:
        fit(classifier(), examples, judge, LOWER, spec_of(epochs=2), **given, resume=True, fingerprint={"data": "b" * 64, "spec": "s"})
    assert "data was aaaaaaaaaaaa..., is bbbbbbbbbbbb...; train.epochs was 1, is 2; resume it as it was" in str(error.value)
    with pytest.raises(BundleError, match="network was"):
        fit(classifier(hidden=7), examples, judge, LOWER, spec_of(epochs=1), **given, resume=True, fingerprint={"data": "a" * 64, "spec": "s"})


def test_how_often_a_run_is_saved_may_change_when_it_is_resumed(tmp_path):
    signs = Signs()
    fit(classifier(), signs, Judge(signs), LOWER, spec_of(epochs=1), device=CPU, folder=tmp_path, fingerprint="f" * 64)
    spec = spec_of(epochs=1, checkpoint_seconds=3)
    assert len(fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path, resume=True, fingerprint="f" * 64)) == 1


def test_nothing_is_overwritten_and_nothing_is_resumed_from_nowhere(tmp_path):
    signs, spec = Signs(), spec_of(epochs=1)
    with pytest.raises(BundleError, match=f"{tmp_path}: nothing to resume, there is no checkpoint.*train without --resume"):
        fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path, resume=True)
    with pytest.raises(BundleError, match="there is no folder to resume from"):
        fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, resume=True)
    fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path)
    with pytest.raises(BundleError, match="checkpoints of an earlier run; go on with it \\(--resume\\), or train in another folder"):
        fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path)


def test_another_number_of_threads_is_told(tmp_path, monkeypatch):
    signs, spec = Signs(), spec_of(epochs=1)
    fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    history = fit(classifier(), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path, resume=True)
    assert "goes on with 64: results may differ in the last bits" in history.notes[0]


def test_the_seconds_of_all_sessions_are_added_up(tmp_path):
    with pytest.raises(KilledError):
        run("carried, momentum, plateau", tmp_path, hooks=[KillAt(steps=6)], every=1e-9)
    first = run("carried, momentum, plateau", tmp_path, resume=True)[2].seconds
    assert run("carried, momentum, plateau", tmp_path, resume=True)[2].seconds == first > 0


def worker(folder: Path, *words: str, **pipes) -> subprocess.Popen:
    """One training in a process of its own."""
    source = Path(interruption.__file__).parents[2]
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder), *words]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(source)}, stdout=subprocess.PIPE, **pipes)


def whole_run(folder: Path, *words: str) -> None:
    with worker(folder, *words) as child:
        child.stdout.read()
    assert child.returncode == 0


def results(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "history.jsonl").read_bytes(), (folder / "weights.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sigkill_at_random_moments_changes_nothing(tmp_path):
    """Half of the kills fall at a time drawn at random, half at a sync drawn at random, which is inside a save."""
    whole_run(tmp_path / "straight")
    moments, kills, folder = random.Random(11), 0, tmp_path / "killed"
    for _ in range(60):
        words = ["resume"] if checkpoints(folder) else []
        if kills < 8 and kills % 2:
            words.append(f"syncs={moments.randrange(8, 30)}")
        with worker(folder, *words) as child:
            if kills < 8 and kills % 2 == 0:
                child.stdout.readline()  # the first step of this session is done
                time.sleep(moments.uniform(0, 0.02))
                child.kill()
            child.stdout.read()
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL
        kills += 1
    assert kills == 8
    assert results(folder) == results(tmp_path / "straight")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    whole_run(tmp_path / "straight")
    folder = tmp_path / "stopped"
    with worker(folder, "pause=0.2", stderr=subprocess.PIPE, text=True) as child:
        for _ in range(5):
            child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, error = child.communicate(timeout=60)
    assert child.returncode == 130
    assert error.startswith("training stopped by Ctrl-C in epoch 2, after ")
    assert error.endswith(f"go on with: unspool train SPEC --out {folder} --resume\n")
    whole_run(folder, "resume")
    assert results(folder) == results(tmp_path / "straight")


def test_a_second_ctrl_c_leaves_at_once_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interruption() as asked:  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        assert asked.asked
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with Interruption():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_no_handler_is_touched(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(interruption.threading, "current_thread", lambda: None)
    with Interruption():
        assert signal.getsignal(signal.SIGINT) is before
