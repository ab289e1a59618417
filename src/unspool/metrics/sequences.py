"""How many spans are found, and how many steps are tagged right.

truth, predicted  one entry a sentence: its spans, each (type, start, stop) in steps; a span counts as found where all three agree
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from unspool.errors import DataError
from unspool.metrics.classify import ClassScores, accuracy

Found = tuple[str, int, int]
Sentences = Sequence[Iterable[Found]]


class SpanScores(TypedDict):
    """Micro scores over all spans, each 0 where it has no value; `support` counts those of the truth; `per_type` has the same, types by alphabet."""

    precision: float
    recall: float
    f1: float
    support: int
    per_type: dict[str, ClassScores]


def span_scores(truth: Sentences, predicted: Sentences) -> SpanScores:
    """Precision, recall and F1 of exact spans, as conlleval counts them (Tjong Kim Sang and Buchholz 2000).

    raises  DataError where there are not as many sentences in both, or no span in either
    """
    if len(truth) != len(predicted):
        raise DataError(f"truth has {len(truth)} sentences, predicted {len(predicted)}; wanted as many")
    hits, claims, support = Counter[str](), Counter[str](), Counter[str]()
    for true, guess in zip(map(set, truth), map(set, predicted), strict=True):
        hits.update(span[0] for span in true & guess)
        claims.update(span[0] for span in guess)
        support.update(span[0] for span in true)
    if not claims and not support:
        raise DataError(f"no span in any of {len(truth)} sentences, neither true nor predicted; wanted at least one; use token_accuracy")
    per_type = {kind: _scores(hits[kind], claims[kind], support[kind]) for kind in sorted(claims | support)}
    return SpanScores(**_scores(hits.total(), claims.total(), support.total()), per_type=per_type)


def token_accuracy(truth: Sequence[ArrayLike], predicted: Sequence[ArrayLike]) -> float:
    """The share of steps that carry the right tag, 0 to 1, over all sentences: each (T,) integers, -1 where the truth is unknown."""
    if len(truth) != len(predicted):
        raise DataError(f"truth has {len(truth)} sentences, predicted {len(predicted)}; wanted as many")
    for index, (true, guess) in enumerate(zip(truth, predicted, strict=True)):
        if np.shape(true) != np.shape(guess):
            raise DataError(f"sentence {index}: truth has shape {np.shape(true)}, predicted {np.shape(guess)}; wanted one shape for both")
    return accuracy(_joined(truth), _joined(predicted))


def _joined(sentences: Sequence[ArrayLike]) -> ArrayLike:
    """All steps one after the other; a sentence without any has no type of its own."""
    filled = [np.asarray(sentence) for sentence in sentences if np.size(sentence)]
    return np.concatenate(filled) if filled else np.empty(0, np.int64)


def _scores(hits: int, claims: int, support: int) -> ClassScores:
    return ClassScores(
        precision=hits / claims if claims else 0.0,
        recall=hits / support if support else 0.0,
        f1=2 * hits / (claims + support) if claims + support else 0.0,
        support=support,
    )
