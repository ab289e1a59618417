"""What a person or a program reads on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


def write_json(document: object) -> None:
    """One JSON document; a number that is not finite is a defect, and raises ValueError."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def write_json_line(document: object) -> None:
    """One JSON document on one line, at once."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def flattened(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a mapping of mappings holds, for a person: a name in words and its value, one pair a leaf."""
    pairs: list[tuple[str, str]] = []
    for name, value in document.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            pairs += flattened(value)
        else:
            pairs.append((words, number(value) if isinstance(value, float) else str(value)))
    return pairs


def write_scores(test: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> None:
    """The scores that are one number each, the model's beside the baselines'."""
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(scores_table(test, baselines))


def scores_table(test: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    table.add_column("test part")
    for name in ("model", *baselines):
        table.add_column(Text(name.replace("_", " ")), justify="right")
    for metric in _single_numbers(test):
        values = [test[metric], *(scores.get(metric) for scores in baselines.values())]
        table.add_row(Text(metric), *(number(value) for value in values))
    return table


def number(value: float | None) -> str:
    """Four significant digits or all of a whole part; a dash where there is no value."""
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _single_numbers(scores: Mapping[str, Any]) -> Iterable[str]:
    return [name for name, value in scores.items() if isinstance(value, int | float) and not isinstance(value, bool)]
