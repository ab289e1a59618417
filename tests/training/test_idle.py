"""What cannot take effect in so few epochs is told: exactly where no course of training would show it."""

from __future__ import annotations

from itertools import product

import pytest

from unspool.tasks.task import Decision
from unspool.training.average import begins
from unspool.training.fit import fit
from unspool.training.idle import idle
from unspool.training.schedule import PlateauState, factor
from unspool.training.spec import Constant, ExponentialAverage, OneCycle, Plateau, PolyakAverage, StepDown, TrainSpec

from .problem import CPU, LOWER, Judge, Signs, classifier, spec_of

STEPS = 4
EPOCHS = range(1, 8)


def told(epochs: int, **options) -> tuple[str, ...]:
    return idle(TrainSpec(epochs=epochs, patience=None, **options))


@pytest.mark.parametrize("every", [0.5, 1.0, 2.5, 3.0, 6.0])
@pytest.mark.parametrize("epochs", EPOCHS)
def test_steps_that_never_come(epochs: int, every: float):
    schedule = StepDown(every=every)
    lowered = any(factor(schedule, step, STEPS, epochs) < 1 for step in range(STEPS * epochs))
    assert bool(told(epochs, schedule=schedule)) is not lowered


@pytest.mark.parametrize("warmup", [0.0, 0.5, 1.0, 3.0, 5.5])
@pytest.mark.parametrize("epochs", EPOCHS)
def test_a_warm_up_without_end(epochs: int, warmup: float):
    schedule = Constant(warmup=warmup)
    risen = any(factor(schedule, step, STEPS, epochs) == 1 for step in range(STEPS * epochs))
    assert bool(told(epochs, schedule=schedule)) is not risen


@pytest.mark.parametrize("patience", [0, 1, 3])
@pytest.mark.parametrize("epochs", EPOCHS)
def test_a_plateau_that_is_never_left(epochs: int, patience: int):
    """At the earliest no epoch gains but the first, and what the last one brings is of no use."""
    schedule, state = Plateau(patience=patience), PlateauState()
    for epoch in range(epochs - 1):
        state.hear(schedule, gained=epoch == 0)
    assert bool(told(epochs, schedule=schedule)) is (state.factor == 1)


@pytest.mark.parametrize("average", [PolyakAverage(patience=1), PolyakAverage(patience=4), PolyakAverage(begin=0), PolyakAverage(begin=4)])
@pytest.mark.parametrize("epochs", EPOCHS)
def test_an_average_that_never_begins(epochs: int, average: PolyakAverage):
    decision = Decision("loss", lower_is_better=True)
    courses = product([1.0, 2.0], repeat=epochs - 1)  # the epochs that one more follows
    begun = any(begins(average, course[:epoch], decision) for course in courses for epoch in range(epochs))
    assert bool(told(epochs, average=average)) is not begun


def test_nothing_is_told_of_what_takes_effect():
    for options in ({}, {"schedule": OneCycle()}, {"average": PolyakAverage(begin=0)}, {"average": ExponentialAverage()}):
        assert told(1, **options) == ()


def test_training_tells_it_and_goes_on():
    network = classifier()
    history = fit(network, Signs(), Judge(Signs()), LOWER, spec_of(epochs=2, schedule=StepDown(every=5)), device=CPU)
    assert len(history) == 2
    (note,) = history.notes
    assert note.startswith("train.schedule: the rate drops after 5 epochs") and "there are 2" in note
