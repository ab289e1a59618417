"""Files are measured before anything is read, and read in bounded pieces; what comes out is sound UTF-8."""

from __future__ import annotations

import codecs
import difflib
import itertools
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from unspool.errors import DataError

CHUNK = 1 << 20
LARGEST_BYTES = 2 << 30
LARGEST_RATIO = 100
RATIO_FROM_BYTES = 1 << 20  # what unpacks to less than this is harmless, however well it was packed
LONGEST_LINE = 1 << 20
GZIP = b"\x1f\x8b"
FIRST_STEP = 64  # bytes of a gzip member that are unpacked at first
_ZEROS = re.compile(rb"\0*+")


def measured(path: Path) -> int:
    """The bytes of a regular file; DataError where there is none, or it is empty or too large."""
    try:
        info = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; {_nearest(path)}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be reached ({_reason(error)}); check the path") from None
    if stat.S_ISDIR(info.st_mode):
        raise DataError(f"{path}: is a folder, wanted a file; {_inside(path)}")
    if not stat.S_ISREG(info.st_mode):
        raise DataError(f"{path}: is a pipe, socket or device, wanted a regular file; save its content to a file first")
    if not info.st_size:
        raise DataError(f"{path}: is empty (0 bytes), wanted data; write the file again or give another path")
    if info.st_size > LARGEST_BYTES:
        raise DataError(f"{path}: {info.st_size:,} bytes, wanted at most {LARGEST_BYTES:,}; cut it into several files")
    return info.st_size


def opened(path: Path) -> BinaryIO:
    """The file, open for reading; DataError where that is not allowed."""
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({_reason(error)}); check who may read it") from None


def text_bytes(path: Path, encoding: str, longest: int | None = LONGEST_LINE) -> bytes:
    """The content of a text file, unpacked where it is gzip, as UTF-8 without a byte order mark.

    encoding  `auto` is UTF-16 where the file begins with its byte order mark, else UTF-8
    longest   bytes of a line; None where lines mean nothing

    DataError, with the row, for bytes that are not of the encoding, NUL bytes and lines that are longer.
    """
    size = measured(path)
    with opened(path) as stream:
        if stream.read(len(GZIP)) == GZIP:
            stream.seek(0)
            for _ in _unpacked(path, size, stream):  # what unpacks too far is found before any of it is kept
                pass
        stream.seek(0)
        content = bytearray()
        for block in _sound_lines(path, _decoded(path, _unpacked(path, size, stream), encoding), longest):
            content += block
    if content.startswith(codecs.BOM_UTF8):
        del content[: len(codecs.BOM_UTF8)]
    if not content.strip():
        raise DataError(f"{path}: holds nothing but white space, wanted data; write it again or give another path")
    return bytes(content)


def nearest(name: str, names: Sequence[str]) -> str:
    """`did you mean 'price'? ` or nothing."""
    near = difflib.get_close_matches(name, list(names)[:1000], n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for a message, not too many of them."""
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def short(value: object) -> str:
    """A value for a message, not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unpacked(path: Path, size: int, stream: BinaryIO) -> Iterator[bytes]:
    head = stream.read(CHUNK)
    chunks = itertools.chain([head], iter(lambda: stream.read(CHUNK), b""))
    if head.startswith(GZIP):
        return gunzipped(path, size, chunks)
    if path.suffix.lower() == ".gz":
        raise DataError(f"{path}: ends in .gz but is not gzip; pack it again, or take .gz off its name")
    for magic, remedy in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path}: is no text file: it starts with {magic!r}; {remedy}")
    return chunks


_FOREIGN = {
    b"PAR1": "a Parquet file is read with source.format: parquet, of source.kind table or text",
    b"PK\x03\x04": "unpack the archive, or save the spreadsheet as CSV; an NPZ file is read with source.kind: arrays",
    b"\xd0\xcf\x11\xe0": "save the spreadsheet as CSV",
    b"BZh": "unpack it, or pack it with gzip",
    b"\xfd7zXZ": "unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "unpack it, or pack it with gzip",
}


def gunzipped(path: Path, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpacked pieces of 1 to CHUNK bytes; members that follow one another, with zeros between them, are one stream.

    size  bytes of the file, by which what it unpacks to is bounded
    DataError for a stream that is damaged, cut off or unpacks too far. The cost is in proportion to the bytes that go in and come out.
    """
    unpack, total, step = zlib.decompressobj(wbits=31), 0, FIRST_STEP
    for chunk in chunks:
        place = 0
        while place < len(chunk):
            if unpack.eof:
                place = _past_zeros(chunk, place)
                if place == len(chunk):
                    break
                unpack, step = zlib.decompressobj(wbits=31), FIRST_STEP
            # What is left over of a step is copied. As steps grow with the member, that is never more than was read of it.
            given = chunk[place : place + step]
            piece = _inflated(path, unpack, given)
            place += len(given) - len(unpack.unused_data if unpack.eof else unpack.unconsumed_tail)
            step = min(2 * step, CHUNK)
            total += len(piece)
            _check_ratio(path, total, size)
            if piece:
                yield piece
    if not unpack.eof:
        raise DataError(f"{path}: the gzip stream is cut off after {total:,} unpacked bytes; copy or download it again")


def _past_zeros(chunk: bytes, place: int) -> int:
    """The first place from there on where there is no zero."""
    found = _ZEROS.match(chunk, place)
    assert found is not None
    return found.end()


def _inflated(path: Path, unpack: zlib._Decompress, chunk: bytes) -> bytes:
    try:
        return unpack.decompress(chunk, CHUNK)
    except zlib.error as error:
        raise DataError(f"{path}: the gzip stream is damaged ({error}); copy or download it again") from None


def _check_ratio(path: Path, total: int, size: int) -> None:
    if total > LARGEST_BYTES or (total > RATIO_FROM_BYTES and total > LARGEST_RATIO * size):
        raise DataError(
            f"{path}: {size:,} packed bytes unpack to {total:,} and more, wanted at most {LARGEST_RATIO} times as many "
            f"and {LARGEST_BYTES:,}; unpack the file yourself if it is to be trusted, or cut it into several"
        )


def _decoded(path: Path, chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    marked = first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if encoding == "auto":
        encoding = "utf-16" if marked else "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)()
    consumed, lines = 0, _Lines()
    for chunk in itertools.chain([first], pieces, [b""]):
        try:
            text = decoder.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            start = consumed + len(chunk) - len(error.object) + error.start
            row = lines.after(error.object[: error.start].decode(error.encoding, "ignore").encode())
            other = _other_encoding(encoding, "utf-16" if marked else UNMARKED if 0 in error.object else None)
            raise DataError(f"{path}:{row}: byte {start} is not {encoding}; save it as {encoding}, or set source.encoding: {other}") from None
        except UnicodeError:
            raise DataError(f"{path}: has no byte order mark, wanted {encoding}; set source.encoding: {UNMARKED}, or utf-8") from None
        piece = chunk if encoding == "utf-8" else text.encode()
        consumed += len(chunk)
        lines.pass_over(piece)
        yield piece


UNMARKED = "utf-16-le or utf-16-be"


def _other_encoding(encoding: str, seen: str | None) -> str:
    """What the file may be in; `seen` is what its bytes look like."""
    others = {"utf-16": "utf-8", "cp1252": "latin-1"}
    return others.get(encoding, seen or "latin-1, or cp1252 where it comes from Windows")


class _Lines:
    """The number of the line where pieces of text, in UTF-8, have got to. A line ends with \\n, \\r\\n or \\r."""

    def __init__(self) -> None:
        self._line, self._returned = 1, False

    def after(self, piece: bytes) -> int:
        """The line where a piece ends that comes next."""
        one_end_in_two = self._returned and piece.startswith(b"\n")
        return self._line + piece.count(b"\n") + piece.count(b"\r") - piece.count(b"\r\n") - one_end_in_two

    def pass_over(self, piece: bytes) -> None:
        if piece:
            self._line, self._returned = self.after(piece), piece.endswith(b"\r")


def _sound_lines(path: Path, blocks: Iterable[bytes], longest: int | None) -> Iterator[bytes]:
    lines, held = _Lines(), 0
    for block in blocks:
        nul = block.find(0)
        if nul >= 0:
            remedy = f"set source.encoding: {UNMARKED} if it is UTF-16 without a byte order mark, else take it out"
            raise DataError(f"{path}:{lines.after(block[:nul])}: holds a NUL byte, wanted text; {remedy}")
        if longest is not None:
            codes = np.frombuffer(block, np.uint8)
            ends = np.flatnonzero((codes == ord("\n")) | (codes == ord("\r")))
            lengths = np.diff(np.concatenate([[-held - 1], ends, [len(block)]])) - 1
            if lengths.max() > longest:
                start = int(ends[index - 1]) + 1 if (index := int(np.argmax(lengths > longest))) else 0
                raise DataError(
                    f"{path}:{lines.after(block[:start])}: a line of more than {longest:,} bytes, wanted one record a line; "
                    "check the line ends and that this is a text file"
                )
            held = int(lengths[-1])
        lines.pass_over(block)
        yield block


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"its folder {path.parent} does not exist either; check the path"
    near = difflib.get_close_matches(path.name, _names(path.parent), n=1, cutoff=0.5)
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def _inside(path: Path) -> str:
    names = _names(path)
    return f"give one of its files: {listed(sorted(names), 5)}" if names else "give the path of a file"


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in itertools.islice(folder.iterdir(), 1000)]
    except OSError:
        return []


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
