"""Where intermediate values stand: buffers that are never needed at once share memory."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.streaming.program import TYPES
from unspool.streaming.views import Buffer

LINE = 64
"""Bytes in a line of the cache; every buffer begins at one."""


def places(buffers: Sequence[Buffer]) -> list[int]:
    """Bytes before each buffer, for one stream; `buffers` by the instruction that writes them first."""
    found: list[int] = []
    live: list[tuple[int, int, int]] = []  # begin, end, last instruction that needs it
    for buffer in buffers:
        live = sorted(one for one in live if one[2] >= buffer.first)
        size = -(-max(1, buffer.size * TYPES[buffer.kind].itemsize) // LINE) * LINE
        begin = _gap(live, size)
        live.append((begin, begin + size, buffer.last))
        found.append(begin)
    return found


def _gap(live: Sequence[tuple[int, int, int]], size: int) -> int:
    """The smallest gap that is large enough."""
    best, width, end = 0, None, 0
    for begin, stop, _ in live:
        if begin - end >= size and (width is None or begin - end < width):
            best, width = end, begin - end
        end = max(end, stop)
    return end if width is None else best
