"""How well a language model foresees, by the words and characters of the text as it was, whatever the tokens; and what it has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool import metrics
from unspool.answers.ngrams import ORDERS, KneserNey
from unspool.data.facts import Facts
from unspool.evaluation.measures import Measures, measured
from unspool.types import Prepared, Tokens


def scores(tokens: Tokens) -> dict[str, Any]:
    """Every metric; see `evaluate.score`."""
    values, undefined = measured(measures(tokens))
    told = {"tokens": len(tokens.codes), "words": int(tokens.words.sum()), "characters": int(tokens.characters.sum())}
    return {**told, **values, "undefined": undefined}


def measures(tokens: Tokens) -> Measures:
    """The metrics that are one number each."""
    found = tokens.log_probabilities
    return {
        "perplexity": partial(metrics.perplexity, found, int(tokens.words.sum())),
        "bits_per_character": partial(metrics.bits_per_character, found, int(tokens.characters.sum())),
        "log_loss": lambda: -float(found.mean()),
        "unknown": lambda: float((tokens.codes == 0).mean()),
    }


def kneser_ney(prepared: Sequence[Prepared], tokens: Tokens, facts: Facts, train: NDArray[np.int64]) -> dict[str, Tokens]:
    """The baseline `kneser_ney_N`: n-grams of the train part's tokens, N of them at most, asked for the very tokens of `tokens` in their order.

    train  (n, 3) spans of the train part, whose records `prepared` holds
    """
    kinds = facts.preparation.tokens
    assert kinds is not None
    order = ORDERS[kinds.unit]
    text = np.concatenate([prepared[index].codes[:, 0] for index in train[:, 0].tolist()])
    model = KneserNey.fit(text, kinds.vocabulary.size, order)
    return {f"kneser_ney_{order}": replace(tokens, log_probabilities=model.log_probabilities(tokens.codes))}
