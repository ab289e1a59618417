"""Perplexity and bits per character: by hand, at their best and worst, and whatever the tokens are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import DataError
from unspool.metrics import bits_per_character, perplexity

BOTH = pytest.mark.parametrize("metric", [perplexity, bits_per_character])
nats = st.lists(st.floats(-20, 0), min_size=1, max_size=20)


def test_perplexity_is_the_one_computed_by_hand():
    assert perplexity(np.log([1 / 2, 1 / 8]), 2) == pytest.approx(4)
    assert perplexity(np.log([1 / 2, 1 / 8, 1 / 4]), 2) == pytest.approx(8)


def test_bits_per_character_are_those_computed_by_hand():
    assert bits_per_character(np.log([1 / 2, 1 / 8]), 4) == pytest.approx((1 + 3) / 4)
    assert bits_per_character(np.log([1 / 2, 1 / 8]), 2) == pytest.approx(2)


@given(st.integers(1, 1000), st.integers(1, 30))
def test_a_uniform_guess_has_the_perplexity_of_as_many_words_and_the_bits_of_their_number(size, count):
    guess = np.full(count, -math.log(size))
    assert perplexity(guess, count) == pytest.approx(size)
    assert bits_per_character(guess, count) == pytest.approx(math.log2(size))


@BOTH
@given(found=nats, data=st.data())
def test_cutting_a_word_into_more_tokens_changes_nothing(metric, found, data):
    shares = [data.draw(st.lists(st.floats(0.01, 1), min_size=1, max_size=4)) for _ in found]
    pieces = [value * share / sum(parts) for value, parts in zip(found, shares, strict=True) for share in parts]
    assert metric(pieces, len(found)) == pytest.approx(metric(found, len(found)))


@given(nats)
def test_the_two_say_the_same_of_one_unit(found):
    assert math.log2(perplexity(found, len(found))) == pytest.approx(bits_per_character(found, len(found)))


@BOTH
def test_what_was_certain_is_as_good_as_can_be_and_what_was_impossible_infinitely_bad(metric):
    assert metric(np.zeros(3), 3) == metric(np.float32([0, 1e-7]), 1) == {perplexity: 1, bits_per_character: 0}[metric]
    assert metric([0.0, -math.inf], 2) == math.inf


def test_a_perplexity_too_large_to_be_a_number_is_infinite():
    assert perplexity(np.full(3, -1e5), 3) == math.inf


@BOTH
def test_what_is_no_logarithm_of_a_probability_is_refused(metric):
    with pytest.raises(DataError, match=r"hold 2 values that are no logarithm of a probability, the first nan; wanted 0 or less"):
        metric([0.0, math.nan, 0.5], 3)
    with pytest.raises(DataError, match="the first 2.3; wanted 0 or less; give natural logarithms, with their sign"):
        metric([2.3], 1)
    with pytest.raises(DataError, match="has type <U1; wanted numbers"):
        metric(["a"], 1)


def test_nothing_to_judge_is_refused():
    with pytest.raises(DataError, match="there are 0 log_probabilities and 3 words; wanted at least one of both"):
        perplexity([], 3)
    with pytest.raises(DataError, match="there are 1 log_probabilities and 0 characters; wanted at least one of both"):
        bits_per_character([-1.0], 0)
