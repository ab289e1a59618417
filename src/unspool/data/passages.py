"""Running text cut into train, validation and test where it stands: first, then, and last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unspool.data.spec import TimeSplit
from unspool.errors import DataError
from unspool.types import PARTS, Part, Record

FARTHEST = 10_000
"""Characters from where a part should end within which the end of a line is looked for."""


def in_parts(records: Sequence[Record], spec: TimeSplit) -> list[Record]:
    """The records, each marked with its part; one in which a part ends is cut after a line, else after a word, and its pieces are named by part.

    DataError where a part comes out empty. Sizes are fractions of all characters.
    """
    assert isinstance(spec.validation, float) and isinstance(spec.test, float)
    total = sum(len(record.text or "") for record in records)
    borders = (round(total * (1 - spec.validation - spec.test)), round(total * (1 - spec.test)), total)
    found: list[Record] = []
    passed = 0
    for record in records:
        text, taken = record.text or "", 0
        pieces: list[tuple[Part, str]] = []
        for part, border in zip(PARTS, borders, strict=True):
            stop = len(text) if part == PARTS[-1] else _cut(text, min(max(border - passed, taken), len(text)))
            if stop > taken:
                pieces.append((part, text[taken:stop]))
                taken = stop
        found += [replace(record, part=pieces[0][0])] if len(pieces) == 1 else [
            replace(record, name=f"{record.name}#{part}", text=piece, part=part) for part, piece in pieces
        ]
        passed += len(text)
    for part in PARTS:
        if not any(record.part == part for record in found):
            raise DataError(
                f"{records[0].where}: of {total:,} characters, none is in the {part} part; give more text, or make the part larger (data.split)"
            )
    return found


def _cut(text: str, place: int) -> int:
    """The first place from there on after which a line, else a word, begins."""
    if place in (0, len(text)) or text[place - 1] == "\n":
        return place
    line = text.find("\n", place, place + FARTHEST)
    if line >= 0:
        return line + 1
    word = next((index for index in range(place, min(place + FARTHEST, len(text))) if text[index].isspace()), place)
    return word + 1 if word > place else place
