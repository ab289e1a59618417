"""What cannot take effect in as few epochs as there are: it is told and not refused, since a spec is often tried with fewer."""

from __future__ import annotations

from collections.abc import Iterator

from unspool.training.spec import OneCycle, Plateau, PolyakAverage, StepDown, TrainSpec


def idle(spec: TrainSpec) -> tuple[str, ...]:
    """A sentence for each, with the key that it is about."""
    return (*_schedule(spec), *_average(spec))


def _schedule(spec: TrainSpec) -> Iterator[str]:
    schedule, there = spec.schedule, f"and there are {spec.epochs} (train.epochs)"
    if not isinstance(schedule, OneCycle) and schedule.warmup > spec.epochs:
        yield f"train.schedule.warmup: the rate rises over {schedule.warmup:g} epochs, {there}: it never gets where it should"
    if isinstance(schedule, StepDown) and schedule.every >= spec.epochs:
        yield f"train.schedule: the rate drops after {schedule.every:g} epochs, {there}: it never does"
    if isinstance(schedule, Plateau) and _first(schedule.patience) > spec.epochs:
        yield f"train.schedule: the rate is lower from epoch {_first(schedule.patience)} on at the earliest, {there}: it never is"


def _average(spec: TrainSpec) -> Iterator[str]:
    average = spec.average
    if not isinstance(average, PolyakAverage):
        return
    first = _first(average.patience) if average.begin is None else average.begin + 1
    if first > spec.epochs:
        yield f"train.average: it begins with epoch {first} at the earliest, and there are {spec.epochs} (train.epochs): it never does"


def _first(patience: int) -> int:
    """The first epoch that can follow a best one and more than `patience` others."""
    return patience + 3
