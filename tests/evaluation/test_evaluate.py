import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.evaluation.evaluate import headline, score, symmetric_pairs
from unspool.types import Classes, Forecasts

from .making import classify_facts, forecast_facts

LABELS = ("a", "b", "c")


def forecasts(truth, point, quantiles=None, levels=(), targets=("y",)):
    rows = len(truth)
    return Forecasts(
        names=("r",),
        targets=targets,
        record=np.zeros(rows, np.int64),
        origin=np.arange(rows),
        point=np.asarray(point, np.float64),
        truth=np.asarray(truth, np.float64),
        levels=levels,
        quantiles=quantiles,
    )


def classes(truth, shares):
    names = tuple(map(str, range(len(truth))))
    return Classes(names, LABELS, np.asarray(shares, np.float64), np.asarray(truth, np.int64))


def random_forecasts(seed, targets=("y",), rows=20):
    draw = np.random.default_rng(seed)
    quantiles = np.sort(draw.normal(5, 2, (rows, 3, len(targets), 3)), axis=-1)
    truth = draw.normal(5, 2, quantiles.shape[:3])
    return forecasts(truth, quantiles[..., 1], quantiles, (0.1, 0.5, 0.9), targets)


def test_a_forecast_is_scored_by_hand():
    made = forecasts([[[1.0], [2.0]], [[4.0], [np.nan]]], [[[2.0], [2.0]], [[1.0], [9.0]]])
    found = score(made, forecast_facts(horizon=2))
    assert found["mae"] == pytest.approx(4 / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(10 / 3))
    assert found["mape"] == pytest.approx(100 * (1 + 0 + 0.75) / 3)
    assert found["smape"] == pytest.approx(200 * (1 / 3 + 0 + 3 / 5) / 3)
    assert found["mase"] == pytest.approx(2 / 3)
    assert found["mae_by_step"] == [2, 0]
    assert found["origins"] == 2
    assert found["undefined"] == {}


def test_quantiles_are_scored_by_hand():
    quantiles = np.array([0.0, 2.0, 4.0]) * np.ones((4, 1, 1, 3))
    made = forecasts(np.reshape([1.0, 4.0, 5.0, 3.0], (4, 1, 1)), quantiles[..., 1], quantiles, (0.1, 0.5, 0.9))
    found = score(made, forecast_facts(levels=(0.1, 0.5, 0.9), horizon=1))
    assert found["coverage_80"] == 0.75
    assert found["width_80"] == 4
    low, middle, high = 0.1 * (1 + 4 + 5 + 3), 0.5 * (1 + 2 + 3 + 1), 0.1 * (3 + 0 + 1) + 0.9 * 1
    assert found["pinball"] == pytest.approx((low + middle + high) / 12)


def test_a_perfect_forecast_has_no_error_and_covers_all():
    truth = np.random.default_rng(0).uniform(1, 2, (5, 3, 1))
    found = score(forecasts(truth, truth, np.repeat(truth[..., None], 3, -1), (0.1, 0.5, 0.9)), forecast_facts())
    assert [found[name] for name in ("mae", "rmse", "mape", "smape", "mase", "pinball", "width_80")] == [0] * 7
    assert found["coverage_80"] == 1


def test_only_pairs_that_are_symmetric_about_the_median_have_a_coverage():
    levels = (0.0125, 0.1, 0.25, 0.5, 0.7, 0.75, 0.9, 0.9875)
    assert symmetric_pairs(levels) == {"97.5": (0, 7), "80": (1, 6), "50": (2, 5)}


@pytest.mark.parametrize("targets", [("y",), ("y0", "y1")])
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_origins_changes_no_score(targets, seed):
    made = random_forecasts(seed, targets)
    order = np.random.default_rng(seed).permutation(len(made.origin))
    moved = rows_of(made, order)
    facts = forecast_facts(targets, levels=made.levels)
    assert flat(score(moved, facts)) == pytest.approx(flat(score(made, facts)))


def rows_of(made, rows):
    parts = {name: getattr(made, name)[rows] for name in ("record", "origin", "point", "truth", "quantiles")}
    return replace(made, **parts)


def flat(tree, prefix=""):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = {}
    for key, value in items:
        place = f"{prefix}.{key}"
        found |= flat(value, place) if isinstance(value, dict | list) else {place: value}
    return found


def test_several_targets_have_a_section_each_and_their_mean():
    made = random_forecasts(3, ("y0", "y1"))
    facts = forecast_facts(("y0", "y1"), levels=made.levels, scales={"y0": 1.0, "y1": 3.0})
    found = score(made, facts)
    for index, name in enumerate(("y0", "y1")):
        alone = replace(
            made, targets=(name,), point=made.point[..., [index]], truth=made.truth[..., [index]],
            quantiles=made.quantiles[..., [index], :],
        )  # fmt: skip
        assert found["targets"][name] == {k: v for k, v in score(alone, facts).items() if k != "origins"}
    parts = found["targets"].values()
    for metric in ("mae", "rmse", "mape", "smape", "mase", "pinball", "coverage_80", "width_80"):
        assert found[metric] == pytest.approx(np.mean([part[metric] for part in parts]))
    assert found["mae_by_step"] == pytest.approx(np.mean([part["mae_by_step"] for part in parts], axis=0))


def test_a_metric_without_value_is_null_with_a_reason():
    made = forecasts(np.zeros((2, 3, 1)), np.ones((2, 3, 1)))
    found = json.loads(json.dumps(score(made, forecast_facts(scales={})), allow_nan=False))
    assert found["mape"] is None
    assert found["mase"] is None
    assert found["mae"] == 1
    assert "percent of 0" in found["undefined"]["mape"]
    assert "'y' has no seasonal difference" in found["undefined"]["mase"]


def test_one_target_without_value_leaves_the_mean_without_value():
    truth = np.ones((2, 3, 2))
    truth[..., 1] = 0
    found = score(forecasts(truth, truth + 1, targets=("y0", "y1")), forecast_facts(("y0", "y1")))
    assert found["targets"]["y0"]["mape"] == 100
    assert found["mape"] is None
    assert "'y1'" in found["undefined"]["mape"]


@pytest.mark.parametrize("targets", [("y",), ("y0", "y1")])
def test_no_forecasts_or_no_truth_leave_everything_null(targets):
    made = random_forecasts(0, targets)
    facts = forecast_facts(targets, levels=made.levels)
    unknown = score(replace(made, truth=np.full(made.truth.shape, np.nan)), facts)
    none = score(rows_of(made, np.arange(0)), facts)
    for found in (unknown, none):
        json.dumps(found, allow_nan=False)
        assert found["mae"] is found["coverage_80"] is found["width_80"] is None
        assert found["mae_by_step"] == [None] * 3
        assert "mae" in found["undefined"]


def test_a_step_whose_truth_is_unknown_is_null_alone():
    truth = np.ones((4, 3, 1))
    truth[:, 2] = np.nan
    assert score(forecasts(truth, truth), forecast_facts())["mae_by_step"] == [0, 0, None]


def test_a_forecast_that_is_not_finite_is_told_and_not_scored():
    made = random_forecasts(0)
    made.point[3, 1, 0] = np.nan
    found = score(made, forecast_facts(levels=made.levels))
    assert found["mae"] is None
    assert "NaN or infinite at 1 of 60" in found["undefined"]["mae"]


def test_classes_are_scored_by_hand():
    shares = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]]
    found = score(classes([0, 1, 1, 2], shares), classify_facts(LABELS, (1, 2, 1)))
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx(2.5 / 3)
    assert found["precision_macro"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["recall_macro"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert found["f1_macro"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["precision_micro"] == found["recall_micro"] == found["f1_micro"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.log([0.7, 0.6, 0.4, 0.8]).mean())
    assert found["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found["per_class"]["b"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert found["labels"] == list(LABELS)
    assert found["records"] == 4
    json.dumps(found, allow_nan=False)


def test_perfect_and_worst_classes():
    truth = np.array([0, 1, 2, 0])
    best = score(classes(truth, np.eye(3)[truth]), classify_facts(LABELS, (2, 1, 1)))
    worst = score(classes(truth, np.eye(3)[(truth + 1) % 3]), classify_facts(LABELS, (2, 1, 1)))
    assert best["accuracy"] == best["f1_macro"] == best["roc_auc"] == 1
    assert best["calibration_error"] == 0
    assert worst["accuracy"] == worst["f1_macro"] == 0
    assert worst["calibration_error"] == 1
    assert worst["log_loss"] > 30


def test_an_absent_class_leaves_the_auc_without_value_and_an_unknown_truth_counts_nowhere():
    shares = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.0, 0.0, 1.0]]
    found = score(classes([0, 1, -1], shares), classify_facts(LABELS, (1, 1, 1)))
    assert found["roc_auc"] is None
    assert "no row of class 2" in found["undefined"]["roc_auc"]
    assert found["accuracy"] == 1
    nothing = score(classes([-1], [[0.2, 0.3, 0.5]]), classify_facts(LABELS, (1, 1, 1)))
    assert nothing["accuracy"] is nothing["confusion"] is nothing["per_class"] is None
    json.dumps(nothing, allow_nan=False)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_the_order_of_records_changes_no_score(seed):
    draw = np.random.default_rng(seed)
    truth, shares = draw.integers(-1, 3, 30), draw.dirichlet(np.ones(3), 30)
    order = draw.permutation(30)
    facts = classify_facts(LABELS, (1, 1, 1))
    left, right = score(classes(truth, shares), facts), score(classes(truth[order], shares[order]), facts)
    assert flat(left) == pytest.approx(flat(right))


@pytest.mark.parametrize("made", [random_forecasts(1), classes([0, 1, 2], np.eye(3))], ids=["forecast", "classify"])
def test_the_headline_is_the_numbers_of_the_whole_score(made):
    facts = forecast_facts() if isinstance(made, Forecasts) else classify_facts(LABELS, (1, 1, 1))
    values, undefined = headline(made, facts)
    whole = score(made, facts)
    assert values == {name: whole[name] for name in values}
    assert all(isinstance(value, float) for value in values.values())
    assert undefined == {}
