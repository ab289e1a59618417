"""Kneser-Ney: what sums to one, what a slow dictionary says, and streams that are short, strange or none."""

from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.answers.ngrams import KneserNey, discounts
from unspool.errors import DataError

SIZE = 3
MARK = "start"
streams = st.lists(st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=25), min_size=1, max_size=4)
orders = st.integers(1, 6)


def joined(parts):
    """Streams as codes (N,) and where each begins."""
    return np.concatenate([np.array(part, np.int64) for part in parts]), np.cumsum([0, *map(len, parts[:-1])])


def fitted(parts, order, size=SIZE, least=1):
    codes, starts = joined(parts)
    return KneserNey.fit(codes, size, order, starts, least)


class Slow:
    """The same model from dictionaries, as the papers write it down."""

    def __init__(self, parts, order, size):
        self.order, self.size = order, size
        marked = [(MARK, *part) for part in parts]
        occurrences = Counter(
            stream[end - length : end]
            for stream in marked for end in range(2, len(stream) + 1) for length in range(1, min(order, end) + 1)
        )  # fmt: skip
        before = defaultdict(set)
        for gram in occurrences:
            if len(gram) > 1:
                before[gram[1:]].add(gram[0])
        self.followers = defaultdict(dict)
        counts = defaultdict(list)
        for gram, times in occurrences.items():
            count = times if len(gram) == order or gram[0] == MARK else len(before[gram])
            self.followers[gram[:-1]][gram[-1]] = count
            counts[len(gram)].append(count)
        self.discounts = {length: (0.0, *discounts(np.array(found))) for length, found in counts.items()}

    def share(self, code, context):
        context = context[max(len(context) - self.order + 1, 0) :]
        shorter = self.share(code, context[1:]) if context else 1 / self.size
        followers = self.followers.get(context)
        if not followers:
            return shorter
        taken = self.discounts[len(context) + 1]
        total = sum(followers.values())
        left = sum(taken[min(count, 3)] for count in followers.values())
        count = followers.get(code, 0)
        return (count - taken[min(count, 3)] + left * shorter) / total

    def log_probabilities(self, parts):
        marked = [(MARK, *part) for part in parts]
        return [np.log(self.share(stream[i], stream[:i])) for stream in marked for i in range(1, len(stream))]


@settings(max_examples=150, deadline=None)
@given(streams, streams, orders)
def test_probabilities_are_those_of_a_slow_dictionary(train, test, order):
    codes, starts = joined(test)
    found = fitted(train, order).log_probabilities(codes, starts)
    np.testing.assert_allclose(found, Slow(train, order, SIZE).log_probabilities(test), rtol=1e-10)


def test_a_longer_stream_of_more_codes_agrees_with_the_slow_dictionary():
    random = np.random.default_rng(0)
    train, test = (np.minimum(random.geometric(0.15, count) - 1, 19) for count in (3000, 300))
    found = KneserNey.fit(train, 20, 5).log_probabilities(test)
    np.testing.assert_allclose(found, Slow([train.tolist()], 5, 20).log_probabilities([test.tolist()]), rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(streams, orders, st.integers(1, 3))
def test_the_probabilities_of_all_codes_after_any_context_sum_to_one(train, order, least):
    model = fitted(train, order, SIZE + 1, least)  # one code is never seen
    for length in range(4):
        contexts = product(range(SIZE + 1), repeat=length)
        codes, starts = joined([[*context, code] for context in contexts for code in range(SIZE + 1)])
        last = np.exp(model.log_probabilities(codes, starts)[length :: length + 1])
        assert (last > 0).all()
        np.testing.assert_allclose(last.reshape(-1, SIZE + 1).sum(axis=1), 1, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(streams, streams, orders)
def test_a_code_depends_on_those_before_it_and_no_stream_on_another(train, test, order):
    model = fitted(train, order)
    codes, starts = joined(test)
    whole = model.log_probabilities(codes, starts)
    np.testing.assert_array_equal(whole, np.concatenate([model.log_probabilities(part) for part in test]))
    half = (len(codes) + 1) // 2
    np.testing.assert_array_equal(whole[:half], model.log_probabilities(codes[:half], starts[starts < half]))


@settings(max_examples=40, deadline=None)
@given(streams, orders)
def test_the_order_of_streams_and_the_names_of_codes_do_not_matter(train, order):
    turned = [[SIZE - 1 - code for code in part] for part in reversed(train)]
    probe = [0, 1, 2, 2, 1, 0, 0, 2]
    found = fitted(turned, order).log_probabilities([SIZE - 1 - code for code in probe])
    np.testing.assert_allclose(found, fitted(train, order).log_probabilities(probe), rtol=1e-12)


def test_an_order_longer_than_every_stream_is_that_of_the_longest():
    train = [[0, 1, 2], [1, 0]]
    probe = [0, 1, 2, 0, 1, 2, 2]
    assert len(fitted(train, 50).orders) == 4  # three codes and the mark
    np.testing.assert_array_equal(fitted(train, 50).log_probabilities(probe), fitted(train, 4).log_probabilities(probe))


def test_a_stream_of_one_code_makes_it_the_likeliest_and_leaves_something_to_all():
    model = KneserNey.fit([2], 4, 5)
    shares = np.exp(model.log_probabilities([0, 1, 2, 3], [0, 1, 2, 3]))
    assert shares.sum() == pytest.approx(1) and shares.argmax() == 2
    np.testing.assert_allclose(shares[[0, 1, 3]], 0.5 * 0.5 / 4)  # half is left by the mark, half of that by the single codes
    assert KneserNey.fit([0], 1, 3).log_probabilities([0, 0]).tolist() == [0, 0]


def test_single_codes_alone_are_by_hand():
    counts = [1, 2, 3, 4]  # one of each: y = 1 / 3
    taken = (1 - 2 / 3, 2 - 1, 3 - 4 / 3)
    assert discounts(np.array([*counts, 0])) == pytest.approx(taken)
    codes = np.repeat(np.arange(4), counts)
    left = (taken[0] + taken[1] + 2 * taken[2]) / 10
    wanted = [(count - discount) / 10 + left / 5 for count, discount in zip([*counts, 0], [*taken, taken[2], 0], strict=True)]
    np.testing.assert_allclose(np.exp(KneserNey.fit(codes, 5, 1).log_probabilities(np.arange(5))), wanted)


@pytest.mark.parametrize(
    "counts, wanted",
    [
        ([1, 1, 1, 1, 2, 2, 3, 4], (0.5, 1.25, 1.0)),
        ([1, 1, 1, 1, 2, 2, 3, 5], (0.5, 1.25, 1.5)),
        ([7], (0.5, 1.0, 1.5)),
        ([0, 0], (0.5, 1.0, 1.5)),
        ([2, 2, 3, 4], (0.5, 1.0, 1.5)),
        ([1, 1, 1, 1], (0.5, 1.0, 1.5)),
        ([1, 1, 2, 3, 3, 3, 3, 4], (0.5, 1.0, 2.5)),
    ],
    ids=["all four", "none of four", "one that is common", "none", "none of one", "none of two", "below zero"],
)
def test_a_discount_that_the_counts_cannot_tell_falls_back(counts, wanted):
    assert discounts(np.array(counts)) == pytest.approx(wanted)


@given(st.lists(st.integers(0, 6), max_size=40))
def test_a_discount_is_above_zero_and_at_most_what_it_is_taken_off(counts):
    assert all(0 < discount <= count for count, discount in enumerate(discounts(np.array(counts, np.int64)), start=1))


def test_a_text_that_repeats_itself_is_foreseen_the_better_the_longer_the_order():
    codes = np.tile([0, 1, 0, 2, 0, 0], 50)
    found = [-KneserNey.fit(codes, 3, order).log_probabilities(codes).mean() for order in (1, 2, 3, 4)]
    assert found == sorted(found, reverse=True) and found[-1] < 0.1 < 0.8 < found[0]


def test_nothing_to_judge_gives_nothing():
    assert KneserNey.fit([0, 1], 2, 2).log_probabilities([]).shape == (0,)


@pytest.mark.parametrize(
    "codes, size, order, starts, message",
    [
        ([], 3, 2, (), "an n-gram model has 0 codes to learn from; wanted at least one"),
        ([0, 3], 3, 2, (), "codes go from 0 to 3; wanted 0 to 2; encode them with the vocabulary that was fitted"),
        ([-1, 0], 3, 2, (), "codes go from -1 to 0; wanted 0 to 2"),
        ([0.5], 3, 2, (), r"codes have shape \(1,\) and type float64; wanted one axis of integers"),
        ([[0]], 3, 2, (), r"codes have shape \(1, 1\) and type int64; wanted one axis"),
        ([0, 1], 3, 2, [2], "starts go from 0 to 2; wanted places of the 2 codes, from 0"),
        ([0, 1], 3, 2, [-1], "starts go from -1 to 0; wanted places"),
        ([0], 0, 2, (), "an n-gram model of 0 codes and order 2 is none; wanted 1 or more of both"),
        ([0], 1, 0, (), "an n-gram model of 1 codes and order 0 is none"),
    ],
)
def test_what_is_no_stream_is_refused(codes, size, order, starts, message):
    with pytest.raises(DataError, match=message):
        KneserNey.fit(codes, size, order, starts)


def test_codes_of_another_vocabulary_are_refused_when_judged():
    with pytest.raises(DataError, match="codes go from 5 to 5; wanted 0 to 1"):
        KneserNey.fit([0, 1], 2, 2).log_probabilities([5])


@settings(max_examples=60, deadline=None)
@given(streams, st.lists(st.integers(0, SIZE - 1), max_size=12), orders, st.integers(1, 3))
def test_what_comes_next_is_what_is_judged_when_it_has_come(train, text, order, least):
    model = fitted(train, order, least=least)
    judged = np.exp([model.log_probabilities([*text, code])[-1] for code in range(SIZE)])
    np.testing.assert_allclose(model.next_probabilities([SIZE, *text]), judged, rtol=1e-12)
    np.testing.assert_array_equal(model.next_probabilities([SIZE, *text][-max(1, model.reach) :]), model.next_probabilities([SIZE, *text]))


@settings(max_examples=40, deadline=None)
@given(streams, orders)
def test_rare_n_grams_leave_their_share_to_shorter_ones(train, order):
    whole, none = fitted(train, order), fitted(train, order, least=1000)
    for found, wanted in zip(none.orders, whole.orders, strict=False):
        np.testing.assert_array_equal(found.keys, wanted.keys)
        np.testing.assert_array_equal(found.shares, wanted.shares)
    assert len(none.orders) == min(len(whole.orders), max(1, order // 2))


def test_n_grams_that_count_enough_stay_and_what_goes_on_from_the_others_goes():
    text = [0, 1, 2, 0, 1, 2, 0, 2, 1]
    whole, common = (KneserNey.fit(text, SIZE, 4, least=least) for least in (1, 2))
    assert [len(order.keys) for order in common.orders[:2]] == [len(order.keys) for order in whole.orders[:2]]
    assert [len(order.keys) for order in common.orders] < [len(order.keys) for order in whole.orders]
    np.testing.assert_allclose(common.next_probabilities([0, 1]).sum(), 1)


@given(streams, orders, st.integers(1, 2))
def test_arrays_are_the_whole_model(train, order, least):
    model = fitted(train, order, least=least)
    again = KneserNey.of_tensors(model.tensors(), SIZE)
    text = [0, 2, 1, 1, 0]
    np.testing.assert_array_equal(again.log_probabilities(text), model.log_probabilities(text))


@pytest.mark.parametrize(
    "name, change",
    [
        ("keys.2", lambda keys: keys[::-1].copy()),
        ("keys.2", lambda keys: keys + 1000),
        ("keys.1", lambda keys: keys - 1),
        ("keys.2", lambda keys: keys.astype(np.int32)),
        ("keys.2", lambda keys: keys[:, None]),
        ("shares.2", lambda shares: shares[:-1]),
        ("shares.1", lambda shares: shares + 1),
        ("left.2", lambda left: left - 1),
        ("left.2", lambda left: left * np.nan),
        ("left.3", lambda left: left[:-1]),
        ("left.1", None),
        ("keys.3", None),
    ],
)
def test_arrays_that_are_no_model_are_refused(name, change):
    tensors = KneserNey.fit([0, 1, 2, 0, 1, 2, 0, 2, 1], SIZE, 3).tensors()
    changed = {other: tensor for other, tensor in tensors.items() if other != name} | ({} if change is None else {name: change(tensors[name])})
    with pytest.raises(DataError, match="from the run anew"):
        KneserNey.of_tensors(changed, SIZE)
    with pytest.raises(DataError, match="from the run anew"):
        KneserNey.of_tensors({}, SIZE)
