"""Forecast: the targets of the next `horizon` steps, at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from unspool.answers import forecast as answers
from unspool.data.batching import bucketed
from unspool.data.facts import Facts, ForecastFacts
from unspool.data.future import future_features
from unspool.data.preparation import Preparation
from unspool.data.spec import Batching
from unspool.data.windows import future_index, sliding, streams
from unspool.models.heads import Head, Point, Quantile
from unspool.models.spec import Carried, Memory, ModelSpec, PointHead, QuantileHead
from unspool.spec import Spec, knob
from unspool.tasks.records import inputs
from unspool.tasks.seasons import seasonal_scale, usual_seasons
from unspool.tasks.task import Decision, Examples
from unspool.types import Batch, Cut, Forecasts, Part, Prepared, Record

WARMUP_TRUNCATIONS = 10
"""While training, the validation part is scanned from this many truncations before it, not from the record's beginning."""

SCANNED_STEPS = 1 << 15
"""Steps, over all rows, of one cut when a whole record is judged; bounds memory, and changes no answer."""


class ForecastSpec(Spec):
    """The targets of the next steps, from everything that is known now."""

    kind: Literal["forecast"] = "forecast"
    horizon: int = knob(help="steps ahead that are forecast", ge=1, le=10_000)
    lags: tuple[int, ...] = knob((), "give the head the targets this many steps before each forecast step; each at least the horizon")
    seasons: tuple[int, ...] = knob((), "periods, in steps, of the seasonal naive baselines; the first scales MASE; none means by the frequency")
    every: int = knob(1, "training asks for a forecast at every so many steps", ge=1)
    metric: Literal["mae", "rmse", "mase", "smape", "pinball"] = knob("mae", "decides which weights are best, on the validation part")

    @model_validator(mode="after")
    def _lags_are_known(self) -> ForecastSpec:
        short = [lag for lag in self.lags if lag < self.horizon]
        if short:
            raise ValueError(f"lags: {short[0]} is shorter than the horizon of {self.horizon}, so its last steps are not known yet; drop it")
        if any(season < 1 for season in self.seasons):
            raise ValueError(f"seasons: got {list(self.seasons)}, wanted periods of at least 1 step")
        return self

    def build(self, model: ModelSpec, batching: Batching | None, seed: int) -> Forecast:
        assert isinstance(model.head, PointHead | QuantileHead)
        return Forecast(self, model.memory, model.head, batching.size if batching else 1, seed)


@dataclass(frozen=True)
class Forecast:
    """The forecast task: what `tasks.task.Task` asks for. `size` is the batch of windows; a carried memory has as many rows as streams."""

    spec: ForecastSpec
    memory: Memory
    head_spec: PointHead | QuantileHead
    size: int
    seed: int

    def facts(
        self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]
    ) -> ForecastFacts:
        longest = int((train[:, 2] - train[:, 1]).max())
        usual = tuple(season for season in usual_seasons(preparation.frequency_seconds) if 2 * season < longest)
        seasons = self.spec.seasons or usual or (1,)
        return ForecastFacts(
            horizon=self.spec.horizon,
            lags=self.spec.lags,
            levels=self.head_spec.levels if isinstance(self.head_spec, QuantileHead) else (),
            seasons=seasons,
            scales={name: seasonal_scale(name, records, train, seasons[0]) for name in preparation.targets},
        )

    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        if isinstance(self.memory, Carried):
            if part == "train":
                return CarriedStreams(self, tuple(prepared), spans)
            return WholeRecords(self, tuple(prepared), spans)
        return Windows(self, tuple(prepared), spans, shuffled=part == "train")

    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        if not isinstance(self.memory, Carried):
            return self.examples(prepared, spans, "validation")
        assert self.memory.truncate is not None
        return WholeRecords(self, tuple(prepared), spans, warmup=WARMUP_TRUNCATIONS * self.memory.truncate)

    def head(self, facts: Facts, width: int) -> Head:
        preparation = facts.preparation
        targets = len(preparation.targets)
        features = len(preparation.known_names) + targets * len(self.spec.lags)
        if isinstance(self.head_spec, QuantileHead):
            return Quantile(self.head_spec, width, features, self.spec.horizon, targets)
        return Point(self.head_spec, width, features, self.spec.horizon, targets)

    def at_end(self, prepared: Prepared) -> tuple[Cut, Batch]:
        """What asks for the forecast after a record's last step; `known` must reach a horizon further than the rest of it."""
        steps = prepared.steps
        start = 0 if isinstance(self.memory, Carried) else max(steps - self.memory.context, 0)
        cut = Cut(np.array([0]), np.array([start]), np.array([steps]), np.array([False]))
        asked = np.array([[steps - start - 1]])
        return cut, _assemble(self, [prepared], cut, asked, np.ones((1, 1), np.bool_))

    def decides(self, facts: Facts) -> Decision:
        return Decision(self.spec.metric, lower_is_better=True)

    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Forecasts:
        assert isinstance(facts.task, ForecastFacts)
        rows, points, quantiles = [], [], []
        for cut, batch, answer in zip(cuts, batches, raw, strict=True):
            row, column = np.nonzero(batch.weights > 0)
            point, quantile = answers.read(facts, answer[row, column])
            rows.append(np.stack([cut.record[row], cut.start[row] + batch.asked[row, column]], axis=1))
            points.append(point)
            quantiles.append(quantile)
        where = np.concatenate(rows)
        known = [quantile for quantile in quantiles if quantile is not None]
        return Forecasts(
            names=tuple(record.name for record in records),
            targets=tuple(facts.preparation.targets),
            record=where[:, 0],
            origin=where[:, 1],
            point=np.concatenate(points),
            truth=_truth(facts.preparation.targets, records, where, self.spec.horizon),
            levels=facts.task.levels,
            quantiles=np.concatenate(known) if known else None,
            times=_times(records, where, self.spec.horizon),
        )


def _truth(targets: Sequence[str], records: Sequence[Record], where: NDArray[np.int64], horizon: int) -> NDArray[np.float64]:
    """Original targets (M, L, D) after each origin, NaN beyond the record."""
    truth = np.full((len(where), horizon, len(targets)), np.nan)
    for index, record in enumerate(records):
        mine = np.flatnonzero(where[:, 0] == index)
        if not len(mine):
            continue
        ahead = where[mine, 1, None] + 1 + np.arange(horizon)
        inside = ahead < record.steps
        columns = np.stack([np.asarray(record.columns[name], dtype=np.float64) for name in targets], axis=-1)
        truth[mine] = np.where(inside[..., None], columns[np.minimum(ahead, record.steps - 1)], np.nan)
    return truth


def _times(records: Sequence[Record], where: NDArray[np.int64], horizon: int) -> NDArray[np.datetime64] | None:
    """Stamps (M, L) of the forecast steps: the record's own, going on evenly beyond its end."""
    if any(record.times is None or record.steps < 2 for record in records):
        return None
    stamps = np.empty((len(where), horizon), dtype="datetime64[us]")
    for index, record in enumerate(records):
        assert record.times is not None
        mine = np.flatnonzero(where[:, 0] == index)
        last, step = record.steps - 1, record.times[1] - record.times[0]
        ahead = where[mine, 1, None] + 1 + np.arange(horizon)
        stamps[mine] = record.times[np.minimum(ahead, last)] + np.maximum(ahead - last, 0) * step
    return stamps


def _assemble(task: Forecast, prepared: Sequence[Prepared], cut: Cut, asked: NDArray[np.int64], counted: NDArray[np.bool_]) -> Batch:
    """The batch of a cut; `asked` (B, O) are steps within the rows, `counted` (B, O) those that have a truth."""
    values, codes, lengths = inputs(prepared, cut)
    first, horizon, lags = prepared[0], task.spec.horizon, task.spec.lags
    targets = first.targets.shape[1]
    future = np.zeros((*asked.shape, horizon, first.known.shape[1] + targets * len(lags)), np.float32)
    truth = np.zeros((*asked.shape, horizon, targets), np.float32)
    known_truth = np.zeros(truth.shape, np.bool_)
    weights = counted.copy()
    for index in np.unique(cut.record):
        record = prepared[index]
        of_record = np.nonzero(counted & (cut.record == index)[:, None])
        origins = cut.start[of_record[0]] + asked[of_record]
        future[of_record], weights[of_record] = future_features(record.known, record.targets, origins, horizon, lags)
        ahead = future_index(origins, horizon)
        inside = ahead < record.steps
        later = record.targets[np.minimum(ahead, record.steps - 1)]
        known = inside[..., None] & ~np.isnan(later)
        truth[of_record] = np.where(known, later, 0)
        known_truth[of_record] = known
    return Batch(
        values=values, codes=codes, lengths=lengths, carry=cut.carry, asked=asked,
        weights=weights.astype(np.float32), truth=truth, future=future, known_truth=known_truth,
    )


@dataclass(frozen=True)
class CarriedStreams:
    """The train part as contiguous streams, cut anew at every epoch, whose state goes on from batch to batch."""

    task: Forecast
    prepared: tuple[Prepared, ...]
    spans: NDArray[np.int64]

    def plan(self, epoch: int) -> list[Cut]:
        memory = self.task.memory
        assert isinstance(memory, Carried) and memory.truncate is not None and memory.streams is not None
        draw = np.random.default_rng([self.task.seed, epoch])
        return streams(self.spans, memory.streams, memory.truncate, offset=int(draw.integers(memory.truncate)))

    def batch(self, cut: Cut) -> Batch:
        lengths, every = cut.stop - cut.start, self.task.spec.every
        # The phase depends on the cut alone, so that a batch is the same whenever it is assembled. A row that goes on begins where the epoch's
        # offset says; one that starts anew always begins at the same step, and takes the offset from its length.
        phase = np.where(cut.carry | (lengths < every), 0, lengths % every)
        asked = phase[:, None] + np.arange(0, int(lengths.max()), every)
        ends = self._ends(cut)
        counted = (asked < lengths[:, None]) & (cut.start[:, None] + asked + self.task.spec.horizon < ends[:, None])
        return _assemble(self.task, self.prepared, cut, np.where(counted, asked, 0), counted)

    def _ends(self, cut: Cut) -> NDArray[np.int64]:
        """Where the span ends that each row was cut from, so that no forecast of train reaches into validation."""
        ends = cut.stop.copy()
        for record, start, stop in self.spans:
            inside = (cut.record == record) & (cut.start >= start) & (cut.stop <= stop) & (cut.stop > cut.start)
            ends[inside] = stop
        return ends


@dataclass(frozen=True)
class WholeRecords:
    """One scan over each record, from its beginning or `warmup` steps before the part, that answers where the horizon lies in the part."""

    task: Forecast
    prepared: tuple[Prepared, ...]
    spans: NDArray[np.int64]
    warmup: int | None = None

    def plan(self, epoch: int) -> list[Cut]:
        cuts: list[Cut] = []
        rows = min(64, len(self.spans))
        chunk = max(self.task.spec.horizon, SCANNED_STEPS // rows)
        for first in range(0, len(self.spans), rows):
            record, opens, closes = self.spans[first : first + rows].T
            begins = np.zeros_like(opens) if self.warmup is None else np.maximum(opens - self.warmup, 0)
            for start in range(0, int((closes - begins).max()), chunk):
                begin, end = np.minimum(begins + start, closes), np.minimum(begins + start + chunk, closes)
                cuts.append(Cut(record.copy(), begin, end, np.full(len(record), start > 0)))
        return cuts

    def batch(self, cut: Cut) -> Batch:
        # A part's origins run from the step before its first to the one whose horizon ends with its last.
        lows, highs = self._bounds(cut)
        steps = np.arange(int((cut.stop - cut.start).max()))
        at = cut.start[:, None] + steps
        counted = (at >= lows[:, None]) & (at < highs[:, None]) & (at < cut.stop[:, None])
        chosen = counted.any(axis=0)
        asked, counted = np.broadcast_to(steps[chosen], (cut.rows, int(chosen.sum()))), counted[:, chosen]
        return _assemble(self.task, self.prepared, cut, np.where(counted, asked, 0), counted)

    def _bounds(self, cut: Cut) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        by_record = {int(record): (int(start), int(stop)) for record, start, stop in self.spans}
        bounds = np.array([by_record[int(record)] for record in cut.record], dtype=np.int64).reshape(-1, 2)
        return np.maximum(bounds[:, 0] - 1, 0), bounds[:, 1] - self.task.spec.horizon


@dataclass(frozen=True)
class Windows:
    """Fixed contexts, each with the horizon after it inside the part; outside train a context may begin before the part."""

    task: Forecast
    prepared: tuple[Prepared, ...]
    spans: NDArray[np.int64]
    shuffled: bool

    def __post_init__(self) -> None:
        assert not isinstance(self.task.memory, Carried)
        context, spec = self.task.memory.context, self.task.spec
        spans = self.spans
        if not self.shuffled:
            spans = spans.copy()
            spans[:, 1] = np.maximum(spans[:, 1] - context, 0)
        object.__setattr__(self, "_rows", sliding(spans, context, spec.horizon))

    def plan(self, epoch: int) -> list[Cut]:
        rows: NDArray[np.int64] = self._rows  # type: ignore[attr-defined]
        size = self.task.size
        if self.shuffled:
            rows = self._thinned(rows, epoch)
            batches = bucketed(rows[:, 2] - rows[:, 1], size, self.task.seed, epoch, buckets=False)
        else:
            batches = [np.arange(first, min(first + size, len(rows))) for first in range(0, len(rows), size)]
        return [Cut(rows[chosen, 0], rows[chosen, 1], rows[chosen, 2], np.zeros(len(chosen), np.bool_)) for chosen in batches]

    def _thinned(self, rows: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Every so many windows of each span, others in every epoch, at least one."""
        every = self.task.spec.every
        first = np.flatnonzero(np.diff(rows[:, 0], prepend=-1) != 0)
        counts = np.diff(first, append=len(rows))
        number = np.arange(len(rows)) - np.repeat(first, counts)
        phase = int(np.random.default_rng([self.task.seed, epoch]).integers(every)) % np.minimum(counts, every)
        return rows[number % every == np.repeat(phase, counts)]

    def batch(self, cut: Cut) -> Batch:
        asked = (cut.stop - cut.start - 1)[:, None]
        return _assemble(self.task, self.prepared, cut, asked, np.ones(asked.shape, np.bool_))
