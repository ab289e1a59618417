"""Which units (words, characters, bytes, categories) have a code of their own; code 0 is everything else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import field_validator

from unspool.data.words import words
from unspool.errors import DataError
from unspool.spec import Spec, knob

Unit = Literal["words", "spaces", "characters", "bytes"]
UNKNOWN = "<unknown>"
LINE_END = "\n"
"""The unit that the end of a line is, where it is one: no word can be taken for it."""

_BETWEEN_SPACES = {False: re.compile(r"\S+"), True: re.compile(r"\S+|\n")}


class Vocabulary(Spec):
    """Units in the order of their codes, which start at 1; code 0 stands for any unit that is not here."""

    units: tuple[str, ...] = knob((), "the unit of code 1 first")

    @field_validator("units")
    @classmethod
    def _each_once(cls, units: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(units)) < len(units):
            raise ValueError("a unit stands twice in the vocabulary; each has one code")
        return units

    @classmethod
    def build(cls, units: Iterable[str], minimum_count: int = 1, largest: int = 50_000) -> Vocabulary:
        """The `largest` commonest of `units` that come at least `minimum_count` times, ties in alphabetical order."""
        counts = Counter(units)
        kept = [unit for unit, count in counts.items() if count >= minimum_count]
        kept.sort(key=lambda unit: (-counts[unit], unit))
        return cls(units=tuple(kept[:largest]))

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """The fixed vocabulary of bytes: byte b has code b + 1."""
        return cls(units=tuple(map(chr, range(256))))

    @property
    def size(self) -> int:
        """Codes in all, with 0."""
        return len(self.units) + 1

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {unit: code for code, unit in enumerate(self.units, start=1)}

    def encode(self, units: Sequence[str]) -> NDArray[np.int64]:
        """(T,) codes of T units."""
        get = self._codes.get
        return np.array([get(unit, 0) for unit in units], np.int64)

    def decode(self, codes: ArrayLike) -> list[str]:
        """The units of codes (T,), UNKNOWN for 0; DataError for a code that is none of this vocabulary's."""
        numbers = np.asarray(codes, np.int64).ravel()
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.size:
            raise DataError(
                f"got codes {numbers.min()} to {numbers.max()}, wanted 0 to {self.size - 1}; "
                "decode them with the vocabulary that made them"
            )
        table = (UNKNOWN, *self.units)
        return [table[number] for number in numbers.tolist()]


def tokenize(text: str, unit: Unit, lowercase: bool, line_ends: bool = False) -> tuple[list[str], NDArray[np.int64]]:
    """The units of a text, in order, and where in it each begins and ends, (T, 2); a byte b is the character of code point b.

    The text is cut before case is folded, since folding can change how long it is.

    line_ends  the end of a line is a unit among words too, as it is among characters and bytes
    """
    if unit in ("words", "spaces"):
        pattern = words(line_ends) if unit == "words" else _BETWEEN_SPACES[line_ends]
        offsets = np.array([match.span() for match in pattern.finditer(text)], np.int64).reshape(-1, 2)
        return fold([text[start:stop] for start, stop in offsets.tolist()], lowercase), offsets
    units, starts = fold(text, lowercase), np.arange(len(text), dtype=np.int64)
    if unit == "bytes":
        encoded = [character.encode("utf-8", "surrogatepass").decode("latin-1") for character in units]
        units, starts = list("".join(encoded)), np.repeat(starts, np.array([len(part) for part in encoded], np.int64))
    return units, np.stack([starts, starts + 1], axis=1)


def fold(units: Iterable[str], lowercase: bool) -> list[str]:
    """The units without their case, where that is asked."""
    return [unit.lower() for unit in units] if lowercase else list(units)
