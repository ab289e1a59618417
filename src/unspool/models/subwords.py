"""Sub-words and the words that they are of: which belong together, how long texts are read in windows, and how vectors are pooled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """Sub-words `start` to `stop` are read together, and the vectors of `first` to `last` are kept."""

    start: int
    stop: int
    first: int
    last: int


def windows(pieces: int, room: int) -> list[Window]:
    """The windows of up to `room` sub-words in which so many are read; each sub-word is kept once.

    Neighbours share a quarter of a window at least, and each keeps its half of that: a sub-word that is not at an end of the text has an eighth
    of a window before it, and as much after it.
    """
    if pieces <= room:
        return [Window(0, pieces, 0, pieces)]
    starts = [*range(0, pieces - room, room - room // 4), pieces - room]
    cuts = [(left + room + right) // 2 for left, right in pairwise(starts)]
    kept = zip([0, *cuts], [*cuts, pieces], strict=True)
    return [Window(start, start + room, first, last) for start, (first, last) in zip(starts, kept, strict=True)]


def owned(offsets: Places, words: Places) -> tuple[Places, Places]:
    """Pairs (N,), (N,) of a sub-word and a word that share a character, ordered by word and then by sub-word.

    offsets (P, 2), words (T, 2)  where each begins and ends in one text; words do not overlap, and ascend
    """
    first = np.searchsorted(words[:, 1], offsets[:, 0], side="right")
    last = np.searchsorted(words[:, 0], offsets[:, 1], side="left")
    counts = np.where(offsets[:, 0] < offsets[:, 1], np.maximum(last - first, 0), 0)
    piece = np.repeat(np.arange(len(offsets)), counts)
    within = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    word = np.repeat(first, counts) + within
    order = np.lexsort((piece, word))
    return piece[order], word[order]


def pooled(vectors: Singles, offsets: Places, words: Places, pooling: Literal["mean", "first"]) -> Singles:
    """(T, W): the mean of every word's sub-words, or the first of them; zeros for a word that has none.

    vectors (P, W), offsets (P, 2)  of the sub-words        words (T, 2)  as for `owned`
    """
    out = np.zeros((len(words), vectors.shape[1]), np.float32)
    piece, word = owned(offsets, words)
    if not len(piece):
        return out
    there, begins, counts = np.unique(word, return_index=True, return_counts=True)
    if pooling == "first":
        out[there] = vectors[piece[begins]]
    else:
        out[there] = np.add.reduceat(vectors[piece], begins, axis=0) / counts[:, None].astype(np.float32)
    return out
