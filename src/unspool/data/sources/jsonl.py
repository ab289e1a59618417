"""JSON lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unspool.data.sources.files import short
from unspool.data.sources.lines import lines_of
from unspool.errors import DataError

LONGEST_OBJECT = 64 << 20  # bytes of a line: a document is longer than a line of text


def read(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of every line, and its object; DataError for a line that is none, or that names a key twice."""
    for number, line in enumerate(lines_of(path, encoding, LONGEST_OBJECT), start=1):
        yield number, _object(f"{path}:{number}", line)


def _object(where: str, line: str) -> dict[str, Any]:
    if not line.strip():
        raise DataError(f"{where}: is a blank line, wanted a JSON object; take it out")
    try:
        found = json.loads(line, object_pairs_hook=_each_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error.msg} at character {error.colno}), wanted one object a line; mend that line") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: cannot be read ({error}), wanted one JSON object a line; mend that line") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: got {short(found)}, wanted a JSON object, e.g. {{\"text\": \"...\", \"label\": \"...\"}}; mend that line")
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it names {short(twice)} twice")
    return made


def _no_number(name: str) -> None:
    """NaN and Infinity are no JSON; what is not a number stands for nothing."""
