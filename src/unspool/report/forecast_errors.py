"""Charts of how a forecast errs, one target each. Unknown truths are left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.report.forecast_series import Pair, ranked, rounded, stamps
from unspool.report.predictions import ForecastRun
from unspool.report.verdict import baseline_words
from unspool.report.words import chart_text

Figure = dict[str, Any]
Floats = NDArray[np.float64]

BASELINE_STYLE = (
    ("var(--base-0)", "dash"),
    ("var(--base-1)", "dot"),
    ("var(--base-2)", "dashdot"),
    ("var(--base-3)", "8px,3px"),
    ("var(--base-4)", "4px,2px"),
    ("var(--base-5)", "1px,4px"),
)
"""As in script.js."""
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
MOST_STEPS, MOST_BINS = 1000, 60


def residuals(run: ForecastRun, target: int, forecast: Floats | None = None) -> Floats:
    """Truth less forecast (M, L), NaN where unknown."""
    point = run.forecasts.point if forecast is None else forecast
    difference: Floats = run.forecasts.truth[:, :, target] - point[:, :, target]
    return difference


def by_step(run: ForecastRun, target: int) -> Figure:
    horizon = run.forecasts.point.shape[1]
    steps = np.unique(np.linspace(0, horizon - 1, min(horizon, MOST_STEPS)).round().astype(int))
    ahead = (steps + 1).tolist()
    data = []
    for index, name in enumerate(ranked(run)):
        values = run.baselines[name]
        colour, dash = BASELINE_STYLE[index % len(BASELINE_STYLE)]
        line = {"color": colour, "dash": dash, "width": 1.6}
        data.append(_line(chart_text(baseline_words(name)), ahead, _mean_size(residuals(run, target, values))[steps], line))
    model = {"color": "var(--model)", "width": 2.4}
    data.append(_line("model", ahead, _mean_size(residuals(run, target))[steps], model))
    layout = {"xaxis": {"title": {"text": "steps ahead"}}, "yaxis": {"title": {"text": "mean absolute error"}, "rangemode": "tozero"}}
    return {"data": data, "layout": layout | {"hovermode": "x unified"}}


def _mean_size(residual: Floats) -> Floats:
    """Mean absolute residual by step (L,), NaN where none is known."""
    known = np.isfinite(residual)
    total = np.where(known, np.abs(residual), 0).sum(axis=0)
    mean: Floats = np.divide(total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0))
    return mean


def _line(name: str, x: list[Any], y: Floats, line: dict[str, Any]) -> Figure:
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": rounded(y), "line": line}


def histogram(run: ForecastRun, target: int) -> Figure:
    """Counts in even bins between the half hundredths, which take in what lies beyond them."""
    residual = residuals(run, target)
    residual = residual[np.isfinite(residual)]
    low, high = np.quantile(residual, [0.005, 0.995]) if residual.size else (0.0, 1.0)
    counts, edges = np.histogram(np.clip(residual, low, high), bins=MOST_BINS if high > low else 1)
    middles = (edges[1:] + edges[:-1]) / 2
    bars = {"type": "bar", "x": rounded(middles), "y": counts.tolist(), "marker": {"color": "var(--model)"}}
    layout = {"xaxis": {"title": {"text": "truth less forecast"}}, "yaxis": {"title": {"text": "forecast steps"}}, "bargap": 0.06}
    return {"data": [bars], "layout": layout | {"shapes": [_zero("x")]}}


def _zero(axis: str) -> Figure:
    ends = {"x0": 0, "x1": 0, "y0": 0, "y1": 1, "xref": "x", "yref": "paper"}
    if axis == "y":
        ends = {"x0": 0, "x1": 1, "y0": 0, "y1": 0, "xref": "paper", "yref": "y"}
    return {"type": "line", **ends, "line": {"color": "var(--ink)", "width": 1, "dash": "dot"}}


def within_a_day(times: NDArray[np.datetime64]) -> bool:
    """Whether the stamps fall on at least three hours of the day."""
    return len(np.unique(_hours(times))) >= 3


def _hours(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return times.astype("datetime64[h]").astype(np.int64) % 24


def by_hour(run: ForecastRun, times: NDArray[np.datetime64], target: int) -> Figure:
    hours = np.unique(_hours(times))
    figure = _spread(residuals(run, target), _hours(times), hours, [f"{hour:02d}:00" for hour in hours], "hour of day")
    figure["layout"]["xaxis"] |= {"type": "category", "dtick": 3, "tickangle": 0}
    return figure


def over_time(run: ForecastRun, times: NDArray[np.datetime64] | None, target: int) -> Figure:
    """By day where there are neither few nor too many, else in even spans of time or steps."""
    horizon = run.forecasts.point.shape[1]
    if times is None:
        place = run.forecasts.origin[:, None] + 1 + np.arange(horizon)
        return _binned(run, target, place, lambda edges: edges.round().astype(int).tolist(), "step")
    days = times.astype("datetime64[D]").astype(np.int64)
    kinds = np.unique(days)
    if 14 <= len(kinds) <= 400:
        return _spread(residuals(run, target), days, kinds, stamps(kinds.astype("datetime64[D]").astype("datetime64[us]")), "")
    return _binned(run, target, times.astype(np.int64), lambda edges: stamps(edges.astype(np.int64).astype("datetime64[us]")), "")


def _binned(run: ForecastRun, target: int, place: NDArray[np.int64], axis: Any, title: str) -> Figure:
    edges = np.linspace(place.min(), place.max(), MOST_BINS + 1)
    bins = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, MOST_BINS - 1)
    return _spread(residuals(run, target), bins, np.unique(bins), axis(edges[np.unique(bins)]), title)


def _spread(residual: Floats, group: NDArray[np.int64], groups: NDArray[np.int64], axis: list[Any], title: str) -> Figure:
    """Median and middle 80 % of the residuals of every group; `group` has the residuals' shape."""
    known = np.isfinite(residual)
    values, belongs = residual[known], group[known]
    order = np.argsort(belongs, kind="stable")
    values, belongs = values[order], belongs[order]
    cuts = np.searchsorted(belongs, groups, side="left"), np.searchsorted(belongs, groups, side="right")
    table = np.array([np.quantile(values[a:b], [LOW, MIDDLE, HIGH]) if b > a else [np.nan] * 3 for a, b in zip(*cuts, strict=True)])
    none = {"width": 0}
    data = [
        _line("upper", axis, table[:, 2], none) | {"showlegend": False, "hoverinfo": "skip"},
        _line("middle 80\u202f%", axis, table[:, 0], none) | {"fill": "tonexty", "fillcolor": "var(--band)", "hoverinfo": "skip"},
        _line("median", axis, table[:, 1], {"color": "var(--model)", "width": 2}),
    ]
    layout = {"xaxis": {"title": {"text": title}}, "yaxis": {"title": {"text": "truth less forecast"}}, "shapes": [_zero("y")]}
    return {"data": data, "layout": layout | {"hovermode": "x unified"}}


def coverage_chart(run: ForecastRun, target: int) -> Figure:
    below = coverage(run, target)
    levels = list(run.forecasts.levels)
    grey = {"color": "var(--soft)", "width": 1, "dash": "dot"}
    data = [
        {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "line": grey, "hoverinfo": "skip", "showlegend": False},
        {
            "type": "scatter", "mode": "lines+markers", "name": "truths below", "x": levels, "y": rounded(below), "showlegend": False,
            "line": {"color": "var(--model)", "width": 2}, "marker": {"size": 8}, "hovertemplate": "level %{x}: %{y:.3f} below<extra></extra>",
        },
    ]  # fmt: skip
    axis = {"range": [0, 1], "dtick": 0.2}
    return {"data": data, "layout": {"xaxis": axis | {"title": {"text": "level"}}, "yaxis": axis | {"title": {"text": "share of truths below"}}}}


def coverage(run: ForecastRun, target: int) -> Floats:
    """The share of known truths at or below each quantile, (Q,)."""
    truth, quantiles = run.forecasts.truth[:, :, target], run.forecasts.quantiles
    assert quantiles is not None
    known = np.isfinite(truth)
    if not known.any():
        return np.full(quantiles.shape[-1], np.nan)
    share: Floats = (truth[known][:, None] <= quantiles[:, :, target][known]).mean(axis=0)
    return share


def interval(run: ForecastRun, pair: Pair, target: int) -> tuple[float, float]:
    """The share of known truths inside, ends included, and the mean width."""
    truth, quantiles = run.forecasts.truth[:, :, target], run.forecasts.quantiles
    assert quantiles is not None
    known = np.isfinite(truth)
    low, high = quantiles[:, :, target, pair.low][known], quantiles[:, :, target, pair.high][known]
    if not known.any():
        return float("nan"), float("nan")
    return float(((low <= truth[known]) & (truth[known] <= high)).mean()), float((high - low).mean())
