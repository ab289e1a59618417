"""The lines of a text file."""

from __future__ import annotations

from pathlib import Path

from unspool.data.sources.files import LONGEST_LINE, text_bytes


def lines_of(path: Path, encoding: str, longest: int = LONGEST_LINE) -> list[str]:
    """The lines without their ends, which are \\n, \\r\\n or \\r, also mixed; no other character ends a line.

    longest  bytes of a line
    """
    text = text_bytes(path, encoding, longest).decode()
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n").split("\n")
