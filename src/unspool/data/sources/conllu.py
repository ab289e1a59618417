"""CoNLL-U, the ten columns of Universal Dependencies (Nivre et al. 2020)."""

from __future__ import annotations

import re
from pathlib import Path

from unspool.data.sources.files import short
from unspool.data.sources.lines import lines_of
from unspool.data.sources.sentences import Sentence, absent, blocks, place_of_column
from unspool.data.spec import TaggedSource
from unspool.errors import DataError

NAMES = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
ID, MISC = NAMES.index("id"), NAMES.index("misc")
UNSAID = "_"
NO_SPACE = "SpaceAfter=No"

_WORD, _RANGE, _EMPTY_NODE = re.compile("[0-9]+"), re.compile("([0-9]+)-([0-9]+)"), re.compile(r"[0-9]+\.[0-9]+")


def sentences(path: Path, source: TaggedSource, labelled: bool) -> list[Sentence]:
    """Every sentence. Read for a prediction, a file that leaves the column of tags open (`_`) has words alone."""
    word = _place(path, "word", source.word if source.word is not None else "form")
    column = source.column if source.column is not None else "upos"
    tag = _place(path, "column", column)
    if word == tag:
        raise DataError(f"{path}: the words and the tags are both column {NAMES[tag]!r}, wanted two; set source.column and source.word")
    found = [_sentence(path, rows, word, tag) for rows in map(_without_comments, blocks(lines_of(path, source.encoding))) if rows]
    if any(set(sentence.tags or ()) - {UNSAID} for sentence in found):
        return found
    if labelled and found:
        raise DataError(f"{path}:{found[0].line}: column {NAMES[tag]!r} is {UNSAID} throughout, wanted tags; set source.column to another")
    return [Sentence(sentence.line, sentence.words, None, sentence.glued) for sentence in found]


def _place(path: Path, role: str, column: int | str) -> int:
    place = place_of_column(column, NAMES, len(NAMES))
    if place is None:
        raise absent(str(path), role, column, NAMES, len(NAMES))
    return place


def _without_comments(block: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [(number, line) for number, line in block if not line.startswith("#")]


def _sentence(path: Path, rows: list[tuple[int, str]], word: int, tag: int) -> Sentence:
    """The words proper; what a range of them says of the space after it holds for the last of them."""
    words: list[str] = []
    tags: list[str] = []
    glued: set[int] = set()
    range_end, first = 0, rows[0][0]
    for number, line in rows:
        cells = _cells(path, number, line)
        here, no_space = len(words) + 1, NO_SPACE in cells[MISC].split("|")
        if spans := _RANGE.fullmatch(cells[ID]):
            start, range_end = int(spans[1]), int(spans[2])
            if start != here or range_end <= start:
                raise _misplaced(path, number, cells[ID], here)
            glued |= {range_end - 1} if no_space else set()
        elif _WORD.fullmatch(cells[ID]):
            if int(cells[ID]) != here:
                raise _misplaced(path, number, cells[ID], here)
            words.append(cells[word])
            tags.append(cells[tag])
            glued |= {here - 1} if no_space and here > range_end else set()
        elif not _EMPTY_NODE.fullmatch(cells[ID]):
            raise _misplaced(path, number, cells[ID], here)
    if range_end > len(words):
        raise DataError(f"{path}:{first}: has a range of words up to {range_end}, and {len(words)} words; mend the range, or add the words")
    if not words:
        raise DataError(f"{path}:{first}: is a sentence of ranges and empty nodes alone, wanted words; take it out")
    return Sentence(first, tuple(words), tuple(tags), frozenset(glued))


def _cells(path: Path, number: int, line: str) -> list[str]:
    cells = line.split("\t")
    if len(cells) != len(NAMES):
        raise DataError(
            f"{path}:{number}: has {len(cells)} columns ({short(line)}), wanted the {len(NAMES)} of CoNLL-U with tabs between them; "
            "mend that line, or set source.format: columns"
        )
    empty = next((place for place, cell in enumerate(cells) if not cell.strip()), None)
    if empty is not None:
        raise DataError(f"{path}:{number}: column {NAMES[empty]!r} is empty, wanted {UNSAID} where nothing is said; fill it in")
    return cells


def _misplaced(path: Path, number: int, got: str, wanted: int) -> DataError:
    return DataError(f"{path}:{number}: has the id {short(got)}, wanted {wanted}; number words from 1, and leave a blank line between sentences")
