"""Split-conformal widening: quantile forecasts stretched until they cover on validation what they say they cover.

Fitted on predictions that training did not fit. Conformal cover is exact where rows are exchangeable; rows of a series
are only nearly so, so that cover on later data is nominal as long as the series goes on as it did.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unspool.answers.widening import widen
from unspool.errors import DataError
from unspool.types import Forecasts

Doubles = NDArray[np.float64]
Factors = dict[str, tuple[float, ...]]


def widening(forecasts: Forecasts) -> Factors:
    """By target one factor a level, by which to multiply a quantile's distance from the median; 1 for the median.

    raises  DataError where there are no quantiles, too few known truths for the outermost level, or no distance
    """
    if forecasts.quantiles is None:
        raise DataError("these forecasts have points alone; calibration wants quantiles: head.kind quantile")
    middle = forecasts.levels.index(0.5)
    factors = {}
    for index, target in enumerate(forecasts.targets):
        known = ~np.isnan(forecasts.truth[..., index])
        quantiles = forecasts.quantiles[..., index, :][known]
        error = forecasts.truth[..., index][known] - quantiles[:, middle]
        distances = quantiles - quantiles[:, middle : middle + 1]
        factors[target] = tuple(
            1.0 if level == 0.5 else _factor(error, distances[:, q], level, target)
            for q, level in enumerate(forecasts.levels)
        )
    return factors


def apply(forecasts: Forecasts, factors: Factors) -> Forecasts:
    """The forecasts with their quantiles widened; points stay as they are."""
    assert forecasts.quantiles is not None
    table = np.array([factors[target] for target in forecasts.targets])
    return replace(forecasts, quantiles=widen(forecasts.quantiles, forecasts.levels, table))


def _factor(error: Doubles, distance: Doubles, level: float, target: str) -> float:
    """The conformal quantile of error over distance: with it, truths lie within the level as often as it says.

    Below the median both are negative, and "truth above the level" is again "ratio below the factor".
    """
    nominal = max(level, 1 - level)
    rank = int(np.ceil(nominal * (len(error) + 1) - 1e-9))
    if rank > len(error):
        raise DataError(
            f"target {target!r}: {len(error)} known truths, level {level:g} wants at least "
            f"{int(np.ceil(nominal / (1 - nominal) - 1e-9))} to be calibrated; give more validation rows"
        )
    outward = np.sign(level - 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(error == 0, 0.0, outward * error / np.abs(distance))
    factor = float(np.partition(ratio, rank - 1)[rank - 1])
    if not np.isfinite(factor):
        raise DataError(f"target {target!r}: level {level:g} falls on the median, and no factor moves it; train longer")
    return max(factor, 0.0)
