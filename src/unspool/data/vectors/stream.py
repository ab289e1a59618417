"""A file of any size read once, front to back, in bounded pieces; no length that it claims is believed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from unspool.data.sources.files import (
    CHUNK,
    GZIP,
    LARGEST_BYTES,
    LARGEST_RATIO,
    LONGEST_LINE,
    RATIO_FROM_BYTES,
    gunzipped,
    measured,
    opened,
)
from unspool.errors import DataError

LONGEST_WORD = 1 << 16  # bytes


class Reader:
    """The content of a file, from `offset` on, unpacked where the file is gzip.

    largest  bytes that the whole content can have: the file's, or as many as a gzip file may unpack to
    packed   whether the file is gzip
    """

    def __init__(self, path: Path, chunks: Iterator[bytes], largest: int, packed: bool):
        self.path, self.largest, self.packed = path, largest, packed
        self._chunks = chunks
        self._held, self._at, self._before = b"", 0, 0

    @property
    def offset(self) -> int:
        """Bytes of the content that have gone by."""
        return self._before + self._at

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer at the end of the file; they do not go by."""
        while len(self._held) - self._at < count and self._more():
            pass
        return self._held[self._at : self._at + count]

    def exactly(self, count: int) -> bytes:
        """The next bytes; DataError where there are fewer."""
        end = self._at + count
        if end > len(self._held):
            if len(self.peek(count)) < count:
                self._cut_off(count)
            end = self._at + count
        found = self._held[self._at : end]
        self._at = end
        return found

    def skip(self, count: int) -> None:
        """Let bytes go by, however many; DataError where there are fewer."""
        wanted = count
        while count > len(self._held) - self._at:
            count -= len(self._held) - self._at
            self._at = len(self._held)
            if not self._more():
                self._cut_off(wanted)
        self._at += count

    def until(self, mark: bytes) -> bytes:
        """What stands before the mark, which goes by too; DataError for more than LONGEST_WORD bytes."""
        end = self._held.find(mark, self._at, self._at + LONGEST_WORD)
        if end < 0:
            place = self.peek(LONGEST_WORD).find(mark)
            if place < 0:
                raise DataError(
                    f"{self.path}: byte {self.offset:,}: a word is not ended by {mark!r} within {LONGEST_WORD:,} bytes or the end "
                    "of the file; copy or download it again, or check that it is of the format"
                )
            end = self._at + place
        found = self._held[self._at : end]
        self._at = end + len(mark)
        return found

    def lines(self, number: int) -> Iterator[bytes]:
        """The lines that are left, the first of them of that number, without their ends; DataError for one of more than LONGEST_LINE bytes."""
        rest = b""
        while self._at < len(self._held) or self._more():
            lines = (rest + self._held[self._at :]).split(b"\n")
            self._at = len(self._held)
            rest = lines.pop()
            yield from lines
            number += len(lines)
            if len(rest) > LONGEST_LINE:
                raise DataError(
                    f"{self.path}:{number}: a line of more than {LONGEST_LINE:,} bytes, wanted one word and its vector a line; "
                    "check the line ends and that this is a text file"
                )
        if rest:
            yield rest

    def whole(self, largest: int) -> bytes:
        """All that is left; DataError for more than `largest` bytes."""
        content = self.peek(largest + 1)
        if len(content) > largest:
            raise DataError(f"{self.path}: holds more than {largest:,} bytes, wanted at most as many; write a .txt file instead")
        return self.exactly(len(content))

    def check_left(self, count: int, claim: str) -> None:
        """DataError where the file cannot hold as many bytes more as it claims."""
        left = self.largest - self.offset
        if count > left:
            raise DataError(
                f"{self.path}: byte {self.offset:,}: the file says {claim}, {count:,} bytes, and at most {left:,} follow; copy or download it again"
            )

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._before += self._at
        self._held, self._at = self._held[self._at :] + chunk, 0
        return True

    def _cut_off(self, wanted: int) -> NoReturn:
        end = self._before + len(self._held)
        raise DataError(f"{self.path}: is cut off at byte {end:,}, in the middle of {wanted:,} bytes; copy or download it again")


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """The file, to be read once; DataError where it is no regular file, is empty, or ends in .gz and is no gzip."""
    size = _measured(path)
    with opened(path) as stream:
        packed = stream.read(len(GZIP)) == GZIP
        stream.seek(0)
        chunks = iter(lambda: stream.read(CHUNK), b"")
        if packed:
            largest = min(LARGEST_BYTES, max(LARGEST_RATIO * size, RATIO_FROM_BYTES))
            yield Reader(path, _gathered(gunzipped(path, size, chunks)), largest, packed=True)
        elif path.suffix.lower() == ".gz":
            raise DataError(f"{path}: ends in .gz but is not gzip; pack it again, or take .gz off its name")
        else:
            yield Reader(path, chunks, size, packed=False)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of CHUNK bytes and more: a gzip file can be made to unpack into crumbs."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= CHUNK:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _measured(path: Path) -> int:
    """The bytes of a regular file, which may be of any size: what is kept of it is not."""
    try:
        info = path.stat()
    except (OSError, ValueError):
        return measured(path)  # it says what is wrong
    return info.st_size if stat.S_ISREG(info.st_mode) and info.st_size > LARGEST_BYTES else measured(path)
