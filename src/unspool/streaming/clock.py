"""The stamps of a live stream: read to UTC, in order, on the grid; and the stamps of the steps ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.features import DAY, EPOCH, SECOND, local_time, utc_time
from unspool.data.future import stamps_ahead
from unspool.data.preparation import Preparation
from unspool.errors import DataError, LiveError

Stamps = NDArray[np.datetime64]

MOST_FILLED = 10_000
"""A gap of more steps than this is taken for a wrong stamp."""


def read(given: Any, timezone: str) -> int:
    """Microseconds since 1970 in UTC of ISO 8601 text or a datetime; DataError for anything else."""
    moment = given
    if isinstance(given, np.datetime64) and not np.isnat(given):
        return int(given.astype("datetime64[us]").astype(np.int64))
    if isinstance(given, str):
        try:
            moment = datetime.fromisoformat(given.strip())
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise DataError(
            f"time: got {given!r:.60}, wanted ISO 8601 text, e.g. 2024-01-31T13:00:00Z; numbers are not guessed at"
        )
    if moment.tzinfo is not None:
        return (moment - EPOCH) // timedelta(microseconds=1)
    local = np.array([(moment - EPOCH.replace(tzinfo=None)) // timedelta(microseconds=1)], np.int64)
    stamps, skipped, twice = utc_time(local, timezone)
    if skipped[0] or twice[0]:
        what = "does not exist" if skipped[0] else "comes twice"
        raise DataError(f"time: {given} {what} in {timezone}, where the clock is changed; give its offset, e.g. +01:00")
    return int(stamps.view(np.int64)[0])


def steps_between(before: int, now: int, preparation: Preparation) -> int:
    """Steps from one stamp to the next, 1 where none is missing; LiveError where time stands, goes back, or is off the
    grid.
    """
    step = step_of(preparation)
    if now <= before:
        what = "repeats" if now == before else "goes back"
        raise LiveError(
            f"time {what}: got {shown(now)} after {shown(before)}; send every step once, in order, or reset the session"
        )
    for clock in ("UTC", preparation.timezone) if step % DAY == 0 else ("UTC",):
        first, last = _on(before, clock), _on(now, clock)
        if (last - first) % step == 0:
            return int((last - first) // step)
    seconds = (now - before) / SECOND
    raise LiveError(
        f"time {shown(now)} is off the grid: {seconds:g} s after {shown(before)}, wanted a multiple of "
        f"{step / SECOND:g} s; send steps as even as those that the model was trained on"
    )


def ahead(now: int, steps: int, preparation: Preparation) -> Stamps:
    """(L,) stamps of the steps after `now`."""
    assert preparation.frequency_seconds is not None
    return stamps_ahead(now, steps, preparation.frequency_seconds, preparation.timezone)


def step_of(preparation: Preparation) -> int:
    """Microseconds from row to row."""
    assert preparation.frequency_seconds is not None
    return round(preparation.frequency_seconds * SECOND)


def stamp(moment: int) -> np.datetime64:
    return np.datetime64(moment, "us")


def shown(moment: int) -> str:
    return str(stamp(moment)).removesuffix(".000000") + "Z"


def _on(moment: int, timezone: str) -> int:
    return int(local_time(np.array([moment], np.int64).view("datetime64[us]"), timezone)[0])
