"""How good predictions are, in original units, as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool import metrics
from unspool.data.facts import Facts, ForecastFacts
from unspool.errors import DataError
from unspool.evaluation import multilabel, tags, tokens
from unspool.evaluation.measures import Measures, Numbers, Reasons, measured
from unspool.types import Classes, Forecasts, LabelSets, Predictions, Tokens

BINS = 15
"""Bins of the calibration error (Guo et al. 2017)."""

Doubles = NDArray[np.float64]


def score(predictions: Predictions, facts: Facts) -> dict[str, Any]:
    """Every metric of the predictions. One that has no value is None, with the reason by its name in `undefined`.

    forecast  mae rmse mape smape mase, mae_by_step (L); of quantiles pinball, coverage_P and width_P of each pair of
              levels that is symmetric about the median, P the percent between them; origins. Of several targets
              these are means over targets, and each has its own under `targets`.
    classify  accuracy balanced_accuracy, precision recall f1 as _macro and _micro, roc_auc log_loss calibration_error,
              labels (K), confusion (K, K) by row of the truth, per_class by label, reliability, records; of any number of labels
              subset_accuracy, f1 as _micro _macro _samples, precision_micro recall_micro, hamming_loss mean_average_precision
              roc_auc log_loss, labels thresholds (K), per_label, records
    tag       accuracy; where tags name spans, span_precision span_recall span_f1, and per_type; records, words
    generate  perplexity (a word) bits_per_character log_loss (a token), unknown, the share of tokens that the train part lacks; tokens, words,
              characters
    """
    if isinstance(predictions, Forecasts):
        return _forecast_scores(predictions, facts)
    if isinstance(predictions, LabelSets):
        return multilabel.scores(predictions)
    if isinstance(predictions, Tokens):
        return tokens.scores(predictions)
    return _class_scores(predictions) if isinstance(predictions, Classes) else tags.scores(predictions)


def headline(predictions: Predictions, facts: Facts) -> tuple[Numbers, Reasons]:
    """The metrics that are one number each, and why those that are None have no value."""
    if isinstance(predictions, Forecasts):
        each = {name: measured(_target_measures(predictions, facts, i)) for i, name in enumerate(predictions.targets)}
        return _mean(each)
    if isinstance(predictions, LabelSets):
        return measured(multilabel.measures(predictions))
    if isinstance(predictions, Tokens):
        return measured(tokens.measures(predictions))
    return measured(_class_measures(predictions) if isinstance(predictions, Classes) else tags.measures(predictions))


def symmetric_pairs(levels: tuple[float, ...]) -> dict[str, tuple[int, int]]:
    """Places of levels that lie alike on both sides of the median, by the percent between them: `80` for 0.1, 0.9."""
    pairs = {}
    for low, level in enumerate(levels):
        for high in range(low + 1, len(levels)):
            if abs(level + levels[high] - 1) < 1e-9:
                pairs[f"{round(100 * (levels[high] - level), 6):g}"] = (low, high)
    return pairs


def _forecast_scores(forecasts: Forecasts, facts: Facts) -> dict[str, Any]:
    sections = {}
    for index, name in enumerate(forecasts.targets):
        values, undefined = measured(_target_measures(forecasts, facts, index))
        sections[name] = {**values, "mae_by_step": _mae_by_step(forecasts, index), "undefined": undefined}
    if len(sections) == 1:
        return {"origins": len(forecasts.origin), **next(iter(sections.values()))}
    values, undefined = headline(forecasts, facts)
    by_step = [_mean_or_none(steps) for steps in zip(*(s["mae_by_step"] for s in sections.values()), strict=True)]
    top = {"origins": len(forecasts.origin), **values, "mae_by_step": by_step, "undefined": undefined}
    return {**top, "targets": sections}


def _target_measures(forecasts: Forecasts, facts: Facts, index: int) -> Measures:
    truth, point = forecasts.truth[..., index], forecasts.point[..., index]
    measures: dict[str, Callable[[], Any]] = {
        "mae": partial(metrics.mae, truth, point),
        "rmse": partial(metrics.rmse, truth, point),
        "mape": partial(metrics.mape, truth, point),
        "smape": partial(metrics.smape, truth, point),
        "mase": lambda: metrics.mase(truth, point, _scale(facts, forecasts.targets[index])),
    }
    if forecasts.quantiles is None:
        return measures
    quantiles = forecasts.quantiles[..., index, :]
    measures["pinball"] = partial(metrics.pinball, truth, quantiles, forecasts.levels)
    for percent, (low, high) in symmetric_pairs(forecasts.levels).items():
        ends = quantiles[..., low], quantiles[..., high]
        measures[f"coverage_{percent}"] = partial(metrics.coverage, truth, *ends)
        measures[f"width_{percent}"] = partial(_width, truth, *ends)
    return measures


def _width(truth: Doubles, low: Doubles, high: Doubles) -> float:
    """The mean width where the truth is known: of the same points as the coverage."""
    known = ~np.isnan(truth)
    return metrics.interval_width(low[known], high[known])


def _scale(facts: Facts, target: str) -> float:
    assert isinstance(facts.task, ForecastFacts)
    if target not in facts.task.scales:
        raise DataError(f"target {target!r} has no seasonal difference in the train part to measure in; use mae")
    return facts.task.scales[target]


def _mae_by_step(forecasts: Forecasts, index: int) -> list[float | None]:
    steps = range(forecasts.point.shape[1])
    pairs = ((forecasts.truth[:, step, index], forecasts.point[:, step, index]) for step in steps)
    values, _ = measured({str(step): partial(metrics.mae, *pair) for step, pair in enumerate(pairs)})
    return list(values.values())


def _mean(each: Mapping[str, tuple[Numbers, Reasons]]) -> tuple[Numbers, Reasons]:
    """The mean of every metric over targets; None where one of them has none: that of the others is another number."""
    if len(each) == 1:
        return next(iter(each.values()))
    names = list(next(iter(each.values()))[0])
    values = {name: _mean_or_none(tuple(numbers[name] for numbers, _ in each.values())) for name in names}
    undefined: Reasons = {}
    for target, (_, reasons) in each.items():
        for name, reason in reasons.items():
            undefined.setdefault(name, f"target {target!r}: {reason}")
    return values, undefined


def _mean_or_none(numbers: tuple[float | None, ...]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def _class_measures(classes: Classes) -> Measures:
    truth, shares, count = classes.truth, classes.probabilities, len(classes.labels)
    guess = shares.argmax(axis=1)
    averaged: dict[str, Callable[[], Any]] = {
        f"{metric.__name__}_{average}": partial(metric, truth, guess, count, average)
        for metric in (metrics.precision, metrics.recall, metrics.f1)
        for average in ("macro", "micro")
    }
    return {
        "accuracy": partial(metrics.accuracy, truth, guess),
        "balanced_accuracy": partial(metrics.balanced_accuracy, truth, guess),
        **averaged,
        "roc_auc": partial(metrics.roc_auc, truth, shares),
        "log_loss": partial(metrics.log_loss, truth, shares),
        "calibration_error": partial(metrics.calibration_error, truth, shares, BINS),
    }


def _class_scores(classes: Classes) -> dict[str, Any]:
    truth, shares, labels = classes.truth, classes.probabilities, classes.labels
    guess = shares.argmax(axis=1)
    tables: Measures = {
        "confusion": lambda: metrics.confusion_matrix(truth, guess, len(labels)).tolist(),
        "per_class": lambda: dict(zip(labels, metrics.per_class(truth, guess, len(labels)), strict=True)),
        "reliability": partial(metrics.reliability, truth, shares, BINS),
    }
    values, undefined = measured({**_class_measures(classes), **tables})
    return {"records": len(classes.names), **values, "labels": list(labels), "undefined": undefined}
