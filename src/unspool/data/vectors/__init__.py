"""Pretrained word vectors of all common file formats; of a file of any size, only the wanted rows are kept."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import assert_never

from unspool.data.vectors.array import read as read_array
from unspool.data.vectors.binary import read as read_binary
from unspool.data.vectors.detect import Format, detected
from unspool.data.vectors.fasttext import read as read_fasttext
from unspool.data.vectors.found import Vectors
from unspool.data.vectors.search import Search
from unspool.data.vectors.stream import reading
from unspool.data.vectors.text import read as read_text
from unspool.errors import DataError

__all__ = ["Format", "Vectors", "read"]


def read(
    path: Path, wanted: Collection[str], index: Path | None = None, format: Format = "auto", further: int = 0, lowercase: bool = False
) -> Vectors:
    """The vectors of the wanted words; DataError, naming file and line or byte, for whatever is wrong with the file.

    path    a file, or one packed with gzip except for npy
    wanted  every word once; a set is taken in alphabetical order, so that two runs agree
    index   the words of an npy matrix: a Parquet file of a text column and, where its rows are not those of the matrix, a
            column of whole numbers named row; a .txt or .tsv file of one word a line; a .json list of words, or a
            mapping of words to rows, which count from 0
    further    so many words at the head of the file are kept besides, which in most files are the commonest
    lowercase  of these, only those in lower case
    format  auto             what the content shows
            word2vec         text with a header of its rows and their width; also the .vec files of fastText
            word2vec_binary  a text header, then words and little-endian float32
            glove            text without a header
            fasttext         a .bin model (Bojanowski et al. 2017): a word is the mean of its own row and its n-grams',
                             a word it does not know the mean of its n-grams'
            npy              a matrix (rows, width) of floats

    A word is looked for as it is written, then in lower case, then made of its n-grams where the format has them.
    """
    search = Search(wanted, further, lowercase)
    with reading(path) as reader:
        kind = detected(reader) if format == "auto" else format
        if index is not None and kind != "npy":
            raise DataError(f"{path}: is {kind}, whose words stand beside their vectors, and an index {index} was given; leave it out")
        match kind:
            case "word2vec" | "glove":
                return read_text(reader, search, headed=kind == "word2vec")
            case "word2vec_binary":
                return read_binary(reader, search)
            case "fasttext":
                return read_fasttext(reader, search)
            case "npy":
                return read_array(reader, index, search)
            case _:
                assert_never(kind)
