"""One live row: its stamp and columns checked, gaps and missing values settled by the policies of the training data."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from unspool.data.preparation import Preparation, category_text
from unspool.errors import DataError, LiveError
from unspool.streaming import clock
from unspool.streaming.memory import Held
from unspool.streaming.program import Array

NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Reading:
    """What one record brings: steps to be fed, and what the next record is held against.

    columns  (T,) values by column, T is 0 where nothing can be fed yet
    times    (T,) or None
    anew     the state starts anew before these steps
    note     for the reader: what was filled in or cut
    """

    columns: Mapping[str, Sequence[Any]]
    times: clock.Stamps | None
    now: int | None
    book: Mapping[str, Array]
    anew: bool = False
    note: str = ""
    unseen: tuple[str, ...] = field(default=())

    @property
    def steps(self) -> int:
        return len(next(iter(self.columns.values())))


class Rows:
    """Reads records of columns by a preparation."""

    def __init__(self, preparation: Preparation, extra: tuple[str, ...] = ()):
        self.preparation = preparation
        self.columns = (*preparation.targets, *preparation.past, *preparation.known)
        self.timed = preparation.frequency_seconds is not None or bool(preparation.calendar)
        self._keys = (*(("time",) if self.timed else ()), *self.columns, *extra)
        self._numbers = tuple(name for name in self.columns if name not in preparation.categories)
        self._texts = tuple(name for name in self.columns if name in preparation.categories)

    def fresh(self) -> dict[str, Array]:
        """What is held before the first row: no stamp, no last values."""
        return {
            "row/time": np.array(NEVER, np.int64),
            "row/started": np.array(False),
            "row/numbers": np.full(len(self._numbers), np.nan),
            "row/texts": np.full(len(self._texts), "", "<U1"),
        }

    def read(self, held: Held, record: Mapping[str, Any]) -> Reading:
        """The record as steps; raises DataError or LiveError where it cannot be used."""
        check_keys(record, self._keys, required=tuple(name for name in self._keys if name != "future"))
        now = clock.read(record["time"], self.preparation.timezone) if self.timed else None
        row = {name: cell(name, record[name], name in self.preparation.categories) for name in self.columns}
        gap = self._gap(held, now)
        reading = self._settled(held, row, now)
        if gap == 0:
            return reading
        if self.preparation.gaps == "split":
            anew = self._settled({**held, **self.fresh()}, row, now)
            return replace(anew, anew=True, note=f"{gap} steps were missing before this one, so the state started anew")
        return self._filled(held, reading, gap) if held["row/started"] and not reading.anew else reading

    def _gap(self, held: Held, now: int | None) -> int:
        """Missing steps before this row; LiveError where the policy is not to go on."""
        before = int(held["row/time"])
        if now is None or before == NEVER:
            return 0
        if self.preparation.frequency_seconds is None:
            if now <= before:
                raise LiveError(
                    f"time {clock.shown(now)} does not come after {clock.shown(before)}; send every step once, in order"
                )
            return 0
        gap = clock.steps_between(before, now, self.preparation) - 1
        if gap and self.preparation.gaps == "error":
            raise LiveError(
                f"{gap} steps are missing between {clock.shown(before)} and {clock.shown(now)}; send them, reset the "
                "session, or train with time.gaps: fill or split"
            )
        if gap > clock.MOST_FILLED and self.preparation.gaps == "fill":
            raise LiveError(
                f"{gap:,} steps are missing between {clock.shown(before)} and {clock.shown(now)}, wanted at most "
                f"{clock.MOST_FILLED:,} to fill; check the stamp, or reset the session"
            )
        return gap

    def _settled(self, held: Held, row: dict[str, Any], now: int | None) -> Reading:
        """The row with its missing values settled by the policy."""
        missing = [name for name, value in row.items() if value is None]
        if missing and self.preparation.missing == "error":
            raise DataError(
                f"column {missing[0]!r}: is missing (null or NaN); send a value, or train with missing: fill or split"
            )
        times = None if now is None else np.array([clock.stamp(now)])
        if missing and self.preparation.missing == "split":
            note = f"{missing[0]!r} is missing, so the row was left out and the state starts anew"
            nothing: dict[str, Sequence[Any]] = {name: [] for name in row}
            return Reading(nothing, None, now, self._book({}, now), anew=True, note=note, unseen=tuple(missing))
        last = self._last(held)
        full = {name: last[name] if value is None else value for name, value in row.items()}
        unseen = tuple(name for name, value in full.items() if value is None)
        columns = {name: [] if unseen else [value] for name, value in full.items()}
        return Reading(columns, times if not unseen else None, now, self._book(full, now), unseen=unseen)

    def _filled(self, held: Held, reading: Reading, gap: int) -> Reading:
        """The reading with `gap` steps before it that repeat the last values."""
        assert reading.now is not None and reading.times is not None
        last = self._last(held)
        columns = {name: [last[name]] * gap + list(values) for name, values in reading.columns.items()}
        between = clock.ahead(int(held["row/time"]), gap, self.preparation)
        note = f"{gap} steps were missing before this one and were filled with the last values"
        return replace(reading, columns=columns, times=np.concatenate([between, reading.times]), note=note)

    def _last(self, held: Held) -> dict[str, Any]:
        numbers = {
            name: None if value != value else value
            for name, value in zip(self._numbers, held["row/numbers"].tolist(), strict=True)
        }
        return numbers | {
            name: text or None for name, text in zip(self._texts, held["row/texts"].tolist(), strict=True)
        }

    def _book(self, full: Mapping[str, Any], now: int | None) -> dict[str, Array]:
        numbers = [full.get(name) for name in self._numbers]
        texts = [full.get(name) or "" for name in self._texts]
        return {
            "row/time": np.array(NEVER if now is None else now, np.int64),
            "row/started": np.array(bool(full) and None not in numbers and "" not in texts),
            "row/numbers": np.array([np.nan if number is None else number for number in numbers], np.float64),
            "row/texts": np.array(texts) if texts else np.full(0, "", "<U1"),
        }


def cell(name: str, value: Any, category: bool) -> float | str | None:
    """A value as a number or as a category's text, None where it is missing; DataError for what is neither."""
    if category:
        if value is not None and not isinstance(value, str | bool | int | float | np.generic):
            raise DataError(
                f"column {name!r}: got {value!r:.60}, wanted a category: text, a whole number, true or false"
            )
        return category_text(value)
    if value is None:
        return None
    if not isinstance(value, bool | int | float | np.number | np.bool_) or isinstance(value, np.complexfloating):
        raise DataError(f"column {name!r}: got {value!r:.60}, wanted a number; send it without quotes")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if np.isinf(number):
        raise DataError(
            f"column {name!r}: got {str(value)[:60]}, wanted a finite number; mend it, or send null where it is missing"
        )
    return None if np.isnan(number) else number


def check_text(name: str, text: object) -> None:
    """DataError for what is no text."""
    if not isinstance(text, str):
        raise DataError(f"{name}: got {text!r:.60}, wanted a piece of text; put it in quotes")


def check_keys(record: Any, known: Sequence[str], required: Sequence[str]) -> None:
    """DataError unless `record` is a mapping with all the required keys and no others than the known ones."""
    if not isinstance(record, Mapping):
        raise DataError(f"got {type(record).__name__}, wanted a mapping with {', '.join(known)}")
    for key in record:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(f"{key!r:.60}: unknown key; {hint}this model reads {', '.join(known)}")
    missing = [key for key in required if key not in record]
    if missing:
        raise DataError(f"{missing[0]!r} is missing; this model reads {', '.join(known)} at every step")
