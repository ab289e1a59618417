import json

import numpy as np
import pytest

from unspool.answers import classify
from unspool.answers.table import table
from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.types import Classes

FACTS = Facts(
    task=ClassifyFacts(counts=(5, 3, 2)),
    preparation=Preparation(labels=("calm", "odd", "wild")),
    memory=MemoryFacts(kind="carried"),
)


def test_logits_become_probabilities():
    shares = classify.read(FACTS, np.log(np.float32([[1, 2, 7], [3, 3, 3]])))
    np.testing.assert_allclose(shares, [[0.1, 0.2, 0.7], [1 / 3] * 3], rtol=1e-6)
    assert shares.dtype == np.float64


def test_a_shift_of_all_logits_changes_nothing_however_large_they_are():
    logits = np.array([0.0, -1.0, 2.0])
    np.testing.assert_allclose(classify.read(FACTS, logits + 1e4), classify.read(FACTS, logits))
    np.testing.assert_array_equal(classify.read(FACTS, np.float32([3e38, 0, -3e38])), [1, 0, 0])


def test_a_row_that_is_not_finite_leaves_the_others_alone():
    logits = np.array([[0.0, np.nan, 1.0], [0.0, 0.0, 0.0], [np.inf, 0.0, 0.0]])
    shares = classify.read(FACTS, logits)
    assert np.isnan(shares).all(axis=1).tolist() == [True, False, True]
    assert classify.tell(FACTS, shares[0]) == {
        "label": None, "probability": None, "probabilities": {"calm": None, "odd": None, "wild": None},
    }  # fmt: skip


def test_a_told_class_is_the_likeliest_label():
    told = classify.tell(FACTS, np.array([0.25, 0.5, 0.25]))
    assert told == {"label": "odd", "probability": 0.5, "probabilities": {"calm": 0.25, "odd": 0.5, "wild": 0.25}}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_logits_of_another_model_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(\.\.\., 3\)"):
        classify.read(FACTS, np.zeros((4, 2)))


def test_a_table_has_one_row_a_record():
    shares = np.array([[0.25, 0.75, 0.0], [0.5, 0.25, 0.25], [np.nan] * 3])
    rows = table(Classes(("a", "b", "c"), FACTS.preparation.labels, shares, np.array([1, -1, 0])))
    assert rows[0] == {
        "name": "a", "truth": "odd", "label": "odd", "probability": 0.75,
        "probability_calm": 0.25, "probability_odd": 0.75, "probability_wild": 0.0,
    }  # fmt: skip
    assert (rows[1]["truth"], rows[1]["label"]) == (None, "calm")
    assert (rows[2]["truth"], rows[2]["label"], rows[2]["probability"]) == ("calm", None, None)
    json.dumps(rows, allow_nan=False)
