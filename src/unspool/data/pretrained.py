"""Word vectors that others have trained, joined with the words of the train part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unspool.data import vectors
from unspool.data.preparation import Preparation
from unspool.data.spec import VectorFile
from unspool.data.tokens import VectorFacts
from unspool.data.vocab import Vocabulary
from unspool.errors import DataError

Singles = NDArray[np.float32]


def join(preparation: Preparation, spec: VectorFile, tuned: bool, folder: Path) -> tuple[Preparation, Singles]:
    """The preparation that knows the words of the file too, and the vector of every code (V, width), NaN where the file has none.

    Words of the train part come first, then the head of the file.

    tuned   words that the file lacks are learnt with the others; else they would stay as they are drawn, so they are read as unknown
    folder  paths of the spec are relative to it
    raises  DataError where the file is broken, or has none of the words
    """
    tokens = preparation.tokens
    assert tokens is not None
    own = tokens.vocabulary.units
    path = folder / spec.path
    found = vectors.read(path, own, None if spec.index is None else folder / spec.index, spec.format, spec.further, tokens.lowercase)
    count = len(found.words) - found.further
    if not count:
        raise DataError(
            f"{path}: has none of the {len(own):,} words of the train part, such as {', '.join(own[:3])}; give vectors of the same "
            "language, and of words that are cut alike (data.tokens)"
        )
    near = own if tuned else found.words[:count]
    units = (*near, *found.words[count:])
    places = {word: row for row, word in enumerate(found.words)}
    table = np.full((1 + len(units), found.width), np.nan, np.float32)
    for code, unit in enumerate(units, start=1):
        if unit in places:
            table[code] = found.matrix[places[unit]]
    counts = {"exact": found.exact, "lowered": found.lowered, "made": found.made, "missing": len(found.missing), "further": found.further}
    facts = VectorFacts(width=found.width, near=1 + len(near), **counts)
    changed = tokens.model_copy(update={"vocabulary": Vocabulary(units=units), "vectors": facts})
    return preparation.model_copy(update={"tokens": changed}), table
