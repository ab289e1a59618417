"""Every broken file of word vectors ends in one DataError that names the file, the line or byte, and the way to mend it."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from unspool.data.vectors import Format, read, search
from unspool.data.vectors import index as index_room
from unspool.errors import DataError

from . import writers
from .writers import MATRIX, WORDS, npy_claiming, saved

WANTED = ["a", "b", "the"]
AB = np.array([[1, 2], [3, 4]], np.float32)
BINARY = writers.binary(("a", "b"), AB)
ROWS = np.random.default_rng(4).normal(size=(5, 2)).astype(np.float32)


def model(**options: object) -> bytes:
    return writers.fasttext(("a", "b"), ROWS, **options)  # type: ignore[arg-type]


def not_finite(value: float, dtype: str = "<f4") -> np.ndarray:
    rows = ROWS.astype(dtype)
    rows[1, 1] = value
    return rows


# name, content, what the message must say besides the path, the format
CASES: list[tuple[str, bytes, str, Format]] = [
    ("empty.txt", b"", "is empty", "auto"),
    ("only_mark.txt", b"\xef\xbb\xbf", "holds no line", "auto"),
    ("blank.txt", b"\n\n", "end in 0 numbers", "auto"),
    ("header_only.txt", b"2 3", "not ended", "word2vec"),
    ("header_only_line.txt", b"2 3\n", ":1: the header says 2 words, and 0 follow", "auto"),
    ("words_only.txt", b"a\nb\n", ":1: .*0 numbers", "auto"),
    ("commas.txt", b"a,1,2\nb,3,4\n", "check the delimiter", "auto"),
    ("tabs.txt", b"a\t1\t2\nb\t3\t4\n", "check the delimiter", "auto"),
    ("short.txt", b"a 1 2\nb 3\nc 4 5\n", ":2: has 1 numbers, wanted a word and 2", "auto"),
    ("short_unwanted.txt", b"a 1 2\nb 3 4\nz 4\n", ":3: has 1 numbers", "auto"),
    ("blank_line.txt", b"a 1 2\n\nb 3 4\n", ":2: is blank", "auto"),
    ("long.txt", b"a 1 2\nz 3.0 4 5\n", ":2: has 3 numbers or more", "auto"),
    ("spaces.txt", b"a 1 2\nz  4 5\n", ":2: has two spaces", "auto"),
    ("spaces_inside.txt", b"a 1 2\nz 4  5\n", ":2: .*got ''", "auto"),
    ("word.txt", b"a 1 2\nb 3 x\n", ":2: word 'b': got 'x', wanted a number", "auto"),
    ("underscore.txt", b"a 1 2\nb 3 1_0\n", ":2: word 'b': got '1_0'", "auto"),
    ("nan.txt", b"a 1 2\nb nan 4\n", ":2: word 'b': number 1 is NaN", "auto"),
    ("inf.txt", b"a 1 2\nb 3 -inf\n", ":2: word 'b': number 2 is", "auto"),
    ("large.txt", b"a 1 2\nb 3 1e39\n", ":2: word 'b': number 2 is .* beyond float32", "auto"),
    ("long_line.txt", b"a " + b"1 " * (1 << 20), ":1:", "glove"),
    ("long_second_line.txt", b"a 1 2\n" * 200_000 + b"x" * (1 << 21), ":200001: a line of more than", "auto"),
    ("utf16.txt", "a 1 2\n".encode("utf-16"), "save the vectors as text in UTF-8", "auto"),
    ("more.vec", b"1 2\na 1 2\nb 3 4\n", ":1: the header says 1 words, and 2 follow", "auto"),
    ("fewer.vec", b"3 2\na 1 2\nb 3 4\n", ":1: the header says 3 words, and 2 follow", "auto"),
    ("width.vec", b"2 3\na 1 2\nb 3 4\n", ":1: the header says 3 numbers a word, and the lines have 2", "auto"),
    ("narrow.vec", b"2 1\na 1 2\nb 3 4\n", ":1: the header says 1 numbers a word, and the lines have 2", "auto"),
    ("negative.vec", b"-2 2\na 1 2\nb 3 4\n", ":1: the header is '-2 2'", "auto"),
    ("zero.vec", b"2 0\na\nb\n", ":1: the header is '2 0'", "auto"),
    ("wide.vec", b"1 99999999\na 1 2\n", ":1: the header is '1 99999999'", "auto"),
    ("huge.vec", b"999999999999999 2\na 1 2\nb 3 4\n", ":1: the header says 999,999,999,999,999 words", "auto"),
    ("no_header.txt", b"a 1 2\nb 3 4\n", "set the format to glove", "word2vec"),
    ("header.txt", b"2 2\na 1 2\nb 3 4\n", ":1: has 1 numbers", "glove"),
    ("cut.bin", BINARY[:-4], "cut off", "word2vec_binary"),
    ("cut_more.bin", BINARY[:-9], "byte 4: the file says 2 words of 2 numbers", "auto"),
    ("cut.bin.gz", gzip.compress(BINARY[:-4]), "cut off at byte 22", "word2vec_binary"),
    ("cut_word.bin.gz", gzip.compress(BINARY[:14]), "byte 14: a word is not ended", "auto"),
    ("cut_gzip.bin.gz", gzip.compress(BINARY)[:-9], "gzip stream is cut off", "auto"),
    ("more.bin", BINARY + b"c " + AB[0].tobytes(), "byte 25: more follows the 2 words", "auto"),
    ("negative.bin", b"2 -2\n" + BINARY[4:], ":1: the header is '2 -2'", "auto"),
    ("huge.bin", b"99999999999 300\n" + BINARY[4:], "the file says 99,999,999,999 words of 300 numbers", "auto"),
    ("huge.bin.gz", gzip.compress(b"99999999999 300\n" + BINARY[4:]), "the file says 99,999,999,999 words", "auto"),
    ("nan.bin", writers.binary(("z", "b"), np.array([[np.nan, 0], [0, np.nan]], np.float32)), "byte 17: the vector of 'b' holds NaN", "auto"),
    ("long_word.bin", b"9 2\n" + b"\1" * 200_000, "byte 4: a word is not ended", "auto"),
    ("plain.gz", b"a 1 2\n", "ends in .gz but is not gzip", "auto"),
    ("bomb.gz", gzip.compress(b"a 1 2\n" * (1 << 20)), "unpack to", "auto"),
    ("bomb_of_one_line.gz", gzip.compress(b"1" * (5 << 20)), "unpack to|a line of more|end in 0", "auto"),
    ("damaged.gz", gzip.compress(b"a 1 2\n" * 9)[:-8] + b"\0" * 8, "damaged", "auto"),
    ("glove.zip", b"PK\x03\x04rest", "unpack the archive", "auto"),
    ("index.parquet", b"PAR1restPAR1", "as its index", "auto"),
    ("glove.7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "byte 5: is .* wanted text", "auto"),
    ("quantised.ftz", model(quantised=True), "is a quantised fastText model", "auto"),
    ("pruned.ftz", model(pruned=0), "is a quantised fastText model", "auto"),
    ("old.bin", b"\x64" + model()[9:], "wanted .* of a fastText model", "fasttext"),
    ("version.bin", model(version=13), "byte 4: is version 13", "auto"),
    ("negative_width.bin", model(width=-2), "byte 8: the model has -2 numbers", "auto"),
    ("negative_buckets.bin", model(buckets=-3), "byte 8: .*-3 buckets", "auto"),
    ("long_ngrams.bin", model(longest=1 << 30), "n-grams of 3 to 1073741824", "auto"),
    ("negative_words.bin", model(words=-1, entries=-1), "byte 64: has -1 entries", "auto"),
    ("entries.bin", model(entries=3), "byte 64: has 3 entries, 2 words and 0 labels", "auto"),
    ("huge_dictionary.bin", model(entries=1 << 30, words=1 << 30), "the file says 1,073,741,824 words and labels", "auto"),
    ("labels_first.bin", model(words=1, labels=1), "entry 1 is of kind 0", "auto"),
    ("matrix_rows.bin", model(matrix_rows=4), "the matrix is \\(4, 2\\), wanted \\(5, 2\\)", "auto"),
    ("matrix_width.bin", model(matrix_width=-2), "the matrix is \\(5, -2\\)", "auto"),
    ("huge_matrix.bin", model(matrix_rows=(1 << 30) + 2, buckets=1 << 30), "the file says a matrix", "auto"),
    ("cut_head.bin", model()[:40], "cut off at byte 40", "auto"),
    ("cut_dictionary.bin", model()[:93], "the file says 2 words and labels", "auto"),
    ("cut_matrix.bin", model()[:-40], "the file says a matrix \\(5, 2\\)", "auto"),
    ("cut_matrix.bin.gz", gzip.compress(model()[:-40]), "cut off", "auto"),
    ("nan_model.bin", writers.fasttext(("a", "b"), not_finite(np.nan)), "byte 139: a row holds NaN", "auto"),
]
MATRICES: list[tuple[str, bytes, str]] = [
    ("text.npy", b"a 1 2\n", "wanted .* of an NPY file"),
    ("packed.npy", gzip.compress(writers.npy(ROWS)), "is packed"),
    ("objects.npy", npy_claiming((5, 2), b"\x80\x04N.", "|O"), "cannot be read"),
    ("whole.npy", writers.npy(np.ones((5, 2), int)), "holds int64 \\(5, 2\\), wanted floats"),
    ("one_axis.npy", writers.npy(ROWS[0]), "holds float32 \\(2,\\)"),
    ("no_rows.npy", writers.npy(ROWS[:0]), ""),
    ("no_columns.npy", writers.npy(ROWS[:, :0]), ""),
    ("huge.npy", npy_claiming((1 << 40, 300), b"\0" * 40), "cannot be read"),
    ("negative.npy", npy_claiming((-5, -2), b"\0" * 40), ""),
    ("overflow.npy", npy_claiming((1 << 62, 1 << 62)), ""),
    ("cut.npy", writers.npy(ROWS)[:-1], "cannot be read"),
    ("longer.npy", writers.npy(ROWS) + b"\0", "its header says 40 bytes, and 41 follow"),
    ("wide.npy", npy_claiming((1, 70_000), b"\0" * 280_000), "wanted floats"),
    ("code.npy", b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "cannot be read"),
    ("version.npy", b"\x93NUMPY\x09\x00\x10\x00", "cannot be read"),
    ("nan.npy", writers.npy(not_finite(np.nan)), "\\[1\\]: the vector of 'b' holds NaN"),
    ("large.npy", writers.npy(not_finite(1e39, "<f8")), "\\[1\\]: the vector of 'b' holds"),
]
INDICES: list[tuple[str, bytes, str]] = [
    ("words.csv", b"a\n", "wanted an index '.parquet', '.txt', '.tsv', '.json'"),
    ("words", b"a\n", "ends in 'nothing'"),
    ("fewer.txt", b"a\nb\n", "has 2 words, and the matrix 5 rows"),
    ("more.txt.gz", gzip.compress(b"a\n" * 6), "has 6 words, and the matrix 5 rows"),
    ("tabs.tsv", b"a\t1\n" * 5, ":1: holds a tab"),
    ("empty.txt", b"", "is empty"),
    ("long.txt", b"a" * (1 << 22), ":1: a line of more than"),
    ("fewer.json", b'["a"]', "has 1 words"),
    ("number.json", b"7", "holds int, wanted a list"),
    ("words.json", b'["a", "b", 7, "d", "e"]', "word 2 is 7, wanted text"),
    ("range.json", b'{"a": 5}', "word 'a' is in row 5, wanted a row 0 to 4"),
    ("negative.json", b'{"a": -1}', "row -1"),
    ("true.json", b'{"a": true}', "row True"),
    ("cut.json", b'{"a": 0', "cannot be read"),
    ("latin.json", b'["caf\xe9"]', "cannot be read"),
    ("deep.json", b"[" * 200_000, "cannot be read"),
    ("digits.json", b'{"a": ' + b"9" * 9000 + b"}", "cannot be read"),
    ("text.parquet", b"hello world!", "wanted b'PAR1'"),
    ("cut.parquet", b"PAR1" + b"\0" * 100, "cut off"),
]
FRAMES: list[tuple[str, dict[str, object], str]] = [
    ("fewer", {"word": ["a", "b"]}, "has 2 words, and the matrix 5 rows"),
    ("no_words", {"row": [1, 2]}, "has the text columns none"),
    ("two_words", {"x": ["a"], "y": ["b"]}, "has the text columns 'x', 'y'"),
    ("counts", {"word": ["a"], "count": [3]}, "'count' of whole numbers"),
    ("two_rows", {"word": ["a"], "row": [3], "id": [3]}, "'row', 'id' of whole numbers"),
    ("range", {"word": ["a", "b"], "row": [0, 5]}, ":2: 'row' is 5, wanted a row 0 to 4"),
    ("missing", {"word": ["a", "b"], "row": [0, None]}, ":2: 'row' is None"),
    ("many", {f"c{number}": ["a"] for number in range(21)}, "has 21 columns"),
]


def refused(says: str, names: Path, path: Path, index: Path | None = None, format: Format = "auto") -> None:
    with pytest.raises(DataError) as caught:
        read(path, WANTED, index, format)
    message = str(caught.value)
    assert message.startswith(str(names))
    assert re.search(says, message.removeprefix(str(names))), message
    assert ";" in message, f"no remedy: {message}"
    assert "\n" not in message and len(message) < 1000


@pytest.mark.parametrize("name, content, says, format", CASES, ids=[case[0] for case in CASES])
def test_a_broken_file_is_told_in_one_sentence(tmp_path: Path, name: str, content: bytes, says: str, format: Format) -> None:
    path = saved(tmp_path, name, content)
    refused(says, path, path, format=format)


@pytest.mark.parametrize("name, content, says", MATRICES, ids=[case[0] for case in MATRICES])
def test_a_broken_matrix_is_told_in_one_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = saved(tmp_path, name, content)
    refused(says, path, path, saved(tmp_path, "words.json", b'["a", "b", "c", "d", "e"]'), "npy")


@pytest.mark.parametrize("name, content, says", INDICES, ids=[case[0] for case in INDICES])
def test_a_broken_index_is_told_in_one_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    index = saved(tmp_path, name, content)
    refused(says, index, saved(tmp_path, "matrix.npy", writers.npy(ROWS)), index)


@pytest.mark.parametrize("name, columns, says", FRAMES, ids=[case[0] for case in FRAMES])
def test_a_parquet_index_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, name: str, columns: dict[str, object], says: str) -> None:
    index = tmp_path / f"{name}.parquet"
    pl.DataFrame(columns).write_parquet(index)
    refused(says, index, saved(tmp_path, "matrix.npy", writers.npy(ROWS)), index)


def test_an_index_is_for_matrices_alone_and_a_matrix_needs_one(tmp_path: Path) -> None:
    path, matrix = saved(tmp_path, "glove.txt", b"a 1 2\n"), saved(tmp_path, "matrix.npy", writers.npy(ROWS))
    refused("an index .* was given; leave it out", path, path, saved(tmp_path, "words.txt", b"a\n"))
    refused("no index was given", matrix, matrix)


def test_no_words_wanted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no words are wanted"):
        read(saved(tmp_path, "glove.txt", b"a 1 2\n"), [])


def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    saved(tmp_path, "glove.txt", b"a 1 2\n")
    os.mkfifo(tmp_path / "pipe")
    for path, says in {tmp_path: "is a folder", tmp_path / "pipe": "pipe", tmp_path / "glove.tx": "did you mean", tmp_path / "\0": "reached"}.items():
        refused(says, path, path)


def test_many_words_of_one_wide_row_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LARGEST_BYTES", 1000)
    words = [f"unknown{number}" for number in range(200)]
    with pytest.raises(DataError, match="200 words of 2 numbers are 1,600 bytes, wanted at most 1,000"):
        read(saved(tmp_path, "model.bin", model()), words)
    index = saved(tmp_path, "map.json", ("{" + ", ".join(f'"{word}": 0' for word in words) + "}").encode())
    with pytest.raises(DataError, match="200 words"):
        read(saved(tmp_path, "matrix.npy", writers.npy(ROWS)), words, index)


def test_a_json_index_that_is_too_large_to_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_room, "LARGEST_JSON", 20)
    index = saved(tmp_path, "words.json", b'["a", "b", "c", "d", "e"]')
    refused("holds more than 20 bytes, wanted at most", index, saved(tmp_path, "matrix.npy", writers.npy(ROWS)), index)


WHOLES: dict[Format, bytes] = {
    "word2vec": writers.header(MATRIX) + writers.lines(WORDS, MATRIX),
    "word2vec_binary": writers.binary(WORDS, MATRIX),
    "glove": writers.lines(WORDS, MATRIX),
    "fasttext": writers.fasttext(WORDS, np.concatenate([MATRIX, MATRIX])),
    "npy": writers.npy(MATRIX),
}
EDITS = st.lists(
    st.tuples(st.integers(0, 1 << 16), st.sampled_from(["flip", "cut", "insert", "remove"]), st.binary(max_size=9)), min_size=1, max_size=4
)


def edited(content: bytes, edits: list[tuple[int, str, bytes]]) -> bytes:
    broken = bytearray(content)
    for where, kind, new in edits:
        place = where % (len(broken) + 1)
        match kind:
            case "cut":
                del broken[place:]
            case "insert":
                broken[place:place] = new
            case "remove":
                del broken[place : place + len(new)]
            case "flip":
                broken[place : place + len(new)] = new
    return bytes(broken)


def check_refused_or_sound(path: Path, index: Path | None, format: Format) -> None:
    wanted = [*WORDS, "Unknown", "The"]
    try:
        found = read(path, wanted, index, format)
    except DataError as error:
        assert "\n" not in str(error) and ";" in str(error)
        return
    assert np.isfinite(found.matrix).all()
    assert found.matrix.shape[0] == len(found.words) == found.exact + found.lowered + found.made
    assert sorted(found.words + found.missing) == sorted(wanted)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(kind=st.sampled_from(sorted(WHOLES)), edits=EDITS, packed=st.booleans(), told=st.booleans())
def test_nothing_but_one_error_escapes_from_a_file_with_wrong_bytes(tmp_path: Path, kind: Format, edits: list, packed: bool, told: bool) -> None:
    content = edited(WHOLES[kind], edits)
    path = saved(tmp_path, "vectors", gzip.compress(content) if packed else content)
    index = saved(tmp_path, "words.txt", "\n".join(WORDS).encode()) if kind == "npy" else None
    check_refused_or_sound(path, index, kind if told else "auto")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.binary(max_size=200) | st.text(max_size=60).map(str.encode), kind=st.sampled_from(["auto", *WHOLES]))
@example(b"1 1\n", "auto")
@example(b"\n", "glove")
def test_nothing_but_one_error_escapes_from_any_bytes(tmp_path: Path, content: bytes, kind: Format) -> None:
    check_refused_or_sound(saved(tmp_path, "vectors", content), None, kind)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(place=st.integers(0, 6), edits=EDITS)
def test_nothing_but_one_error_escapes_from_an_index_with_wrong_bytes(tmp_path: Path, place: int, edits: list) -> None:
    index = writers.indices(tmp_path, WORDS, range(len(WORDS)))[place]
    index.write_bytes(edited(index.read_bytes(), edits))
    check_refused_or_sound(saved(tmp_path, "matrix.npy", WHOLES["npy"]), index, "auto")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(edits=EDITS)
def test_a_gzip_file_with_wrong_bytes_is_refused_or_whole(tmp_path: Path, edits: list) -> None:
    check_refused_or_sound(saved(tmp_path, "vectors.gz", edited(gzip.compress(WHOLES["glove"]), edits)), None, "auto")
