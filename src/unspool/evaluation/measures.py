"""Metrics that may have no value, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unspool.errors import DataError

Numbers = dict[str, float | None]
Reasons = dict[str, str]
Measures = Mapping[str, Callable[[], Any]]


def measured(measures: Measures) -> tuple[dict[str, Any], Reasons]:
    """What each measure gives; None and the reason where it raises DataError, as metrics do rather than answer NaN."""
    values: dict[str, Any] = {}
    undefined: Reasons = {}
    for name, measure in measures.items():
        try:
            values[name] = measure()
        except DataError as error:
            values[name], undefined[name] = None, str(error)
    return values, undefined
