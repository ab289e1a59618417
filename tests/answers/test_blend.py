"""A network and n-grams together: the mean of two probabilities, in the proportion that suits a text best."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.answers.blend import LEAST_SHARE, Blend
from unspool.answers.ngrams import KneserNey

SIZE = 4
TRAIN = np.minimum(np.random.default_rng(0).geometric(0.4, 300) - 1, SIZE - 1)
texts = st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=20)


def answers(count, seed):
    """Probabilities (count, SIZE), such as those of a network."""
    drawn = np.random.default_rng(seed).gamma(0.7, size=(count, SIZE)) + 1e-9
    return drawn / drawn.sum(axis=1, keepdims=True)


def ngrams(order=3):
    return KneserNey.fit(TRAIN, SIZE, order)


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(0, 9), st.integers(2, 4))
def test_a_text_is_foreseen_token_by_token_as_it_is_judged_at_once(text, seed, order):
    blend, network = Blend(ngrams(order), 0.3), answers(len(text), seed)
    whole = blend.joint(text, np.log(network[np.arange(len(text)), text]))
    apart = [blend.next(row, [SIZE, *text[:place]]) for place, row in enumerate(network)]
    np.testing.assert_allclose(np.exp(whole), [one[code] for one, code in zip(apart, text, strict=True)], rtol=1e-10)
    np.testing.assert_allclose(np.sum(apart, axis=1), 1)


def test_texts_that_stand_apart_do_not_see_each_other():
    blend, network = Blend(ngrams(), 0.3), np.log(answers(6, 1)[:, 0])
    found = blend.joint([0, 1, 2, 0, 1, 2], network, starts=[3])
    np.testing.assert_array_equal(found, np.concatenate([blend.joint([0, 1, 2], part) for part in (network[:3], network[3:])]))


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(0, 9))
def test_no_other_share_suits_the_text_better(text, seed):
    network = np.log(answers(len(text), seed)[np.arange(len(text)), text])
    blend = Blend.fit(ngrams(), text, network)
    found = blend.joint(text, network).mean()
    for share in np.linspace(LEAST_SHARE, 1 - LEAST_SHARE, 50):
        assert found >= Blend(blend.ngrams, float(share)).joint(text, network).mean() - 1e-9


def test_a_model_that_knows_nothing_keeps_the_least_share():
    text = TRAIN[:50]
    certain, lost = np.full(50, np.log(0.999)), np.full(50, np.log(1e-9))
    assert Blend.fit(ngrams(), text, certain).share == pytest.approx(1 - LEAST_SHARE)
    assert Blend.fit(ngrams(), text, lost).share == pytest.approx(LEAST_SHARE)


def test_facts_tell_one_model_from_another():
    one = Blend(ngrams(), 0.5)
    assert one.facts == Blend(ngrams(), 0.5).facts
    assert one.facts.grams == tuple(len(order.keys) for order in one.ngrams.orders)
    assert one.facts not in (Blend(ngrams(), 0.4).facts, Blend(ngrams(2), 0.5).facts, Blend(KneserNey.fit(TRAIN[:-1], SIZE, 3), 0.5).facts)
