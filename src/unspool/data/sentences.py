"""Where in a text its sentences stand, by rule: every character is in one sentence, or is white space between two."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

# A line end; or marks that end a sentence, with what closes quotes and brackets. Those of Latin scripts have white space after them,
# so that no word is cut, nor a decimal, a time or an address.
_STOPS = re.compile(
    "(?P<line>[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])"
    "|(?<![.!?\u2026])(?P<marks>[.!?\u2026]++)[\"'\u2019\u201d\u00bb\u203a)\\]]*+(?=\\s)"
    "|[\u3002\uff01\uff1f]+[\"'\u2019\u201d\u300d\u300f\uff09)\\]]*"
)
_BLANKS = re.compile(r"\s*")
_LAST_WORD = re.compile(r"[^\s\"'(\[\u201c\u2018\u00ab]*\Z")

LONGEST_WORD = 20
"""Characters before a full stop in which an abbreviation is looked for."""

ABBREVIATIONS = frozenset((
    "adm", "brig", "bros", "capt", "cmdr", "co", "col", "corp", "dr", "ft", "gen", "gov", "hon", "inc", "jr", "lt", "ltd", "maj", "messrs", "mr",
    "mrs", "ms", "mt", "mx", "pres", "prof", "rep", "rev", "sen", "sgt", "sr", "st", "vs", "jan", "feb", "mar", "apr", "jun", "jul", "aug",
    "sep", "sept", "oct", "nov", "dec", "approx", "cf", "dept", "est", "univ",
))  # fmt: skip
"""Words whose full stop ends no sentence."""

BEFORE_NUMBERS = frozenset(("art", "ch", "eq", "fig", "figs", "no", "nos", "p", "para", "pp", "sec", "vol"))
"""Words whose full stop ends no sentence where a number follows."""


def sentences(text: str) -> NDArray[np.int64]:
    """(S, 2) where each sentence begins and ends, without the white space around it; none for a text of nothing else.

    A sentence ends at a line's end, and after . ! ? and their like where white space follows and then no small letter. The full stop of an
    abbreviation, of an initial (J. Smith), of letters with stops between them (U.S.) and of a number that begins a line (1. First) ends none.
    """
    found, first = [], _past_blanks(text, 0)
    for stop in _STOPS.finditer(text):
        if stop.end() > first and _ends(text, first, stop):
            found.append((first, stop.start("line") if stop["line"] else stop.end()))
            first = _past_blanks(text, stop.end())
    if first < len(text):
        found.append((first, len(text)))
    return np.array([(start, start + len(text[start:end].rstrip())) for start, end in found], np.int64).reshape(-1, 2)


def _ends(text: str, first: int, stop: re.Match[str]) -> bool:
    """Whether a sentence that begins at `first` ends there."""
    after = _past_blanks(text, stop.end())
    if stop["line"] or not stop["marks"] or after == len(text):
        return True
    if text[after].islower():
        return False
    return stop["marks"] != "." or not _abbreviates(text, first, stop.start(), after)


def _abbreviates(text: str, first: int, dot: int, after: int) -> bool:
    """Whether the full stop at `dot` belongs to the word before it; `after` is the place of what follows."""
    found = _LAST_WORD.search(text, max(first, dot - LONGEST_WORD), dot)
    assert found is not None
    word = found[0]
    if word.isdecimal():
        return found.start() == first
    if len(word) == 1:
        return word.isupper() and word != "I"
    if word.lower() in BEFORE_NUMBERS:
        return text[after].isdecimal()
    return word.lower() in ABBREVIATIONS or _is_lettered(word)


def _is_lettered(word: str) -> bool:
    """Single letters with stops between them: U.S, e.g, a.m."""
    letters = word.split(".")
    return len(letters) > 1 and all(len(letter) == 1 and letter.isalpha() for letter in letters)


def _past_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    assert found is not None
    return found.end()
