"""Scaling of numbers: fitted once on the train part, applied to every row after, undone on what a forecast answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.data.spec import ScalerKind
from unspool.errors import DataError
from unspool.spec import Spec, knob

Doubles = NDArray[np.float64]

class RowError(DataError):
    """One value of a column is wrong; `row` counts from 0 in the array that was given."""

    def __init__(self, message: str, row: int):
        super().__init__(message)
        self.row = row


# A spread this small beside the values is rounding, not signal.
CONSTANT = 1e-12


class Scaler(Spec):
    """z = (x - center) / spread; with kind log1p, x is log(1 + x) first."""

    kind: ScalerKind = knob(help="how center and spread were found")
    center: float = knob(0.0, "subtracted first")
    spread: float = knob(1.0, "divided by then", gt=0)

    def apply(self, x: ArrayLike) -> Doubles:
        """Scaled values, elementwise; NaN stays NaN. DataError where log1p meets -1 or less."""
        values = np.asarray(x, np.float64)
        return ((_logarithm(values, "") if self.kind == "log1p" else values) - self.center) / self.spread

    def invert(self, z: ArrayLike) -> Doubles:
        """The values that `apply` scaled to `z`."""
        values = np.asarray(z, np.float64) * self.spread + self.center
        return np.expm1(values) if self.kind == "log1p" else values


@dataclass(frozen=True, slots=True, eq=False)
class Scalers:
    """Several scalers as one, for a matrix with a data column in every row; the same numbers as each Scaler alone."""

    names: tuple[str, ...]
    center: Doubles  # (C, 1)
    spread: Doubles  # (C, 1)
    logarithms: tuple[int, ...]

    @classmethod
    def of(cls, scalers: Mapping[str, Scaler]) -> Scalers:
        center = np.array([[scaler.center] for scaler in scalers.values()], np.float64).reshape(-1, 1)
        spread = np.array([[scaler.spread] for scaler in scalers.values()], np.float64).reshape(-1, 1)
        logarithms = tuple(index for index, scaler in enumerate(scalers.values()) if scaler.kind == "log1p")
        return cls(tuple(scalers), center, spread, logarithms)

    def apply(self, matrix: Doubles) -> Doubles:
        """(C, T) -> (C, T), scaled; `matrix` is overwritten."""
        for index in self.logarithms:
            matrix[index] = _logarithm(matrix[index], self.names[index])
        matrix -= self.center
        matrix /= self.spread
        return matrix


def fit(kind: ScalerKind, values: ArrayLike, name: str) -> Scaler:
    """The scaler of a column's train values (T,); NaN is left out, a constant column keeps its size (spread 1).

    standard  mean and standard deviation         minmax  to 0..1
    robust    median and interquartile range      log1p   standard, of log(1 + x)
    """
    if kind == "none":
        return Scaler(kind="none")
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if not x.size:
        raise DataError(f"column {name!r}: the train part holds no number; a {kind} scaler needs at least one")
    x = _logarithm(x, name) if kind == "log1p" else x
    with np.errstate(over="ignore", invalid="ignore"):
        center, spread = _STATISTICS[kind](x)
    if not np.isfinite([center, spread]).all():
        raise DataError(
            f"column {name!r}: values up to {np.abs(x).max():g} are too large to scale; use another unit for it"
        )
    constant = spread <= CONSTANT * np.abs(x).max()
    return Scaler(kind=kind, center=center, spread=1.0 if constant else spread)


def _mean_deviation(x: Doubles) -> tuple[float, float]:
    return float(x.mean()), float(x.std())


def _least_range(x: Doubles) -> tuple[float, float]:
    return float(x.min()), float(x.max() - x.min())


def _median_quartiles(x: Doubles) -> tuple[float, float]:
    """Half the values or more alike leave no interquartile range; the standard deviation stands in for it."""
    low, middle, high = np.percentile(x, [25, 50, 75])
    return float(middle), float(high - low) or float(x.std())


_STATISTICS: dict[str, Callable[[Doubles], tuple[float, float]]] = {
    "standard": _mean_deviation,
    "minmax": _least_range,
    "robust": _median_quartiles,
    "log1p": _mean_deviation,
}


def _logarithm(x: Doubles, name: str) -> Doubles:
    wrong = x <= -1
    if wrong.any():
        column = f"column {name!r}: " if name else ""
        raise RowError(
            f"{column}got {float(x[wrong].flat[0]):g}, wanted more than -1, for the scaler takes log(1 + x); "
            "choose another scaler (scaling: standard) for it",
            int(np.argmax(wrong)),
        )
    return np.log1p(x)
