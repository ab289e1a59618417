"""How honest a forecast is about what it does not know: quantiles and intervals.

Where the truth is NaN it is unknown and the point is left out. Quantiles have the truth's shape and one more axis, Q.
An interval is closed, and may be unbounded on either side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unspool.errors import DataError
from unspool.metrics.forecast import forecasts_at, known_points, numbers
from unspool.types import Floats


def pinball(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float:
    """Pinball (quantile) loss in the unit of the truth, the mean over points and levels; at level 0.5, half the mae.

    truth (...)  quantiles (..., Q)  levels (Q,) within 0 and 1
    """
    return float(pinball_by_level(truth, quantiles, levels).mean())


def pinball_by_level(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> Floats:
    """Pinball loss of each level, (Q,), the mean over points (Koenker and Bassett 1978)."""
    y, q, level = numbers("truth", truth), numbers("quantiles", quantiles), _levels(levels)
    if q.shape != (*y.shape, level.size):
        raise DataError(
            f"quantiles have shape {q.shape}; "
            f"truth of shape {y.shape} and {level.size} levels want {(*y.shape, level.size)}"
        )
    known = known_points("truth", y)
    above = y[known][:, None] - forecasts_at("quantiles", q, known)  # (N, Q)
    loss: Floats = np.maximum(level * above, (level - 1) * above).mean(axis=0)
    return loss


def crps_from_quantiles(truth: ArrayLike, quantiles: ArrayLike, levels: ArrayLike) -> float:
    """Continuous ranked probability score, in the unit of the truth: twice the mean pinball loss over the levels.

    The score is twice the integral of the pinball loss over all levels (Gneiting and Ranjan 2011); the mean stands for
    it well where the levels are many and evenly spaced over 0 to 1, such as (k - 0.5) / Q.
    """
    return 2 * pinball(truth, quantiles, levels)


def coverage(truth: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """The share of truths within their interval, ends included, 0 to 1."""
    y, below, above = _known_intervals(truth, low, high)
    return float(((below <= y) & (y <= above)).mean())


def interval_width(low: ArrayLike, high: ArrayLike) -> float:
    """Mean width of the intervals, in the unit of the truth; infinite where one interval is."""
    below, above = _ends(low, high)
    if below.size == 0:
        raise DataError("there are 0 intervals; wanted at least one")
    _refuse_disorder(below, above)
    return float((above - below).mean())


def interval_score(truth: ArrayLike, low: ArrayLike, high: ArrayLike, alpha: float) -> float:
    """Winkler's (1972) interval score, lower is better: the width, and 2 / alpha times the distance where it is missed.

    alpha  the share of truths that the interval may miss, half on either side: 0.1 for a 90 % interval
    """
    if not 0 < alpha < 1:
        raise DataError(f"alpha is {alpha:g}; wanted a share between 0 and 1, such as 0.1 for a 90 % interval")
    y, below, above = _known_intervals(truth, low, high)
    missed = np.maximum(below - y, 0) + np.maximum(y - above, 0)
    return float((above - below + 2 / alpha * missed).mean())


def _levels(levels: ArrayLike) -> Floats:
    level = numbers("levels", levels)
    if level.ndim != 1 or level.size == 0 or not ((level > 0) & (level < 1)).all():
        raise DataError(f"levels are {level.tolist()}; wanted a list of shares between 0 and 1, such as 0.1 0.5 0.9")
    return level


def _known_intervals(truth: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats, Floats]:
    y = numbers("truth", truth)
    below, above = _ends(low, high)
    if y.shape != below.shape:
        raise DataError(f"truth has shape {y.shape}, low and high {below.shape}; wanted one shape for all")
    known = known_points("truth", y)
    _refuse_disorder(below[known], above[known])
    return y[known], below[known], above[known]


def _ends(low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    below, above = numbers("low", low), numbers("high", high)
    if below.shape != above.shape:
        raise DataError(f"low has shape {below.shape}, high {above.shape}; wanted one shape for both")
    return below, above


def _refuse_disorder(below: Floats, above: Floats) -> None:
    sound = (below <= above) & (below < np.inf) & (above > -np.inf)  # False for NaN too
    if not sound.all():
        first = int(np.argmin(sound))
        raise DataError(
            f"{int((~sound).sum())} of {sound.size} intervals are no intervals, the first from {below.flat[first]:g} "
            f"to {above.flat[first]:g}; wanted low <= high and no NaN; sort quantiles that cross"
        )
