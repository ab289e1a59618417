"""Values of JSON files, as tables and in words."""

from __future__ import annotations

import re
from typing import Any

from unspool.report.contents import Json, finite
from unspool.report.markup import Markup, table, text
from unspool.report.words import number, plain

MOST_ROWS, MOST_LISTED = 200, 12
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.\d+)?Z")


def pairs_table(caption: str, values: Json) -> Markup:
    rows = [[text(key), text(said(value))] for key, value in list(values.items())[:MOST_ROWS]]
    return table(_fewer(caption, values), ["What", "Value"], rows, numeric=[1], class_="pairs")


def _fewer(caption: str, values: Json) -> str:
    return f"{caption} (the first {MOST_ROWS} of {len(values):,})" if len(values) > MOST_ROWS else caption


def grid(caption: str, first: str, rows: Json) -> Markup:
    """A row a mapping, a column a key; those that hold numbers alone are set as numbers. A column that is empty throughout is left out."""
    shown = dict(list(rows.items())[:MOST_ROWS])
    keys = list(dict.fromkeys(key for row in shown.values() for key in row))
    keys = [key for key in keys if any(row.get(key) not in (None, {}, []) for row in shown.values())]
    numeric = [i for i, key in enumerate(keys, start=1) if all(finite(row.get(key)) is not None or row.get(key) is None for row in shown.values())]
    cells = [[text(name), *(text(said(row.get(key))) for key in keys)] for name, row in shown.items()]
    return table(_fewer(caption, rows), [text(first), *(text(plain(key).capitalize()) for key in keys)], cells, numeric, class_="grid")


def said(value: Any) -> str:
    """Any value of a JSON file, in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(map(said, value[:MOST_LISTED])) + (" \N{HORIZONTAL ELLIPSIS}" if len(value) > MOST_LISTED else "") if value else "none"
    if isinstance(value, dict):
        return "; ".join(f"{plain(str(key))}: {said(one)}" for key, one in value.items())
    stamp = _STAMP.fullmatch(str(value))
    if stamp:
        return f"{stamp[1]} {stamp[2]}{stamp[3] if stamp[3] not in (None, ':00') else ''} UTC"
    return str(value)
