"""A series as a few numbers that a person would look at: level, spread, ends, roughness, rhythm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.types import Prepared

Doubles = NDArray[np.float64]

BANDS = (0.0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 0.5)
"""Edges, in cycles a step, of the bands whose power is taken: octaves up to the fastest rhythm there is."""


def summarise(record: Prepared, sizes: Sequence[int]) -> Doubles:
    """(F,): 16 statistics of each numeric column, the share of every code of each category, the log of the length.

    mean, deviation, least, largest, first, last, quartiles (3), mean absolute difference, autocorrelation at lag 1, log
    power in each band (5); an empty record is all zeros

    sizes  (N,) number of codes of each column of categories
    """
    values = record.values.astype(np.float64)
    if not len(values):
        return np.zeros(values.shape[1] * 16 + sum(sizes) + 1)
    shares = [np.bincount(record.codes[:, n], minlength=size) / len(record.codes) for n, size in enumerate(sizes)]
    return np.concatenate([_statistics(values).ravel(), *shares, [np.log(len(values))]])


def _statistics(values: Doubles) -> Doubles:
    """(T, C) -> (16, C)."""
    centred = values - values.mean(axis=0)
    steps = np.abs(np.diff(values, axis=0)) if len(values) > 1 else np.zeros_like(values)
    plain = (values.mean(axis=0), values.std(axis=0), values.min(axis=0), values.max(axis=0), values[0], values[-1])
    quartiles = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
    return np.vstack([*plain, quartiles, steps.mean(axis=0), _autocorrelation(centred), _band_powers(centred)])


def _autocorrelation(centred: Doubles) -> Doubles:
    """At lag 1, (C,); 0 of a constant."""
    power: Doubles = (centred**2).sum(axis=0)
    shared: Doubles = (centred[1:] * centred[:-1]).sum(axis=0)
    return np.divide(shared, power, out=np.zeros_like(power), where=power > 0)


def _band_powers(centred: Doubles) -> Doubles:
    """Log power within each band, (5, C)."""
    steps = len(centred)
    power = np.abs(np.fft.rfft(centred, axis=0)) ** 2 / steps**2
    band = np.searchsorted(BANDS[1:-1], np.fft.rfftfreq(steps), side="left")
    total = np.zeros((len(BANDS) - 1, centred.shape[1]))
    np.add.at(total, band, power)
    powers: Doubles = np.log(total + 1e-8)  # the least power that is told from none
    return powers
