"""How long a season is where nobody says, and how far values are apart over one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.types import Record

HOUR, DAY, WEEK, YEAR = 3600.0, 86_400.0, 604_800.0, 31_557_600.0


def usual_seasons(seconds: float | None) -> tuple[int, ...]:
    """The day and week, or the week, or the year, in steps of so many seconds; (1,) where nothing is known."""
    if seconds is None:
        return (1,)
    lengths = (DAY, WEEK) if seconds <= 6 * HOUR else (WEEK,) if seconds <= DAY else (YEAR,)
    return tuple(dict.fromkeys(max(1, round(length / seconds)) for length in lengths))


def seasonal_scale(target: str, records: Sequence[Record], train: NDArray[np.int64], season: int) -> float:
    """The train part's mean absolute seasonal difference, over all records long enough for one; DataError where there is none."""
    parts = [np.asarray(records[record].columns[target], dtype=np.float64)[start:stop] for record, start, stop in train]
    differences = [np.abs(part[season:] - part[:-season]) for part in parts if len(part) > season]
    found = np.concatenate(differences) if differences else np.zeros(0)
    if not len(found) or not np.nanmean(found) > 0:
        longest = max(len(part) for part in parts)
        raise DataError(
            f"{records[train[0, 0]].where}: task.seasons: {target!r} has no difference over {season} steps in the train part of at most "
            f"{longest} rows (it is too short, or repeats itself), so MASE has no scale; give another season, shorter than that"
        )
    return float(np.nanmean(found))
