"""A language model's scores by words and characters, and the n-grams that it has to beat."""

from __future__ import annotations

import math

import numpy as np
import pytest

from unspool.answers.ngrams import KneserNey
from unspool.data.facts import Facts, GenerateFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.evaluation.evaluate import headline, score
from unspool.evaluation.tokens import kneser_ney
from unspool.types import Prepared, Tokens


def facts_of(unit: str = "spaces", units: tuple[str, ...] = ("a", "b", "\n")) -> Facts:
    tokens = TokenFacts(unit=unit, line_ends=True, vocabulary=Vocabulary(units=units))
    return Facts(task=GenerateFacts(tokens=9), preparation=Preparation(tokens=tokens), memory=MemoryFacts(kind="carried"))


def tokens_of(log_probabilities, words=(3,), characters=(6,), codes=None) -> Tokens:
    found = np.log(np.array(log_probabilities))
    chosen = np.ones(len(found), np.int64) if codes is None else np.array(codes)
    return Tokens(("0",), np.array([len(found)]), chosen, found, np.array(words), np.array(characters))


def test_scores_are_as_worked_out_by_hand():
    """`ab b\\n`: two words and a line's end, five characters and a line's end; their probability is 1/64."""
    scores = score(tokens_of([1 / 4, 1 / 8, 1 / 2], codes=[1, 0, 3]), facts_of())
    assert scores["perplexity"] == pytest.approx(64 ** (1 / 3))
    assert scores["bits_per_character"] == pytest.approx(1)
    assert scores["log_loss"] == pytest.approx(math.log(64) / 3)
    assert scores["unknown"] == pytest.approx(1 / 3)
    assert (scores["tokens"], scores["words"], scores["characters"], scores["undefined"]) == (3, 3, 6, {})


def test_the_same_probability_is_the_same_figure_whatever_the_tokens():
    words, characters = tokens_of([1 / 4, 1 / 8, 1 / 2]), tokens_of([1 / 2] * 6)
    for name in ("perplexity", "bits_per_character"):
        assert score(words, facts_of())[name] == pytest.approx(score(characters, facts_of("characters"))[name])
    assert score(words, facts_of())["log_loss"] != pytest.approx(score(characters, facts_of("characters"))["log_loss"])


def test_figures_of_several_texts_are_of_all_their_words_together():
    both = Tokens(("a", "b"), np.array([1, 2]), np.ones(3, np.int64), np.log([0.5, 0.25, 0.25]), np.array([1, 3]), np.array([5, 5]))
    values, undefined = headline(both, facts_of())
    assert values["perplexity"] == pytest.approx(32 ** (1 / 4)) and values["bits_per_character"] == pytest.approx(0.5)
    assert undefined == {}


def test_what_has_no_words_has_no_perplexity():
    scores = score(tokens_of([0.5], words=(0,), characters=(2,)), facts_of())
    assert scores["perplexity"] is None and "wanted at least one of both" in scores["undefined"]["perplexity"]
    assert scores["bits_per_character"] == pytest.approx(0.5)


@pytest.mark.parametrize(("unit", "order"), [("spaces", 5), ("words", 5), ("characters", 8), ("bytes", 8)])
def test_the_baseline_is_a_model_of_the_train_parts_tokens(unit, order):
    draw = np.random.default_rng(0)
    none = np.zeros((60, 0), np.float32)
    prepared = [Prepared(none, draw.integers(1, 4, (60, 1)), none, none, before=np.array([3])) for _ in range(3)]
    asked = tokens_of([0.5] * 20, codes=draw.integers(0, 4, 20))
    found = kneser_ney(prepared, asked, facts_of(unit), np.array([[0, 0, -1], [2, 0, -1]]))
    train = np.concatenate([prepared[0].codes[:, 0], prepared[2].codes[:, 0]])
    wanted = KneserNey.fit(train, 4, order).log_probabilities(asked.codes)
    assert list(found) == [f"kneser_ney_{order}"]
    np.testing.assert_array_equal(found[f"kneser_ney_{order}"].log_probabilities, wanted)
    assert found[f"kneser_ney_{order}"].words is asked.words
