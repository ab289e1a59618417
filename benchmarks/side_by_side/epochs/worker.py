"""A contender's process: `python -m side_by_side.epochs.worker NAME TASK FOLDER EPOCHS SEED THREADS`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from side_by_side.epochs import CONTENDERS
from side_by_side.epochs.turns import Turns
from side_by_side.worker import start


def main() -> None:
    name, task, folder, epochs, seed, threads = sys.argv[1:]
    turns = Turns(start(int(threads)))
    contender = importlib.import_module(f"side_by_side.epochs.{CONTENDERS[name]['module']}")
    contender.train(task, Path(folder), turns, name, int(epochs), int(seed))


if __name__ == "__main__":
    main()
