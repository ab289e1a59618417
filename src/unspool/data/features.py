"""Calendar features of time stamps, in local time: the same for a whole record and for one live row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from unspool.data.spec import CalendarFeature
from unspool.errors import DataError

Stamps = NDArray[np.datetime64]
Counts = NDArray[np.int64]
Harmonics = Mapping[CalendarFeature, int]

MICROSECONDS = np.dtype("datetime64[us]")
DAYS, MONTHS, YEARS = np.dtype("datetime64[D]"), np.dtype("datetime64[M]"), np.dtype("datetime64[Y]")
SECOND = 1_000_000  # in microseconds, as all times here
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 2, 9998  # zone rules are read a day beyond either end


def calendar_names(names: Sequence[CalendarFeature], harmonics: Harmonics) -> tuple[str, ...]:
    """The F columns of `calendar`, e.g. hour_of_day_sin1, hour_of_day_cos1, weekend."""
    return tuple(part for name in names for part in ([name] if name in _SINGLES else _waves(name, harmonics)))


def calendar(times: Stamps, names: Sequence[CalendarFeature], harmonics: Harmonics, timezone: str) -> NDArray[np.float32]:
    """(T,) datetime64[us] in UTC -> (T, F) float32.

    Minutes and hours run on within themselves (10:45 is 10.75 hours); days and months are whole. A month and a year
    have their true length.

    harmonics  by feature: pairs of a sine and a cosine; one where it is not named
    """
    local = local_time(times, timezone)
    out = np.empty((len(local), len(calendar_names(names, harmonics))), np.float32)
    column = 0
    for name in names:
        if name in _SINGLES:
            out[:, column] = _SINGLES[name](local)
            column += 1
            continue
        pairs = harmonics.get(name, 1)
        angles = _PHASES[name](local)[:, None] * (2 * np.pi * np.arange(1, pairs + 1))
        out[:, column : column + 2 * pairs : 2] = np.sin(angles)
        out[:, column + 1 : column + 2 * pairs : 2] = np.cos(angles)
        column += 2 * pairs
    return out


def _waves(name: CalendarFeature, harmonics: Harmonics) -> list[str]:
    return [f"{name}_{wave}{pair}" for pair in range(1, harmonics.get(name, 1) + 1) for wave in ("sin", "cos")]


def local_time(times: Stamps, timezone: str) -> Counts:
    """(T,) UTC stamps -> (T,) microseconds of the local clock since 1970-01-01; DataError for an unreal year."""
    moments = np.asarray(times).astype(MICROSECONDS, copy=False).view(np.int64)
    return moments + utc_offset(moments, timezone)


def utc_offset(moments: Counts, timezone: str) -> Counts:
    """(T,) microseconds since 1970 in UTC -> (T,) microseconds that the local clock is ahead of UTC at that moment."""
    if not moments.size:
        return np.zeros(0, np.int64)
    first, last = _year(int(moments.min())), _year(int(moments.max()))
    if timezone == "UTC":
        return np.zeros(moments.shape, np.int64)
    changes, offsets = _table(timezone, first, last)
    return offsets[np.searchsorted(changes, moments, side="right")]


def utc_time(local: Counts, timezone: str) -> tuple[Stamps, NDArray[np.bool_], NDArray[np.bool_]]:
    """(T,) microseconds of the local clock -> (T,) UTC stamps, where the clock skips the time, where it shows it twice.

    A skipped time is moved on by the skip; one that is shown twice is read as the first.
    """
    before = utc_offset(local - DAY, timezone)
    after = utc_offset(local + DAY, timezone)
    early, late = local - before, local - after
    early_holds = utc_offset(early, timezone) == before
    late_holds = utc_offset(late, timezone) == after
    moments = np.where(early_holds | ~late_holds, early, late)
    return moments.view(MICROSECONDS), ~(early_holds | late_holds), early_holds & late_holds & (early != late)


def _year(moment: int) -> int:
    """The year, from microseconds; years of 365.2425 days are near enough, for the table reaches a year further."""
    year = 1970 + moment // 31_556_952_000_000
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise DataError(
            f"got a time stamp in the year {year} (or none), wanted years {FIRST_YEAR} to {LAST_YEAR}; "
            "mend or drop that row"
        )
    return year


@lru_cache(maxsize=256)
def _table(timezone: str, first: int, last: int) -> tuple[Counts, Counts]:
    """Moments (M,) at which the offset changes, ascending, and the offsets (M + 1,) before, between and after them."""
    years = range(max(first - 1, FIRST_YEAR), min(last + 1, LAST_YEAR) + 1)
    changes = [change for year in years for change in _changes(timezone, year)]
    start = _days(years[0], 1)
    offsets = [_offset(timezone, start * 86_400), *(after for _, after in changes)]
    return np.array([moment for moment, _ in changes], np.int64) * SECOND, np.array(offsets, np.int64) * SECOND


@lru_cache(maxsize=4096)
def _changes(timezone: str, year: int) -> tuple[tuple[int, int], ...]:
    """(moment, offset from then on), in seconds, of every change within a year in UTC; no zone changes twice a day."""
    days = range(_days(year, 1), _days(year + 1, 1) + 1)
    found = []
    before = _offset(timezone, days[0] * 86_400)
    for day in days[1:]:
        after = _offset(timezone, day * 86_400)
        if after != before:
            found.append((_moment_of_change(timezone, (day - 1) * 86_400, day * 86_400, before), after))
        before = after
    return tuple(found)


def _moment_of_change(timezone: str, low: int, high: int, before: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(timezone, middle) == before else (low, middle)
    return high


def _offset(timezone: str, moment: int) -> int:
    offset = (EPOCH + timedelta(seconds=moment)).astimezone(ZoneInfo(timezone)).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())


def _days(year: int, month: int) -> int:
    return datetime(year, month, 1, tzinfo=UTC).toordinal() - EPOCH.toordinal()


def _within(local: Counts, unit: np.dtype[np.datetime64]) -> NDArray[np.float64]:
    """Whole days since the month's or year's first day, as a share of its length."""
    day = local // DAY
    period = day.view(DAYS).astype(unit)
    start = period.astype(DAYS).view(np.int64)
    share: NDArray[np.float64] = (day - start) / ((period + 1).astype(DAYS).view(np.int64) - start)
    return share


def _month(local: Counts) -> Counts:
    return (local // DAY).view(DAYS).astype(MONTHS).view(np.int64) % 12


def _weekday(local: Counts) -> Counts:
    return (local // DAY + 3) % 7  # Monday is 0; 1970-01-01 was a Thursday


_PHASES: dict[CalendarFeature, Callable[[Counts], NDArray[np.float64]]] = {
    "minute_of_hour": lambda local: (local % HOUR) / HOUR,
    "hour_of_day": lambda local: (local % DAY) / DAY,
    "day_of_week": lambda local: _weekday(local) / 7,
    "day_of_month": lambda local: _within(local, MONTHS),
    "day_of_year": lambda local: _within(local, YEARS),
    "month_of_year": lambda local: _month(local) / 12,
}

YEAR_END = 361.0  # days since the year's first; the quiet days lie about the 28th of December
QUIET_DAYS = 7.0  # how far from it their effect reaches


def _year_end(local: Counts) -> NDArray[np.float32]:
    """exp(-(d / 7)^2), d days from the 28th of December: schools, shops and works pause in much of the world."""
    days = local / DAY - (local // DAY).view(DAYS).astype(YEARS).astype(DAYS).view(np.int64)
    distance = np.minimum(np.abs(days - YEAR_END), np.abs(days - YEAR_END + 365.25))
    return np.exp(-((distance / QUIET_DAYS) ** 2)).astype(np.float32)


_SINGLES: dict[CalendarFeature, Callable[[Counts], NDArray[np.float32]]] = {
    "weekend": lambda local: (_weekday(local) >= 5).astype(np.float32),
    "year_end": _year_end,
}
