"""How trainers that PyTorch Lightning runs wait for their turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn

from side_by_side.epochs.problem import Settings, validation_windows
from side_by_side.epochs.turns import Turns

TRAINER = {
    "accelerator": "cpu", "devices": 1, "logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False,
}  # fmt: skip


class Pace(lightning.Callback):
    """An epoch is so many steps, whatever the library calls one."""

    def __init__(self, turns: Turns, steps: int, judge: Callable[[nn.Module], float]):
        self.turns, self.steps, self.judge = turns, steps, judge

    def __deepcopy__(self, memo: object) -> Pace:
        return self  # the libraries copy what they are given, and a pipe has no copy

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.turns.begin()

    def on_train_batch_end(self, trainer: Any, module: Any, *rest: Any) -> None:
        if trainer.global_step % self.steps:
            return
        self.turns.trained()
        self.turns.end(lambda: self.judge(module))
        self.turns.begin()


def judge_of(series: np.ndarray, settings: Settings, forecast: Callable[[nn.Module, Tensor], Tensor]) -> Callable[[nn.Module], float]:
    """The mean absolute error of the validation part in the series' unit; `forecast` takes a module and contexts (M, T) to (M, L)."""
    contexts, truths = (torch.from_numpy(part.copy()) for part in validation_windows(series, settings))

    def judge(module: nn.Module) -> float:
        was_training = module.training
        module.eval()
        with torch.no_grad():
            errors = [
                (forecast(module, context) - truth).abs().mean(1) for context, truth in zip(contexts.split(256), truths.split(256), strict=True)
            ]
        module.train(was_training)
        return float(torch.cat(errors).mean()) * settings.spread

    return judge
