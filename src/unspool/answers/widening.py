"""Quantiles stretched about their median, so that they cover what they say they cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.types import Floats


def widen(quantiles: Floats, levels: Sequence[float], factors: ArrayLike) -> NDArray[np.float64]:
    """Quantiles (..., D, Q), the distance of each from the median times its factor (D, Q); they still do not cross."""
    middle = list(levels).index(0.5)
    median = quantiles[..., middle : middle + 1]
    wide: NDArray[np.float64] = median + np.asarray(factors, np.float64) * (quantiles - median)
    # Levels were stretched apart from each other; the outer one gives way where two would cross.
    wide[..., middle:] = np.maximum.accumulate(wide[..., middle:], axis=-1)
    wide[..., : middle + 1] = np.minimum.accumulate(wide[..., middle::-1], axis=-1)[..., ::-1]
    return wide
