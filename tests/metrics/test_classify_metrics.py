"""Classification metrics: by hand, at their best and worst, against scikit-learn, and their laws."""

import warnings

import numpy as np
import pytest
import sklearn.metrics as peer
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.errors import DataError
from unspool.metrics import (
    accuracy,
    balanced_accuracy,
    brier_score,
    calibration_error,
    confusion_matrix,
    f1,
    log_loss,
    per_class,
    precision,
    recall,
    reliability,
    roc_auc,
)

TRUTH, PREDICTED = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
BY_LABEL = {
    "accuracy": lambda y, p: accuracy(y, p),
    "balanced_accuracy": lambda y, p: balanced_accuracy(y, p),
    "precision": lambda y, p: precision(y, p, 3),
    "recall": lambda y, p: recall(y, p, 3),
    "f1": lambda y, p: f1(y, p, 3),
    "micro f1": lambda y, p: f1(y, p, 3, average="micro"),
}
BY_HAND = {
    "accuracy": 4 / 6,
    "balanced_accuracy": (2 / 3 + 1 / 2 + 1) / 3,
    "precision": (1 + 1 / 2 + 1 / 2) / 3,
    "recall": (2 / 3 + 1 / 2 + 1) / 3,
    "f1": (4 / 5 + 1 / 2 + 2 / 3) / 3,
    "micro f1": 4 / 6,
}
BY_PROBABILITY = {
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "brier_score": brier_score,
    "calibration_error": lambda y, p: calibration_error(y, p, 10),
    "reliability": lambda y, p: reliability(y, p, 10),
}


@st.composite
def labellings(draw):
    """Truth and prediction over K classes, of which few may occur and one alone may be predicted."""
    classes, rows = draw(st.integers(1, 5)), draw(st.integers(1, 20))
    label = st.integers(0, classes - 1)
    truth = draw(st.lists(label, min_size=rows, max_size=rows))
    predicted = draw(st.one_of(st.lists(label, min_size=rows, max_size=rows), label.map(lambda k: [k] * rows)))
    return np.array(truth), np.array(predicted), classes


@st.composite
def forecasts(draw, all_classes=False):
    """Truth and probabilities with many ties, with zeros and ones among them."""
    classes = draw(st.integers(2, 4))
    rows = draw(st.integers(classes, 20))
    truth = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    truth = list(range(classes)) + truth[classes:] if all_classes else truth
    counts = st.lists(st.integers(0, 3), min_size=classes, max_size=classes).filter(any)
    shares = np.array(draw(st.lists(counts, min_size=rows, max_size=rows)), dtype=np.float64)
    return np.array(truth), shares / shares.sum(axis=1, keepdims=True)


def quietly(function, *args, **kwargs):
    """The peer's answer without its warnings about classes that never occur."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@pytest.mark.parametrize("name", BY_LABEL)
def test_the_score_is_the_one_computed_by_hand(name):
    assert BY_LABEL[name](TRUTH, PREDICTED) == pytest.approx(BY_HAND[name])


@pytest.mark.parametrize("name", BY_LABEL)
def test_right_everywhere_scores_one_and_wrong_everywhere_zero(name):
    assert BY_LABEL[name](TRUTH, TRUTH) == 1
    assert BY_LABEL[name](TRUTH, (TRUTH + 1) % 3) == 0


def test_the_confusion_matrix_has_a_row_a_true_class():
    wanted = [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(confusion_matrix(TRUTH, PREDICTED, 4), wanted)


def test_scores_per_class_list_every_class_and_give_zero_for_one_that_never_occurs():
    rows = per_class(TRUTH, PREDICTED, 4)
    assert rows[1] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert rows[3] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert [row["support"] for row in rows] == [3, 2, 1, 0]


def test_a_class_that_never_occurs_does_not_lower_a_macro_score():
    assert f1(TRUTH, TRUTH, 9) == precision(TRUTH, TRUTH, 9) == recall(TRUTH, TRUTH, 9) == 1


@settings(max_examples=25, deadline=None)
@given(labellings())
def test_scores_of_labels_agree_with_scikit_learn(labelling):
    truth, predicted, classes = labelling
    labels = range(classes)
    assert accuracy(truth, predicted) == pytest.approx(peer.accuracy_score(truth, predicted))
    assert balanced_accuracy(truth, predicted) == pytest.approx(quietly(peer.balanced_accuracy_score, truth, predicted))
    np.testing.assert_array_equal(
        confusion_matrix(truth, predicted, classes), quietly(peer.confusion_matrix, truth, predicted, labels=labels)
    )
    scores = {precision: peer.precision_score, recall: peer.recall_score, f1: peer.f1_score}
    for ours, theirs in scores.items():
        for average in ("macro", "micro"):
            wanted = theirs(truth, predicted, average=average, zero_division=0)
            assert ours(truth, predicted, classes, average=average) == pytest.approx(wanted)
    columns = peer.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    table = [[row["precision"], row["recall"], row["f1"], row["support"]] for row in per_class(*labelling)]
    np.testing.assert_allclose(np.array(table).T, np.array(columns))


@settings(max_examples=25, deadline=None)
@given(forecasts(all_classes=True))
def test_roc_auc_agrees_with_scikit_learn_where_scores_tie(forecast):
    truth, shares = forecast
    score = shares[:, 1] if shares.shape[1] == 2 else shares
    assert roc_auc(truth, shares) == pytest.approx(peer.roc_auc_score(truth, score, multi_class="ovr"))


@settings(max_examples=25, deadline=None)
@given(forecasts())
def test_log_loss_and_brier_score_agree_with_scikit_learn(forecast):
    truth, shares = forecast
    labels = range(shares.shape[1])
    assert log_loss(truth, shares) == pytest.approx(peer.log_loss(truth, shares, labels=labels))
    assert brier_score(truth, shares) == pytest.approx(peer.brier_score_loss(truth, shares, labels=labels))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_log_loss_clips_as_scikit_learn_does_for_the_type_of_the_probabilities(kind):
    truth, shares = np.array([0, 1, 1]), np.array([[0, 1], [1, 0], [0.25, 0.75]], dtype=kind)
    assert log_loss(truth, shares) == pytest.approx(peer.log_loss(truth, shares), rel=1e-6)
    assert log_loss(truth, shares) == pytest.approx((-2 * np.log(np.finfo(kind).eps) - np.log(0.75)) / 3, rel=1e-6)


def test_scores_of_probabilities_are_the_ones_computed_by_hand():
    truth, shares = [0, 1, 2], [[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]
    assert roc_auc(truth, shares) == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert log_loss(truth, shares) == pytest.approx((np.log(2) + np.log(4)) / 3)
    assert brier_score(truth, shares) == pytest.approx(((0.25 + 0.125) + (0.25 + 0.5625 + 0.0625)) / 3)
    assert calibration_error(truth, shares, bins=10) == pytest.approx(0)
    assert brier_score([0, 1], [[0.75, 0.25], [0.5, 0.5]]) == pytest.approx((0.0625 + 0.25) / 2)


def test_certainty_that_is_right_is_perfect_and_that_is_wrong_is_worst():
    right, wrong = np.eye(3)[[0, 1, 2, 2]], np.eye(3)[[1, 2, 0, 0]]
    truth = [0, 1, 2, 2]
    assert (roc_auc(truth, right), brier_score(truth, right), calibration_error(truth, right, 5)) == (1, 0, 0)
    assert log_loss(truth, right) == pytest.approx(0, abs=1e-12)
    assert (brier_score(truth, wrong), calibration_error(truth, wrong, 5)) == (2, 1)
    assert log_loss(truth, wrong) == pytest.approx(-np.log(np.finfo(float).eps))
    assert roc_auc([0, 1], [[0.0, 1.0], [1.0, 0.0]]) == 0
    assert brier_score([0, 1], [[0.0, 1.0], [1.0, 0.0]]) == 1


def test_scores_that_are_all_alike_rank_at_chance():
    assert roc_auc([0, 1, 1, 2], np.full((4, 3), 1 / 3)) == pytest.approx(0.5)


def test_the_reliability_table_is_the_one_computed_by_hand():
    truth, top = [0, 0, 1, 1, 1], np.array([0.6, 0.75, 0.7, 0.9, 1.0])
    rows = reliability(truth, np.stack([top, 1 - top], axis=1), bins=4)
    assert [(row["low"], row["high"], row["count"]) for row in rows] == [(0.5, 0.75, 3), (0.75, 1.0, 2)]
    assert [row["confidence"] for row in rows] == pytest.approx([2.05 / 3, 0.95])
    assert [row["accuracy"] for row in rows] == pytest.approx([2 / 3, 0])
    wanted = (3 * (2.05 / 3 - 2 / 3) + 2 * 0.95) / 5
    assert calibration_error(truth, np.stack([top, 1 - top], axis=1), bins=4) == pytest.approx(wanted)


@settings(max_examples=25, deadline=None)
@given(forecasts(), st.integers(1, 12))
def test_the_reliability_table_accounts_for_every_row(forecast, bins):
    truth, shares = forecast
    rows = reliability(truth, shares, bins)
    right = sum(row["count"] * row["accuracy"] for row in rows) / len(truth)
    assert sum(row["count"] for row in rows) == len(truth)
    assert all(row["low"] < row["confidence"] + 1e-9 and row["confidence"] <= row["high"] + 1e-9 for row in rows)
    assert right == pytest.approx(accuracy(truth, shares.argmax(axis=1)))
    assert abs(right - shares.max(axis=1).mean()) - 1e-9 <= calibration_error(truth, shares, bins) <= 1


@settings(max_examples=25, deadline=None)
@given(forecasts(all_classes=True), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(forecast, random):
    truth, shares = forecast
    order = list(range(len(truth)))
    random.shuffle(order)
    for name in ("roc_auc", "log_loss", "brier_score", "calibration_error"):
        score = BY_PROBABILITY[name]
        assert score(truth[order], shares[order]) == pytest.approx(score(truth, shares))
    classes, guess = shares.shape[1], shares.argmax(axis=1)
    assert f1(truth[order], guess[order], classes) == pytest.approx(f1(truth, guess, classes))


@settings(max_examples=25, deadline=None)
@given(labellings(), st.randoms(use_true_random=False))
def test_the_names_of_the_classes_do_not_matter(labelling, random):
    truth, predicted, classes = labelling
    renamed = list(range(classes))
    random.shuffle(renamed)
    renamed = np.array(renamed)
    for score in (precision, recall, f1):
        assert score(renamed[truth], renamed[predicted], classes) == pytest.approx(score(*labelling))
    turned = confusion_matrix(renamed[truth], renamed[predicted], classes)[np.ix_(renamed, renamed)]
    np.testing.assert_array_equal(turned, confusion_matrix(*labelling))


def test_roc_auc_of_two_classes_turns_around_with_them():
    rng = np.random.default_rng(0)
    truth, share = np.arange(30) % 2, rng.uniform(size=30)
    shares = np.stack([1 - share, share], axis=1)
    assert roc_auc(1 - truth, shares) == pytest.approx(1 - roc_auc(truth, shares))
    assert roc_auc(1 - truth, shares[:, ::-1]) == pytest.approx(roc_auc(truth, shares))


def test_two_classes_are_told_apart_even_where_the_first_rounds_to_certainty():
    assert roc_auc([0, 1], [[1.0, 1e-20], [1.0, 2e-20]]) == 1


def test_an_unknown_truth_is_left_out_whatever_was_predicted_there():
    more, shares = np.append(TRUTH, -1), np.vstack([np.eye(3)[PREDICTED], [np.nan] * 3])
    for score in BY_LABEL.values():
        assert score(more, np.append(PREDICTED, -5)) == score(TRUTH, PREDICTED)
    for score in BY_PROBABILITY.values():
        assert score(more, shares) == score(TRUTH, shares[:-1])


@pytest.mark.parametrize("truth, named", [([0, 1, 1], "class 2 of 3"), ([1, 1, 1], "class 0, 2 of 3")])
def test_roc_auc_refuses_a_truth_that_lacks_a_class_and_names_it(truth, named):
    with pytest.raises(DataError, match=f"no row of {named}; a ROC curve wants rows of every class"):
        roc_auc(truth, np.full((3, 3), 1 / 3))


@pytest.mark.parametrize("score", BY_LABEL.values(), ids=BY_LABEL)
@pytest.mark.parametrize(
    "truth, predicted, message",
    [
        ([0, 1], [0], "truth has 2 rows, predicted 1"),
        ([], [], r"truth has shape \(0,\).*at least one"),
        ([[0, 1]], [[0, 1]], r"truth has shape \(1, 2\)"),
        ([0, 1], [0.2, 0.8], "predicted has shape .* and type float64; wanted integers"),
        ([0, 1], [0, -1], "predicted holds class -1"),
        ([0, -2], [0, 1], "truth holds class -2"),
        ([-1, -1], [0, 1], "none of 2 truths is known"),
    ],
)
def test_labels_that_cannot_be_judged_are_refused(score, truth, predicted, message):
    with pytest.raises(DataError, match=message):
        score(np.array(truth, dtype=np.int64), np.array(predicted) if predicted else np.zeros(0, np.int64))


@pytest.mark.parametrize("score", [confusion_matrix, precision, recall, f1, per_class])
def test_a_class_beyond_the_last_is_refused(score):
    with pytest.raises(DataError, match="predicted holds class 2; wanted 0 to 1"):
        score([0, 1], [0, 2], 2)
    with pytest.raises(DataError, match="classes is 0; wanted the number of classes"):
        score([0, 1], [0, 1], 0)


@pytest.mark.parametrize("score", BY_PROBABILITY.values(), ids=BY_PROBABILITY)
@pytest.mark.parametrize(
    "truth, probabilities, message",
    [
        ([0, 1], [[0.5, 0.5]], r"probabilities have shape \(1, 2\).*wanted numbers \(2, K\)"),
        ([0, 1], [0.5, 0.5], r"probabilities have shape \(2,\)"),
        ([0, 0], [[1.0], [1.0]], "a column for each of 2 or more classes"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], "truth holds class 2; wanted 0 to 1"),
        ([0, 1], [[0.5, 0.5], [0.5, np.nan]], "1 of 2 rows are no probabilities, the first from nan to nan"),
        ([0, 1], [[0.5, 0.4], [0.5, 0.5]], "with sum 0.9; wanted 0 to 1 with sum 1; .*softmax"),
        ([0, 1], [[1.5, -0.5], [0.5, 0.5]], "the first from -0.5 to 1.5 with sum 1"),
        ([0, 1], [["a", "b"], ["c", "d"]], "type <U1"),
        ([], np.zeros((0, 2)), "truth has shape"),
        ([-1], [[0.5, 0.5]], "none of 1 truths is known"),
    ],
)
def test_probabilities_that_cannot_be_judged_are_refused(score, truth, probabilities, message):
    with pytest.raises(DataError, match=message):
        score(np.array(truth, dtype=np.int64), probabilities)


@pytest.mark.parametrize("score", [calibration_error, reliability])
def test_no_bins_are_refused(score):
    with pytest.raises(DataError, match="bins is 0; wanted 1 or more"):
        score([0, 1], np.eye(2), 0)


def test_an_average_that_does_not_exist_is_refused():
    with pytest.raises(DataError, match="average is 'weighted'; wanted 'macro' or 'micro'"):
        f1(TRUTH, PREDICTED, 3, average="weighted")


def test_single_and_half_precision_sum_to_one_well_enough():
    scores = np.random.default_rng(0).normal(size=(50, 300)).astype(np.float64)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    for kind in (np.float32, np.float16):
        assert brier_score(np.arange(50), shares.astype(kind)) == pytest.approx(
            brier_score(np.arange(50), shares), 1e-3
        )
