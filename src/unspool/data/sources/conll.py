"""A word a line, its tags in columns beside it, a blank line after every sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from unspool.data.sources.files import short
from unspool.data.sources.lines import lines_of
from unspool.data.sources.sentences import BLANKS, Sentence, absent, blocks, place_of_column
from unspool.data.spec import TaggedSource
from unspool.errors import DataError

HEADER = "# global.columns"
_COLUMNS = re.compile(f"[{BLANKS}]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """How lines are cut, as the first of them shows; `tag` is None where none are read."""

    line: int
    tabs: bool
    width: int
    word: int
    tag: int | None


def sentences(path: Path, source: TaggedSource, labelled: bool) -> list[Sentence]:
    """Every sentence. Read for a prediction, a file without the column of tags has words alone.

    Where the first line has a tab, tabs alone end columns, so that a word may hold blanks; else runs of blanks do.
    """
    lines, names = lines_of(path, source.encoding), []
    if lines[0].startswith(HEADER):
        names = _COLUMNS.split(lines[0].partition("=")[2].strip(BLANKS))
        lines = _without_comments(lines, len(names))
    found, layout = [], None
    for block in blocks(lines):
        layout = layout or _layout(path, block[0], names, source, labelled)
        rows = [_cells(path, number, line, layout, labelled) for number, line in block]
        words = tuple(row[layout.word] for row in rows)
        tags = None if layout.tag is None else tuple(row[layout.tag] for row in rows)
        found.append(Sentence(block[0][0], words, tags))
    return found


def _without_comments(lines: list[str], width: int) -> list[str]:
    """Comments stand before the words of a sentence; a line there that tabs cut into all columns is a word that begins so (CoNLL-U Plus)."""
    kept, inside = [""], False
    for line in lines[1:]:
        word = bool(line.strip(BLANKS)) and (inside or not line.startswith("#") or line.count("\t") + 1 == width > 1)
        kept.append(line if word else "")
        inside = word
    return kept


def _layout(path: Path, first: tuple[int, str], names: list[str], source: TaggedSource, labelled: bool) -> Layout:
    number, line = first
    tabs = "\t" in line
    width, where = len(_cut(line, tabs)), f"{path}:{number}"
    if names and len(names) != width:
        raise DataError(f"{where}: has {width} columns, and the first line names {len(names)}; mend one of them")
    word_column, tag_column = source.word if source.word is not None else 1, source.column if source.column is not None else -1
    word, tag = place_of_column(word_column, names, width), place_of_column(tag_column, names, width)
    if word is None:
        raise absent(where, "word", word_column, names, width)
    if tag is None and labelled:
        raise absent(where, "column", tag_column, names, width)
    if tag == word and labelled:
        raise DataError(
            f"{where}: got {short(line)}, {width} columns, the words and the tags the same one; wanted a word and its tag in columns; "
            "add the tags, or set source.column and source.word"
        )
    return Layout(number, tabs, width, word, None if tag == word else tag)


def _cut(line: str, tabs: bool) -> list[str]:
    return [cell.strip(BLANKS) for cell in line.split("\t")] if tabs else _COLUMNS.split(line.strip(BLANKS))


def _cells(path: Path, number: int, line: str, layout: Layout, labelled: bool) -> list[str]:
    cells = _cut(line, layout.tabs)
    if len(cells) != layout.width:
        raw = "" if labelled else "; raw text goes on standard input, a text a line"
        raise DataError(
            f"{path}:{number}: has {len(cells)} columns ({short(line)}), and line {layout.line} has {layout.width}, "
            f"with {'tabs' if layout.tabs else 'blanks'} between them; mend that line, or leave a blank line before and after what is no word{raw}"
        )
    for place in (layout.word, layout.tag):
        if place is not None and not cells[place].strip():
            raise DataError(f"{path}:{number}: column {place + 1} is empty, wanted a word and its tag; fill it in")
    return cells
