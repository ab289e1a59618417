"""Rules of a draw: which codes may come, how often each does, and what is refused."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unspool.answers.sampling import Sampling, draw
from unspool.errors import DataError, SpecError
from unspool.spec import parse, parse_yaml, to_yaml

GREEDY = Sampling(temperature=0)
VALUES = np.array([1.0, -0.5, 2.0, 0.0, -np.inf, 1.5])
logits = arrays(np.float64, st.integers(1, 8), elements=st.floats(-6, 6).map(lambda x: round(x, 1)))


def drawn(values, rule, count, seed=0):
    """How often each code comes in `count` draws."""
    random = np.random.default_rng(seed)
    return np.bincount([draw(values, rule, random) for _ in range(count)], minlength=len(values))


def softmax(values):
    share = np.exp(values - values.max())
    return share / share.sum()


def distance(counts, shares):
    """Pearson's chi-square, as a multiple of what chance alone gives on average."""
    assert (counts[shares == 0] == 0).all()
    expected = counts.sum() * shares[shares > 0]
    return (np.square(counts[shares > 0] - expected) / expected).sum() / (len(expected) - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_codes_come_as_often_as_the_softmax_at_that_temperature_says(temperature):
    counts = drawn(VALUES, Sampling(temperature=temperature), 8_000)
    assert distance(counts, softmax(VALUES / temperature)) < 4
    assert distance(counts, softmax(VALUES / temperature / 1.2)) > 8


@pytest.mark.parametrize(
    "rule, kept",
    [
        (Sampling(top_k=3), [0, 2, 5]),
        (Sampling(top_k=99), [0, 1, 2, 3, 5]),
        (Sampling(top_p=0.7), [2, 5]),
        (Sampling(top_k=2, top_p=0.99), [2, 5]),
        (Sampling(top_k=2, top_p=0.6), [2]),
        (Sampling(banned=(2, 3)), [0, 1, 5]),
        (Sampling(banned=(2,), top_k=2), [0, 5]),
    ],
)
def test_what_a_rule_lets_in_keeps_its_proportions(rule, kept):
    values = np.full(6, -np.inf)
    values[kept] = VALUES[kept]
    counts = drawn(VALUES, rule, 3_000)
    assert len(kept) == 1 or distance(counts, softmax(values)) < 4
    assert np.flatnonzero(counts).tolist() == kept


@given(logits, st.integers(0, 99))
def test_one_of_the_likeliest_is_the_likeliest_and_of_equals_the_lowest(values, seed):
    greedy = draw(values, GREEDY, np.random.default_rng(seed))
    assert greedy == int(np.flatnonzero(values == values.max())[0])
    for rule in (Sampling(top_k=1), Sampling(top_p=1e-9), Sampling(temperature=1e-9, top_k=1)):
        assert draw(values, rule, np.random.default_rng(seed)) == greedy


@settings(max_examples=50, deadline=None)
@given(logits, st.floats(0.01, 0.99), st.sampled_from([0.5, 1.0, 2.0]))
def test_a_nucleus_is_the_smallest_set_that_holds_its_share(values, p, temperature):
    shares = np.sort(softmax(values / temperature))[::-1]
    reached = np.cumsum(shares)
    assume(np.abs(reached - p).min() > 1e-9)
    wanted = int((reached < p).sum()) + 1
    likeliest = np.argsort(-values, kind="stable")[:wanted]
    # Every code of the nucleus is drawn by some random number: those that lie in the middle of its part of the unit interval.
    kept = np.sort(likeliest)
    ends = np.cumsum(softmax(values[kept] / temperature))
    middles = (ends + np.concatenate([[0], ends[:-1]])) / 2
    found = [draw(values, Sampling(top_p=p, temperature=temperature), Fixed(middle)) for middle in middles]
    assert found == kept.tolist()


class Fixed:
    """A source of one random number."""

    def __init__(self, number):
        self.number = number

    def random(self):
        return self.number


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.4, 0.3, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1], [0.3, 0.3, 0.2, 0.1, 0.1]], ids=str)
def test_a_nucleus_is_as_large_as_arithmetic_without_rounding_says(shares):
    for size in range(1, len(shares)):
        p = round(sum(shares[:size]), 1)
        counts = drawn(np.log(shares), Sampling(top_p=p), 300)
        assert np.flatnonzero(counts).tolist() == list(range(size)), p


@pytest.mark.parametrize("number", [0.0, 0.5, 1 - 2**-53])
@given(values=logits, banned=st.sets(st.integers(0, 7)), data=st.data())
def test_no_random_number_brings_what_cannot_come(number, values, banned, data):
    banned = {code for code in banned if code < len(values)}
    impossible = data.draw(st.sets(st.integers(0, len(values) - 1)))
    assume(len(banned | impossible) < len(values))
    values[list(impossible)] = -np.inf
    for rule in (Sampling(banned=tuple(banned)), Sampling(banned=tuple(banned), top_k=8, top_p=0.999), Sampling(banned=tuple(banned), temperature=0)):
        assert draw(values, rule, Fixed(number)) not in banned | impossible


@given(logits, st.floats(-1e4, 1e4), st.integers(0, 99))
def test_a_shift_of_all_logits_changes_no_likeliest_code_and_no_set_of_them(values, shift, seed):
    gaps = np.diff(np.sort(values))
    assume((gaps[gaps > 0] > 1e-3).all() and (gaps > 0).all())
    for rule in (GREEDY, Sampling(top_k=1)):
        assert draw(values + shift, rule, np.random.default_rng(seed)) == draw(values, rule, np.random.default_rng(seed))


def test_the_same_seed_draws_the_same_codes_and_greed_draws_no_random_number():
    np.testing.assert_array_equal(drawn(VALUES, Sampling(top_p=0.9), 50, seed=3), drawn(VALUES, Sampling(top_p=0.9), 50, seed=3))
    random = np.random.default_rng(0)
    draw(VALUES, GREEDY, random)
    assert random.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300])
def test_logits_and_temperatures_may_be_as_large_and_small_as_numbers_are(temperature):
    values = np.array([-1.7e308, 1.7e308, 0.0, -np.inf])
    assert draw(values, Sampling(temperature=temperature), np.random.default_rng(0)) in ((1,) if temperature < 1 else (1, 2))
    assert draw(np.float32([-3e38, 3e38]), Sampling(), np.random.default_rng(0)) == 1
    assert draw(np.float16([0, 6e4]), Sampling(), np.random.default_rng(0)) == 1


def test_the_logits_stay_as_they_were():
    values = np.array([1.0, 2.0, 3.0])
    draw(values, Sampling(banned=(2,), top_k=2, top_p=0.5), np.random.default_rng(0))
    assert values.tolist() == [1, 2, 3]


@pytest.mark.parametrize("rule", [Sampling(), GREEDY, Sampling(banned=(1,))])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_refused_even_where_they_are_banned(rule, bad):
    with pytest.raises(DataError, match="logits are NaN or infinite at 1 of 3 codes, the first 1; wanted numbers"):
        draw(np.array([0.0, bad, 1.0]), rule, np.random.default_rng(0))


def test_bans_that_leave_nothing_or_name_nothing_are_refused():
    random = np.random.default_rng(0)
    with pytest.raises(DataError, match="no code can be drawn: 1 of 2 are banned, the others have no probability; ban fewer"):
        draw(np.array([0.0, -np.inf]), Sampling(banned=(0, 0)), random)
    with pytest.raises(DataError, match="banned: code 2 is none of this model's; wanted 0 to 1"):
        draw(np.array([0.0, 1.0]), Sampling(banned=(0, 2)), random)
    with pytest.raises(ValueError, match=r"logits have shape \(1, 2\), wanted \(K,\)"):
        draw(np.zeros((1, 2)), Sampling(), random)
    with pytest.raises(ValueError, match=r"logits have shape \(0,\), wanted \(K,\) with at least one code"):
        draw(np.zeros(0), Sampling(), random)


@pytest.mark.parametrize(
    "raw, message",
    [
        ({"temperature": -1}, "temperature: got -1, wanted: greater than or equal to 0"),
        ({"top_k": 0}, "top_k: got 0, wanted: greater than or equal to 1"),
        ({"top_p": 0}, "top_p: got 0, wanted: greater than 0"),
        ({"top_p": 1.5}, "top_p: got 1.5, wanted: less than or equal to 1"),
        ({"banned": [-1]}, r"banned\[0\]: got -1, wanted: greater than or equal to 0"),
        ({"temperature": 0, "top_k": 5}, "temperature: 0 takes the likeliest, which leaves nothing to top_k and top_p; raise temperature"),
        ({"temperature": 0, "top_p": 0.9}, "temperature: 0 takes the likeliest"),
        ({"tempreature": 1}, "unknown key; did you mean 'temperature'"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(raw, message):
    with pytest.raises(SpecError, match=message):
        parse(Sampling, raw)


def test_a_rule_reads_back_from_yaml():
    rule = Sampling(temperature=0.7, top_k=40, top_p=0.95, banned=(0, 3))
    assert parse(Sampling, parse_yaml(to_yaml(rule), "rule")) == rule
