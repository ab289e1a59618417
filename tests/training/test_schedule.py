"""Schedules: known values, and parity with torch.optim.lr_scheduler where it has the same one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from unspool.errors import SpecError
from unspool.spec import parse
from unspool.tasks.task import Decision
from unspool.training.schedule import PlateauState, factor
from unspool.training.spec import Constant, Cosine, OneCycle, Plateau, StepDown, TrainSpec
from unspool.training.standing import Best

EPOCHS, STEPS = 6, 5


def of_torch(make, steps=EPOCHS * STEPS):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def ours(spec):
    return [factor(spec, step, STEPS, EPOCHS) for step in range(EPOCHS * STEPS)]


@pytest.mark.parametrize("rise", [0.1, 0.3, 0.5, 0.9])
def test_one_cycle_is_torch_s(rise):
    spec = OneCycle(rise=rise, first=0.04, last=1e-4)
    theirs = of_torch(
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, total_steps=EPOCHS * STEPS, pct_start=rise, div_factor=25, final_div_factor=400, cycle_momentum=False
        ),
        EPOCHS * STEPS - 1,
    )
    assert ours(spec)[:-1] == pytest.approx(theirs, rel=1e-9)
    assert ours(spec)[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_cosine_is_torch_s(floor):
    theirs = of_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS * STEPS, eta_min=floor))
    assert ours(Cosine(floor=floor)) == pytest.approx(theirs, rel=1e-9)


def test_step_is_torch_s():
    theirs = of_torch(lambda o: lr_scheduler.StepLR(o, step_size=2 * STEPS, gamma=0.3))
    assert ours(StepDown(every=2, factor=0.3)) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("spec", [Constant(warmup=2), StepDown(warmup=2), Cosine(warmup=2), Plateau(warmup=2)], ids=lambda spec: spec.kind)
def test_the_rate_rises_evenly_from_zero_during_the_warm_up(spec):
    assert ours(spec)[: 2 * STEPS] == pytest.approx([(step + 1) / (2 * STEPS) for step in range(2 * STEPS)])


def test_after_the_warm_up_cosine_falls_over_what_is_left():
    assert ours(Cosine(warmup=2))[2 * STEPS :] == pytest.approx([factor(Cosine(), step, STEPS, 4) for step in range(4 * STEPS)])


@given(
    st.sampled_from([Constant(), Constant(warmup=9), StepDown(), StepDown(every=0.3), Cosine(), Cosine(warmup=7.5), OneCycle(), OneCycle(rise=0.99)]),
    st.integers(0, 500),
    st.integers(1, 40),
    st.integers(1, 10),
)
def test_no_step_whatever_makes_a_rate_outside_its_range(spec, step, steps_per_epoch, epochs):
    assert 0 <= factor(spec, step, steps_per_epoch, epochs) <= 1


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 4), st.booleans())
def test_plateau_is_torch_s(values, patience, lower):
    spec = Plateau(patience=patience, factor=0.5, floor=0.1)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, mode="min" if lower else "max", patience=patience, factor=0.5, threshold=0, min_lr=0.1, eps=0)
    state, best = PlateauState(), Best()
    for value in values:
        theirs.step(value)
        state.hear(spec, best.hear(float(value), 1, Decision("score", lower)))
        # Through JSON after every epoch, as in a checkpoint.
        state = PlateauState.model_validate_json(state.model_dump_json())
        assert state.factor == pytest.approx(optimizer.param_groups[0]["lr"])


@pytest.mark.parametrize(
    "raw, wanted",
    [
        ({"optimizer": {"kind": "sgd", "nesterov": True, "momentum": 0}}, "nesterov: true looks ahead along the momentum"),
        ({"optimizer": {"kind": "adam", "betas": [0.9, 1.0]}}, "wanted two numbers from 0 to below 1"),
        ({"optimizer": {"kind": "adamw", "betas": [-0.1, 0.9]}}, "wanted two numbers from 0 to below 1"),
        ({"schedule": {"kind": "plateau", "patience": 4}, "patience": 5}, "never lowers the rate, since training stops after 5 epochs"),
    ],
)
def test_choices_that_cannot_take_effect_are_refused(raw, wanted):
    with pytest.raises(SpecError, match=wanted):
        parse(TrainSpec, raw)
