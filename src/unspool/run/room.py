"""Whether data has room for a single forecast, before anything is trained or judged on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.models.spec import Memory, Windowed
from unspool.tasks.forecast import ForecastSpec
from unspool.types import Part, Record

Spans = NDArray[np.int64]


def refuse_no_room(task: ForecastSpec, memory: Memory, records: Sequence[Record], spans: Mapping[Part, Spans]) -> None:
    """Raise DataError where a part (n, 3) has no step whose horizon lies in the part, and whose lags and context lie in the record."""
    for part, found in spans.items():
        room = _room(task, memory, part, found)
        if max(room) < 1:
            index = int(np.argmax(room))
            record, start, stop = found[index].tolist()
            raise DataError(
                f"{records[record].where}: no forecast can be asked in the {part} part: at best, in series {records[record].name!r}, it has "
                f"{stop - start} steps with {start} before them, and {_needs(task, memory)}; shorten those, or give more rows (data.split)"
            )


def refuse_short_series(task: ForecastSpec, memory: Memory, records: Sequence[Record], spans: Spans) -> None:
    """Raise DataError where no record is long enough for a single forecast that can be judged."""
    if max(_room(task, memory, "test", spans)) < 1:
        longest = max(records, key=lambda record: record.steps)
        raise DataError(
            f"{longest.where}: no forecast can be judged: the longest series, {longest.name!r}, has {longest.steps} steps, and "
            f"{_needs(task, memory)}; give longer series"
        )


def _room(task: ForecastSpec, memory: Memory, part: Part, spans: Spans) -> list[int]:
    """Origins of each span; none where it is not above 0."""
    return [stop - task.horizon - _first_origin(task, memory, part, start) for _, start, stop in spans.tolist()]


def _first_origin(task: ForecastSpec, memory: Memory, part: Part, start: int) -> int:
    """The first step of a span at which a forecast can be asked; outside train, what is seen may lie before the span."""
    context = memory.context if isinstance(memory, Windowed) else 1
    seen = start if part == "train" else max(start - context, 0)
    return max(seen + context, *task.lags, 1) - 1


def _needs(task: ForecastSpec, memory: Memory) -> str:
    needs = [f"task.horizon is {task.horizon}"]
    if task.lags:
        needs.append(f"the longest of task.lags is {max(task.lags)}")
    if isinstance(memory, Windowed):
        needs.append(f"model.memory.context is {memory.context}")
    return ", ".join(needs)
