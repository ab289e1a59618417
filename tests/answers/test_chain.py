"""The chain against every sequence of tags there is, one by one, and what holds however large its weights are."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.answers.chain import Chain
from unspool.answers.lattice import Packed, lattice
from unspool.data.schemes import allowed

FREE = Chain(np.zeros(3), np.zeros(3), np.zeros((3, 3)))


@st.composite
def problems(draw):
    """A chain, of which much may be forbidden, emissions with garbage in the padding, and lengths."""
    tags, steps, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    spread = draw(st.sampled_from([1.0, 30.0, 1000.0]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.3]))
    weights = [np.where(random.random(shape) < share, -np.inf, random.normal(size=shape) * spread) for shape in ((tags,), (tags,), (tags, tags))]
    lengths = np.array(draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows)), np.int64)
    emissions = random.normal(size=(rows, steps, tags)) * spread
    emissions[np.arange(steps) >= lengths[:, None]] = draw(st.sampled_from([np.nan, np.inf, 1e300, 0.0]))
    return Chain(*weights), emissions, lengths


def weight(chain, emissions, tags):
    """The log weight of one sequence of tags; emissions (T, K)."""
    going = sum(chain.transitions[pair] for pair in pairwise(tags))
    return chain.start[tags[0]] + chain.end[tags[-1]] + going + sum(emissions[t, tag] for t, tag in enumerate(tags))


def every(chain, emissions):
    """All sequences of tags (S, T), the log weight and the probability of each (S,); None for these where nothing is permitted."""
    sequences = list(product(range(chain.tags), repeat=len(emissions)))
    weights = np.array([weight(chain, emissions, tags) for tags in sequences])
    if np.isneginf(weights.max()):
        return np.array(sequences), weights, None
    shares = np.exp(weights - weights.max())
    return np.array(sequences), weights, shares / shares.sum()


def rows(problem):
    """Those with steps, one by one: row, emissions (T, K) without padding."""
    _, emissions, lengths = problem
    return [(row, emissions[row, :steps]) for row, steps in enumerate(lengths.tolist()) if steps]


@given(problems())
def test_the_best_tags_are_the_weightiest_of_all(problem):
    chain, emissions, lengths = problem
    paths, scores = chain.viterbi(emissions, lengths)
    assert paths.dtype == np.int64 and ((paths == -1) == (np.arange(emissions.shape[1]) >= lengths[:, None])).all()
    assert (scores[lengths == 0] == 0).all()
    for row, alone in rows(problem):
        weights = every(chain, alone)[1]
        np.testing.assert_allclose(scores[row], weights.max(), rtol=1e-12, atol=1e-9)
        if scores[row] > -np.inf:
            np.testing.assert_allclose(weight(chain, alone, paths[row, : len(alone)]), scores[row], rtol=1e-12, atol=1e-9)


@given(problems())
def test_marginals_are_sums_over_all_tags(problem):
    chain, emissions, lengths = problem
    found = chain.marginals(emissions, lengths)
    assert (found[np.arange(emissions.shape[1]) >= lengths[:, None]] == 0).all()
    for row, alone in rows(problem):
        sequences, _, shares = every(chain, alone)
        expected = np.zeros(alone.shape)
        for tag in range(chain.tags) if shares is not None else ():
            expected[:, tag] = ((sequences == tag) * shares[:, None]).sum(axis=0)
        np.testing.assert_allclose(found[row, : len(alone)], expected, atol=1e-9)


@given(problems())
def test_the_partition_is_the_sum_over_all_tags(problem):
    chain, emissions, lengths = problem
    found = chain.log_partition(emissions, lengths)
    assert (found[lengths == 0] == 0).all()
    for row, alone in rows(problem):
        weights = every(chain, alone)[1]
        np.testing.assert_allclose(found[row], np.logaddexp.reduce(weights), rtol=1e-12, atol=1e-9)


@given(problems(), st.data())
def test_a_span_is_as_sure_as_all_tags_that_agree_with_it(problem, data):
    chain, emissions, lengths = problem
    paths = np.array(data.draw(st.lists(st.integers(0, chain.tags - 1), min_size=emissions[..., 0].size, max_size=emissions[..., 0].size)))
    paths = paths.reshape(emissions.shape[:2])
    places = [(row, low, high) for row, alone in rows(problem) for low in range(len(alone)) for high in range(low + 1, len(alone) + 1)]
    found = chain.confidence(emissions, lengths, paths, places)
    assert found.shape == (len(places),)
    for (row, low, high), sure in zip(places, found, strict=True):
        sequences, _, shares = every(chain, emissions[row, : lengths[row]])
        agreeing = (sequences[:, low:high] == paths[row, low:high]).all(axis=1)
        np.testing.assert_allclose(sure, 0 if shares is None else shares[agreeing].sum(), atol=1e-9)


@given(problems())
def test_a_live_step_knows_what_all_tags_up_to_it_say(problem):
    chain, _, lengths = problem
    for row, alone in rows(problem):
        alpha, shares = None, chain.prefixes(alone)
        for t in range(len(alone)):
            alpha = chain.filtered(alpha, alone[t])
            sequences, _, likely = every(Chain(chain.start, np.zeros(chain.tags), chain.transitions), alone[: t + 1])
            if likely is None:
                assert np.isneginf(alpha).all()
            else:
                expected = [likely[sequences[:, t] == tag].sum() for tag in range(chain.tags)]
                np.testing.assert_allclose(np.exp(alpha), expected, atol=1e-9)
            np.testing.assert_array_equal(shares[t], np.exp(alpha))
        assert lengths[row] == len(alone)


def test_many_live_streams_go_on_as_each_alone():
    random = np.random.default_rng(0)
    chain, emissions = Chain(*(random.normal(size=shape) for shape in ((3,), (3,), (3, 3)))), random.normal(size=(5, 7, 3))
    together = chain.prefixes(emissions)
    for row in range(5):
        np.testing.assert_allclose(chain.prefixes(emissions[row]), together[row], rtol=1e-12)


def test_ordinary_weights_are_summed_as_products_and_distant_ones_as_logarithms():
    random = np.random.default_rng(0)
    packed = Packed.of(np.array([30, 20]), 30)
    ordinary = random.normal(size=(50, 4)) * 10
    forbidding = np.where(np.eye(4, dtype=bool), 0, -np.inf)  # a tag never changes, so the whole sentence decides, not each step
    assert not lattice(ordinary, np.zeros(4), np.zeros(4), random.normal(size=(4, 4)), packed).logarithmic
    assert not lattice(ordinary, np.zeros(4), np.zeros(4), forbidding, packed).logarithmic
    assert lattice(ordinary * 50, np.zeros(4), np.zeros(4), forbidding, packed).logarithmic


@pytest.mark.parametrize("steps", [2, 40])
def test_what_lay_far_below_comes_back_when_the_rest_of_a_sentence_raises_it(steps):
    emissions = np.zeros((1, steps, 2))
    emissions[0, 0, 1], emissions[0, 1:, 1] = -800 - np.log(3), 800 / (steps - 1)  # in all a third of the weight
    chain = Chain(np.zeros(2), np.zeros(2), [[0, -np.inf], [-np.inf, 0]])
    np.testing.assert_allclose(chain.marginals(emissions, np.array([steps])), np.broadcast_to([0.75, 0.25], (1, steps, 2)), rtol=1e-9)


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes"])
def test_what_a_scheme_forbids_has_probability_zero(scheme):
    labels = ["O", *(f"{letter}-{kind}" for letter in ("BIES" if scheme == "iobes" else "BI") for kind in "XY")]
    rules = allowed(labels, scheme)
    random = np.random.default_rng(0)
    chain = Chain(*(np.where(permitted, random.normal(size=permitted.shape), -np.inf) for permitted in rules))
    emissions, lengths = random.normal(size=(20, 9, len(labels))) * 5, random.integers(1, 10, 20)
    paths, scores = chain.viterbi(emissions, lengths)
    assert np.isfinite(scores).all()
    found = chain.marginals(emissions, lengths)
    assert (found[:, 0][:, ~rules.start] == 0).all() and (found[np.arange(20), lengths - 1][:, ~rules.end] == 0).all()
    for path, steps in zip(paths, lengths, strict=True):
        assert rules.start[path[0]] and rules.end[path[steps - 1]] and rules.transitions[path[: steps - 1], path[1:steps]].all()
    np.testing.assert_allclose(found.sum(axis=2), np.arange(9) < lengths[:, None], atol=1e-12)


def test_a_row_that_is_not_finite_leaves_the_others_alone():
    random = np.random.default_rng(0)
    emissions, lengths = random.normal(size=(3, 4, 3)), np.array([4, 3, 2])
    clean = FREE.marginals(emissions, lengths)
    for bad in (np.nan, np.inf):
        emissions[1, 1, 1] = bad
        found = FREE.marginals(emissions, lengths)
        np.testing.assert_allclose(found[[0, 2]], clean[[0, 2]], rtol=1e-9)
        assert np.isnan(found[1, :3]).any()
        np.testing.assert_array_equal(FREE.viterbi(emissions, lengths)[0][[0, 2]], FREE.viterbi(clean, lengths)[0][[0, 2]])


def test_single_precision_and_no_rows_are_read_too():
    random = np.random.default_rng(0)
    emissions, lengths = random.normal(size=(2, 5, 3)).astype(np.float32), np.array([5, 2])
    np.testing.assert_array_equal(FREE.marginals(emissions, lengths), FREE.marginals(emissions.astype(np.float64), lengths))
    for nothing in (emissions[:0], emissions[:, :0]):
        none = np.zeros(len(nothing), np.int64)
        assert FREE.viterbi(nothing, none)[0].shape == nothing.shape[:2] and FREE.marginals(nothing, none).shape == nothing.shape
        assert FREE.confidence(nothing, none, np.zeros(nothing.shape[:2], np.int64), []).shape == (0,)


def test_shapes_that_disagree_are_refused():
    with pytest.raises(ValueError, match=r"wanted \(K,\), \(K,\) and \(K, K\)"):
        Chain(np.zeros(2), np.zeros(3), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"wanted \(B, T, 3\) and \(B,\)"):
        FREE.viterbi(np.zeros((2, 4, 2)), np.array([1, 1]))
    with pytest.raises(ValueError, match=r"lengths go from 1 to 5; wanted 0 to 4"):
        FREE.marginals(np.zeros((2, 4, 3)), np.array([5, 1]))
    for span in ([0, 1, 1], [0, 0, 3], [2, 0, 1], [-1, 0, 1], [0, -1, 1]):
        with pytest.raises(ValueError, match="a span is not within its row"):
            FREE.confidence(np.zeros((2, 4, 3)), np.array([2, 4]), np.zeros((2, 4)), [span])
