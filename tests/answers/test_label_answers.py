"""Logits of labels, of which a record may have any number, as probabilities and as what a person reads."""

import json

import numpy as np
import pytest

from unspool.answers import classify
from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation

FACTS = Facts(
    task=ClassifyFacts(counts=(5, 3, 2), thresholds=(0.5, 0.2, 0.9)),
    preparation=Preparation(labels=("calm", "odd", "wild"), several=True),
    memory=MemoryFacts(kind="carried"),
)


def test_each_logit_becomes_a_probability_of_its_own():
    shares = classify.read(FACTS, np.float32([[0, np.log(3), -np.log(3)], [5, 5, 5]]))
    np.testing.assert_allclose(shares[0], [0.5, 0.75, 0.25], rtol=1e-6)
    assert shares.dtype == np.float64 and shares[1].sum() > 2.9


def test_logits_however_large_are_certain_and_say_nothing_aloud():
    np.testing.assert_array_equal(classify.read(FACTS, np.float32([3e38, -3e38, -np.inf])), [1, 0, 0])


def test_a_row_that_is_not_finite_leaves_the_others_alone():
    shares = classify.read(FACTS, np.array([[0.0, np.nan, 1.0], [0.0, 0.0, 0.0], [np.inf, 0.0, 0.0]]))
    assert np.isnan(shares).all(axis=1).tolist() == [True, False, True]
    assert classify.tell(FACTS, shares[0]) == {"labels": None, "probabilities": {"calm": None, "odd": None, "wild": None}}


@pytest.mark.parametrize("shares, wanted", [([0.5, 0.6, 0.8], ["odd", "calm"]), ([0.4, 0.1, 0.89], []), ([0.4, 0.2, 0.9], ["wild", "odd"])])
def test_labels_that_reach_their_thresholds_are_told_the_likeliest_first(shares, wanted):
    told = classify.tell(FACTS, np.array(shares))
    assert told == {"labels": wanted, "probabilities": dict(zip(("calm", "odd", "wild"), shares, strict=True))}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_logits_of_another_model_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(\.\.\., 3\)"):
        classify.read(FACTS, np.zeros((4, 2)))
