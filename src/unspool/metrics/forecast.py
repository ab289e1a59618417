"""How far a point forecast is from what came.

Truth and point have one shape, any shape. Where the truth is NaN it is unknown: the point is left out, whatever was
forecast there. Everything else must be finite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unspool.errors import DataError
from unspool.types import Booleans, Floats


def mae(truth: ArrayLike, point: ArrayLike) -> float:
    """Mean absolute error, in the unit of the truth."""
    y, f = _known_pairs(truth, point)
    return float(np.abs(y - f).mean())


def rmse(truth: ArrayLike, point: ArrayLike) -> float:
    """Root of the mean squared error, in the unit of the truth."""
    y, f = _known_pairs(truth, point)
    return float(np.sqrt(np.square(y - f).mean()))


def mape(truth: ArrayLike, point: ArrayLike) -> float:
    """Mean absolute error in percent of the truth; points where the truth is 0 are left out.

    raises  DataError where no point is left
    """
    y, f = _known_pairs(truth, point)
    y, f = y[y != 0], f[y != 0]
    if y.size == 0:
        raise DataError(
            "every known truth is 0, and an error in percent of 0 has no value; "
            "wanted at least one other truth; use mae or smape"
        )
    return float(100 * np.abs((y - f) / y).mean())


def smape(truth: ArrayLike, point: ArrayLike) -> float:
    """Symmetric error in percent, 0 to 200, as in the M4 competition: 200 |y - f| / (|y| + |f|), 0 where both are 0."""
    y, f = _known_pairs(truth, point)
    size = np.abs(y) + np.abs(f)
    return float(200 * np.divide(np.abs(y - f), size, out=np.zeros_like(size), where=size > 0).mean())


def mase(truth: ArrayLike, point: ArrayLike, scale: ArrayLike) -> float:
    """Mean absolute error in units of `scale` (Hyndman and Koehler 2006); 1 is what the naive forecast had in training.

    scale  what `seasonal_scale` gave: one number, or one a series in a shape that spreads over truth, such as (N, 1)
    """
    y, f = _known_pairs(truth, point)
    return float((np.abs(y - f) / _scale_at(known_points("truth", numbers("truth", truth)), scale)).mean())


def seasonal_scale(series: ArrayLike, season: int) -> float:
    """The seasonal naive forecast's mean absolute error within the training series: the mean of |y_t - y_(t-season)|.

    series  (T,)  pairs with an unknown end are left out
    raises  DataError where no pair is left, or where all are equal, for then nothing can be measured in this unit
    """
    y = numbers("series", series)
    if y.ndim != 1:
        raise DataError(f"series has shape {y.shape}; wanted one axis (T,); take the scale of one series at a time")
    if season < 1:
        raise DataError(f"season is {season} steps; wanted 1 or more")
    if len(y) < season + 1:
        raise DataError(
            f"series has {len(y)} steps; a season of {season} wants {season + 1} or more; "
            "use a longer series or a shorter season"
        )
    known = known_points("series", y)
    step = np.abs(y[season:] - y[:-season])[known[season:] & known[:-season]]
    if step.size == 0:
        raise DataError(f"series has no two known values {season} steps apart; wanted at least one pair; fill its gaps")
    scale = float(step.mean())
    if scale == 0:
        raise DataError(
            f"series repeats itself every {season} steps, so its scale is 0; wanted a change; use mae, not mase"
        )
    return scale


def numbers(name: str, values: ArrayLike) -> Floats:
    """The values as float64; `name` is what a message calls them."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} has type {array.dtype}; wanted numbers (NaN where unknown)")
    return array.astype(np.float64)


def known_points(name: str, values: Floats) -> Booleans:
    """True where a value is known; raises DataError where one is infinite or none is known."""
    if np.isinf(values).any():
        count = int(np.isinf(values).sum())
        raise DataError(f"{name} is infinite at {count} of {values.size} points; wanted numbers, NaN where unknown")
    known: Booleans = ~np.isnan(values)
    if not known.any():
        raise DataError(f"{name} is known at none of {values.size} points; wanted at least one that is not NaN")
    return known


def forecasts_at(name: str, values: Floats, known: Booleans) -> Floats:
    """The forecasts at known points; raises DataError where one of them is not finite."""
    chosen = values[known]
    if not np.isfinite(chosen).all():
        count = int((~np.isfinite(chosen)).sum())
        raise DataError(
            f"{name}: NaN or infinite at {count} of {chosen.size} points where the truth is known; "
            "wanted a number at each; set the truth to NaN where there is no forecast"
        )
    return chosen


def _known_pairs(truth: ArrayLike, point: ArrayLike) -> tuple[Floats, Floats]:
    y, f = numbers("truth", truth), numbers("point", point)
    if y.shape != f.shape:
        raise DataError(f"truth has shape {y.shape}, point {f.shape}; wanted one shape for both")
    known = known_points("truth", y)
    return y[known], forecasts_at("point", f, known)


def _scale_at(known: Booleans, scale: ArrayLike) -> Floats:
    units = numbers("scale", scale)
    try:
        chosen = np.broadcast_to(units, known.shape)[known]
    except ValueError:
        raise DataError(
            f"scale has shape {units.shape}, truth {known.shape}; wanted one number, or one a series such as (N, 1)"
        ) from None
    if not (np.isfinite(chosen) & (chosen > 0)).all():
        raise DataError(f"scale goes down to {chosen.min():g}; wanted finite numbers above 0, as seasonal_scale gives")
    return chosen
