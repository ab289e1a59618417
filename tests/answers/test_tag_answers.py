"""Weights of tags as tags, spans and probabilities; sentences of one text as one answer; rows of a table."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.answers import tag as answers
from unspool.answers.table import table
from unspool.data.facts import ChainFacts, Facts, MemoryFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.schemes import allowed, spans
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.types import Record, Tags

LABELS = ("B-X", "E-X", "O", "S-X")


def facts_of(labels=LABELS, scheme="iobes", chain=None, **tokens):
    preparation = Preparation(tokens=TokenFacts(vocabulary=Vocabulary(), **tokens), labels=labels, scheme=scheme)
    return Facts(task=TagFacts(counts=(1,) * len(labels), chain=chain), preparation=preparation, memory=MemoryFacts(kind="carried"))


def chain_of(labels=LABELS, scheme="iobes", seed=0):
    """What a head might have learnt; what the scheme forbids is None."""
    draw, rules = np.random.default_rng(seed), allowed(labels, scheme)
    start, end, transitions = (
        np.where(rule, draw.normal(size=rule.shape), np.nan).tolist() for rule in (rules.start, rules.end, rules.transitions)
    )

    def plain(row):
        return tuple(None if weight != weight else weight for weight in row)

    return ChainFacts(start=plain(start), end=plain(end), transitions=tuple(map(plain, transitions)))


WITHOUT, WITH = facts_of(), facts_of(chain=chain_of())


def shares_of(facts, weights):
    """The probability of every sequence of tags that is permitted, one by one."""
    chain, found = answers.chain_of(facts), {}
    for path in product(range(weights.shape[1]), repeat=len(weights)):
        score = sum(weights[step, tag] for step, tag in enumerate(path))
        if chain is not None:
            score += chain.start[path[0]] + chain.end[path[-1]] + sum(chain.transitions[pair] for pair in pairwise(path))
        if np.isfinite(score):
            found[path] = np.exp(score)
    return {path: share / sum(found.values()) for path, share in found.items()}


@pytest.mark.parametrize("facts", [WITHOUT, WITH], ids=["each word by itself", "a chain"])
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_tags_words_and_spans_are_as_sure_as_all_sequences_say(facts, lengths, seed):
    draw = np.random.default_rng(seed)
    weights = 2 * draw.standard_normal((len(lengths), max(lengths), 4))
    padded = weights.copy()
    for row, steps in enumerate(lengths):
        padded[row, steps:] = 1e6
    for row, reading in enumerate(answers.read(facts, padded, np.array(lengths))):
        shares = shares_of(facts, weights[row, : lengths[row]])
        best = tuple(reading.best.tolist())
        assert shares[best] == pytest.approx(max(shares.values()))
        for step, tag in enumerate(best):
            sure = sum(share for path, share in shares.items() if path[step] == tag)
            assert reading.confidence[step] == pytest.approx(sure)
        assert [found[:3] for found in reading.spans] == spans([LABELS[tag] for tag in best])
        for _, start, stop, sure in reading.spans:
            assert sure == pytest.approx(sum(share for path, share in shares.items() if path[start:stop] == best[start:stop]))


@pytest.mark.parametrize("facts", [WITHOUT, WITH], ids=["each word by itself", "a chain"])
@given(steps=st.integers(1, 5), first=st.integers(0, 4), seed=st.integers(0, 99))
def test_so_far_a_word_is_as_sure_as_what_stands_before_it_says(facts, steps, first, seed):
    weights = np.random.default_rng(seed).standard_normal((steps, 4))
    reading = answers.so_far(facts, weights, min(first, steps))
    chain = answers.chain_of(facts)
    open_end = facts if chain is None else facts_of(chain=facts.task.chain.model_copy(update={"end": (0.0,) * 4}))
    for step, tag, sure in zip(range(first, steps), reading.best.tolist(), reading.confidence.tolist(), strict=False):
        shares = shares_of(open_end, weights[: step + 1])
        each = [sum(share for path, share in shares.items() if path[step] == other) for other in range(4)]
        assert sure == pytest.approx(max(each)) and each[tag] == pytest.approx(max(each))
    assert reading.spans == () and len(reading.best) == max(0, steps - first)


def test_where_the_chain_permits_nothing_the_answer_is_still_json_and_sure_of_nothing():
    """Every span of the train part had two words, and nothing stood outside of them."""
    labels = ("B-X", "E-X")
    facts = facts_of(labels, chain=chain_of(labels))
    (reading,) = answers.read(facts, np.zeros((1, 1, 2), np.float32), np.array([1]))
    told = answers.tell(facts, "one", np.array([[0, 3]]), reading)
    json.dumps(told, allow_nan=False)
    assert [word["probability"] for word in told["words"]] == [0] and all(span["probability"] == 0 for span in told["spans"])
    live = answers.tell(facts, "one", np.array([[0, 3]]), answers.so_far(facts, np.zeros((1, 2), np.float32), 0))
    json.dumps(live, allow_nan=False)


def test_an_answer_tells_every_word_and_every_span_with_its_place_in_the_text():
    reading = answers.Reading(np.array([2, 0, 1]), np.array([0.9, 0.8, 0.7]), (("X", 1, 3, 0.6),))
    told = answers.tell(WITHOUT, "the  New York", np.array([[0, 3], [5, 8], [9, 13]]), reading)
    assert told["words"][1] == {"start": 5, "end": 8, "text": "New", "tag": "B-X", "probability": 0.8}
    assert told["spans"] == [{"start": 5, "end": 13, "text": "New York", "type": "X", "probability": 0.6}]
    assert "spans" not in answers.tell(facts_of(scheme=None), "the", np.array([[0, 3]]), answers.Reading(np.array([2]), np.array([1.0])))


@pytest.mark.parametrize(("longest", "keep", "wanted"), [(None, "head", [0, 2, 4]), (2, "head", [0, 2]), (2, "tail", [2, 4])])
@pytest.mark.parametrize("words", [None, np.array([[0, 1], [2, 3], [4, 5]])])
def test_the_words_that_are_read_are_told_where_they_stand(longest, keep, wanted, words):
    facts = facts_of(longest=longest, keep=keep)
    found = answers.words(facts, Record("0", "here", text="a b c", words=words))
    assert found[:, 0].tolist() == wanted and found[:, 1].tolist() == [start + 1 for start in wanted]


def test_a_text_without_words_has_no_places():
    assert answers.words(WITHOUT, Record("0", "here", text=" ")).shape == (0, 2)
    nothing = answers.first_words(answers.Reading(np.array([1]), np.array([0.5]), (("X", 0, 1, 0.5),)), 0)
    assert len(nothing.best) == len(nothing.confidence) == 0 and nothing.spans == ()


def tags_of(names, lengths):
    draw = np.random.default_rng(0)
    return Tags(
        names=names,
        texts=tuple(f"text {name}" for name in names),
        offsets=tuple(draw.integers(0, 9, (steps, 2)) for steps in lengths),
        labels=LABELS,
        scheme="iobes",
        best=tuple(draw.integers(0, 4, steps) for steps in lengths),
        confidence=tuple(draw.random(steps) for steps in lengths),
        spans=tuple((("X", 0, 1, 0.5), ("X", steps - 1, steps, 0.25)) if steps else () for steps in lengths),
        truth=tuple(("O",) * steps for steps in lengths),
    )


def test_sentences_of_one_text_are_one_answer():
    apart = tags_of(("a", "a", "b", "c", "c"), (2, 3, 1, 0, 2))
    made = answers.by_text(apart)
    assert made.names == ("a", "b", "c") and made.texts == ("text a", "text b", "text c")
    assert [len(best) for best in made.best] == [5, 1, 2]
    np.testing.assert_array_equal(made.offsets[0], np.concatenate(apart.offsets[:2]))
    np.testing.assert_array_equal(made.confidence[0], np.concatenate(apart.confidence[:2]))
    assert made.spans[0] == (("X", 0, 1, 0.5), ("X", 1, 2, 0.25), ("X", 2, 3, 0.5), ("X", 4, 5, 0.25))
    assert made.truth == (("O",) * 5, ("O",), ("O",) * 2)
    half = answers.by_text(replace(apart, truth=(("O",) * 2, None, *apart.truth[2:])))
    assert half.truth == (None, ("O",), ("O",) * 2)


def test_texts_of_one_sentence_stay_as_they_are():
    apart = tags_of(("a", "b"), (2, 3))
    made = answers.by_text(apart)
    assert (made.names, made.texts, made.spans, made.truth) == (apart.names, apart.texts, apart.spans, apart.truth)
    for name in ("offsets", "best", "confidence"):
        for left, right in zip(getattr(made, name), getattr(apart, name), strict=True):
            np.testing.assert_array_equal(left, right)
    assert answers.by_text(tags_of((), ())).names == ()


def test_a_table_has_one_row_a_word():
    made = replace(tags_of(("a", "b"), (1, 2)), texts=("we", "go on"), offsets=(np.array([[0, 2]]), np.array([[0, 2], [3, 5]])))
    made = replace(made, best=(np.array([2]), np.array([3, 2])), confidence=(np.array([0.5]), np.array([0.25, 1.0])), truth=(("O",), None))
    assert table(made) == [
        {"name": "a", "start": 0, "end": 2, "text": "we", "truth": "O", "tag": "O", "probability": 0.5},
        {"name": "b", "start": 0, "end": 2, "text": "go", "truth": None, "tag": "S-X", "probability": 0.25},
        {"name": "b", "start": 3, "end": 5, "text": "on", "truth": None, "tag": "O", "probability": 1.0},
    ]
