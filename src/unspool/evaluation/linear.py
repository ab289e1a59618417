"""The linear baseline of a classification: counted features into logistic regression, what one would try first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import Facts
from unspool.evaluation.logistic import Features, Logistic, fit
from unspool.evaluation.summaries import summarise
from unspool.evaluation.tfidf import Tfidf
from unspool.metrics import log_loss, multilabel_log_loss
from unspool.types import Part, Prepared

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]

PENALTIES = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
"""From the strongest, which is the quickest to fit and where the next one starts."""

WORDS_IN_A_RUN, CHARACTERS_IN_A_RUN = 2, 4
LEAST_DOCUMENTS = 2  # a run that one document alone has tells nothing of another
MOST_RUNS = 40_000_000  # before they are counted; bounds memory


def linear(prepared: Sequence[Prepared], spans: Mapping[Part, Counts], facts: Facts, part: Part) -> Doubles:
    """Probabilities (n, K) of one part's records: of classes, or, one-vs-rest, of labels of which a record may have any number.

    Text: tf-idf of runs of 1 and 2 words or sub-words, or 1 to 4 characters or bytes. Series: summary statistics, standardised.
    Fitted on train; the penalty is the one with the least log loss on validation.
    """
    classes = len(facts.preparation.labels or ())
    several = facts.preparation.several
    labels = np.array([record.labels if several else record.label for record in prepared], np.int64)
    told = np.asarray((labels >= 0).all(axis=1) if several else labels >= 0)
    known = {name: indices[told[indices]] for name, indices in _indices(spans).items()}
    asked = spans[part][:, 0]
    train, validation, answered = _features(prepared, facts, [known["train"], known["validation"], asked])
    chosen = _best(train, labels[known["train"]], validation, labels[known["validation"]], classes)
    return chosen.probabilities(answered)


def _indices(spans: Mapping[Part, Counts]) -> dict[Part, Counts]:
    none = np.zeros(0, np.int64)
    return {"train": spans["train"][:, 0], "validation": spans["validation"][:, 0] if "validation" in spans else none}


def _best(train: Features, truth: Counts, validation: Features, held: Counts, classes: int) -> Logistic:
    """From strong to weak penalties, until a weaker one does worse on validation; 1 where that part is empty."""
    if not len(held):
        return fit(train, truth, classes, 1.0)
    best, least = None, np.inf
    for penalty in PENALTIES:
        model = fit(train, truth, classes, penalty, start=best)
        loss = (log_loss if held.ndim == 1 else multilabel_log_loss)(held, model.probabilities(validation))
        if loss >= least:
            break
        best, least = model, loss
    assert best is not None
    return best


def _features(prepared: Sequence[Prepared], facts: Facts, groups: Sequence[Counts]) -> list[Features]:
    """Of each group of records; what they need to know is learnt of the first."""
    tokens = facts.preparation.tokens
    if tokens is None:
        return _standardised([_summaries(prepared, group, facts.preparation.code_sizes) for group in groups])
    texts = [[prepared[index].codes[:, 0] for index in group] for group in groups]
    steps = max(sum(len(text) for text in texts) for texts in texts)
    longest = CHARACTERS_IN_A_RUN if tokens.unit in ("characters", "bytes") else WORDS_IN_A_RUN
    longest = max(1, min(longest, MOST_RUNS // max(steps, 1)))
    weights = Tfidf.fit(texts[0], tokens.vocabulary.size, longest, LEAST_DOCUMENTS)
    return [weights.transform(group) for group in texts]


def _summaries(prepared: Sequence[Prepared], group: Counts, sizes: Sequence[int]) -> Doubles:
    return np.array([summarise(prepared[index], sizes) for index in group])


def _standardised(groups: list[Doubles]) -> list[Features]:
    centre, spread = groups[0].mean(axis=0), groups[0].std(axis=0)
    spread[spread <= 1e-9 * np.abs(centre) + 1e-12] = 1.0
    return [(group - centre) / spread if len(group) else group.reshape(0, len(centre)) for group in groups]
