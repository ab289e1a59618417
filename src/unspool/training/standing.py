"""Where training stands between two steps: with the tensors of a checkpoint, all that it takes to go on."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from pydantic import BaseModel, ConfigDict, Field

from unspool.errors import TrainingError
from unspool.tasks.task import Decision
from unspool.training.history import Line, line_of
from unspool.training.schedule import PlateauState
from unspool.training.spec import Plateau, TrainSpec


class Best(BaseModel):
    """The best epoch so far, by the deciding metric, and how many have come after it.

    second  of the metric that decides between equals; None where there is none
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    value: float | None = None
    second: float | None = None
    epoch: int = 0
    waited: int = 0

    def hear(self, value: float, epoch: int, decision: Decision, second: float | None = None) -> bool:
        """True where the epoch is the best so far."""
        if self._beaten(value, second, decision):
            self.value, self.second, self.epoch, self.waited = value, second, epoch, 0
            return True
        self.waited += 1
        return False

    def _beaten(self, value: float, second: float | None, decision: Decision) -> bool:
        if self.value is None or decision.better(value, self.value):
            return True
        if value != self.value or decision.then is None or second is None:
            return False
        return self.second is None or decision.then.better(second, self.second)


class Standing(BaseModel):
    """Plain numbers, which JSON keeps exactly.

    epoch, position  the epoch that runs, from 0, and how many of its batches are done
    step             batches done over all epochs
    loss, weight     of this epoch: losses times weights, and weights, summed
    norm, updates    of this epoch: gradient norms, summed, and how many
    rate             of the last step
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    epoch: int = 0
    position: int = 0
    step: int = 0
    loss: float = 0.0
    weight: float = 0.0
    norm: float = 0.0
    updates: int = 0
    rate: float = 0.0
    best: Best = Field(default_factory=Best)
    plateau: PlateauState = Field(default_factory=PlateauState)
    lines: list[Line] = Field(default_factory=list)
    seconds: float = 0.0

    def stopped_early(self, spec: TrainSpec) -> bool:
        return spec.patience is not None and self.best.waited >= spec.patience

    def finished(self, spec: TrainSpec) -> bool:
        return self.epoch >= spec.epochs or self.stopped_early(spec)

    @property
    def mean_loss(self) -> float:
        return self.loss / self.weight if self.weight else 0.0

    def skip(self) -> None:
        """A batch in which nothing counts is done."""
        self.position += 1
        self.step += 1

    def learnt(self, loss: float, weight: float, norm: float, rate: float) -> None:
        """A batch is done."""
        self.loss += loss * weight
        self.weight += weight
        self.norm += norm
        self.updates += 1
        self.rate = rate
        self.skip()

    def judged(self, metrics: Mapping[str, float], value: float, decision: Decision, spec: TrainSpec) -> bool:
        """The epoch is over; True where it is the best so far.

        value  of the deciding metric
        """
        if not self.updates:
            raise TrainingError(
                f"epoch {self.epoch + 1}: no batch of the train part holds an answer that counts, so nothing can be learnt; "
                "check that the target or label is known there"
            )
        self.lines.append(line_of(self.epoch + 1, self.step, self.mean_loss, self.rate, self.norm / self.updates, metrics))
        best = self.best.hear(value, self.epoch + 1, decision, _finite(metrics, decision.then))
        if isinstance(spec.schedule, Plateau):
            self.plateau.hear(spec.schedule, best)
        self.epoch, self.position = self.epoch + 1, 0
        self.loss, self.weight, self.norm, self.updates = 0.0, 0.0, 0.0, 0
        return best


def _finite(metrics: Mapping[str, float], decision: Decision | None) -> float | None:
    """The metric that a decision names; None where there is none, or it is no number."""
    value = metrics.get(decision.metric) if decision is not None else None
    return value if value is not None and isfinite(value) else None
