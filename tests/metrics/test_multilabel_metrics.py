"""Metrics of any number of labels: by hand, at their best and worst, against scikit-learn, and their laws."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as peer
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.errors import DataError
from unspool.metrics import (
    average_precision,
    hamming_loss,
    mean_average_precision,
    multilabel_f1,
    multilabel_log_loss,
    multilabel_precision,
    multilabel_recall,
    multilabel_roc_auc,
    per_label,
    subset_accuracy,
)

TRUTH = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 1, 0]])
SAID = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 1], [1, 0, 0]])
SHARES = np.array([[0.9, 0.2, 0.4], [0.1, 0.1, 0.3], [0.8, 0.7, 0.6], [0.8, 0.3, 0.1]])

BY_HAND = {
    "subset_accuracy": (lambda y, p: subset_accuracy(y, p), 1 / 4),
    "hamming_loss": (lambda y, p: hamming_loss(y, p), 4 / 12),
    "precision micro": (lambda y, p: multilabel_precision(y, p, "micro"), 3 / 5),
    "precision macro": (lambda y, p: multilabel_precision(y, p), (2 / 3 + 1 + 0) / 3),
    "recall micro": (lambda y, p: multilabel_recall(y, p, "micro"), 3 / 5),
    "recall macro": (lambda y, p: multilabel_recall(y, p), (1 + 1 / 2 + 0) / 3),
    "f1 micro": (lambda y, p: multilabel_f1(y, p, "micro"), 3 / 5),
    "f1 macro": (lambda y, p: multilabel_f1(y, p), (4 / 5 + 2 / 3 + 0) / 3),
    "f1 samples": (lambda y, p: multilabel_f1(y, p, "samples"), (2 / 3 + 1 + 4 / 5 + 0) / 4),
}
OF_ANSWERS = {name: function for name, (function, _) in BY_HAND.items()}
OF_SHARES = {"map": mean_average_precision, "roc": multilabel_roc_auc, "log loss": multilabel_log_loss}


def quietly(function, *args, **kwargs):
    """The peer's answer without its warnings about labels that never occur."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@st.composite
def answers(draw):
    """Truth, answers and probabilities with many ties; labels that no row has or every row has, and rows without any."""
    rows, labels = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    cells = st.lists(st.lists(st.integers(0, 1), min_size=labels, max_size=labels), min_size=rows, max_size=rows)
    shares = st.lists(st.lists(st.integers(0, 4), min_size=labels, max_size=labels), min_size=rows, max_size=rows)
    return np.array(draw(cells)), np.array(draw(cells)), np.array(draw(shares)) / 4


@pytest.mark.parametrize("name", BY_HAND)
def test_the_score_is_the_one_computed_by_hand(name):
    function, wanted = BY_HAND[name]
    assert function(TRUTH, SAID) == pytest.approx(wanted)


@pytest.mark.parametrize("name", BY_HAND)
def test_right_everywhere_is_best_and_wrong_everywhere_worst(name):
    best, worst = (0, 1) if name == "hamming_loss" else (1, 0)
    assert OF_ANSWERS[name](TRUTH, TRUTH) == best
    assert OF_ANSWERS[name](TRUTH, 1 - TRUTH) == worst


def test_average_precision_is_the_one_computed_by_hand():
    assert average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]) == pytest.approx(1 / 2)  # rows of equal score fall together


def test_a_row_without_labels_that_is_answered_none_is_right():
    empty = np.zeros((2, 3), int)
    assert subset_accuracy(empty, empty) == multilabel_f1(empty, empty, "samples") == 1
    assert multilabel_f1(empty, empty, "micro") == multilabel_f1(empty, empty, "macro") == 0


def test_a_label_that_never_occurs_does_not_lower_a_macro_score():
    wider = np.pad(TRUTH, ((0, 0), (0, 3)))
    assert multilabel_f1(wider, wider) == multilabel_precision(wider, wider) == multilabel_recall(wider, wider) == 1


@settings(max_examples=25, deadline=None)
@given(answers())
def test_scores_of_answers_agree_with_scikit_learn(drawn):
    truth, said, _ = drawn
    assert subset_accuracy(truth, said) == pytest.approx(peer.accuracy_score(truth, said))
    assert hamming_loss(truth, said) == pytest.approx(peer.hamming_loss(truth, said))
    if truth.shape[1] == 1:  # scikit-learn reads one column as two classes
        return
    for average, rule in (("micro", 0.0), ("samples", 1.0)):
        wanted = quietly(peer.f1_score, truth, said, average=average, zero_division=rule)
        assert multilabel_f1(truth, said, average) == pytest.approx(wanted)
    occurs = (truth | said).any(axis=0)
    for ours, theirs in ((multilabel_precision, peer.precision_score), (multilabel_recall, peer.recall_score), (multilabel_f1, peer.f1_score)):
        each = quietly(theirs, truth, said, average=None, zero_division=0)
        assert ours(truth, said) == pytest.approx(each[occurs].mean() if occurs.any() else 0)
        assert ours(truth, said, "micro") == pytest.approx(quietly(theirs, truth, said, average="micro", zero_division=0))
    table = quietly(peer.precision_recall_fscore_support, truth, said, average=None, zero_division=0)
    for row, wanted in zip(per_label(truth, said), zip(*table, strict=True), strict=True):
        np.testing.assert_allclose(list(row.values()), wanted)


@settings(max_examples=25, deadline=None)
@given(answers())
def test_scores_of_probabilities_agree_with_scikit_learn(drawn):
    truth, _, shares = drawn
    losses = [quietly(peer.log_loss, truth[:, k], np.stack([1 - shares[:, k], shares[:, k]], axis=1), labels=[0, 1]) for k in range(truth.shape[1])]
    assert multilabel_log_loss(truth, shares) == pytest.approx(np.mean(losses))
    seen = truth.any(axis=0)
    if seen.any():
        wanted = [peer.average_precision_score(truth[:, k], shares[:, k]) for k in np.flatnonzero(seen)]
        assert mean_average_precision(truth, shares) == pytest.approx(np.mean(wanted))
    if (seen & ~truth.all(axis=0)).all():
        areas = [peer.roc_auc_score(truth[:, k], shares[:, k]) for k in range(truth.shape[1])]
        assert multilabel_roc_auc(truth, shares) == pytest.approx(np.mean(areas))


@settings(max_examples=25, deadline=None)
@given(answers(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_labels_changes_nothing(drawn, random):
    truth, said, shares = drawn
    rows, labels = list(range(len(truth))), list(range(truth.shape[1]))
    random.shuffle(rows), random.shuffle(labels)

    def mixed(array):
        return array[rows][:, labels]

    for function in OF_ANSWERS.values():
        assert function(mixed(truth), mixed(said)) == pytest.approx(function(truth, said))
    assert multilabel_log_loss(mixed(truth), mixed(shares)) == pytest.approx(multilabel_log_loss(truth, shares))
    if truth.any():
        assert mean_average_precision(mixed(truth), mixed(shares)) == pytest.approx(mean_average_precision(truth, shares))


@pytest.mark.parametrize("name", [*OF_ANSWERS, *OF_SHARES])
def test_rows_whose_truth_is_unknown_are_left_out(name):
    function, other = (OF_ANSWERS[name], SAID) if name in OF_ANSWERS else (OF_SHARES[name], SHARES)
    longer, more = np.concatenate([TRUTH, np.full((2, 3), -1)]), np.concatenate([other, other[:2]])
    assert function(longer, more) == function(TRUTH, other)
    with pytest.raises(DataError, match="none of 4 truths is known"):
        function(np.full((4, 3), -1), other)


@pytest.mark.parametrize("name", OF_ANSWERS)
def test_booleans_are_as_good_as_numbers(name):
    assert OF_ANSWERS[name](TRUTH > 0, SAID > 0) == OF_ANSWERS[name](TRUTH, SAID)


BROKEN = {
    "one axis": (subset_accuracy, TRUTH[0], SAID[0], r"truth has shape \(3,\).*wanted 0 or 1 \(N, K\)"),
    "no rows": (subset_accuracy, TRUTH[:0], SAID[:0], "at least one row and label"),
    "fewer rows": (hamming_loss, TRUTH, SAID[:2], r"truth has shape \(4, 3\), predicted \(2, 3\); wanted the same"),
    "a count": (hamming_loss, TRUTH * 2, SAID, "truth holds 2; wanted 0 or 1, or -1"),
    "numbers that are no labels": (multilabel_f1, TRUTH, SHARES, "predicted has shape .* type float64; wanted 0 or 1"),
    "an unknown answer": (multilabel_f1, TRUTH, SAID - 1, "predicted holds -1; wanted 0 or 1"),
    "an average": (lambda y, p: multilabel_f1(y, p, "weighted"), TRUTH, SAID, "average is 'weighted'; wanted 'macro', 'micro' or 'samples'"),
    "no probabilities": (multilabel_log_loss, TRUTH, SHARES * 2, "run from 0.2 to 1.8; wanted 0 to 1; apply a sigmoid"),
    "nan": (multilabel_log_loss, TRUTH, SHARES * np.nan, "wanted 0 to 1"),
    "another shape": (mean_average_precision, TRUTH, SHARES[:, :2], "probabilities have shape"),
    "a label of no row": (multilabel_roc_auc, np.pad(TRUTH, ((0, 0), (0, 1))), np.pad(SHARES, ((0, 0), (0, 1))), "label 3 all rows are on one side"),
    "no label at all": (mean_average_precision, TRUTH * 0, SHARES, "no row has any label"),
    "no row of the label": (average_precision, [0, 0], [0.1, 0.2], "no row has the label"),
    "scores that are none": (average_precision, [0, 1], [0.1, np.nan], "wanted finite numbers"),
}


@pytest.mark.parametrize("function, truth, other, message", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_judged_is_an_error_that_says_why(function, truth, other, message):
    with pytest.raises(DataError, match=message):
        function(truth, other)
