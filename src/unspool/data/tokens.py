"""How text becomes codes: which units are read, which have a code of their own, and what else is known of a word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from unspool.data.characters import CharacterFacts
from unspool.data.contextual import ContextualFacts
from unspool.data.marks import MARKS, marks
from unspool.data.spec import SlidingWindows
from unspool.data.subwords import Cutter, SubwordFacts
from unspool.data.vocab import LINE_END, Unit, Vocabulary, fold, tokenize
from unspool.spec import Spec, knob


class VectorFacts(Spec):
    """Which codes came with vectors from a file, and how many words of the train part it has."""

    width: int = knob(help="numbers of a vector", ge=1)
    near: int = knob(help="codes, with 0, of the words of the train part; those after them are further words of the file", ge=1)
    exact: int = knob(0, "words found as they are written", ge=0)
    lowered: int = knob(0, "words found in lower case alone", ge=0)
    made: int = knob(0, "words made of their n-grams", ge=0)
    missing: int = knob(0, "words that the file lacks", ge=0)
    further: int = knob(0, "words of the head of the file that the train part lacks", ge=0)

    @property
    def coverage(self) -> float:
        """The share of the train part's different words that have a vector, 0 to 1."""
        found = self.exact + self.lowered + self.made
        return found / max(found + self.missing, 1)


class TokenFacts(Spec):
    """How text became codes, and the units that have one."""

    unit: Unit | Literal["subwords"] = knob("words", "what one step of the sequence is")
    line_ends: bool = knob(False, "the end of a line, and of a text, is a token")
    lowercase: bool = knob(True, "fold case first")
    longest: int | None = knob(None, "most steps kept of one text", ge=1)
    keep: Literal["head", "tail", "both"] = knob("head", "which end of a longer text is kept; both: half of each")
    windows: SlidingWindows | None = knob(None, "in which a text is read, where it is not read as a whole")
    vocabulary: Vocabulary = knob(help="codes of the units")
    subwords: SubwordFacts | None = knob(None, "how words are cut into sub-words, where those are the units")
    characters: CharacterFacts | None = knob(None, "of the characters of words, where they are read")
    sentences: bool = knob(False, "a column of codes says where sentences begin")
    vectors: VectorFacts | None = knob(None, "of word vectors that others have trained, where they are used")
    contextual: ContextualFacts | None = knob(None, "of vectors of words in their context, where they are used")

    @model_validator(mode="after")
    def _knows_its_subwords(self) -> TokenFacts:
        if (self.unit == "subwords") != (self.subwords is not None):
            raise ValueError(f"the unit is {self.unit}, and how words are cut into sub-words is {'known' if self.subwords else 'not known'}")
        if self.subwords is not None:
            self.subwords.refuse(self.vocabulary.units)
        return self

    def cut(self, text: str, words: NDArray[np.integer] | None = None) -> tuple[list[str], NDArray[np.int64]]:
        """The units of a text that are read, and where in it each begins and ends, (T, 2).

        words  (T, 2) of a source that cuts words itself
        """
        if words is not None:
            units, offsets = fold([text[start:stop] for start, stop in words.tolist()], self.lowercase), np.asarray(words, np.int64)
        elif self.unit == "subwords":
            units, offsets = self.cutter.cut(text, tokenize(text, "words", False, self.line_ends)[1])
        else:
            units, offsets = tokenize(text, self.unit, self.lowercase, self.line_ends)
        kept = self.kept(len(units))
        return [units[place] for place in kept.tolist()], offsets[kept]

    @cached_property
    def cutter(self) -> Cutter:
        """What cuts words into sub-words; MissingExtra where the library that does is not installed."""
        assert self.subwords is not None
        return Cutter(self.subwords, self.vocabulary.units, self.lowercase)

    def refuse_no_library(self) -> None:
        """MissingExtra where units are sub-words, and what cuts words into them is not installed."""
        if self.unit == "subwords":
            assert self.cutter is not None

    def kept(self, units: int) -> NDArray[np.int64]:
        """Which of so many units of a text are read, ascending; of `both` ends half each, the first one the odd one (Sun et al. 2019)."""
        if self.longest is None or units <= self.longest:
            return np.arange(units)
        first = {"head": self.longest, "tail": 0, "both": self.longest - self.longest // 2}[self.keep]
        return np.concatenate([np.arange(first), np.arange(units - self.longest + first, units)])

    def runs(self, of_units: Sequence[str]) -> list[list[str]]:
        """What is read of something that each unit of a text has, in runs of units that stand side by side there."""
        kept = self.kept(len(of_units))
        runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
        return [[of_units[place] for place in run.tolist()] for run in runs]

    def spans(self, steps: int) -> NDArray[np.int64] | None:
        """(W, 2) from which step to which each window of a text reads, the last one up to the text's end; None where texts are read as a whole."""
        if self.windows is None:
            return None
        size, step = min(self.windows.size, steps), self.windows.step
        starts = np.append(np.arange(0, steps - size, step), steps - size)
        return np.stack([starts, starts + size], axis=1)

    def encode(self, text: str, words: NDArray[np.integer] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Codes (T, N) of the units that `cut` gives, and their places; no unit is an unknown one.

        Each has its own code, then those of its characters where they are read, then whether a sentence begins with it where that is told.
        """
        units, offsets = self.cut(text, words)
        if not units:
            return np.zeros((1, len(self.sizes)), np.int64), np.zeros((1, 2), np.int64)
        columns = [self.vocabulary.encode(units)[:, None]]
        if self.characters is not None:
            columns.append(self.characters.encode([text[start:stop] for start, stop in offsets.tolist()]))
        if self.sentences:
            columns.append(marks(text, offsets))
        return np.concatenate(columns, axis=1), offsets

    def closed(self, text: str) -> str:
        """A text as a record: it ends with the end of a line where that is a token."""
        return text if not self.line_ends or text.endswith(LINE_END) else text + LINE_END

    def extent(self, text: str) -> tuple[int, int]:
        """Words, which stand between white space, and characters of a text as it came, with the ends of lines where they are tokens."""
        text = self.closed(text)
        ends = text.count(LINE_END)
        told = self.line_ends or self.unit in ("characters", "bytes")
        return len(text.split()) + (ends if told else 0), len(text) - (0 if told else ends)

    @property
    def before(self) -> NDArray[np.int64]:
        """(N,) codes of what stands before a text: the end of a line."""
        return self.encode(LINE_END)[0][0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of codes of every column of `encode`."""
        characters = self.characters
        of_characters = () if characters is None else (characters.size,) * characters.longest
        return (self.vocabulary.size, *of_characters, *((MARKS,) if self.sentences else ()))
