"""How often labels are right where a record may have any number of them, and how far their probabilities can be trusted.

truth          (N, K)  1 or True where a record has a label, else 0; a row with -1 in it is unknown and left out
predicted      (N, K)  1 or True where a label is answered
probabilities  (N, K)  0 to 1, each of its label alone; rows need not sum to one
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import DataError
from unspool.metrics.classify import UNKNOWN, ClassScores, ranking
from unspool.types import Booleans, Floats

Average = Literal["macro", "micro", "samples"]
Counts = NDArray[np.int64]


def subset_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """The share of rows all of whose labels are right, 0 to 1."""
    true, guess = _known(truth, predicted)
    return float((true == guess).all(axis=1).mean())


def hamming_loss(truth: ArrayLike, predicted: ArrayLike) -> float:
    """The share of cells that are wrong, 0 to 1; lower is better."""
    true, guess = _known(truth, predicted)
    return float((true != guess).mean())


def multilabel_precision(truth: ArrayLike, predicted: ArrayLike, average: Average = "macro") -> float:
    """Of what is answered, the share that is true; 0 where nothing is answered. Averages as `multilabel_f1`."""
    hits, claims, support = _tallies(truth, predicted, average)
    return _averaged(hits, claims, claims + support, average)


def multilabel_recall(truth: ArrayLike, predicted: ArrayLike, average: Average = "macro") -> float:
    """Of what is true, the share that is answered; 0 where nothing is true. Averages as `multilabel_f1`."""
    hits, claims, support = _tallies(truth, predicted, average)
    return _averaged(hits, support, claims + support, average)


def multilabel_f1(truth: ArrayLike, predicted: ArrayLike, average: Average = "macro") -> float:
    """The harmonic mean of precision and recall.

    average  macro: the mean over the labels that occur in truth or predicted; micro: over all cells together; samples: the mean over rows, a row
             without labels of which none is answered counting 1
    """
    hits, claims, support = _tallies(truth, predicted, average)
    return _averaged(2 * hits, claims + support, claims + support, average)


def per_label(truth: ArrayLike, predicted: ArrayLike) -> list[ClassScores]:
    """Precision, recall, f1 and support of each of the K labels, those that never occur included."""
    true, guess = _known(truth, predicted)
    hits, claims, support = (true & guess).sum(axis=0), guess.sum(axis=0), true.sum(axis=0)
    columns = _ratio(hits, claims), _ratio(hits, support), _ratio(2 * hits, claims + support), support
    return [ClassScores(precision=float(p), recall=float(r), f1=float(f), support=int(n)) for p, r, f, n in zip(*columns, strict=True)]


def average_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """Of one label, truth (N,) and scores (N,): precision at each true row as the bar falls, their mean; rows of equal score fall together."""
    true, score = _column(truth, scores)
    if not true.any():
        raise DataError("no row has the label, so no precision can be averaged; judge on more data")
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # of each run of equal scores
    hits = np.cumsum(true[order])[last]
    return float((np.diff(hits, prepend=0) * hits / (last + 1)).sum() / hits[-1])


def mean_average_precision(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The mean of `average_precision` over the labels that some row has; a label is ranked over all rows."""
    true, share = _known_probabilities(truth, probabilities)
    occurs = np.flatnonzero(true.any(axis=0))
    if not len(occurs):
        raise DataError("no row has any label, so no precision can be averaged; judge on more data")
    return float(np.mean([average_precision(true[:, k], share[:, k]) for k in occurs]))


def multilabel_roc_auc(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The chance that a row with a label ranks above one without it, the mean over labels; ties count half.

    raises  DataError naming the labels that every row or no row has
    """
    true, share = _known_probabilities(truth, probabilities)
    flat = np.flatnonzero(true.all(axis=0) | ~true.any(axis=0))
    if len(flat):
        raise DataError(
            f"of label {', '.join(map(str, flat[:5]))}{' ...' if len(flat) > 5 else ''} all rows are on one side; "
            "a ROC curve wants rows with and without every label; judge on more data, or use mean_average_precision"
        )
    return float(np.mean([ranking(true[:, k], share[:, k]) for k in range(true.shape[1])]))


def multilabel_log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean binary cross-entropy in nats over rows and labels; probabilities are kept off 0 and 1 by their type's precision."""
    true, share = _known_probabilities(truth, probabilities)
    kind = np.asarray(probabilities).dtype
    nearest = float(np.finfo(kind if kind.kind == "f" else np.float64).eps)
    of_truth = np.clip(np.where(true, share, 1 - share), nearest, 1 - nearest)
    return float(-np.log(of_truth).mean())


def _tallies(truth: ArrayLike, predicted: ArrayLike, average: Average) -> tuple[Counts, Counts, Counts]:
    """Hits, answers and truths of each label, of each row, or of all."""
    true, guess = _known(truth, predicted)
    if average not in ("macro", "micro", "samples"):
        raise DataError(f"average is {average!r}; wanted 'macro', 'micro' or 'samples'")
    axis = 1 if average == "samples" else 0
    hits, claims, support = ((true & guess).sum(axis=axis), guess.sum(axis=axis), true.sum(axis=axis))
    if average == "micro":
        return hits.sum(keepdims=True), claims.sum(keepdims=True), support.sum(keepdims=True)
    return hits, claims, support


def _averaged(part: Counts, whole: Counts, seen: Counts, average: Average) -> float:
    if average == "samples":
        return float(np.where(seen > 0, _ratio(part, whole), 1.0).mean())
    occurs = seen > 0
    return float(_ratio(part, whole)[occurs].mean()) if occurs.any() else 0.0


def _ratio(part: Counts, whole: Counts) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _known(truth: ArrayLike, predicted: ArrayLike) -> tuple[Booleans, Booleans]:
    true, guess = _cells("truth", truth), _cells("predicted", predicted)
    if true.shape != guess.shape:
        raise DataError(f"truth has shape {true.shape}, predicted {guess.shape}; wanted the same")
    known = _known_rows(true)
    if guess.min() < 0:
        raise DataError(f"predicted holds {guess.min()}; wanted 0 or 1")
    return true[known] > 0, guess[known] > 0


def _known_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> tuple[Booleans, Floats]:
    true, share = _cells("truth", truth), np.asarray(probabilities)
    if share.dtype.kind not in "iuf" or share.shape != true.shape:
        raise DataError(f"probabilities have shape {share.shape} and type {share.dtype}; wanted numbers {true.shape}, as the truth")
    known = _known_rows(true)
    share = share[known].astype(np.float64)
    if not ((share >= 0) & (share <= 1)).all():  # False for NaN too
        raise DataError(f"probabilities run from {share.min():g} to {share.max():g}; wanted 0 to 1; apply a sigmoid")
    return true[known] > 0, share


def _column(truth: ArrayLike, scores: ArrayLike) -> tuple[Booleans, Floats]:
    true, score = np.asarray(truth), np.asarray(scores, np.float64)
    if true.ndim != 1 or true.shape != score.shape or not len(true) or not np.isfinite(score).all():
        raise DataError(f"truth has shape {true.shape}, scores {score.shape}; wanted finite numbers, one for each of at least one row")
    return true > 0, score


def _cells(name: str, values: ArrayLike) -> Counts:
    array = np.asarray(values)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "biu":
        raise DataError(f"{name} has shape {array.shape} and type {array.dtype}; wanted 0 or 1 (N, K), at least one row and label")
    cells = array.astype(np.int64)
    if cells.min() < UNKNOWN or cells.max() > 1:
        raise DataError(f"{name} holds {cells.max() if cells.max() > 1 else cells.min()}; wanted 0 or 1, or {UNKNOWN} where it is unknown")
    return cells


def _known_rows(true: Counts) -> Booleans:
    known = np.asarray((true != UNKNOWN).all(axis=1))
    if not known.any():
        raise DataError(f"none of {len(true)} truths is known; wanted at least one row without {UNKNOWN}")
    return known
