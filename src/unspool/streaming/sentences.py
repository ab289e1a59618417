"""Where sentences begin in a text that comes in pieces."""

from __future__ import annotations

import numpy as np

from unspool.data.marks import marks
from unspool.data.sentences import sentences
from unspool.streaming.memory import Held
from unspool.streaming.program import Array

LONGEST = 10_000
"""Characters of the sentence that goes on which are held; of a longer one its end."""

TEXT, LAST = "sentence/text", "sentence/last"


def fresh() -> dict[str, Array]:
    """What is held before the first piece: the sentence so far, and where in it the last unit stands."""
    return _held("", -1)


def marked(held: Held, piece: str, offsets: Array) -> tuple[Array, dict[str, Array]]:
    """The marks (T, 1) of a piece's units, as of the text so far with this piece, and what is held then.

    offsets  (T, 2) of the units in the piece
    """
    before, last = str(held[TEXT])[:-1], int(held[LAST])
    text = before + piece
    column = marks(text, offsets + len(before), last)
    last = int(offsets[-1, 0]) + len(before) if len(offsets) else last
    starts = sentences(text)[:, 0]
    number = int(np.searchsorted(starts, last, side="right"))
    begin = max(int(starts[number - 1]) if number else 0, len(text) - LONGEST)
    return column, _held(text[begin:], max(last - begin, -1))


def _held(text: str, last: int) -> dict[str, Array]:
    """With a mark at the text's end, for numpy forgets NUL characters that stand there."""
    return {TEXT: np.array(text + "\n"), LAST: np.array(last, np.int64)}
