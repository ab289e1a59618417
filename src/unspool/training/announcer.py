"""Tells the hooks how far training is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from unspool.errors import Interrupted
from unspool.training.history import metrics_of
from unspool.training.hooks import Ending, Hook, Progress
from unspool.training.spec import TrainSpec
from unspool.training.standing import Standing


class Stopwatch:
    """Seconds since it was looked at last."""

    def __init__(self) -> None:
        self._last = monotonic()

    def lap(self) -> float:
        now = monotonic()
        passed, self._last = now - self._last, now
        return passed


class Announcer:
    """Makes the hooks' `Progress` from where training stands.

    steps  batches in an epoch
    """

    def __init__(self, hooks: Sequence[Hook], standing: Standing, spec: TrainSpec, steps: int):
        self.hooks = hooks
        self.standing = standing
        self.spec = spec
        self.steps = steps
        self._step, self._seconds = standing.step, standing.seconds

    @contextmanager
    def announced(self, notes: Sequence[str]) -> Iterator[None]:
        """Hooks are told that training starts, and how it ends, whatever ends it."""
        ending: Ending = "failed"
        try:
            for hook in self.hooks:
                hook.started(self.progress(), notes)
            yield
            ending = "early" if self.standing.stopped_early(self.spec) else "finished"
        except (Interrupted, KeyboardInterrupt):
            ending = "interrupted"
            raise
        finally:
            for hook in self.hooks:
                hook.stopped(self.progress(), ending)

    def stepped(self) -> None:
        for hook in self.hooks:
            hook.stepped(self.progress())

    def judged(self) -> None:
        for hook in self.hooks:
            hook.judged(self.progress())

    def checkpointed(self, checkpoint: Path | None) -> None:
        """`checkpoint` was written; None where this run keeps none."""
        if checkpoint is not None:
            for hook in self.hooks:
                hook.checkpointed(checkpoint)

    def progress(self) -> Progress:
        """Of the epoch that runs or, between two, of the one that is over."""
        standing, line = self.standing, self.standing.lines[-1] if self.standing.lines else None
        over = line is not None and standing.position == 0
        return Progress(
            epoch=standing.epoch if over else standing.epoch + 1,
            epochs=self.spec.epochs,
            step=self.steps if over else standing.position,
            steps=self.steps,
            loss=float(line["loss"] or 0.0) if line is not None and over else standing.mean_loss,
            rate=standing.rate,
            metrics=metrics_of(line) if line is not None else {},
            seconds=standing.seconds,
            remaining=self._remaining(),
        )

    def _remaining(self) -> float | None:
        standing = self.standing
        done = standing.step - self._step
        if not done:
            return None
        return max(self.spec.epochs * self.steps - standing.step, 0) * (standing.seconds - self._seconds) / done
