"""Texts in tokens: how many there are, how long texts are, and how much of them the train part lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.tokens import TokenFacts
from unspool.types import Record

PERCENTILE = 95


@dataclass(frozen=True, slots=True)
class Reading:
    """One text.

    length      its tokens, before any are left out
    codes       (T,) of those that are read, 0 for what the train part lacks
    unknown     those of code 0, as they are written
    characters  of the tokens that are read, where characters are; and how many of them the train part lacks
    """

    length: int
    codes: NDArray[np.int64]
    unknown: tuple[str, ...]
    characters: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, record: Record, tokens: TokenFacts) -> Reading:
        """Of a record with a text, in the words that its source gives where it gives any."""
        assert record.text is not None
        text = tokens.closed(record.text)
        units, offsets = tokens.model_copy(update={"longest": None}).cut(text, record.words)
        kept = tokens.kept(len(units))
        codes = tokens.vocabulary.encode(units)[kept]
        unknown = tuple(units[place] for place in kept[codes == 0].tolist())
        if tokens.characters is None:
            return cls(len(units), codes, unknown)
        inner = tokens.characters.encode([text[start:stop] for start, stop in offsets[kept].tolist()])
        return cls(len(units), codes, unknown, (int((inner > 0).sum()), int((inner == 1).sum())))


def unknown(readings: Sequence[Reading]) -> dict[str, float]:
    """The share of tokens that have no code of their own; and of characters, where they are read."""
    told = {"text": _share(sum(len(one.unknown) for one in readings), sum(len(one.codes) for one in readings))}
    characters = sum(one.characters[0] for one in readings)
    return told | ({"characters": _share(sum(one.characters[1] for one in readings), characters)} if characters else {})


def described(readings: Sequence[Reading], longest: int | None) -> dict[str, Any]:
    """The tokens of a part: how many, `unknown` of them, `different` ones, `different_unknown` of those; and how long texts are, in tokens.

    longest  tokens after which a text is `truncated`
    """
    lengths = np.array([one.length for one in readings], np.int64)
    unseen = {unit for one in readings for unit in one.unknown}
    seen = np.unique(np.concatenate([np.zeros(1, np.int64), *(one.codes for one in readings)]))
    different = len(unseen) + len(seen) - 1
    return {
        "tokens": sum(len(one.codes) for one in readings),
        "unknown": round(unknown(readings)["text"], 4),
        "different": different,
        "different_unknown": round(_share(len(unseen), different), 4),
        "median_length": float(np.median(lengths)) if len(lengths) else 0.0,
        f"length_{PERCENTILE}th_percentile": float(np.percentile(lengths, PERCENTILE)) if len(lengths) else 0.0,
        "truncated": round(_share(int((lengths > longest).sum()), len(lengths)), 4) if longest is not None else 0.0,
    }


def _share(some: int, total: int) -> float:
    return some / max(total, 1)
