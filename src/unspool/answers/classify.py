"""Logits of classes, or of labels of which a record may have any number, as probabilities and as what a person reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import ClassifyFacts, Facts
from unspool.types import Floats

Doubles = NDArray[np.float64]


def read(facts: Facts, logits: Floats) -> Doubles:
    """(..., K) logits to probabilities, of classes with sum 1; a row that holds NaN or plus infinity becomes NaN, and no other does.

    raises  ValueError where there are not as many as the facts have labels
    """
    labels = _labels(facts)
    if logits.ndim < 1 or logits.shape[-1] != len(labels):
        raise ValueError(
            f"logits have shape {logits.shape}, wanted (..., {len(labels)}), one a label; are they of another model?"
        )
    wide = logits.astype(np.float64)
    if thresholds_of(facts) is not None:
        lost = ~(wide < np.inf).all(axis=-1, keepdims=True)
        with np.errstate(over="ignore"):
            return np.where(lost, np.nan, 1 / (1 + np.exp(-wide)))
    with np.errstate(invalid="ignore"):
        share = np.exp(wide - wide.max(axis=-1, keepdims=True))
        answer: Doubles = share / share.sum(axis=-1, keepdims=True)
    return answer


def tell(facts: Facts, probabilities: Doubles) -> dict[str, Any]:
    """One answer (K,) as plain JSON: `label`, its `probability`, `probabilities` by label; None where not finite.

    Of any number of labels: `labels`, the likeliest first, and `probabilities`.
    """
    labels, thresholds = _labels(facts), thresholds_of(facts)
    if thresholds is not None:
        return _tell_all(labels, thresholds, probabilities)
    if not np.isfinite(probabilities).all():
        return {"label": None, "probability": None, "probabilities": dict.fromkeys(labels)}
    best = int(probabilities.argmax())
    told = dict(zip(labels, probabilities.tolist(), strict=True))
    return {"label": labels[best], "probability": told[labels[best]], "probabilities": told}


def _tell_all(labels: tuple[str, ...], thresholds: tuple[float, ...], probabilities: Doubles) -> dict[str, Any]:
    if not np.isfinite(probabilities).all():
        return {"labels": None, "probabilities": dict.fromkeys(labels)}
    order = np.argsort(-probabilities, kind="stable").tolist()
    chosen = [labels[k] for k in order if probabilities[k] >= thresholds[k]]
    return {"labels": chosen, "probabilities": dict(zip(labels, probabilities.tolist(), strict=True))}


def thresholds_of(facts: Facts) -> tuple[float, ...] | None:
    """The least probability with which each label is answered; None where a record has one class."""
    return facts.task.thresholds if isinstance(facts.task, ClassifyFacts) else None


def _labels(facts: Facts) -> tuple[str, ...]:
    assert facts.preparation.labels is not None
    return facts.preparation.labels
