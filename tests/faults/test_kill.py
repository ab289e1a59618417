"""Killed at any moment and resumed, a run ends in the same bytes as one that was not killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .making import ENVIRONMENT, demand, hourly, put, put_data, put_spec

WITH_SECONDS = ("metrics.json", "manifest.json", "report.html", "card.md")
"""These tell how long the run took and where it was written, or hash what does."""

RUN = """
import signal, sys, torch
from unspool.cli import main
torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test that runs in the background was started with Ctrl-C ignored
sys.exit(main())
"""

TINY = 1e-9
"""Seconds between two checkpoints: one after every step."""

SPECS: dict[str, tuple[str, dict[str, Any]]] = {
    "a carried GRU with dropout": (
        "forecast",
        {
            "task.every": 2,
            "model.backbone.cell": {"kind": "gru", "hidden": 8},
            "model.backbone.layers": 2,
            "model.backbone.dropout": {"recurrent": 0.2, "between": 0.2, "outputs": 0.2},
            "train.checkpoint_seconds": TINY,
            "train.patience": None,
            "train.schedule": {"kind": "cosine"},
        },
    ),
    "an LSTM that classifies": (
        "classify",
        {
            "model.backbone.cell": {"kind": "lstm", "hidden": 8},
            "model.backbone.dropout": {"recurrent": 0.2, "inputs": 0.1, "zoneout": 0.1, "weights": 0.2},
            "train.checkpoint_seconds": TINY,
            "train.patience": None,
            "train.optimizer": {"kind": "sgd", "rate": 0.05, "momentum": 0.9},
            "train.schedule": {"kind": "plateau", "patience": 1},
        },
    ),
}


def spec_of(folder: Path, name: str, **changes: Any) -> Path:
    base, chosen = SPECS[name]
    return put_spec(folder, base, chosen | {key.replace("__", "."): value for key, value in changes.items()})


def results(folder: Path) -> dict[str, bytes]:
    """Every file of a finished run that says nothing of time."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    assert {"history.jsonl", "weights.safetensors", "manifest.json"} <= set(found)
    return {name: content for name, content in found.items() if name not in WITH_SECONDS}


class Worker:
    """Runs in forks of one process."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("worker.py"))]
        self.process = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, spec: Path, folder: Path, file: str = "", sync: int = 0) -> dict[str, Any]:
        resume = ["--resume"] if (folder / "spec.yaml").exists() else []
        arguments = ["train", str(spec), "--out", str(folder), "--json", *resume]
        asked = {"arguments": arguments, "file": file, "sync": sync}
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def worker():
    made = Worker()
    yield made
    made.close()


EARLY = [
    ("spec.yaml", 1),  # the folder is not yet a run's
    ("manifest.json", 1),  # of the first checkpoint
    ("tensors.safetensors", 6),
    ("state.json", 3),
    ("checkpoints", 3),  # a checkpoint has its name, and the name has not reached the disk
]
LATE = [
    ("history.jsonl", 1),
    ("history.jsonl", 2),
    ("spec.yaml", 1),  # training is over, and the run folder is made
    ("weights.safetensors", 1),
    ("metrics.json", 1),
    ("predictions.safetensors", 1),
    ("manifest.json", 1),
]
"""Just before a file of this name is synced for this time since the process began."""


@pytest.mark.parametrize(
    "name, moments",
    [
        ("a carried GRU with dropout", EARLY[::2]),
        pytest.param("a carried GRU with dropout", EARLY, marks=pytest.mark.slow),
        pytest.param("an LSTM that classifies", [*EARLY[1:3], ("weights.safetensors", 1)], marks=pytest.mark.slow),
    ],
    ids=["a GRU", "a GRU, more often", "an LSTM"],
)
def test_a_run_that_is_killed_inside_its_saves_ends_in_the_same_bytes(name, moments, worker, tmp_path):
    check_kills(name, moments, worker, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SPECS)
def test_a_run_that_is_killed_while_its_folder_is_made_ends_in_the_same_bytes(name, worker, tmp_path):
    check_kills(name, LATE, worker, tmp_path)


def check_kills(name: str, moments: list[tuple[str, int]], worker: Worker, folder: Path) -> None:
    put_data(folder)
    spec = spec_of(folder, name, train__epochs=3)
    assert worker.run(spec, folder / "straight")["code"] == 0
    for file, sync in moments:
        assert worker.run(spec, folder / "killed", file, sync)["code"] == -signal.SIGKILL, (file, sync)
    assert worker.run(spec, folder / "killed")["code"] == 0
    assert results(folder / "killed") == results(folder / "straight")
    assert not (folder / "killed" / "checkpoints").exists()


def started(spec: Path, folder: Path) -> subprocess.Popen[bytes]:
    resume = ["--resume"] if (folder / "spec.yaml").exists() else []
    command = [sys.executable, "-c", RUN, "train", str(spec), "--out", str(folder), *resume]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(child: subprocess.Popen[bytes]) -> int:
    child.communicate(timeout=600)
    return child.returncode


def names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder / "checkpoints"))
    except FileNotFoundError:
        return set()


def lines_in(folder: Path) -> int:
    try:
        return (folder / "history.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def has_lines(folder: Path, number: int) -> bool:
    return lines_in(folder) >= number


def until(child: subprocess.Popen[bytes], happened: Any) -> None:
    """Waits for something in the folder, or for the end of the process."""
    while child.poll() is None and not happened():
        time.sleep(0.0002)


def kill_starting(child, folder, draw, epochs):
    time.sleep(draw.uniform(0, 3))


def kill_training(child, folder, draw, epochs):
    before = names_in(folder)
    until(child, lambda: any(name.isdigit() for name in names_in(folder) - before))
    time.sleep(draw.uniform(0, 0.4))


def saves_anew(folder: Path, before: set[str]) -> bool:
    return any(name.startswith(".unfinished") for name in names_in(folder) - before)


def kill_saving(child, folder, draw, epochs):
    for _ in range(draw.randrange(1, 12)):
        until(child, partial(saves_anew, folder, names_in(folder)))


def kill_finishing(child, folder, draw, epochs):
    until(child, lambda: lines_in(folder) == epochs)
    time.sleep(draw.uniform(0, 4))


def kill_again_and_again(spec: Path, folder: Path, kills: int, epochs: int, seed: int) -> dict[str, int]:
    """At least so many kills, a quarter inside a save; what happened, by name."""
    draw = random.Random(seed)
    moments = [kill_saving] * (kills // 4) + [kill_starting] * (kills // 10) + [kill_training] * (kills - kills // 4 - 2 * (kills // 10))
    draw.shuffle(moments)
    told = {"kills": 0, "inside a save": 0, "while the run folder was made": 0}
    for moment in moments + [kill_finishing] * (kills // 10):
        inside = False
        while not inside:
            child = started(spec, folder)
            moment(child, folder, draw, epochs)
            child.kill()
            if finished(child) != -signal.SIGKILL:
                assert moment is kill_finishing, "the run was over before it was killed often enough"
                return told
            told["kills"] += 1
            inside = moment is not kill_saving or any(name.startswith(".unfinished") for name in names_in(folder))
            told["inside a save"] += moment is kill_saving and inside
            told["while the run folder was made"] += moment is kill_finishing
    return told


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SPECS)
def test_sigkill_at_twenty_random_moments_changes_no_byte(name, tmp_path, record_property):
    put_data(tmp_path)
    put(tmp_path, "data.csv", demand(hourly(1200)))
    epochs = 40 if "GRU" in name else 600
    spec = spec_of(tmp_path, name, train__epochs=epochs)
    assert finished(started(spec, tmp_path / "straight")) == 0
    told = kill_again_and_again(spec, tmp_path / "killed", kills=20, epochs=epochs, seed=17)
    assert finished(started(spec, tmp_path / "killed")) == 0
    record_property("kills", told)
    print(name, told)
    assert told["kills"] >= 20 and told["inside a save"] >= 5
    assert results(tmp_path / "killed") == results(tmp_path / "straight")


def stopped(spec: Path, folder: Path, lines: int) -> str:
    """The last line that a run leaves behind which gets Ctrl-C once its history has so many lines."""
    child = started(spec, folder)
    until(child, partial(has_lines, folder, lines))
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in told
    return told.decode().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ctrl_c_says_how_to_go_on_and_going_on_ends_in_the_same_bytes(tmp_path):
    put_data(tmp_path)
    spec, folder = spec_of(tmp_path, "a carried GRU with dropout", train__epochs=40), tmp_path / "stopped"
    assert finished(started(spec, tmp_path / "straight")) == 0
    for _ in range(3):
        message = stopped(spec, folder, lines_in(folder) + 3)
        assert message.startswith("unspool: training stopped by Ctrl-C ")
        assert message.endswith(f"go on with: unspool train SPEC --out {folder} --resume")
    message = stopped(spec, folder, 40)  # training is over, and the run is judged and written
    assert message.startswith("unspool: ") and message.endswith(f"go on with: unspool train SPEC --out {folder} --resume")
    assert finished(started(spec, folder)) == 0
    assert results(folder) == results(tmp_path / "straight")
