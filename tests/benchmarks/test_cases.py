"""What is measured, and that every contender computes the same."""

from __future__ import annotations

import dataclasses
import importlib
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from side_by_side.cases import KINDS, SHAPES, Cannot, Case, layer_cases, step_cases
from side_by_side.contenders import CONTENDERS
from side_by_side.measure import TOLERANCE, worst_difference

IN_PROCESS = {"ours": "unspool", "torch": "torch", "jax": "jax", "onnxruntime": "onnxruntime"}
MODES = [(False, False), (True, False), (True, True)]


def small(kind: str, **chosen: bool) -> Case:
    return Case(kind, 6, 4, 3, 5, **chosen)


@pytest.mark.parametrize("training, dropout", MODES)
@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name in IN_PROCESS if name != "torch"])
@pytest.mark.filterwarnings("ignore")
def test_a_contender_gives_the_numbers_of_torch(name, kind, varied, training, dropout):
    pytest.importorskip(IN_PROCESS[name])
    case = small(kind, training=training, dropout=dropout, varied=varied)
    reference = prepared("torch", case).answers()
    try:
        found = prepared(name, case).answers()
    except Cannot:
        assert name == "onnxruntime" and training
        return
    assert worst_difference(reference, found) < TOLERANCE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_all_loops_of_torch_with_dropout_give_the_same_numbers(kind, varied):
    from side_by_side.contenders import torch_loops

    case = small(kind, training=True, dropout=True, varied=varied)
    first, *others = [torch_loops.prepare(case, variant).answers() for variant in torch_loops.VARIANTS[kind]]
    assert all(worst_difference(first, other) < TOLERANCE for other in others)


@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("name", ["ours", "onnxruntime"])
def test_steps_of_streams_carry_the_state_as_torch_does(name, streams):
    pytest.importorskip(IN_PROCESS[name])
    case = Case("gru", 1, streams, 4, 5, streaming=True)
    assert worst_difference(prepared("torch", case).answers(), prepared(name, case).answers()) < TOLERANCE


def test_a_wrong_number_a_lost_gradient_and_nan_are_told_apart_from_the_right_ones():
    right = {"y": np.ones((2, 3)), "x": np.zeros(4)}
    assert worst_difference(right, right) == 0
    assert worst_difference(right, {**right, "y": right["y"] + 0.01}) > TOLERANCE
    assert worst_difference(right, {"y": right["y"]}) == float("inf")
    assert worst_difference(right, {**right, "x": np.zeros(5)}) == float("inf")
    assert not worst_difference(right, {**right, "y": np.full((2, 3), np.nan)}) <= TOLERANCE


@given(st.integers(4, 50), st.integers(1, 20), st.integers(0, 100))
def test_lengths_lie_between_a_quarter_and_all_of_the_steps_and_one_row_is_full(steps, rows, seed):
    lengths = Case("gru", steps, rows, 2, 3, varied=True, seed=seed).lengths()
    assert lengths.shape == (rows,) and lengths.min() >= steps // 4 and lengths.max() <= steps
    assert rows == 1 or lengths.max() == steps


def test_work_is_counted_in_real_steps_and_training_as_three_times_forward():
    dense = Case("gru", 10, 4, 3, 5)
    varied = dataclasses.replace(dense, varied=True)
    assert dense.flops == 2 * 10 * 4 * (3 + 5) * 3 * 5
    assert varied.flops * dense.real_steps == dense.flops * varied.real_steps and varied.flops < dense.flops
    assert dataclasses.replace(dense, training=True).flops == 3 * dense.flops


def test_every_cell_of_the_table_is_a_case_once():
    cases = list(layer_cases())
    assert len(set(cases)) == len(cases)
    one_row = sum(shape[1] == 1 for shape in SHAPES)
    assert len(cases) == len(KINDS) * len(MODES) * (2 * len(SHAPES) - one_row)
    wanted = {(kind, shape) for kind, shape in product(KINDS, SHAPES)}
    assert {(case.kind, (case.steps, case.rows, case.inputs, case.hidden)) for case in cases} == wanted
    assert [case.rows for case in step_cases()] == [1, 64]


def prepared(name, case):
    return importlib.import_module(f"side_by_side.contenders.{CONTENDERS[name]['module']}").prepare(case)
