"""Scores, thresholds and baselines of answers that may be any number of labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from unspool import metrics
from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, TextSource
from unspool.errors import DataError
from unspool.evaluation.evaluate import headline, score
from unspool.evaluation.logistic import fit
from unspool.evaluation.multilabel import fitted_thresholds, multilabel_baselines
from unspool.types import LabelSets, Record

TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [-1, -1, -1]])
SHARES = np.array([[0.9, 0.2, 0.1], [0.6, 0.7, 0.2], [0.4, 0.1, 0.1], [0.9, 0.9, 0.9]])


def sets_of(truth=TRUTH, shares=SHARES, thresholds=(0.5, 0.5, 0.5)):
    return LabelSets(tuple(map(str, range(len(truth)))), ("a", "b", "c")[: truth.shape[1]], shares, thresholds, truth)


def facts_of(preparation, counts=(2, 1, 1), thresholds=(0.5, 0.5, 0.5), **choices):
    return Facts(task=ClassifyFacts(counts=counts, thresholds=thresholds, **choices), preparation=preparation, memory=MemoryFacts(kind="carried"))


FACTS = facts_of(Preparation(labels=("a", "b", "c"), several=True))


def test_scores_are_those_of_the_known_rows():
    found = score(sets_of(), FACTS)
    assert found["subset_accuracy"] == found["f1_micro"] == found["f1_macro"] == found["mean_average_precision"] == 1
    assert found["records"] == 4 and found["labels"] == ["a", "b", "c"] and found["thresholds"] == [0.5] * 3
    assert found["per_label"]["a"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2}
    assert found["roc_auc"] is None and "label 2" in found["undefined"]["roc_auc"]
    assert found["log_loss"] == pytest.approx(metrics.multilabel_log_loss(TRUTH, SHARES))


def test_the_headline_are_the_numbers_of_the_scores():
    values, undefined = headline(sets_of(), FACTS)
    full = score(sets_of(), FACTS)
    assert all(full[name] == value for name, value in values.items()) and undefined == full["undefined"]


def test_a_threshold_decides_what_is_answered():
    assert sets_of(thresholds=(0.95, 0.1, 0.15)).chosen.tolist() == [[0, 1, 0], [0, 1, 1], [0, 1, 0], [0, 1, 1]]


def test_without_a_known_truth_every_score_says_why_it_has_no_value():
    found = score(sets_of(np.full((4, 3), -1)), FACTS)
    assert found["f1_micro"] is None and "none of 4 truths is known" in found["undefined"]["f1_micro"]


def test_thresholds_lie_half_way_below_the_last_record_that_is_answered():
    assert fitted_thresholds(sets_of(), 0.5) == pytest.approx((0.5, 0.45, 0.5))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=14))
def test_no_other_threshold_has_a_better_f1(rows):
    truth, shares = np.array([[true] for true, _ in rows]), np.array([[share / 6] for _, share in rows])
    (best,) = fitted_thresholds(sets_of(truth, shares, (0.5,)), 0.5)
    if not truth.any():
        assert best == 0.5
        return
    reached = metrics.multilabel_f1(truth, shares >= best, "micro")
    assert reached == pytest.approx(max(metrics.multilabel_f1(truth, shares >= bar, "micro") for bar in np.arange(-1, 14) / 12))


def test_thresholds_want_a_truth():
    with pytest.raises(DataError, match="no truth is known, so no threshold can be fitted"):
        fitted_thresholds(sets_of(np.full((4, 3), -1)), 0.5)


def test_one_versus_rest_is_scikit_learn_s():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(60, 5))
    truth = (features @ draw.normal(size=(5, 3)) + draw.normal(size=(60, 3)) > 0).astype(np.int64)
    mine = fit(features, truth, 3, penalty=0.5)
    peer = OneVsRestClassifier(LogisticRegression(C=2.0, tol=1e-10, max_iter=5000)).fit(features, truth)
    np.testing.assert_allclose(mine.probabilities(features), peer.predict_proba(features), atol=1e-5)
    again = fit(features, truth, 3, penalty=0.5, start=fit(features, truth, 3, penalty=5.0))
    np.testing.assert_allclose(again.weights, mine.weights, atol=1e-4)


def topics(count=150, seed=0):
    """Texts on any number of three topics, each told by its words."""
    draw = np.random.default_rng(seed)
    words = {"sea": ["wave", "boat"], "money": ["bank", "cash"], "wood": ["tree", "leaf"]}
    made = []
    for index in range(count):
        labels = tuple(name for name in words if draw.random() < 0.4)
        chosen = [draw.choice(words[name]) for name in labels for _ in range(2)]
        text = " ".join(draw.permutation([*chosen, *draw.choice(["the", "a", "of"], 4)]))
        made.append(Record(str(index), "here", text=text, label="", labels=labels))
    return made


def problem(fitted=False, thresholds=(0.5, 0.5, 0.5)):
    records = topics()
    spans = {
        part: np.array([[index, 0, -1] for index in range(start, stop)])
        for part, start, stop in (("train", 0, 100), ("validation", 100, 125), ("test", 125, 150))
    }
    preparation = Preparation.fit(DataSpec(source=TextSource(label_separator=",")), records, spans["train"])
    prepared = [preparation.prepare(record) for record in records]
    counts = np.sum([one.labels for one in prepared[:100]], axis=0)
    return records, prepared, spans, facts_of(preparation, tuple(counts.tolist()), thresholds, fitted=fitted)


def test_the_linear_baseline_learns_separable_topics_and_shares_know_none():
    records, prepared, spans, facts = problem()
    made = multilabel_baselines(records, prepared, spans, facts)
    assert score(made["linear"], facts)["subset_accuracy"] >= 0.9
    np.testing.assert_allclose(made["shares"].probabilities, np.tile(np.array(facts.task.counts) / 100, (25, 1)))
    assert made["shares"].names == tuple(str(index) for index in range(125, 150))
    np.testing.assert_array_equal(made["linear"].truth, [one.labels for one in prepared[125:]])


def test_baselines_have_thresholds_of_their_own_where_the_model_s_were_fitted():
    records, prepared, spans, facts = problem(fitted=True)
    made = multilabel_baselines(records, prepared, spans, facts)
    shares = made["shares"]
    assert shares.chosen.all(), "what says the same of every record has its best F1 where it says every label"
    assert made["linear"].thresholds != shares.thresholds
    fixed = multilabel_baselines(records, prepared, spans, problem(thresholds=(0.2, 0.3, 0.4))[3])
    assert fixed["linear"].thresholds == (0.2, 0.3, 0.4)


def test_records_of_unknown_labels_teach_the_linear_baseline_nothing():
    records, prepared, spans, facts = problem()
    more = [*records, Record("150", "here", text="wave bank")]
    wider = {**spans, "train": np.concatenate([spans["train"], [[150, 0, -1]]])}
    with_unknown = multilabel_baselines(more, [*prepared, facts.preparation.prepare(more[-1])], wider, facts)["linear"]
    np.testing.assert_array_equal(with_unknown.probabilities, multilabel_baselines(records, prepared, spans, facts)["linear"].probabilities)
