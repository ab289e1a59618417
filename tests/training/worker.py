"""One training in a process of its own, so that a test can kill it: `python worker.py FOLDER [resume] [pause=SECONDS] [syncs=COUNT]`."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import torch
from problem import CPU, LOWER, Judge, Streams, forecaster, spec_of
from safetensors.torch import save_file

from unspool.errors import UnspoolError
from unspool.training import durable
from unspool.training.fit import fit
from unspool.training.hooks import Hook

CHOICES = {
    "epochs": 10,
    "optimizer": {"kind": "sgd", "rate": 0.05, "momentum": 0.9},
    "schedule": {"kind": "plateau", "patience": 0, "factor": 0.5},
    "checkpoint_seconds": 1e-9,
}


class Pause(Hook):
    """Tells that training runs, and makes it last."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def stepped(self, progress):
        print("step", flush=True)
        time.sleep(self.seconds)


def die_after(syncs: int) -> None:
    """The process is killed at the sync of that number, inside a save."""
    real, left = os.fsync, [syncs]

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)

    durable.os.fsync = fsync


def given(name: str) -> float:
    return next((float(word.removeprefix(f"{name}=")) for word in sys.argv[2:] if word.startswith(f"{name}=")), 0.0)


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    die_after(int(given("syncs")))
    network, streams = forecaster(dropout=0.2), Streams()
    try:
        fit(
            network, streams, Judge(streams), LOWER, spec_of(**CHOICES),
            device=CPU, folder=folder, resume="resume" in sys.argv, hooks=[Pause(given("pause"))],
        )  # fmt: skip
    except UnspoolError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    save_file(network.state_dict(), folder / "weights.safetensors")


if __name__ == "__main__":
    main()
