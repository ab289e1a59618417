"""Sub-words: the pieces of words that a text is made of, learnt from the train part. The one file of the room that imports `tokenizers`.

Pieces are runs of bytes within a word (Wang et al. 2020), and those that begin a word are told from those that do not: every text can be cut,
whatever is in it, and nothing is unknown. What is learnt is kept as plain JSON, and held to its form before the library sees it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unspool.data.spec import MOST_SUBWORDS, Subwords
from unspool.data.unigram import learn_pieces
from unspool.data.vocab import Vocabulary, fold
from unspool.errors import DataError, MissingExtra
from unspool.spec import Spec, knob

BEGINS = "\u2581"
"""Before the bytes of a piece that begins a word; bytes are the characters of their code points, of which this is none."""

BYTES = (*map(chr, range(256)), *(BEGINS + chr(byte) for byte in range(256)))
"""The pieces of one byte, which every vocabulary of sub-words begins with."""

LONGEST_PIECE = 32  # bytes
LONGEST_LEARNT = 64  # bytes of a word from which pieces are learnt: what is longer is no word, and costs its length at every merge
LEAST_PAIRS = 2  # a pair of pieces that came once says nothing of other texts
KEPT_WORDS, LONGEST_KEPT = 1 << 16, 64  # whose pieces are remembered
LEAST_SCORE = -1e6
_PIECE = re.compile(rf"{BEGINS}?[\x00-\xff]{{1,{LONGEST_PIECE}}}", re.DOTALL)
_FIRST = 0x4E00  # from there on 512 characters, none of them a blank, stand for bytes where the library is asked

Model = Literal["bpe", "unigram"]


class SubwordFacts(Spec):
    """How pieces are put together; the pieces themselves are the units of the vocabulary, and numbers here count them from 0."""

    model: Model = knob(help="merges of pairs, or the likeliest pieces")
    merges: tuple[tuple[int, int], ...] = knob((), "of bpe: two pieces that become one, the first merge first", max_length=2 * MOST_SUBWORDS)
    scores: tuple[float, ...] = knob((), "of unigram: the natural logarithm of each piece's probability", max_length=MOST_SUBWORDS)

    def refuse(self, pieces: Sequence[str]) -> None:
        """ValueError where these are not pieces that go with the model."""
        if tuple(pieces[: len(BYTES)]) != BYTES or len(pieces) > MOST_SUBWORDS:
            raise ValueError(f"{len(pieces)} sub-words, wanted the {len(BYTES)} single bytes and then others, at most {MOST_SUBWORDS:,} in all")
        stray = next((piece for piece in pieces if not _PIECE.fullmatch(piece)), None)
        if stray is not None:
            raise ValueError(f"{stray!r:.60} is no sub-word, wanted 1 to {LONGEST_PIECE} bytes, with {BEGINS} before them where a word begins")
        if self.model == "unigram":
            self._refuse_scores(pieces)
        else:
            self._refuse_merges(pieces)

    def _refuse_scores(self, pieces: Sequence[str]) -> None:
        if self.merges or len(self.scores) != len(pieces):
            raise ValueError(f"{len(self.scores)} scores and {len(self.merges)} merges, wanted {len(pieces)} and none, one score a sub-word")
        if not all(LEAST_SCORE <= score <= 0 for score in self.scores):
            raise ValueError(f"scores go from {min(self.scores):g} to {max(self.scores):g}, wanted {LEAST_SCORE:g} to 0")

    def _refuse_merges(self, pieces: Sequence[str]) -> None:
        known, count = set(pieces), len(pieces)
        if self.scores or len(set(self.merges)) != len(self.merges):
            raise ValueError("a merge stands twice, or there are scores, which bpe has not; wanted different merges alone")
        for left, right in self.merges:
            if not (0 <= left < count and 0 <= right < count) or pieces[left] + pieces[right] not in known:
                raise ValueError(f"the merge of {left} and {right} gives no sub-word, wanted two of the {count} that make a third")


class Cutter:
    """Cuts words into pieces; MissingExtra where the library is not installed. It has no state but what it remembers of words."""

    def __init__(self, facts: SubwordFacts, pieces: Sequence[str], lowercase: bool):
        self._model = _rebuilt(facts, pieces)
        self._pieces, self._lowercase = pieces, lowercase
        self._remembered = lru_cache(KEPT_WORDS)(self._of_word)

    def cut(self, text: str, words: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
        """The pieces of the words of a text, and where in it each begins and ends, (T, 2).

        words  (T, 2) where the words stand

        A character whose bytes are in several pieces belongs to the last of them, and those before it may be empty: spans in order are the words.
        """
        spans = [text[start:stop] for start, stop in words.tolist()]
        found = [self._remembered(word) if len(word) <= LONGEST_KEPT else self._of_word(word) for word in spans]
        counts = np.array([len(pieces) for pieces, _ in found], np.int64)
        places = np.concatenate([np.zeros((0, 2), np.int64), *(places for _, places in found)])
        return [piece for pieces, _ in found for piece in pieces], places + np.repeat(words[:, 0], counts)[:, None]

    def _of_word(self, word: str) -> tuple[list[str], NDArray[np.int64]]:
        characters = [character.encode("utf-8", "surrogatepass") for character in fold(word, self._lowercase)]
        numbers = [(token.id, len(token.value)) for token in self._model.tokenize(_written(BEGINS + b"".join(characters).decode("latin-1")))]
        after = np.cumsum([size for _, size in numbers])
        stops = np.searchsorted(np.cumsum([len(character) for character in characters]), after, side="right").astype(np.int64)
        return [self._pieces[number] for number, _ in numbers], np.stack([np.concatenate([[0], stops[:-1]]), stops], axis=1)


def learn(words: Iterable[str], spec: Subwords, lowercase: bool) -> tuple[Vocabulary, SubwordFacts]:
    """The pieces of `words`, all those of the train part, and how they are put together. The same words give the same pieces, in any order.

    DataError where there are none to learn from.
    """
    library = _library()
    counts = Counter("".join(fold(word, lowercase)).encode("utf-8", "surrogatepass") for word in words)
    learnt = {BEGINS + word.decode("latin-1"): counts[word] for word in sorted(counts) if len(word) <= LONGEST_LEARNT}
    if not learnt:
        raise DataError("the train part holds no word to learn sub-words from; give more texts, or use data.tokens.unit: bytes")
    if spec.model == "unigram":
        pieces, scores = learn_pieces(learnt, BYTES, spec.size, LONGEST_PIECE)
        return Vocabulary(units=pieces), SubwordFacts(model="unigram", scores=scores)
    return _merged(library, learnt, spec.size)


def _merged(library: ModuleType, counts: dict[str, int], size: int) -> tuple[Vocabulary, SubwordFacts]:
    """Byte pair encoding (Sennrich et al. 2016)."""
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    trainer = library.trainers.BpeTrainer(
        vocab_size=size, min_frequency=LEAST_PAIRS, show_progress=False, special_tokens=[], initial_alphabet=[_written(byte) for byte in BYTES],
        max_token_length=LONGEST_PIECE,
    )  # fmt: skip
    tokenizer.train_from_iterator((" ".join([_written(word)] * count) for word, count in counts.items()), trainer)
    merges = [(_read(left), _read(right)) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]
    pieces = (*BYTES, *dict.fromkeys(left + right for left, right in merges))
    numbers = {piece: number for number, piece in enumerate(pieces)}
    facts = SubwordFacts(model="bpe", merges=tuple((numbers[left], numbers[right]) for left, right in merges))
    return Vocabulary(units=pieces), facts


def _rebuilt(facts: SubwordFacts, pieces: Sequence[str]) -> Any:
    """The library's model of what was learnt."""
    models = _library().models
    written = [_written(piece) for piece in pieces]
    if facts.model == "unigram":
        return models.Unigram(list(zip(written, facts.scores, strict=True)))
    merges = [(written[left], written[right]) for left, right in facts.merges]
    return models.BPE(vocab={piece: number for number, piece in enumerate(written)}, merges=merges)


def _written(piece: str) -> str:
    """A piece in one character a byte, another one for a byte that begins a word."""
    begins = piece.startswith(BEGINS)
    plain = [_FIRST + ord(byte) for byte in piece[begins:]]
    return "".join(map(chr, [plain[0] + 256 * begins, *plain[1:]]))


def _read(written: str) -> str:
    """A piece from what `_written` makes of it."""
    codes = [ord(character) - _FIRST for character in written]
    return (BEGINS if codes[0] >= 256 else "") + "".join(chr(code % 256) for code in codes)


def _library() -> ModuleType:
    try:
        import tokenizers
    except ImportError:
        raise MissingExtra("data.tokens.unit: subwords needs tokenizers, which is not installed; pip install unspool[text]") from None
    return tokenizers
