"""The forecast after the last observation of each record, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from unspool.answers import forecast as answers
from unspool.data.facts import Facts, ForecastFacts
from unspool.errors import DataError
from unspool.models.batch import TensorBatch
from unspool.models.sequence_model import SequenceModel
from unspool.run.results import device_of
from unspool.streaming import clock
from unspool.tasks.forecast import Forecast
from unspool.types import Prepared, Record


def last_forecasts(network: SequenceModel, task: Forecast, facts: Facts, records: Sequence[Record]) -> list[dict[str, Any]]:
    """One answer a record. Rows after the last known target, where there are any, tell what is known of the future."""
    return [{"series": record.name} | _last_forecast(network, task, facts, record) for record in records]


def _last_forecast(network: SequenceModel, task: Forecast, facts: Facts, record: Record) -> dict[str, Any]:
    observed, prepared = _prepare(facts, record)
    _, batch = task.at_end(prepared)
    if not batch.weights.all() or (facts.memory.context or 0) > prepared.steps:
        needed = max([*task.spec.lags, facts.memory.context or 1])
        raise DataError(
            f"{record.where}: series {record.name!r} has {prepared.steps} observed steps, and a forecast needs {needed} "
            "(its lags and context); give a longer history"
        )
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        raw, _ = network(TensorBatch.of(batch, device_of(network)))
    network.train(was_training)
    point, quantiles = answers.read(facts, raw[0, 0].cpu().numpy())
    time = None if observed.times is None else observed.times[-1]
    return answers.tell(facts, time, point, quantiles)


def _prepare(facts: Facts, record: Record) -> tuple[Record, Prepared]:
    """The observed part of a record, and the whole of it prepared: `known` goes a horizon further than the rest."""
    preparation = facts.preparation
    assert isinstance(facts.task, ForecastFacts)
    known_target = np.all([~np.isnan(np.asarray(record.columns[name], np.float64)) for name in preparation.targets], axis=0)
    if not known_target.any():
        raise DataError(f"{record.where}: series {record.name!r} has no row with {', '.join(preparation.targets)}; give its history")
    steps = int(np.flatnonzero(known_target)[-1]) + 1
    observed = replace(
        record,
        columns={name: column[:steps] for name, column in record.columns.items()},
        times=None if record.times is None else record.times[:steps],
    )
    prepared = preparation.prepare(observed)
    return observed, replace(prepared, known=_known(facts, record, steps, facts.task.horizon))


def _known(facts: Facts, record: Record, steps: int, horizon: int) -> np.ndarray:
    preparation = facts.preparation
    later = record.steps - steps
    if preparation.known and later < horizon:
        raise DataError(
            f"{record.where}: series {record.name!r} has {later} rows after its last target, and a forecast of {horizon} steps reads "
            f"{', '.join(preparation.known)} of each; add rows in which only the targets are empty"
        )
    columns = {name: record.columns[name][: steps + horizon] for name in preparation.known}
    return preparation.known_future(columns, _stamps(facts, record, steps, horizon))


def _stamps(facts: Facts, record: Record, steps: int, horizon: int) -> np.ndarray | None:
    """Stamps of the observed steps and of the horizon after them."""
    if record.times is None:
        return None
    if record.steps >= steps + horizon:
        return record.times[: steps + horizon]
    # The step and the clock are those of the live session: a short history has no step of its own, and days go by the local clock.
    now = int(record.times[steps - 1].astype("datetime64[us]").astype(np.int64))
    return np.concatenate([record.times[:steps], clock.ahead(now, horizon, facts.preparation)])
