"""How tags name spans: IOB1, IOB2 and IOBES (BILOU is IOBES in other letters).

A tag is `O`, outside of every span, or a letter and the span's type, `B-PER`; spans of one kind need no type: `B`. The first hyphen parts the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from unspool.types import Booleans

Scheme = Literal["iob1", "iob2", "iobes"]
OUTSIDE = "O"

_LETTERS = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}
_CLOSED = ("E", "S")  # what follows one of these is of another span


class Span(NamedTuple):
    """Steps `start` to `stop`, without `stop`, of one `type`; the type is empty where tags name none."""

    type: str
    start: int
    stop: int


class Allowed(NamedTuple):
    """What a scheme permits, True where it does: tags that begin a sentence (K,), that end it (K,), and [from, to] (K, K)."""

    start: Booleans
    end: Booleans
    transitions: Booleans


class _Tag(NamedTuple):
    letter: str  # O, B, I, E or S
    type: str


def spans(tags: Iterable[str]) -> list[Span]:
    """The spans of a sentence in their order, read from any scheme as leniently as conlleval reads them (Tjong Kim Sang and Buchholz 2000).

    I or E where nothing of their type is open begins a span; B and S always do; a tag that is none of any scheme, such as `NN`, is outside.
    """
    found: list[Span] = []
    before = _Tag(OUTSIDE, "")
    for step, tag in enumerate(map(_read, tags)):
        if _begins(before, tag):
            found.append(Span(tag.type, step, step + 1))
        elif tag.letter != OUTSIDE:
            found[-1] = found[-1]._replace(stop=step + 1)
        before = tag
    return found


def convert(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The same spans in the tags of `scheme`; a tag that is none of any scheme stays as it is."""
    written = [OUTSIDE if _known(tag) else tag for tag in tags]
    before = Span("", -1, -1)
    for span in spans(tags):
        letters = _written(span.stop - span.start, scheme, adjacent=before.stop == span.start and before.type == span.type)
        written[span.start : span.stop] = [f"{letter}-{span.type}" if span.type else letter for letter in letters]
        before = span
    return written


def detect(sentences: Iterable[Sequence[str]]) -> Scheme | None:
    """The scheme that a data set is written in, or None where its tags name no spans and each stands for itself.

    Where I and B both begin spans after O, whichever does so more often decides. Letters without types are taken for a scheme only where
    B and O are among them, since other sets of tags have such letters too.
    """
    letters: set[str] = set()
    by_b = by_i = 0
    for sentence in sentences:
        before = _Tag(OUTSIDE, "")
        for written in sentence:
            if not _known(written):
                return None
            tag = _read(written)
            letters.add(written if len(written) == 1 else tag.letter + "-")
            alone = before.letter == OUTSIDE or before.type != tag.type
            by_b += alone and tag.letter == "B"
            by_i += alone and tag.letter == "I"
            before = tag
    untyped = {letter for letter in letters if len(letter) == 1} - {OUTSIDE}
    if letters <= {OUTSIDE} or (untyped and not letters >= {"B", OUTSIDE}):
        return None
    if any(_LETTERS.get(letter[0]) in _CLOSED for letter in letters):
        return "iobes"
    return "iob2" if by_b >= by_i else "iob1"


def allowed(labels: Sequence[str], scheme: Scheme) -> Allowed:
    """What `scheme` permits between K labels. Whatever `convert` gives is permitted; a label that is none of any scheme counts as outside."""
    permits = _PERMITS[scheme]
    tags = [_read(label) for label in labels]
    edge = _Tag(OUTSIDE, "")  # before and after a sentence stands what is outside
    return Allowed(
        start=np.array([permits(edge, tag) for tag in tags], np.bool_),
        end=np.array([permits(tag, edge) for tag in tags], np.bool_),
        transitions=np.array([[permits(tag, after) for after in tags] for tag in tags], np.bool_).reshape(len(tags), len(tags)),
    )


def _known(tag: str) -> bool:
    return tag == OUTSIDE or tag.partition("-")[0] in _LETTERS


def _read(tag: str) -> _Tag:
    letter, _, kind = tag.partition("-")
    return _Tag(_LETTERS[letter], kind) if letter in _LETTERS else _Tag(OUTSIDE, "")


def _begins(before: _Tag, tag: _Tag) -> bool:
    if tag.letter == OUTSIDE:
        return False
    return tag.letter in ("B", "S") or before.letter == OUTSIDE or before.letter in _CLOSED or before.type != tag.type


def _written(steps: int, scheme: Scheme, adjacent: bool) -> Iterator[str]:
    """The letters of a span; `adjacent`: to one of its type, before it."""
    for step in range(steps):
        if scheme == "iobes" and step == steps - 1:
            yield "S" if steps == 1 else "E"
        elif step == 0:
            yield "B" if adjacent or scheme != "iob1" else "I"
        else:
            yield "I"


def _iob1(before: _Tag, tag: _Tag) -> bool:
    """B stands between two spans of one type alone."""
    return tag.letter != "B" or (before.letter != OUTSIDE and before.type == tag.type)


def _iob2(before: _Tag, tag: _Tag) -> bool:
    return tag.letter != "I" or (before.letter != OUTSIDE and before.type == tag.type)


def _iobes(before: _Tag, tag: _Tag) -> bool:
    """What is open goes on, in its own type; nothing else does."""
    opened, goes_on = before.letter in ("B", "I"), tag.letter in ("I", "E")
    return opened == goes_on and (not opened or before.type == tag.type)


_PERMITS: dict[Scheme, Callable[[_Tag, _Tag], bool]] = {"iob1": _iob1, "iob2": _iob2, "iobes": _iobes}
