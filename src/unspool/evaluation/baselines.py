"""What anyone could forecast or guess without a network: the least that a model has to beat.

naive               the last known value
seasonal_naive_S    the value S steps before, or as many whole seasons before as it takes to be known
drift               the line through the first and the last known value so far
mean                the mean of the record's train part, or of all train parts where it has none
majority            each class by its share of the train part
linear              logistic regression on what a person would count, see `linear`

None reads a value after its origin. Where a rule has nothing to go by, the last known value stands in, then the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts
from unspool.evaluation.linear import linear
from unspool.evaluation.residuals import residual_quantiles
from unspool.types import Classes, Forecasts, Part, Prepared, Record

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]
Rule = Callable[[Doubles, Counts, int], Doubles]
"""A record's targets (T, D), origins (O,) and the horizon L to points (O, L, D)."""


def forecast_baselines(
    records: Sequence[Record], forecasts: Forecasts, facts: Facts, train_spans: Counts
) -> dict[str, Forecasts]:
    """Each baseline's forecasts, at the origins and beside the truth of `forecasts`.

    Where those have quantiles, the naive ones have too: their point plus the quantiles of their own errors in the train
    part at each step of the horizon, in units of the record's mean absolute difference.

    records      those that `forecasts.record` counts
    train_spans  (n, 3) record, start, stop of the train part
    """
    assert isinstance(facts.task, ForecastFacts)
    used = sorted({*forecasts.record.tolist(), *train_spans[:, 0].tolist()})
    series = {index: _targets(records[index], forecasts.targets) for index in used}
    means = _train_means(series, train_spans, len(forecasts.targets))
    seasons = [season for season in facts.task.seasons if season > 1]  # with a season of 1 it is the naive one
    naive: dict[str, Rule] = {"naive": _naive}
    naive |= {f"seasonal_naive_{season}": partial(_seasonal, season=season) for season in seasons}
    made = {}
    for name, rule in naive.items():
        point = _at_origins(rule, series, means, forecasts)
        spread = residual_quantiles(rule, series, train_spans, forecasts)
        quantiles = None if spread is None else point[..., None] + spread
        levels = () if quantiles is None else forecasts.levels
        made[name] = replace(forecasts, point=point, quantiles=quantiles, levels=levels)
    for name, rule in {"drift": _drift, "mean": _unknown}.items():
        made[name] = replace(forecasts, point=_at_origins(rule, series, means, forecasts), quantiles=None, levels=())
    return made


def classify_baselines(
    records: Sequence[Record],
    prepared: Sequence[Prepared],
    spans: Mapping[Part, Counts],
    facts: Facts,
    part: Part = "test",
) -> dict[str, Classes]:
    """`majority` and `linear` for one part's records, in the order of its spans; they read whole records.

    records, prepared  those that `spans` (n, 3) count
    """
    assert isinstance(facts.task, ClassifyFacts)
    asked = spans[part][:, 0]
    shares = np.array(facts.task.counts, np.float64) / sum(facts.task.counts)
    majority = Classes(
        names=tuple(records[index].name for index in asked),
        labels=facts.preparation.labels or (),
        probabilities=np.tile(shares, (len(asked), 1)),
        truth=np.array([prepared[index].label for index in asked], np.int64),
    )
    return {"majority": majority, "linear": replace(majority, probabilities=linear(prepared, spans, facts, part))}


def last_known(values: Doubles, every: int) -> Doubles:
    """(T, D): at each step t the latest known value among t, t - every, t - 2 every ...; NaN where there is none."""
    if not np.isnan(values).any():
        return values
    steps, width = values.shape
    rounds = -(-steps // every)
    padded = np.full((rounds * every, width), np.nan)
    padded[:steps] = values
    padded = padded.reshape(rounds, every, width)
    place = np.where(np.isnan(padded), -1, np.arange(rounds)[:, None, None])
    latest = np.take_along_axis(padded, np.maximum(np.maximum.accumulate(place), 0), axis=0)
    filled: Doubles = latest.reshape(-1, width)[:steps]
    return filled


def _naive(series: Doubles, origins: Counts, horizon: int) -> Doubles:
    point: Doubles = np.repeat(last_known(series, 1)[origins, None], horizon, axis=1)
    return point


def _seasonal(series: Doubles, origins: Counts, horizon: int, season: int) -> Doubles:
    ahead = np.arange(1, horizon + 1)
    index = origins[:, None] + ahead - season * -(-ahead // season)
    point: Doubles = last_known(series, season)[np.maximum(index, 0)]
    point[index < 0] = np.nan
    unknown = np.isnan(point)
    if unknown.any():
        point[unknown] = _naive(series, origins, horizon)[unknown]
    return point


def _drift(series: Doubles, origins: Counts, horizon: int) -> Doubles:
    known = ~np.isnan(series)
    steps = np.arange(len(series))[:, None]
    last = np.maximum.accumulate(np.where(known, steps, -1))[origins]  # (O, D)
    first = np.minimum(known.argmax(axis=0), np.maximum(last, 0))
    column = np.arange(series.shape[1])
    end = np.where(last >= 0, series[last, column], np.nan)
    slope = (end - series[first, column]) / np.maximum(last - first, 1)
    ahead = origins[:, None] + np.arange(1, horizon + 1)
    point: Doubles = end[:, None] + (ahead[..., None] - last[:, None]) * slope[:, None]
    return point


def _unknown(series: Doubles, origins: Counts, horizon: int) -> Doubles:
    """Nothing: the mean of the train part stands in everywhere."""
    return np.full((len(origins), horizon, series.shape[1]), np.nan)


def _at_origins(
    rule: Rule, series: Mapping[int, Doubles], means: Mapping[int, Doubles], forecasts: Forecasts
) -> Doubles:
    """Points (M, L, D) of a rule, the train part's mean where it has none."""
    point: Doubles = np.empty(forecasts.point.shape)
    horizon = point.shape[1]
    for index, rows in _by_record(forecasts.record):
        made = rule(series[index], forecasts.origin[rows], horizon)
        point[rows] = np.where(np.isnan(made), means[index], made)
    return point


def _by_record(record: Counts) -> Iterator[tuple[int, Counts]]:
    """Each record that occurs, and its rows."""
    order = np.argsort(record, kind="stable")
    edges = np.flatnonzero(np.diff(record[order])) + 1
    for rows in np.split(order, edges) if len(record) else ():
        yield int(record[rows[0]]), rows


def _targets(record: Record, targets: tuple[str, ...]) -> Doubles:
    return np.stack([np.asarray(record.columns[name], np.float64) for name in targets], axis=1)


def _train_means(series: Mapping[int, Doubles], train_spans: Counts, width: int) -> dict[int, Doubles]:
    """(D,) by record."""
    totals = {index: np.zeros((2, width)) for index in series}
    for index, start, stop in train_spans.tolist():
        part = series[index][start:stop]
        totals[index] += np.nansum(part, axis=0), (~np.isnan(part)).sum(axis=0)
    summed, counted = np.sum(list(totals.values()), axis=0)
    with np.errstate(invalid="ignore"):
        overall = summed / counted
        return {index: np.where(count > 0, total / count, overall) for index, (total, count) in totals.items()}
