"""The sections of a forecast: forecasts against truth, error by step, residuals, coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.report import forecast_errors as errors
from unspool.report.contents import Contents
from unspool.report.forecast_series import MOST_SERIES, MOST_TARGETS, Pair, local_times, pairs, payload
from unspool.report.markup import Markup, choice, figure, join, paragraph, section, table, tag, text
from unspool.report.predictions import ForecastRun
from unspool.report.words import column, counted, listed, percent

Figure = dict[str, Any]
Charts = dict[str, list[Figure]]


def sections(contents: Contents, charts: Charts) -> tuple[list[Markup | None], dict[str, Any]]:
    """The sections in order, and what the script draws by itself; charts are added to `charts`, one a target."""
    run = contents.predictions
    if not isinstance(run, ForecastRun) or not run.forecasts.point.size:
        return [], {}
    zone = contents.facts.preparation.timezone if contents.facts else "UTC"
    times = None if run.forecasts.times is None else local_times(run.forecasts.times, zone)
    drawn = payload(run, times)
    known = bool(np.isfinite(run.forecasts.truth).any())
    parts: list[Markup | None] = [_forecasts(run, drawn, zone if times is not None else None)]
    if known:
        parts += [_by_step(run, charts), _residuals(run, times, zone, charts), _coverage(run, charts)]
    return parts, drawn


def _chosen_target(run: ForecastRun) -> Markup | None:
    return choice("target", "Target", run.forecasts.targets[:MOST_TARGETS])


def _forecasts(run: ForecastRun, drawn: dict[str, Any], zone: str | None) -> Markup:
    forecasts = run.forecasts
    records = np.unique(forecasts.record)
    shown = records[np.unique(np.linspace(0, len(records) - 1, min(len(records), MOST_SERIES)).round().astype(int))]
    names = [forecasts.names[record] for record in shown]
    whole = _controls(choice("series", "Series", names), _chosen_target(run))
    bands = f" Shaded: the {listed(drawn['bands'])}." if drawn["bands"] else ""
    clock = f" Times are those of {zone}." if zone else ""
    fewer = f" {len(shown)} of {len(records):,} series are shown." if len(shown) < len(records) else ""
    horizon = counted(forecasts.point.shape[1], "step")
    single = figure(
        "origin",
        f"One forecast of the next {horizon}, with the truth and the baselines",
        f"One forecast of the next {horizon}, made just before the time that is chosen.{bands}{clock}{fewer} "
        "Press a name in the legend to hide or show its line.",
        "tall",
        _slider() if any(len(one["origins"]) > 1 for one in drawn["series"]) else None,
    )
    return section("forecasts", "Forecasts over the test part", whole, single, _rolling(drawn, clock))


def _rolling(drawn: dict[str, Any], clock: str) -> Markup | None:
    if not any(one["rolling"] for one in drawn["series"]):
        return None
    every = max(one["every"] for one in drawn["series"])
    thinned = f" One in about {every} of the forecasts is drawn." if every > 1 else ""
    chosen = choice("step", "Steps ahead", [f"{step:,}" for step in drawn["steps"]])
    return figure(
        "rolling",
        "What was forecast a fixed number of steps ahead, over the whole test part, with the truth",
        f"Every point is what was forecast the chosen number of steps before.{thinned} Drag the ends of the strip to see more or less.{clock}",
        "tall",
        _controls(chosen),
    )


def _controls(*controls: Markup | None) -> Markup | None:
    kept = [control for control in controls if control]
    return tag("div", join(*kept), class_="controls") if kept else None


def _slider() -> Markup:
    return Markup(
        '<div class="controls"><button type="button" data-move="-1" aria-label="Earlier forecast">\u2190</button>'
        '<label class="wide"><span>Forecast from <output data-origin-label></output></span>'
        '<input type="range" min="0" max="0" value="0" data-origin aria-label="Forecast to show"></label>'
        '<button type="button" data-move="1" aria-label="Later forecast">\u2192</button></div>'
    )


def _by_step(run: ForecastRun, charts: Charts) -> Markup | None:
    if run.forecasts.point.shape[1] < 2:
        return None
    charts["by-step"] = [errors.by_step(run, target) for target in _targets(run)]
    label = "Mean absolute error by step of the horizon, model and baselines"
    caption = "Mean absolute error by how far ahead the forecast looks, in the unit of the target."
    return section("by-step", "Error by step ahead", _controls(_chosen_target(run)), figure("by-step", label, caption))


def _residuals(run: ForecastRun, times: NDArray[np.datetime64] | None, zone: str, charts: Charts) -> Markup:
    charts["histogram"] = [errors.histogram(run, target) for target in _targets(run)]
    charts["over-time"] = [errors.over_time(run, times, target) for target in _targets(run)]
    shown = [
        _controls(_chosen_target(run)),
        paragraph("A residual is the truth less the forecast: above zero the forecast was too low."),
        figure("histogram", "Histogram of residuals", "All residuals of the test part; the outermost hundredth is gathered in the end bars."),
    ]
    if times is not None and errors.within_a_day(times):
        charts["by-hour"] = [errors.by_hour(run, times, target) for target in _targets(run)]
        caption = f"Residuals by the hour of day that was forecast, in {zone}: their median, and the band that holds the middle 80\u202f%."
        shown.append(figure("by-hour", "Residuals by hour of day", caption))
    caption = "Residuals along the test part: their median, and the band that holds the middle 80\u202f%."
    shown.append(figure("over-time", "Residuals over time", caption))
    return section("residuals", "Residuals", *shown)


def _targets(run: ForecastRun) -> range:
    return range(min(len(run.forecasts.targets), MOST_TARGETS))


def _coverage(run: ForecastRun, charts: Charts) -> Markup | None:
    forecasts = run.forecasts
    if forecasts.quantiles is None:
        return None
    charts["coverage"] = [errors.coverage_chart(run, target) for target in _targets(run)]
    bands = pairs(forecasts.levels)
    listing = _intervals(run, bands) if bands else None
    label = "Share of truths below each quantile, against its level"
    caption = "Share of the truths that lie below each quantile. On the diagonal a quantile is as often right as it says."
    chart = figure("coverage", label, caption, "square")
    return section("coverage", "How honest the quantiles are", _controls(_chosen_target(run)), chart, listing)


def _intervals(run: ForecastRun, bands: list[Pair]) -> Markup:
    names, rows = run.forecasts.targets, []
    widths = column([errors.interval(run, pair, target)[1] for pair in bands for target in _targets(run)])
    for index, (pair, target) in enumerate((pair, target) for pair in bands for target in _targets(run)):
        covered, _ = errors.interval(run, pair, target)
        rows.append([text(pair.name), text(names[target]), text(percent(covered)), text(widths[index])])
    return table("Intervals", ["Interval", "Target", "Truths inside", "Mean width"], rows, numeric=[2, 3])
