"""Cells of a table's column as numbers, categories or names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.preparation import category_text
from unspool.data.sources.files import short
from unspool.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Objects = NDArray[np.object_]

EMPTY = ("", "na", "n/a", "nan", "null", "none")
TRUTH = {"true": "1", "false": "0"}


def numbers(column: pl.Series, where: str, first_row: int) -> NDArray[np.float64]:
    """(T,) float64, NaN where a cell is missing; DataError for text that is no number, and for infinity."""
    import polars as pl

    place = f"column {column.name!r}"
    if column.dtype == pl.String:
        values = _from_text(column, where, first_row, place)
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        values = column.cast(pl.Float64).to_numpy()
    else:
        raise DataError(
            f"{where}: {place}: holds {column.dtype}, wanted numbers; name it among columns.categories if it holds "
            "categories, or convert it to numbers"
        )
    infinite = np.isinf(values)
    if infinite.any():
        row = first_row + int(np.argmax(infinite))
        raise DataError(f"{where}:{row}: {place}: got infinity, wanted a finite number; mend or empty that cell")
    return np.array(values, np.float64)


def _from_text(column: pl.Series, where: str, first_row: int, place: str) -> NDArray[np.float64]:
    import polars as pl

    text = column.str.strip_chars()
    values = text.cast(pl.Float64, strict=False)
    odd = values.is_null() & text.is_not_null()
    if odd.any():
        folded = text.filter(odd).str.to_lowercase()
        again = folded.replace(TRUTH).cast(pl.Float64, strict=False)
        wrong = again.is_null() & ~folded.is_in(EMPTY)
        indices = odd.arg_true()
        if wrong.any():
            index = int(indices[int(wrong.arg_max() or 0)])
            raise _no_number(f"{where}:{first_row + index}: {place}", column[index])
        values = values.scatter(indices, again)
    return values.to_numpy()


def _no_number(place: str, text: str) -> DataError:
    comma = text.count(",") == 1 and text.replace(",", "", 1).strip().lstrip("+-").isdigit()
    remedy = "write decimals with a point" if comma else "mend that cell, or name the column among columns.categories"
    return DataError(f"{place}: got {short(text)}, wanted a number; {remedy}")


def categories(column: pl.Series, where: str) -> Objects:
    """(T,) text, None where a cell is missing."""
    return _objects([category_text(value) for value in _listed(column, where)])


def names(column: pl.Series, where: str) -> Objects:
    """(T,) text of labels, groups, parts or series, None where a cell is missing."""
    return categories(column, where)


def _listed(column: pl.Series, where: str) -> list[Any]:
    import polars as pl

    kinds = (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Null, pl.Date)
    if column.dtype in kinds or column.dtype.is_numeric():
        return column.to_list()
    raise DataError(
        f"{where}: column {column.name!r}: holds {column.dtype}, wanted text, whole numbers or true and false; "
        "convert the column to text"
    )


def _objects(values: list[Any]) -> Objects:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return cells
