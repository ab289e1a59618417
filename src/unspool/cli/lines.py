"""Lines of standard input, each no longer than can be used."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from unspool.errors import DataError

LONGEST_LINE = 1 << 20


def measured(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines as they come; of one that is too long, only the beginning."""
    readline = getattr(lines, "readline", None)
    if readline is None:
        yield from lines
        return
    while line := readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = readline(LONGEST_LINE + 1)
        yield line


def texts(lines: Iterable[bytes]) -> list[str]:
    """The texts of lines of UTF-8, which end as those of files do, a blank one an empty text, so that answers stand beside their lines.

    DataError, with the line, for one that is no UTF-8 or too long, and where there is none at all.
    """
    found: list[str] = []
    for line in measured(lines):
        text = _text(len(found) + 1, line if found else line.removeprefix(codecs.BOM_UTF8))
        found += text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    if not found:
        raise DataError("standard input: holds no line, wanted a text a line; write some to it")
    return found


def _text(number: int, line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        raise DataError(f"standard input:{number}: the line is longer than {LONGEST_LINE:,} bytes, wanted one text a line; cut it into several")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"standard input:{number}: byte {error.start} is not utf-8; save the text as utf-8") from None
