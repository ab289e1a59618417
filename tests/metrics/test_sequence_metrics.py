"""Span scores: by hand, at their best and worst, and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import DataError
from unspool.metrics import accuracy, span_scores, token_accuracy

TRUTH = [[("PER", 0, 2), ("ORG", 4, 5)], [], [("PER", 1, 2)]]
PREDICTED = [[("PER", 0, 2), ("LOC", 4, 5)], [("ORG", 0, 1)], [("PER", 1, 3)]]
SENTENCE = st.sets(st.tuples(st.sampled_from("XYZ"), st.integers(0, 3), st.integers(4, 6)), max_size=4)
DATA = st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=4).filter(lambda data: any(map(any, data)))


def test_spans_count_where_type_and_both_ends_agree():
    found = span_scores(TRUTH, PREDICTED)
    assert (found["precision"], found["recall"], found["f1"], found["support"]) == (1 / 4, 1 / 3, 2 / 7, 3)
    assert list(found["per_type"]) == ["LOC", "ORG", "PER"]
    assert found["per_type"]["PER"] == {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2}
    assert found["per_type"]["LOC"] == found["per_type"]["ORG"] | {"support": 0} == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_perfect_and_hopeless_spans_are_one_and_zero():
    assert span_scores(TRUTH, TRUTH)["f1"] == 1
    assert span_scores(TRUTH, [[], [], []])["f1"] == span_scores([[], [], []], TRUTH)["f1"] == 0


def test_a_span_that_stands_twice_counts_once():
    assert span_scores([TRUTH[0]], [TRUTH[0] * 2])["f1"] == 1


@given(DATA)
def test_each_type_is_scored_as_if_alone(data):
    found = span_scores(*zip(*data, strict=True))
    assert found["support"] == sum(one["support"] for one in found["per_type"].values())
    for kind, one in found["per_type"].items():
        alone = span_scores(*([{span for span in spans if span[0] == kind} for spans in side] for side in zip(*data, strict=True)))
        assert one == {key: alone[key] for key in one}


@given(DATA)
def test_truth_and_prediction_in_each_others_place_swap_precision_and_recall(data):
    truth, predicted = zip(*data, strict=True)
    there, back = span_scores(truth, predicted), span_scores(predicted, truth)
    assert (there["precision"], there["recall"], there["f1"]) == (back["recall"], back["precision"], back["f1"])


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(DataError, match=r"truth has 3 sentences, predicted 1; wanted as many"):
        span_scores(TRUTH, [[]])
    with pytest.raises(DataError, match=r"no span in any of 2 sentences.*use token_accuracy"):
        span_scores([[], []], [[], []])
    with pytest.raises(DataError, match=r"no span in any of 0 sentences"):
        span_scores([], [])


def test_tokens_are_counted_over_all_sentences_without_the_unknown():
    truth, predicted = [np.array([0, 1, -1]), [], np.array([2])], [np.array([0, 2, 1]), [], np.array([2])]
    assert token_accuracy(truth, predicted) == 2 / 3
    assert token_accuracy(truth[:1], predicted[:1]) == accuracy(truth[0], predicted[0])


def test_tokens_that_do_not_match_are_refused():
    with pytest.raises(DataError, match=r"truth has 1 sentences, predicted 2"):
        token_accuracy([[0]], [[0], [1]])
    with pytest.raises(DataError, match=r"sentence 1: truth has shape \(1,\), predicted \(2,\)"):
        token_accuracy([[0], [1]], [[0], [1, 1]])
    with pytest.raises(DataError, match="at least one"):
        token_accuracy([], [])
