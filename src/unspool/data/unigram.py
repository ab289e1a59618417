"""The likeliest pieces of words: a unigram language model over sub-words, learnt by expectation maximisation and pruned (Kudo 2018, section 3.2).

Written here because `tokenizers` sums in another order in every process, so that its pieces for one text differ from run to run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

MOST_WORDS = 50_000  # the commonest; bounds time and memory
SEEDS = 10  # pieces at first for each that is wanted
STEPS = 2  # of expectation maximisation before each pruning
SHRINKING = 0.75  # of the pieces are kept by each
LEAST_COUNT = 0.5  # a piece that is expected less often in all texts is no piece; a single byte, which stays, counts as often at least

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]


def learn_pieces(counts: Mapping[str, int], single: Sequence[str], size: int, longest: int) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """At most `size` pieces, those of `single` first, then the others from the likeliest on; and the natural logarithms of their probabilities.

    counts   how often each word came; a word is a mark that it begins, and its bytes
    single   all pieces of one byte, which are kept
    longest  bytes of a piece
    """
    commonest = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
    often = np.array([counts[word] for word in commonest], np.float64)
    pieces, seen = _seeds(commonest, counts, single, size, longest)
    scores = np.log(seen / seen.sum())
    texts, themselves = _Lattice.of(commonest, pieces, longest), _Lattice.of(pieces, pieces, longest).proper()
    while True:
        for _ in range(STEPS):
            expected = texts.expected(scores, often)
            scores = _scores(expected, len(single))
        kept = _kept(expected, scores - themselves.best(scores), len(single), size)
        before, done = len(pieces), len(kept) == len(pieces)
        pieces, scores = [pieces[number] for number in kept.tolist()], scores[kept]
        if done:
            order = [*range(len(single)), *sorted(range(len(single), len(pieces)), key=lambda number: (-scores[number], pieces[number]))]
            return tuple(pieces[number] for number in order), tuple(min(float(scores[number]), 0.0) for number in order)
        texts, themselves = texts.of_pieces(kept, before), themselves.of_words(kept).of_pieces(kept, before)


def _seeds(words: Sequence[str], counts: Mapping[str, int], single: Sequence[str], size: int, longest: int) -> tuple[list[str], Doubles]:
    """The single pieces, then the runs of bytes that cover most of the words, and how often each came."""
    seen: Counter[str] = Counter()
    for word in words:
        for _, _, piece in _runs(word, longest):
            seen[piece] += counts[word]
    known = set(single)
    repeated = [piece for piece, count in seen.items() if count > 1 and piece not in known]
    repeated.sort(key=lambda piece: (-seen[piece] * len(piece), piece))
    pieces = [*single, *repeated[: SEEDS * size]]
    return pieces, np.array([max(seen[piece], LEAST_COUNT) for piece in pieces], np.float64)


def _runs(word: str, longest: int) -> Iterator[tuple[int, int, str]]:
    """Where each run of bytes of a word begins and ends, and the run, with the word's mark where it is at the beginning."""
    marked = int(ord(word[0]) > 255)
    for start in range(len(word) - marked):
        for stop in range(start + 1, min(start + longest, len(word) - marked) + 1):
            yield start, stop, word[start + marked if start else 0 : stop + marked]


def _scores(expected: Doubles, singles: int) -> Doubles:
    """Logarithms of probabilities; minus infinity for a piece that is hardly expected."""
    counted = np.where(expected >= LEAST_COUNT, expected, 0.0)
    counted[:singles] = np.maximum(expected[:singles], LEAST_COUNT)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(counted) - np.log(counted.sum()))


def _kept(expected: Doubles, gains: Doubles, singles: int, size: int) -> Counts:
    """The pieces that stay: the single ones, and of the others those whose loss would cost most.

    gains  by how much a piece is likelier than the best other way to write it
    """
    others = singles + np.flatnonzero(expected[singles:] >= LEAST_COUNT)
    room = size - singles
    if len(others) > room:
        losses = expected[others] * gains[others]
        others = np.sort(others[np.argsort(-losses, kind="stable")[: max(room, int(SHRINKING * len(others)))]])
    return np.concatenate([np.arange(singles), others])


@dataclass(frozen=True)
class _Lattice:
    """All the ways to cut W words into pieces, as E edges from byte to byte of a word, sorted by where they end and then by word.

    word, start, stop, piece  (E,)   lengths  (W,) bytes
    """

    word: Counts
    start: Counts
    stop: Counts
    piece: Counts
    lengths: Counts

    @classmethod
    def of(cls, words: Sequence[str], pieces: Sequence[str], longest: int) -> _Lattice:
        numbers = {piece: number for number, piece in enumerate(pieces)}
        edges = [
            (index, start, stop, numbers[piece])
            for index, word in enumerate(words) for start, stop, piece in _runs(word, longest) if piece in numbers
        ]  # fmt: skip
        word, start, stop, piece = np.array(edges, np.int64).reshape(-1, 4).T
        order = np.lexsort((start, word, stop))
        lengths = np.array([len(one) - int(ord(one[0]) > 255) for one in words], np.int64)
        return cls(word[order], start[order], stop[order], piece[order], lengths)

    def best(self, scores: Doubles) -> Doubles:
        """(W,) the logarithm of each word's likeliest cut."""
        return self._forward(scores, np.maximum)[np.arange(len(self.lengths)), self.lengths]

    def expected(self, scores: Doubles, often: Doubles) -> Doubles:
        """How often each piece is expected in words that come so `often` (W,): the E step."""
        forward, backward = self._forward(scores, np.logaddexp), self._backward(scores)
        through = forward[self.word, self.start] + scores[self.piece] + backward[self.word, self.stop]
        shares = np.exp(through - backward[self.word, 0])
        return np.asarray(np.bincount(self.piece, shares * often[self.word], len(scores)), np.float64)

    def chosen(self, edges: NDArray[np.bool_]) -> _Lattice:
        return _Lattice(self.word[edges], self.start[edges], self.stop[edges], self.piece[edges], self.lengths)

    def of_pieces(self, kept: Counts, pieces: int) -> _Lattice:
        """With the pieces that are `kept` alone, of so many, numbered anew."""
        numbers = _numbered(kept, pieces)
        found = self.chosen(numbers[self.piece] >= 0)
        return replace(found, piece=numbers[found.piece])

    def of_words(self, kept: Counts) -> _Lattice:
        """With the words that are `kept` alone, numbered anew."""
        numbers = _numbered(kept, len(self.lengths))
        found = self.chosen(numbers[self.word] >= 0)
        return replace(found, word=numbers[found.word], lengths=self.lengths[kept])

    def proper(self) -> _Lattice:
        """Without the edges that are a whole word."""
        return self.chosen(self.stop - self.start < self.lengths[self.word])

    def _forward(self, scores: Doubles, join: np.ufunc) -> Doubles:
        """(W, L + 1) of all cuts of a word's first bytes together, or of the best of them, as `join` says."""
        found = self._nothing()
        found[:, 0] = 0
        for edges in _groups(self.stop, np.arange(len(self.stop))):
            _joined(found, self.word[edges], self.stop[edges], found[self.word[edges], self.start[edges]] + scores[self.piece[edges]], join)
        return found

    def _backward(self, scores: Doubles) -> Doubles:
        """(W, L + 1) of all cuts of what follows each byte."""
        found = self._nothing()
        found[np.arange(len(self.lengths)), self.lengths] = 0
        for edges in reversed(_groups(self.start, np.lexsort((self.stop, self.word, self.start)))):
            _joined(found, self.word[edges], self.start[edges], found[self.word[edges], self.stop[edges]] + scores[self.piece[edges]], np.logaddexp)
        return found

    def _nothing(self) -> Doubles:
        return np.full((len(self.lengths), int(self.lengths.max()) + 1), -np.inf)


def _numbered(kept: Counts, count: int) -> Counts:
    numbers = np.full(count, -1, np.int64)
    numbers[kept] = np.arange(len(kept))
    return numbers


def _groups(place: Counts, order: Counts) -> list[Counts]:
    """Edges in `order`, apart where their place changes."""
    return np.split(order, np.flatnonzero(np.diff(place[order])) + 1)


def _joined(found: Doubles, word: Counts, place: Counts, values: Doubles, join: np.ufunc) -> None:
    """Write what edges, sorted by word, bring to each word."""
    firsts = np.flatnonzero(np.diff(word, prepend=-1))
    found[word[firsts], place[firsts]] = join.reduceat(values, firsts)
