"""The time axis of one series: in order, evenly spaced, and what becomes of its gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.features import DAY, SECOND, local_time, utc_time
from unspool.data.sources.stamps import shown
from unspool.data.spec import Policy, duration_seconds
from unspool.errors import DataError

Stamps = NDArray[np.datetime64]
Indices = NDArray[np.intp]
Place = Callable[[int], str]

# A fill that makes more than this many rows of one is a wrong stamp, not a gap.
MOST_FILLED = 10
ALWAYS_FILLED = 10_000


def check_order(times: Stamps, place: Place, name: str) -> None:
    """DataError unless the stamps (T,) of a series rise strictly."""
    steps = np.diff(times).astype(np.int64)
    if (steps > 0).all():
        return
    index = int(np.argmax(steps <= 0)) + 1
    if steps[index - 1] == 0:
        raise DataError(
            f"{place(index)}: series {name!r} has two rows at {shown(times[index])} (UTC); keep one of them, or name "
            "the column that tells the series apart in columns.series"
        )
    raise DataError(
        f"{place(index)}: series {name!r} goes back in time, from {shown(times[index - 1])} to {shown(times[index])} "
        "(UTC); sort the rows by time"
    )


def frequency(series: Sequence[Stamps], declared: str) -> int | None:
    """Microseconds from row to row: as declared, else the commonest step of all; None where no series has two rows."""
    if declared != "auto":
        return round(duration_seconds(declared) * SECOND)
    steps = [np.diff(times).astype(np.int64) for times in series]
    found, counts = np.unique(np.concatenate(steps), return_counts=True) if steps else (np.zeros(0), np.zeros(0))
    return int(found[counts.argmax()]) if len(found) else None


def pieces(
    times: Stamps, step: int, policy: Policy, timezone: str, place: Place, name: str
) -> list[tuple[Indices, Stamps]]:
    """Evenly spaced pieces of a series: which of its rows (T,) each takes, and their stamps.

    Under `fill` a row stands for the missing ones that follow it. Days and weeks may be even on the local clock instead
    of in UTC. DataError where stamps are off the grid, and for gaps under `error`.
    """
    clock, local = _even_clock(times, step, timezone)
    steps = np.diff(clock)
    _check_grid(steps, step, times, place, name)
    gaps = np.flatnonzero(steps > step)
    rows = np.arange(len(times))
    if not len(gaps):
        return [(rows, times)]
    if policy == "error":
        raise _gap_error(times, steps, gaps, step, place, name)
    if policy == "split":
        return [(piece, times[piece]) for piece in np.split(rows, gaps + 1)]
    return [_filled(clock, steps // step, step, timezone if local else "UTC", place, name)]


def _even_clock(times: Stamps, step: int, timezone: str) -> tuple[NDArray[np.int64], bool]:
    """Microseconds of the clock on which the stamps are even, and whether it is the local one."""
    moments = times.astype(np.int64)
    if step % DAY or timezone == "UTC" or not (np.diff(moments) % step).any():
        return moments, False
    local = local_time(times, timezone)
    return (moments, False) if (np.diff(local) % step).any() else (local, True)


def _check_grid(steps: NDArray[np.int64], step: int, times: Stamps, place: Place, name: str) -> None:
    off = steps % step != 0
    if off.any():
        index = int(np.argmax(off))
        raise DataError(
            f"{place(index + 1)}: series {name!r} is off its grid: {shown(times[index + 1])} comes "
            f"{_length(int(steps[index]))} after the row before, at a step of {_length(step)} ({int(off.sum())} such "
            "rows); resample to even steps, set time.frequency, or leave columns.time out to count rows alone"
        )


def _gap_error(
    times: Stamps, steps: NDArray[np.int64], gaps: Indices, step: int, place: Place, name: str
) -> DataError:
    first = int(gaps[0])
    return DataError(
        f"{place(first + 1)}: series {name!r} has a gap of {_length(int(steps[first]))} after {shown(times[first])}, "
        f"{int(steps[first]) // step - 1} rows at a step of {_length(step)}; it is the first of {len(gaps)}; "
        "repeat the last values there (time.gaps: fill) or cut there (time.gaps: split)"
    )


def _filled(
    clock: NDArray[np.int64], counts: NDArray[np.int64], step: int, timezone: str, place: Place, name: str
) -> tuple[Indices, Stamps]:
    repeats = np.append(counts, 1)
    total, most = int(repeats.sum()), MOST_FILLED * len(clock) + ALWAYS_FILLED
    if total > most:
        row = int(np.argmax(counts)) + 1
        raise DataError(
            f"{place(row)}: series {name!r} would grow from {len(clock):,} rows to {total:,}, wanted at most {most:,}; "
            "check the stamp, or cut at gaps (time.gaps: split)"
        )
    take = np.repeat(np.arange(len(clock)), repeats)
    within = np.arange(total) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return take, utc_time(clock[take] + within * step, timezone)[0]


def _length(microseconds: int) -> str:
    """90 min, 2 d, 0.5 s: in the largest unit that keeps it whole."""
    for unit, size in (("d", DAY), ("h", 3600 * SECOND), ("min", 60 * SECOND)):
        if microseconds % size == 0:
            return f"{microseconds // size} {unit}"
    return f"{microseconds / SECOND:g} s"
