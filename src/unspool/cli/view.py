"""Tagged words as a person reads them in a terminal: the text, in it what was found in colour, each with its type."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
Part = tuple[str, str | None]

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def write_tagged(answers: Sequence[Mapping[str, Any]], texts: Sequence[str] | None = None) -> None:
    """One text after the other. `texts` are those that were given; of others nothing is known but their words."""
    from rich.console import Console

    console, colours = Console(file=sys.stdout, highlight=False), dict[str, str]()
    for index, answer in enumerate(answers):
        console.print(tagged(answer, colours, None if texts is None else texts[index]))


def tagged(answer: Mapping[str, Any], colours: dict[str, str], text: str | None = None) -> Text:
    """One answer of a tagger. `colours` by type: a type that is met first gets the next one, and they come again where there are more types."""
    from rich.text import Text

    made = Text()
    for piece, kind in parts(answer, text):
        if kind is None:
            made.append(_inert(piece))
            continue
        colour = colours.setdefault(kind, COLOURS[len(colours) % len(COLOURS)])
        made.append(_inert(piece), style=f"bold {colour}").append(f" {_inert(kind)}" if kind else "", style=f"dim {colour}")
    return made


def parts(answer: Mapping[str, Any], text: str | None = None) -> Iterator[Part]:
    """The text piece by piece, each with the type of its span, or the tag of its word where tags name no spans; None for what is between."""
    whole, at = _rebuilt(answer["words"]) if text is None else text, 0
    for found in answer.get("spans", answer["words"]):
        if found["start"] > at:
            yield whole[at : found["start"]], None
        yield whole[found["start"] : found["end"]], found.get("type", found.get("tag"))
        at = found["end"]
    if at < len(whole):
        yield whole[at:], None


def _rebuilt(words: Sequence[Mapping[str, Any]]) -> str:
    """The text as far as its words tell it, with blanks between them."""
    text = ""
    for word in words:
        text += " " * (word["start"] - len(text)) + word["text"]
    return text


def _inert(text: str) -> str:
    """Without what a terminal would obey."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
