"""Which words are looked for while a file goes by, and which of them it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unspool.data.sources.files import LARGEST_BYTES, short
from unspool.data.vectors.found import Vectors
from unspool.errors import DataError

FLOAT_BYTES = 4
WIDEST = 1 << 16  # numbers in a vector; whatever claims more is not a file of word vectors


class Search:
    """The wanted words in UTF-8, as they are written and in lower case, and the places of those that were met.

    words    the wanted words, each once
    further  words at the head of the file that are kept besides, up to so many; in lower case alone where `lowercase`
    places   the row of each word that was met, in the order in which they came
    """

    def __init__(self, wanted: Collection[str], further: int = 0, lowercase: bool = False):
        self.words = tuple(dict.fromkeys(sorted(wanted) if isinstance(wanted, set | frozenset) else wanted))
        if not self.words:
            raise DataError("no words are wanted of the word vectors, wanted at least one; give those of the vocabulary")
        self.places: dict[bytes, int] = {}
        self._words = frozenset(map(encoded, self.words))
        self._forms = frozenset(form for word in self.words for form in (encoded(word), encoded(word.lower())) if form)
        self._left, self._lowercase = further, lowercase
        self._others: list[str] = []
        self._repeated = self._unreadable = 0

    def meets(self, word: bytes) -> bool:
        """Whether a word of the file is looked for and comes for the first time, so that its vector is the next to keep."""
        joins = word not in self._words and self._joins(word)  # also what stands for another word in lower case: it may come by itself
        if not joins and word not in self._forms:
            if not word or not word.isascii():
                self._unreadable += not _readable(word)
            return False
        if word in self.places:
            self._repeated += 1
            return False
        self.places[word] = len(self.places)
        return True

    def _joins(self, word: bytes) -> bool:
        """Whether a word that is not wanted is kept besides, now or when it came first."""
        if not self._left or not _readable(word):
            return word in self.places
        text = word.decode()
        if word not in self.places and (not self._lowercase or text == text.lower()):
            self._left -= 1
            self._others.append(text)
            return True
        return word in self.places

    def form(self, word: str) -> bytes | None:
        """The word as it is written, else in lower case, whichever was met first in that order; None where neither was."""
        forms = (encoded(word), encoded(word.lower()))
        return next((form for form in forms if form in self.places), None)

    def unmet(self) -> list[str]:
        """The wanted words of which no form was met."""
        return [word for word in self.words if self.form(word) is None]

    def vectors(self, matrix: NDArray[np.float32], made: Mapping[str, int]) -> Vectors:
        """What was found, of rows (r, width) in the order of `places`, and the rows of words that were made of n-grams."""
        words, rows, missing, exact = [], [], [], 0
        for word in self.words:
            form = self.form(word)
            row = made.get(word) if form is None else self.places[form]
            if row is None:
                missing.append(word)
                continue
            words.append(word)
            rows.append(row)
            exact += form == encoded(word)
        others = [word for word in self._others if word not in made]
        return Vectors(
            words=(*words, *others),
            matrix=matrix[np.array([*rows, *(self.places[encoded(word)] for word in others)], np.intp)],
            exact=exact,
            lowered=len(words) - exact - len(made),
            further=len(others),
            made=len(made),
            missing=tuple(missing),
            repeated=self._repeated,
            unreadable=self._unreadable,
        )


def encoded(word: str) -> bytes:
    """The word in UTF-8; half a surrogate pair, which no file can hold, stays half a pair."""
    return word.encode("utf-8", "surrogatepass")


def shown(word: bytes) -> str:
    """A word of a file for a message."""
    return short(word.decode("utf-8", "replace"))


def check_room(path: Path, rows: int, width: int) -> None:
    """DataError for rows that one small file could blow up to more than memory holds."""
    if rows * width * FLOAT_BYTES > LARGEST_BYTES:
        raise DataError(
            f"{path}: {rows:,} words of {width:,} numbers are {rows * width * FLOAT_BYTES:,} bytes, wanted at most "
            f"{LARGEST_BYTES:,}; want fewer words, or take narrower vectors"
        )


def _readable(word: bytes) -> bool:
    try:
        return bool(word.decode("utf-8"))
    except UnicodeDecodeError:
        return False
