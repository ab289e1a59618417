"""The characters of words, as codes beside each word's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.vocab import Vocabulary
from unspool.spec import Spec, knob


class CharacterFacts(Spec):
    """How the characters of a word became codes: 0 where there is none, 1 for one that the train part lacks, then those of the vocabulary."""

    longest: int = knob(help="characters that are read of one word", ge=2)
    vocabulary: Vocabulary = knob(help="codes of the characters, before one is added")

    @classmethod
    def build(cls, words: Iterable[str], longest: int) -> CharacterFacts:
        """Learnt from words as they stand in the text, case and all."""
        return cls(longest=longest, vocabulary=Vocabulary.build(character for word in words for character in word))

    @property
    def size(self) -> int:
        """Codes in all."""
        return self.vocabulary.size + 1

    def encode(self, words: Sequence[str]) -> NDArray[np.int64]:
        """(T, longest) codes of T words; of a word that is longer the first and the last characters, half of each."""
        codes = np.zeros((len(words), self.longest), np.int64)
        for row, word in enumerate(words):
            read = word if len(word) <= self.longest else word[: self.longest - self.longest // 2] + word[-(self.longest // 2) :]
            codes[row, : len(read)] = self.vocabulary.encode(read) + 1
        return codes
