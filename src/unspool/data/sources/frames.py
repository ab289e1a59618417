"""Frames of pandas, polars and Arrow, by way of narwhals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from unspool.data.sources.foreign import guarded
from unspool.errors import DataError

if TYPE_CHECKING:
    import polars as pl

WHERE = "frame"


def from_frame(frame: Any, choose: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The columns that `choose` picks from the names that there are, as polars."""
    import narwhals as nw
    import polars as pl

    try:
        eager = nw.from_native(frame, eager_only=True)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"data: got {type(frame).__name__} ({str(error).splitlines()[0][:100]}), wanted a pandas, polars or Arrow "
            "table in memory with a name for every column; give one, and collect a lazy frame first"
        ) from None
    names = eager.columns
    if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{WHERE}: columns need names that are text, each once, got {names[:20]}; rename them")
    return pl.DataFrame([_column(eager[name], name) for name in choose(names)])


def _column(column: Any, name: str) -> pl.Series:
    """Cells of mixed kinds are read as text, like those of a CSV."""
    import polars as pl

    with guarded(f"{WHERE}: column {name!r}", "give a column of one kind: numbers, text or stamps"):
        try:
            converted: pl.Series | None = column.to_frame().to_polars().to_series().alias(name)
        except Exception:  # every kind of frame has errors of its own; what they could not convert is converted value by value below
            converted = None
        if converted is not None and converted.dtype != pl.Object:
            return converted
        values = column.to_list()
        return pl.Series(name, [None if value is None or value != value else str(value) for value in values], pl.String)
