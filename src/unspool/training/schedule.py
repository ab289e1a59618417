"""How the rate goes over time: pure functions of the step, and the plateau, which has to remember what it was told."""

from __future__ import annotations

from math import cos, floor, pi

from pydantic import BaseModel, ConfigDict

from unspool.training.spec import Cosine, OneCycle, Plateau, Schedule, StepDown


def factor(spec: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """What the first rate is multiplied by at a step, before what a plateau takes off.

    step  steps taken before this one, over all epochs
    """
    total = steps_per_epoch * epochs
    if isinstance(spec, OneCycle):
        return _one_cycle(spec, step, total)
    warm = spec.warmup * steps_per_epoch
    rise = min(1.0, (step + 1) / warm) if warm else 1.0
    if isinstance(spec, StepDown):
        return rise * float(spec.factor ** floor(step / (spec.every * steps_per_epoch)))
    if isinstance(spec, Cosine):
        done = min(max(step - warm, 0.0) / max(total - warm, 1.0), 1.0)
        return rise * _along_cosine(1.0, spec.floor, done)
    return rise


def _one_cycle(spec: OneCycle, step: int, total: int) -> float:
    """As in torch.optim.lr_scheduler.OneCycleLR: the top is reached at the last step of the rise."""
    top, end = spec.rise * total - 1, total - 1
    if step <= top:
        return _along_cosine(spec.first, 1.0, step / top if top else 1.0)
    return _along_cosine(1.0, spec.last, min((step - top) / (end - top), 1.0) if end > 0 else 0.0)


def _along_cosine(start: float, end: float, done: float) -> float:
    """From `start` to `end` along half a cosine, `done` running from 0 to 1."""
    return end + (start - end) * (1 + cos(pi * done)) / 2


class PlateauState(BaseModel):
    """What the plateau has taken off the rate so far, and since when it waits."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    factor: float = 1.0
    waited: int = 0

    def hear(self, spec: Plateau, gained: bool) -> None:
        """Take in whether an epoch is the best so far; as torch.optim.lr_scheduler.ReduceLROnPlateau with no threshold."""
        if gained:
            self.waited = 0
            return
        self.waited += 1
        if self.waited > spec.patience:
            self.factor, self.waited = max(self.factor * spec.factor, spec.floor), 0
