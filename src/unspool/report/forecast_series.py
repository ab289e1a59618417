"""What the two zoomable charts of a forecast draw: the actual values, chosen forecasts, and one step of the horizon over the whole part.

Only so many numbers go onto the page; series, origins and points beyond that are thinned evenly, and the captions say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from unspool.report.predictions import ForecastRun
from unspool.report.verdict import baseline_words
from unspool.report.words import chart_text, number, percent

MOST_NUMBERS = 90_000
"""Numbers of each of the three kinds: actual values, forecasts by origin, rolling forecasts; about eight bytes each on the page."""
MOST_SERIES, MOST_ORIGINS, MOST_TARGETS, MOST_BASELINES = 40, 370, 6, 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two quantiles that bound an interval, by their places among the levels."""

    low: int
    high: int
    share: float

    @property
    def name(self) -> str:
        return percent(self.share, 0 if abs(100 * self.share - round(100 * self.share)) < 1e-6 else 1)


def pairs(levels: tuple[float, ...]) -> list[Pair]:
    """The symmetric pairs among quantile levels, the widest first."""
    found = []
    for low, level in enumerate(levels):
        high = next((i for i, other in enumerate(levels) if abs(level + other - 1) < 1e-9 and other > level), None)
        if high is not None:
            found.append(Pair(low, high, levels[high] - level))
    return found


def local_times(times: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    """Instants in UTC as what clocks of the zone show; UTC itself where the zone is not known here."""
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return times
    instants, back = np.unique(times.astype(np.int64), return_inverse=True)
    local = [(EPOCH + timedelta(microseconds=instant)).astimezone(place).replace(tzinfo=None) for instant in instants.tolist()]
    return np.array(local, dtype="datetime64[us]")[back].reshape(times.shape)


def stamps(times: NDArray[np.datetime64]) -> list[str]:
    """Times as text, no finer than they need to be."""
    if not times.size:
        return []
    seconds = times.astype("datetime64[s]")
    unit: Literal["D", "m", "s"] = "s"
    if (seconds == seconds.astype("datetime64[D]")).all():
        unit = "D"
    elif (seconds == seconds.astype("datetime64[m]")).all():
        unit = "m"
    return [text.replace("T", " ") for text in np.datetime_as_string(times, unit=unit).tolist()]


def payload(run: ForecastRun, times: NDArray[np.datetime64] | None) -> dict[str, Any]:
    """Everything the page's script needs; `times` (M, L) are local."""
    forecasts = run.forecasts
    run = ForecastRun(forecasts, {name: run.baselines[name] for name in ranked(run)[:MOST_BASELINES]})
    shown = np.unique(forecasts.record)
    shown = shown[_even(len(shown), MOST_SERIES)]
    bands = pairs(forecasts.levels) if forecasts.quantiles is not None else []
    drawer = _Drawer(run, times, bands, len(shown))
    return {
        "targets": [chart_text(name) for name in forecasts.targets[:MOST_TARGETS]],
        "baselines": [chart_text(baseline_words(name)) for name in run.baselines],
        "bands": [f"{pair.name} interval" for pair in bands],
        "steps": [int(step) + 1 for step in drawer.steps],
        "series": [drawer.series(int(record)) for record in shown],
    }


def ranked(run: ForecastRun) -> list[str]:
    """The baselines, that of the least mean absolute error first."""

    def error(name: str) -> float:
        size = np.abs(run.forecasts.truth - run.baselines[name])
        return float(np.nanmean(size)) if np.isfinite(size).any() else np.inf

    return sorted(run.baselines, key=error)


class _Drawer:
    """One series after another as JSON."""

    def __init__(self, run: ForecastRun, times: NDArray[np.datetime64] | None, bands: list[Pair], series: int):
        horizon, targets = run.forecasts.point.shape[1], min(run.forecasts.point.shape[2], MOST_TARGETS)
        self.run, self.times, self.bands = run, times, bands
        self.targets = range(targets)
        self.steps = sorted({0, (horizon - 1) // 2, horizon - 1})
        lines = 1 + 2 * len(bands) + len(run.baselines)
        self.most_origins = int(np.clip(MOST_NUMBERS // (horizon * targets * lines * series), 1, MOST_ORIGINS))
        self.most_points = max(10, MOST_NUMBERS // (len(self.steps) * targets * (lines + 1) * series))
        self.most_steps = max(horizon, MOST_NUMBERS // (targets * series))

    def series(self, record: int) -> dict[str, Any]:
        forecasts = self.run.forecasts
        rows = np.flatnonzero(forecasts.record == record)
        chosen = rows[self._origins(rows)]
        rolling = rows[_even(len(rows), self.most_points)]
        steps, source = self._steps(rows, chosen)
        return {
            "x": self._axis(steps, source),
            "truth": self._lines(forecasts.truth.reshape(-1, forecasts.truth.shape[2])[source], hole=steps < 0),
            "origins": [self._origin(int(row), steps) for row in chosen],
            "rolling": [self._rolling(rolling, step) for step in self.steps] if len(rolling) >= 10 else [],
            "every": round(len(rows) / len(rolling)),
        }

    def _origins(self, rows: Indices) -> Indices:
        """The midnights, where forecasts begin at midnight, else evenly spread."""
        begin = None if self.times is None else self.times[rows, 0]
        if begin is not None and len(rows) > MOST_ORIGINS // 4:
            midnights = np.flatnonzero(begin == begin.astype("datetime64[D]"))
            if 3 <= len(midnights) < len(rows):
                return midnights[_even(len(midnights), self.most_origins)]
        return _even(len(rows), self.most_origins)

    def _steps(self, rows: Indices, chosen: Indices) -> tuple[Indices, Indices]:
        """The steps that have a truth, ascending, -1 where some are left out between; and where each is found among all (M * L).

        Where there are more than can be shown, only the steps of the chosen forecasts are.
        """
        horizon = self.run.forecasts.point.shape[1]
        for used in (rows, chosen):
            ahead = self.run.forecasts.origin[used, None] + 1 + np.arange(horizon)
            flat = used[:, None] * horizon + np.arange(horizon)
            steps, first = np.unique(ahead, return_index=True)
            if len(steps) <= self.most_steps:
                break
        breaks = np.flatnonzero(np.diff(steps) > 1) + 1
        return np.insert(steps, breaks, -1), np.insert(flat.ravel()[first], breaks, 0)

    def _axis(self, steps: Indices, source: Indices) -> list[Any]:
        if self.times is None:
            return [int(step) if step >= 0 else None for step in steps]
        return [stamp if step >= 0 else None for stamp, step in zip(stamps(self.times.ravel()[source]), steps, strict=True)]

    def _origin(self, row: int, steps: Indices) -> dict[str, Any]:
        forecasts = self.run.forecasts
        at = int(np.flatnonzero(steps == forecasts.origin[row] + 1)[0])
        label = f"step {number(int(forecasts.origin[row]))}" if self.times is None else stamps(self.times[row, :1])[0]
        return {"at": at, "label": label, **self._answers(np.s_[row])}

    def _rolling(self, rows: Indices, step: int) -> dict[str, Any]:
        forecasts = self.run.forecasts
        ahead = forecasts.origin[rows] + 1 + step
        axis = ahead.tolist() if self.times is None else stamps(self.times[rows, step])
        return {"x": axis, "truth": self._lines(forecasts.truth[rows, step]), **self._answers(np.s_[rows, step])}

    def _answers(self, where: Any) -> dict[str, Any]:
        forecasts = self.run.forecasts
        quantiles = None if forecasts.quantiles is None else forecasts.quantiles[where]
        return {
            "point": self._lines(forecasts.point[where]),
            "low": [] if quantiles is None else [self._lines(quantiles[..., pair.low]) for pair in self.bands],
            "high": [] if quantiles is None else [self._lines(quantiles[..., pair.high]) for pair in self.bands],
            "base": [self._lines(values[where]) for values in self.run.baselines.values()],
        }

    def _lines(self, values: NDArray[np.float64], hole: NDArray[np.bool_] | None = None) -> list[list[float | None]]:
        """(n, D) as one list a target."""
        values = values if hole is None else np.where(hole[:, None], np.nan, values)
        return [rounded(values[:, target]) for target in self.targets]


def rounded(values: NDArray[np.float64], digits: int = 5) -> list[float | None]:
    """Values with as many decimals as the largest needs to have `digits` significant digits; None where not finite."""
    known = np.abs(values[np.isfinite(values)])
    largest = float(known.max()) if known.size else 0.0
    decimals = digits - 1 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    short = np.round(values, min(decimals, 300)) if decimals > -300 else values
    return [None if value != value or abs(value) == np.inf else (int(value) if value == int(value) else value) for value in short.tolist()]


def _even(count: int, most: int) -> Indices:
    """At most `most` of the numbers below `count`, evenly spread, the first and last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, max(most, 1)).round().astype(np.int64))
