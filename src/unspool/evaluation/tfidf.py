"""Documents as weights of the short runs of units in them: tf-idf (Salton and Buckley 1988).

The same numbers as scikit-learn's TfidfVectorizer with sublinear_tf, smooth_idf and the L2 norm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unspool.evaluation.sparse import SparseRows

Codes = NDArray[np.int64]

LARGEST = 200_000
"""Most runs that are kept, those in most documents first; bounds memory."""


@dataclass(frozen=True, slots=True)
class Tfidf:
    """What was learnt of the train documents.

    keys (F,)  the runs, as ascending numbers      rarity (F,)  inverse document frequencies
    units      number of codes there are           longest      units in the longest run
    """

    keys: Codes
    rarity: NDArray[np.float64]
    units: int
    longest: int

    @classmethod
    def fit(cls, documents: Sequence[Codes], units: int, longest: int, minimum: int) -> Tfidf:
        """Runs of 1 to `longest` codes (T,) below `units`, of those in at least `minimum` documents."""
        assert units**longest < 2**62, "a run must fit into 64 bits"
        keys, places = _runs(documents, units, longest)
        known, index = np.unique(keys, return_inverse=True)
        seen = np.unique(places * len(known) + index) % max(len(known), 1)
        frequency = np.bincount(seen, minlength=len(known))
        commonest = np.argsort(-frequency, kind="stable")[:LARGEST]
        kept = np.sort(commonest[frequency[commonest] >= minimum])
        rarity = np.log((1 + len(documents)) / (1 + frequency[kept])) + 1
        return cls(known[kept], rarity, units, longest)

    def transform(self, documents: Sequence[Codes]) -> SparseRows:
        """N documents as rows (N, F) of length 1, or 0 where nothing in one is known."""
        keys, places = _runs(documents, self.units, self.longest)
        width = len(self.keys)
        if not width:
            return SparseRows.of(keys[:0], keys[:0], np.zeros(0), (len(documents), 0))
        column = np.minimum(np.searchsorted(self.keys, keys), width - 1)
        known = self.keys[column] == keys
        cells, counts = np.unique(places[known] * width + column[known], return_counts=True)
        rows, columns = np.divmod(cells, width)
        weights = (1 + np.log(counts)) * self.rarity[columns]
        length = np.sqrt(np.bincount(rows, weights**2, minlength=len(documents)))
        return SparseRows.of(rows, columns, weights / length[rows], (len(documents), width))


def _runs(documents: Sequence[Codes], units: int, longest: int) -> tuple[Codes, Codes]:
    """Every run of 1 to `longest` codes as a number of its own, and the document that it stands in."""
    empty = np.zeros(0, np.int64)
    codes = np.concatenate([empty, *documents])
    owner = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    keys, places = [empty], [empty]
    run, offset = np.zeros(len(codes), np.int64), 0
    for length in range(1, longest + 1):
        first = len(codes) - length + 1
        if first <= 0:
            break
        run = run[:first] * units + codes[length - 1 :]
        within = owner[:first] == owner[length - 1 :]
        keys.append(run[within] + offset)
        places.append(owner[:first][within])
        offset += units**length
    return np.concatenate(keys), np.concatenate(places)
