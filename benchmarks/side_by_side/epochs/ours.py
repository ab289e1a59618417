"""Unspool as a user runs it: `unspool.train` on the example's spec; a hook waits for the turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import unspool
from side_by_side.contenders.torch_nn import use_threads
from side_by_side.epochs.problem import EXAMPLES, overrides
from side_by_side.epochs.turns import Turns
from unspool.training.hooks import Hook, Progress

LOSSES = {"ecg5000": "log_loss", "rotten_tomatoes": "log_loss", "conll2003": "span_f1", "vic_elec": "mae"}
HIGHER_IS_BETTER = {"span_f1"}


class Pace(Hook):
    def __init__(self, turns: Turns, metric: str):
        self.turns = turns
        self.metric = metric

    def started(self, progress: Progress, notes: Sequence[str]) -> None:
        self.turns.begin()

    def stepped(self, progress: Progress) -> None:
        self.turns.trained()  # where streams begin at random, epochs have not all as many batches

    def judged(self, progress: Progress) -> None:
        value = float(progress.metrics[self.metric] or 0.0)
        self.turns.end(lambda: 1 - value if self.metric in HIGHER_IS_BETTER else value)
        self.turns.begin()


def train(task: str, folder: Path, turns: Turns, name: str, epochs: int, seed: int) -> None:
    use_threads()
    unspool.train(EXAMPLES / f"{task}.yaml", seed=seed, overrides=overrides(task, name, epochs), hooks=[Pace(turns, LOSSES[task])])
