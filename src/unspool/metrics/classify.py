"""How often a class is right, and how far its probability can be trusted.

truth, predicted  (N,)    integers, 0 to K - 1; where the truth is -1 it is unknown and the row is left out
probabilities     (N, K)  rows that sum to one
classes                   K, the number of classes
"""

from __future__ import annotations

from typing import Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import DataError
from unspool.types import Booleans, Floats

UNKNOWN = -1
SUM_TOLERANCE = 1e-3  # what a softmax in half precision may be off by

Average = Literal["macro", "micro"]
Labels = NDArray[np.int64]


class ClassScores(TypedDict):
    """One class's scores, each 0 where it has no value; `support` counts the class in the truth."""

    precision: float
    recall: float
    f1: float
    support: int


class ReliabilityBin(TypedDict):
    """Rows whose top probability lies above `low`, up to and with `high`: how many, how sure, how often right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """The share of rows that are right, 0 to 1."""
    true, guess = _known_labels(truth, predicted)
    return float((true == guess).mean())


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """The mean recall over the classes that occur in the truth, 0 to 1: every class counts alike, however rare."""
    true, guess = _known_labels(truth, predicted)
    support = np.bincount(true)
    hits = np.bincount(true[true == guess], minlength=len(support))
    return float((hits[support > 0] / support[support > 0]).mean())


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> Labels:
    """Counts (K, K): row i, column j holds the rows of class i that were taken for class j."""
    if classes < 1:
        raise DataError(f"classes is {classes}; wanted the number of classes, 1 or more")
    true, guess = _known_labels(truth, predicted, classes)
    return np.bincount(true * classes + guess, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def precision(truth: ArrayLike, predicted: ArrayLike, classes: int, average: Average = "macro") -> float:
    """Of what was taken for a class, the share that is it; 0 for a class never predicted.

    average  macro: the mean over the classes that occur in truth or predicted; micro: over all rows, which is accuracy
    """
    hits, claims, support = _tallies(truth, predicted, classes)
    return _averaged(hits, claims, claims + support > 0, average)


def recall(truth: ArrayLike, predicted: ArrayLike, classes: int, average: Average = "macro") -> float:
    """Of what is a class, the share taken for it; 0 for a class that the truth lacks; averages as `precision`."""
    hits, claims, support = _tallies(truth, predicted, classes)
    return _averaged(hits, support, claims + support > 0, average)


def f1(truth: ArrayLike, predicted: ArrayLike, classes: int, average: Average = "macro") -> float:
    """The harmonic mean of precision and recall; averages as `precision`: macro is the mean of each class's f1."""
    hits, claims, support = _tallies(truth, predicted, classes)
    return _averaged(2 * hits, claims + support, claims + support > 0, average)


def per_class(truth: ArrayLike, predicted: ArrayLike, classes: int) -> list[ClassScores]:
    """Precision, recall, f1 and support of each of the K classes, those that never occur included."""
    hits, claims, support = _tallies(truth, predicted, classes)
    columns = _ratio(hits, claims), _ratio(hits, support), _ratio(2 * hits, claims + support), support
    return [
        ClassScores(precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for p, r, f, n in zip(*columns, strict=True)
    ]


def roc_auc(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """The chance that a row of a class ranks above a row of another, ties counting half: area under the ROC curve.

    Two classes are ranked by the second column; of more, each is ranked against the rest and the mean is taken.
    raises  DataError naming the class where one of the K classes is absent from the truth
    """
    true, share = _known_probabilities(truth, probabilities)
    classes = share.shape[1]
    absent = np.setdiff1d(np.arange(classes), true)
    if absent.size:
        raise DataError(
            f"truth has no row of class {', '.join(map(str, absent))} of {classes}; "
            "a ROC curve wants rows of every class; judge on more data, or use log_loss"
        )
    # of two, the second alone: near certainty the first rounds to 1, and what the second tells apart would tie
    ranked = [1] if classes == 2 else range(classes)
    return float(np.mean([ranking(true == k, share[:, k]) for k in ranked]))


def log_loss(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean cross entropy in nats; probabilities are kept off 0 and 1 by their type's precision, as in scikit-learn."""
    true, share = _known_probabilities(truth, probabilities)
    kind = np.asarray(probabilities).dtype
    nearest = float(np.finfo(kind if kind.kind == "f" else np.float64).eps)
    return float(-np.log(np.clip(share[np.arange(len(true)), true], nearest, 1 - nearest)).mean())


def brier_score(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of the probabilities from the truth (Brier 1950).

    Summed over classes, 0 to 2; two classes: halved, 0 to 1, the squared error of one class's probability.
    """
    true, share = _known_probabilities(truth, probabilities)
    total = np.square(share - np.eye(share.shape[1])[true]).sum(axis=1).mean()
    return float(total / 2 if share.shape[1] == 2 else total)


def calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int) -> float:
    """Expected calibration error, 0 to 1 (Guo et al. 2017): the top class's |confidence - accuracy| by count."""
    table = reliability(truth, probabilities, bins)
    gaps = [row["count"] * abs(row["confidence"] - row["accuracy"]) for row in table]
    return float(sum(gaps) / sum(row["count"] for row in table))


def reliability(truth: ArrayLike, probabilities: ArrayLike, bins: int) -> list[ReliabilityBin]:
    """The table behind `calibration_error`: `bins` equal widths over 0 to 1, of which those that hold rows are listed.

    The top class is the first of the likeliest.
    """
    true, share = _known_probabilities(truth, probabilities)
    if bins < 1:
        raise DataError(f"bins is {bins}; wanted 1 or more")
    top, right = share.max(axis=1), share.argmax(axis=1) == true
    edges = np.arange(bins + 1) / bins
    place = np.searchsorted(edges[1:-1], top, side="left")
    return [_reliability_bin(edges, int(b), top[place == b], right[place == b]) for b in np.unique(place)]


def _reliability_bin(edges: Floats, place: int, top: Floats, right: Booleans) -> ReliabilityBin:
    return ReliabilityBin(
        low=float(edges[place]),
        high=float(edges[place + 1]),
        count=len(top),
        confidence=float(top.mean()),
        accuracy=float(right.mean()),
    )


def _tallies(truth: ArrayLike, predicted: ArrayLike, classes: int) -> tuple[Labels, Labels, Labels]:
    matrix = confusion_matrix(truth, predicted, classes)
    return matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)


def _ratio(part: Labels, whole: Labels) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _averaged(part: Labels, whole: Labels, occurs: Booleans, average: Average) -> float:
    if average == "micro":
        return float(part.sum() / whole.sum())
    if average == "macro":
        return float(_ratio(part, whole)[occurs].mean())
    raise DataError(f"average is {average!r}; wanted 'macro' or 'micro'")


def ranking(positive: Booleans, score: Floats) -> float:
    """Mann and Whitney's U over its maximum, from ranks that ties share; rows of both kinds must be there."""
    _, place, ties = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - (ties - 1) / 2)[place]
    hits = int(positive.sum())
    return float((rank[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(score) - hits)))


def _known_labels(truth: ArrayLike, predicted: ArrayLike, classes: int | None = None) -> tuple[Labels, Labels]:
    true, guess = _labels("truth", truth), _labels("predicted", predicted)
    if true.shape != guess.shape:
        raise DataError(f"truth has {len(true)} rows, predicted {len(guess)}; wanted as many")
    known = _known_rows(true)
    _refuse_strangers("truth", true[known], classes)
    _refuse_strangers("predicted", guess[known], classes)
    return true[known], guess[known]


def _known_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> tuple[Labels, Floats]:
    true, share = _labels("truth", truth), np.asarray(probabilities)
    if share.dtype.kind not in "iuf" or share.ndim != 2 or len(share) != len(true) or share.shape[1] < 2:
        raise DataError(
            f"probabilities have shape {share.shape} and type {share.dtype}; "
            f"wanted numbers ({len(true)}, K): a row for each truth, a column for each of 2 or more classes"
        )
    known = _known_rows(true)
    _refuse_strangers("truth", true[known], share.shape[1])
    share = share[known].astype(np.float64)
    _refuse_improbable(share)
    return true[known], share


def _labels(name: str, values: ArrayLike) -> Labels:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise DataError(f"{name} has shape {array.shape} and type {array.dtype}; wanted integers (N,), at least one")
    return array.astype(np.int64)


def _known_rows(true: Labels) -> Booleans:
    known: Booleans = true != UNKNOWN
    if not known.any():
        raise DataError(f"none of {len(true)} truths is known; wanted at least one that is not {UNKNOWN}")
    return known


def _refuse_strangers(name: str, labels: Labels, classes: int | None) -> None:
    beyond = labels.max() + 1 if classes is None else classes
    strange = labels[(labels < 0) | (labels >= beyond)]
    if strange.size:
        wanted = "0 or above" if classes is None else f"0 to {classes - 1}"
        raise DataError(f"{name} holds class {strange[0]}; wanted {wanted}")


def _refuse_improbable(share: Floats) -> None:
    total = share.sum(axis=1)
    sound = (share >= 0).all(axis=1) & (np.abs(total - 1) <= SUM_TOLERANCE)  # False for NaN too
    if not sound.all():
        first = int(np.argmin(sound))
        raise DataError(
            f"{int((~sound).sum())} of {len(share)} rows are no probabilities, the first from {share[first].min():g} "
            f"to {share[first].max():g} with sum {total[first]:g}; wanted 0 to 1 with sum 1; apply a softmax"
        )
