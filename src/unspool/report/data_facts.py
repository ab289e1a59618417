"""The data: its parts with their bounds, and what the survey found."""

from __future__ import annotations

from typing import Any

from unspool.report.contents import Contents, Json
from unspool.report.markup import Markup, section
from unspool.report.values import grid, pairs_table
from unspool.report.words import duration, plain

PART_TITLES = {"train": "Train", "validation": "Validation", "test": "Test"}
KNOWN_KEYS = {
    "start": "First stamp",
    "end": "Last stamp",
    "gaps_filled": "Rows put into gaps",
    "missing": "Missing values",
    "lengths": "Steps of a record",
    "duplicates": "Equal to an earlier record",
    "leakage": "Shared between parts",
    "frequency_seconds": "From one row to the next",
    "tokens": "Texts in tokens",
    "unknown": "Share that the train part lacks",
}
MOST_IN_A_ROW = 6


def data(contents: Contents) -> Markup | None:
    """The section; None where nothing is known of the data."""
    parts = {name: part for name, part in contents.figures("data", "parts").items() if isinstance(part, dict)}
    facts = _facts(contents)
    short = {KNOWN_KEYS.get(key, plain(key).capitalize()): value for key, value in facts.items() if not _large(value)}
    large = {KNOWN_KEYS.get(key, plain(key).capitalize()): value for key, value in facts.items() if _large(value)}
    tables = [grid("Parts of the data", "Part", {PART_TITLES.get(name, name): part for name, part in parts.items()})] if parts else []
    tables += [pairs_table("What the data holds", short)] if short else []
    tables += [_table(name, value) for name, value in large.items()]
    return section("data", "The data", *tables) if tables else None


def _facts(contents: Contents) -> Json:
    """Everything but the parts, the survey laid beside the rest; what is empty is left out."""
    survey = contents.figures("data", "survey")
    facts = {key: value for key, value in contents.figures("data").items() if key not in ("sha256", "parts", "survey")}
    facts |= {key: value for key, value in survey.items() if key not in ("parts", "rows", "records")}
    seconds = facts.get("frequency_seconds")
    if isinstance(seconds, int | float):
        facts["frequency_seconds"] = duration(seconds)
    kept = {key: _emptied(value) for key, value in facts.items()}
    return {key: value for key, value in kept.items() if value not in (None, {}, [])}


def _emptied(value: Any) -> Any:
    """Without the mappings and lists in it that hold nothing; a lone count stands for its mapping."""
    if not isinstance(value, dict):
        return value
    inner = {key: _emptied(one) for key, one in value.items()}
    kept = {key: one for key, one in inner.items() if one not in ({}, [])}
    return next(iter(kept.values())) if set(kept) in ({"records"}, {"spans"}) else kept


def _large(value: Any) -> bool:
    """Whether a value wants a table of its own."""
    return isinstance(value, dict) and (len(value) > MOST_IN_A_ROW or (bool(value) and all(len(row) > 1 for row in _rows(value))))


def _rows(value: Json) -> list[Any]:
    return [row if isinstance(row, dict) else {} for row in value.values()]


def _table(name: str, value: Json) -> Markup:
    if all(isinstance(row, dict) for row in value.values()):
        return grid(name, "Name", value)
    return pairs_table(name, value)
