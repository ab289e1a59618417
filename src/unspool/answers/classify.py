"""A class's logits as probabilities, and as what a person reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import Facts
from unspool.types import Floats

Doubles = NDArray[np.float64]


def read(facts: Facts, logits: Floats) -> Doubles:
    """(..., K) logits to probabilities; a row that holds NaN or plus infinity becomes NaN, and no other does.

    raises  ValueError where there are not as many as the facts have labels
    """
    labels = _labels(facts)
    if logits.ndim < 1 or logits.shape[-1] != len(labels):
        raise ValueError(
            f"logits have shape {logits.shape}, wanted (..., {len(labels)}), one a label; are they of another model?"
        )
    wide = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        share = np.exp(wide - wide.max(axis=-1, keepdims=True))
        answer: Doubles = share / share.sum(axis=-1, keepdims=True)
    return answer


def tell(facts: Facts, probabilities: Doubles) -> dict[str, Any]:
    """One answer (K,) as plain JSON: `label`, its `probability`, `probabilities` by label; None where not finite."""
    labels = _labels(facts)
    if not np.isfinite(probabilities).all():
        return {"label": None, "probability": None, "probabilities": dict.fromkeys(labels)}
    best = int(probabilities.argmax())
    told = dict(zip(labels, probabilities.tolist(), strict=True))
    return {"label": labels[best], "probability": told[labels[best]], "probabilities": told}


def _labels(facts: Facts) -> tuple[str, ...]:
    assert facts.preparation.labels is not None
    return facts.preparation.labels
