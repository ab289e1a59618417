"""A forecast's raw answers in original units, and as what a person reads."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unspool.answers.widening import widen
from unspool.data.facts import Facts, ForecastFacts
from unspool.data.future import stamps_ahead
from unspool.errors import DataError
from unspool.types import Floats

Doubles = NDArray[np.float64]
Answer = dict[str, Any]


def read(facts: Facts, raw: Floats) -> tuple[Doubles, Doubles | None]:
    """Points (..., L, D), and quantiles (..., L, D, Q) where the facts name levels, in original units, widened where the facts say so.

    raw     (..., L, D) scaled, or (..., L, D, Q) of a quantile forecast, whose point is the 0.5 level
    raises  ValueError where `raw` is not of the horizon, targets and levels of the facts
    """
    task, targets = _task(facts), facts.preparation.targets
    wanted = (task.horizon, len(targets), *((len(task.levels),) if task.levels else ()))
    if raw.ndim < len(wanted) or raw.shape[-len(wanted) :] != wanted:
        raise ValueError(
            f"raw answers have shape {raw.shape}, wanted (..., {', '.join(map(str, wanted))}): "
            "steps, targets and levels of the facts; are they of another model?"
        )
    axis = -2 if task.levels else -1
    with np.errstate(over="ignore"):  # what is too large to be a number is told as none
        columns = [facts.preparation.unscale(name, np.take(raw, i, axis=axis)) for i, name in enumerate(targets)]
    answer = np.stack(columns, axis=axis)
    if task.widening:
        answer = widen(answer, task.levels, [task.widening[name] for name in targets])
    return (answer[..., task.levels.index(0.5)], answer) if task.levels else (answer, None)


def tell(facts: Facts, time: np.datetime64 | None, point: Doubles, quantiles: Doubles | None) -> Answer:
    """One forecast as plain JSON: `time`, `times` of its steps, and by target `point` and `quantiles` by level.

    time       of the last step that was seen, in UTC; stamps are left out where there is none
    point      (L, D)        quantiles (L, D, Q) or None; what is not finite becomes None
    raises     DataError where a target has the name of a stamp
    """
    targets, levels = facts.preparation.targets, _task(facts).levels
    answer = {} if time is None else _stamps(facts, time, len(point))
    for index, name in enumerate(targets):
        if name in answer:
            raise DataError(f"target {name!r} has the name of a stamp of the answer; rename that column")
        answer[name] = {"point": plain(point[:, index])}
        if quantiles is not None:
            told = {str(level): plain(quantiles[:, index, q]) for q, level in enumerate(levels)}
            answer[name]["quantiles"] = told
    return answer


def plain(values: Floats) -> list[float | None]:
    """(L,) numbers as JSON has them: None for NaN and infinity."""
    numbers: list[float | None] = values.tolist()
    if np.isfinite(values).all():
        return numbers
    return [number if finite else None for number, finite in zip(numbers, np.isfinite(values).tolist(), strict=True)]


def stamps(times: NDArray[np.datetime64]) -> list[str]:
    """(T,) UTC times as ISO 8601, in microseconds where one is not a whole second."""
    exact: NDArray[np.datetime64] = times.astype("datetime64[us]")
    unit: Literal["s", "us"] = "s" if (exact.view(np.int64) % 1_000_000 == 0).all() else "us"
    return [f"{text}Z" for text in np.datetime_as_string(exact, unit=unit).tolist()]


def _stamps(facts: Facts, time: np.datetime64, steps: int) -> Answer:
    now = np.asarray(time, "datetime64[us]").reshape(1)
    seconds = facts.preparation.frequency_seconds
    if seconds is None:
        return {"time": stamps(now)[0]}
    ahead = stamps_ahead(int(now.view(np.int64)[0]), steps, seconds, facts.preparation.timezone)
    return {"time": stamps(now)[0], "times": stamps(ahead)}


def _task(facts: Facts) -> ForecastFacts:
    assert isinstance(facts.task, ForecastFacts)
    return facts.task
