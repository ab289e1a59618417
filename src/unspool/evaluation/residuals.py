"""How wide of the mark a forecasting rule was in the train part: quantiles for a rule that gives points alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from unspool.types import Forecasts

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST_ORIGINS = 10_000
"""Train origins that are looked at, over all records; with more, quantiles change too little to be worth the time."""


def residual_quantiles(
    rule: Callable[[Doubles, Counts, int], Doubles],
    series: Mapping[int, Doubles],
    train_spans: Counts,
    forecasts: Forecasts,
) -> Doubles | None:
    """What is to be added to a rule's points for quantiles of the levels of `forecasts`: (M, L, D, Q).

    Errors of all records are put together in units of each record's own mean absolute difference from step to step, so
    that one table (L, D, Q) serves large and small series.

    returns  None where `forecasts` has no levels, or no horizon fits into the train part
    """
    horizon = forecasts.point.shape[1]
    origins = _origins(train_spans, horizon)
    if not forecasts.levels or not len(origins):
        return None
    units = _units(series, train_spans)
    ahead = np.arange(1, horizon + 1)
    errors = []
    for index in np.unique(origins[:, 0]).tolist():
        mine = origins[origins[:, 0] == index, 1]
        error = series[index][mine[:, None] + ahead] - rule(series[index], mine, horizon)
        with np.errstate(divide="ignore", invalid="ignore"):  # a record that never changes says nothing: 0 / 0
            errors.append(error / units[index])
    table = _quantiles(np.concatenate(errors), forecasts.levels)
    own = np.array([units[index] for index in forecasts.record.tolist()]).reshape(-1, 1, table.shape[1], 1)
    return own * table


def _quantiles(errors: Doubles, levels: tuple[float, ...]) -> Doubles:
    """(N, L, D) to (L, D, Q) over the finite ones; 0 where there is none."""
    table = np.zeros((*errors.shape[1:], len(levels)))
    for step, target in np.ndindex(table.shape[:2]):
        column = errors[:, step, target]
        column = column[np.isfinite(column)]
        if len(column):
            table[step, target] = np.quantile(column, levels)
    return table


def _origins(train_spans: Counts, horizon: int) -> Counts:
    """(N, 2) record and origin, drawn evenly from all whose horizon lies within the train part."""
    rooms = np.maximum(train_spans[:, 2] - train_spans[:, 1] - horizon, 0)
    ends = np.cumsum(rooms)
    total = int(rooms.sum())
    # drawn, not every n-th: a stride that shares a factor with a season would see some of its phases only
    draw = np.random.default_rng(0)
    flat = np.sort(draw.choice(total, MOST_ORIGINS, replace=False)) if total > MOST_ORIGINS else np.arange(total)
    span = np.searchsorted(ends, flat, side="right")
    return np.stack([train_spans[span, 0], train_spans[span, 1] + flat - (ends - rooms)[span]], axis=1)


def _units(series: Mapping[int, Doubles], train_spans: Counts) -> dict[int, Doubles]:
    """(D,) by record: the mean absolute difference in its train part, or that of all where it has none."""
    width = next(iter(series.values())).shape[1]
    totals = {index: np.zeros((2, width)) for index in series}
    for index, start, stop in train_spans.tolist():
        steps = np.abs(np.diff(series[index][start:stop], axis=0))
        totals[index] += np.nansum(steps, axis=0), (~np.isnan(steps)).sum(axis=0)
    summed, counted = np.sum(list(totals.values()), axis=0)
    overall = summed / np.maximum(counted, 1)
    return {i: np.where(count > 0, total / np.maximum(count, 1), overall) for i, (total, count) in totals.items()}
