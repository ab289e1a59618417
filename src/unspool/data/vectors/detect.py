"""Which format of word vectors a file has, from how it begins."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from unspool.data.vectors.stream import Reader
from unspool.errors import DataError

Kind = Literal["word2vec", "word2vec_binary", "glove", "fasttext", "npy"]
Format = Literal["auto", "word2vec", "word2vec_binary", "glove", "fasttext", "npy"]

FASTTEXT = b"\xba\x16\x4f\x2f"  # 793712314
NPY = b"\x93NUMPY"
HEADER = re.compile(rb"\s*([+-]?[0-9]{1,18})[ \t]+([+-]?[0-9]{1,18})\s*")
HEAD_BYTES = 1 << 16

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_FOREIGN = {
    b"PAR1": "give the matrix as .npy, and the Parquet file as its index",
    b"PK\x03\x04": "unpack the archive and give the file of vectors that is in it; save an NPZ file's matrix as .npy",
    b"BZh": "unpack it, or pack it with gzip",
    b"\xfd7zXZ": "unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "unpack it, or pack it with gzip",
}


def detected(reader: Reader) -> Kind:
    """The format; DataError where it is none of them."""
    head = reader.peek(HEAD_BYTES)
    if head.startswith(NPY):
        return "npy"
    if head.startswith(FASTTEXT):
        return "fasttext"
    for magic, remedy in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{reader.path}: is no file of word vectors: it starts with {magic!r}; {remedy}")
    first, _, rest = head.removeprefix(codecs.BOM_UTF8).partition(b"\n")
    if HEADER.fullmatch(first):
        return "word2vec" if _is_text(rest) else "word2vec_binary"
    strange = _CONTROL.search(head)
    if strange:
        raise DataError(
            f"{reader.path}: byte {strange.start():,}: is {strange.group()!r}, wanted text in UTF-8, a word2vec header, or a fastText or NPY "
            "file; save the vectors as text in UTF-8, or name the format"
        )
    return "glove"


def is_number(field: bytes) -> bool:
    """Whether a field of a line is a number, as text files of vectors write it."""
    try:
        float(field)
    except ValueError:
        return False
    return b"_" not in field


def _is_text(rest: bytes) -> bool:
    """Whether a word and numbers in text follow a header, and not a word and its float32."""
    record = rest.partition(b"\n")[0].split()
    if len(record) > 1 and is_number(record[-1]):
        return True
    binary = _CONTROL.search(rest) or any(not field.isascii() for field in record[1:])
    return not binary
