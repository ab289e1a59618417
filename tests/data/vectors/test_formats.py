"""Laws of reading word vectors: whatever the format, the same words have the same vectors."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.data.sources import files
from unspool.data.vectors import Format, Vectors, fasttext, read, stream, text
from unspool.errors import DataError

from . import writers
from .writers import MATRIX, WIDTH, WORDS, saved

FORMATS: dict[str, tuple[Format, bytes]] = {
    "word2vec.txt": ("word2vec", writers.header(MATRIX) + writers.lines(WORDS, MATRIX)),
    "fasttext.vec": ("word2vec", writers.header(MATRIX) + writers.lines(WORDS, MATRIX, " \n")),
    "word2vec.bin": ("word2vec_binary", writers.binary(WORDS, MATRIX)),
    "without_line_feeds.bin": ("word2vec_binary", writers.binary(WORDS, MATRIX, b"")),
    "glove.txt": ("glove", writers.lines(WORDS, MATRIX)),
    "returns.txt": ("glove", writers.lines(WORDS, MATRIX, "\r\n")),
    "marked.txt": ("glove", b"\xef\xbb\xbf" + writers.lines(WORDS, MATRIX)),
    "marked.vec": ("word2vec", b"\xef\xbb\xbf" + writers.header(MATRIX) + writers.lines(WORDS, MATRIX)),
    "unended.txt": ("glove", writers.lines(WORDS, MATRIX).removesuffix(b"\n")),
    "model.bin": ("fasttext", writers.fasttext(WORDS, MATRIX, longest=0)),
}


def check_all(found: Vectors) -> None:
    assert found.words == WORDS
    assert found.matrix.dtype == np.float32 and found.width == WIDTH
    np.testing.assert_array_equal(found.matrix, MATRIX)
    assert (found.exact, found.lowered, found.made, found.missing) == (len(WORDS), 0, 0, ())
    assert (found.repeated, found.unreadable, found.coverage) == (0, 0, 1)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_known_by_its_content_and_gives_the_numbers_that_were_written(tmp_path: Path, name: str, packed: bool) -> None:
    kind, content = FORMATS[name]
    path = saved(tmp_path, f"{name}.gz" if packed else "vectors", gzip.compress(content) if packed else content)
    check_all(read(path, WORDS))
    check_all(read(path, WORDS, format=kind))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_where_a_piece_of_the_file_ends_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: int) -> None:
    monkeypatch.setattr(stream, "CHUNK", size)
    monkeypatch.setattr(fasttext, "CHUNK", size)
    check_all(read(saved(tmp_path, name, FORMATS[name][1]), WORDS))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_is_read_with_every_kind_of_index(tmp_path: Path, dtype: str, order: str) -> None:
    path = saved(tmp_path, "matrix.npy", writers.npy(np.array(MATRIX, dtype, order=order)))
    for index in writers.indices(tmp_path, WORDS, range(len(WORDS))):
        check_all(read(path, WORDS, index))


def test_an_index_may_name_fewer_rows_than_the_matrix_has_and_one_row_twice(tmp_path: Path) -> None:
    path = saved(tmp_path, "matrix.npy", writers.npy(MATRIX))
    found = read(path, ["b", "a", "c"], saved(tmp_path, "map.json", b'{"a": 2, "b": 2, "a": 1}'))
    np.testing.assert_array_equal(found.matrix, MATRIX[[2, 2]])
    assert (found.words, found.missing, found.repeated) == (("b", "a"), ("c",), 1)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    path = saved(tmp_path, "matrix.npy", writers.npy(MATRIX.astype(np.float16)))
    found = read(path, WORDS, writers.indices(tmp_path, WORDS, range(len(WORDS)))[0])
    np.testing.assert_array_equal(found.matrix, MATRIX.astype(np.float16).astype(np.float32))


def test_words_stand_as_they_were_wanted_each_once(tmp_path: Path) -> None:
    path = saved(tmp_path, "glove.txt", FORMATS["glove.txt"][1])
    found = read(path, ["7", "nowhere", "the", "7"])
    assert (found.words, found.missing, found.coverage) == (("7", "the"), ("nowhere",), 2 / 3)
    np.testing.assert_array_equal(found.matrix, MATRIX[[3, 0]])
    assert read(path, set(WORDS)).words == tuple(sorted(WORDS))


def test_a_word_is_looked_for_as_it_is_written_and_only_then_in_lower_case(tmp_path: Path) -> None:
    path = saved(tmp_path, "glove.txt", b"paris 1 2\nParis 3 4\nrome 5 6\nBONN 7 8\n")
    found = read(path, ["Paris", "paris", "ROME", "bonn", "Oslo"])
    assert found.words == ("Paris", "paris", "ROME")
    assert found.matrix.tolist() == [[3, 4], [1, 2], [5, 6]]
    assert (found.exact, found.lowered, found.made, found.missing, found.coverage) == (2, 1, 0, ("bonn", "Oslo"), 0.6)


def test_what_stands_for_a_word_in_lower_case_is_a_further_word_of_its_own(tmp_path: Path) -> None:
    """Training may have met a word at the beginning of a sentence alone."""
    path = saved(tmp_path, "glove.txt", b"the 1 2\nThe 3 4\nparis 5 6\nsea 7 8\nthe 9 9\n")
    found = read(path, ["The", "Paris"], further=2)
    assert found.words == ("The", "Paris", "the", "paris")
    assert found.matrix.tolist() == [[3, 4], [5, 6], [1, 2], [5, 6]]
    assert (found.exact, found.lowered, found.further, found.repeated) == (1, 1, 2, 1)
    assert read(path, ["The", "Paris"], further=1).words == ("The", "Paris", "the")
    assert read(path, ["The", "the", "Paris"]).words == ("The", "the", "Paris")


def test_nothing_found_is_an_answer(tmp_path: Path) -> None:
    found = read(saved(tmp_path, "glove.txt", b"a 1 2\n"), ["b"])
    assert found.matrix.shape == (0, 2) and found.coverage == 0


@pytest.mark.parametrize("name", ["glove.txt", "word2vec.txt", "word2vec.bin", "matrix.npy", "model.bin"])
def test_of_a_word_that_comes_twice_the_first_vector_counts(tmp_path: Path, name: str) -> None:
    words, matrix = ("a", "b", "a", "c", "c", "a"), MATRIX[:6]
    contents = {
        "glove.txt": writers.lines(words, matrix),
        "word2vec.txt": writers.header(matrix) + writers.lines(words, matrix),
        "word2vec.bin": writers.binary(words, matrix),
        "matrix.npy": writers.npy(matrix),
        "model.bin": writers.fasttext(words, matrix, longest=0),
    }
    index = saved(tmp_path, "words.txt", "\n".join(words).encode()) if name == "matrix.npy" else None
    found = read(saved(tmp_path, name, contents[name]), ["b", "a"], index)
    np.testing.assert_array_equal(found.matrix, matrix[[1, 0]])
    assert found.repeated == 2  # c is not looked for


def test_a_word_in_text_may_hold_spaces_and_end_in_a_number(tmp_path: Path) -> None:
    words = ("a", ". . .", "at name@domain.com", "windows 7", "b")
    path = saved(tmp_path, "glove.txt", writers.lines(words, MATRIX[:5]))
    found = read(path, words)
    assert found.words == words
    np.testing.assert_array_equal(found.matrix, MATRIX[:5])


def test_words_that_are_not_utf_8_or_empty_are_counted_and_match_nothing(tmp_path: Path) -> None:
    content = b"a 1 2\ncaf\xe9 3 4\n\xff 5 6\n 7 8\nb 9 10\n"
    found = read(saved(tmp_path, "glove.txt", content), ["a", "caf\u00e9", "b", "\ud800", "\ufffd", ""])
    assert (found.words, found.unreadable) == (("a", "b"), 3)
    path = saved(tmp_path, "matrix.npy", writers.npy(MATRIX[:2]))
    found = read(path, ["a", "\ufffd"], saved(tmp_path, "words.txt", b"\xff\na\n"))
    assert (found.words, found.unreadable) == (("a",), 1)


def test_a_missing_word_of_a_parquet_index_is_counted(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"word": ["a", None]}).write_parquet(tmp_path / "words.parquet")
    found = read(saved(tmp_path, "matrix.npy", writers.npy(MATRIX[:2])), ["a", "None"], tmp_path / "words.parquet")
    assert (found.words, found.unreadable) == (("a",), 1)


def test_numbers_of_words_that_nobody_wants_are_not_read(tmp_path: Path) -> None:
    found = read(saved(tmp_path, "glove.txt", b"a 1 2\nb 3 4\nc x y\n"), ["a"])
    assert found.matrix.tolist() == [[1, 2]]


def test_a_plain_file_may_be_of_any_size_and_a_packed_one_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (files, stream):
        monkeypatch.setattr(room, "LARGEST_BYTES", 200)
    content = FORMATS["glove.txt"][1]
    assert len(content) > 200
    check_all(read(saved(tmp_path, "glove.txt", content), WORDS))
    with pytest.raises(DataError, match="unpack to"):
        read(saved(tmp_path, "packed.gz", gzip.compress(b"a 1 2\n" * 99)), WORDS)


def test_gzip_of_many_members_is_one_stream(tmp_path: Path) -> None:
    content = FORMATS["word2vec.bin"][1]
    packed = b"".join(gzip.compress(content[start : start + 3]) for start in range(0, len(content), 3))
    check_all(read(saved(tmp_path, "vectors.bin.gz", packed), WORDS))


@pytest.mark.parametrize("name", ["glove.txt", "word2vec.txt", "word2vec.bin", "model.bin"])
def test_memory_holds_what_is_wanted_and_not_what_the_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for room in (stream, text, fasttext):
        monkeypatch.setattr(room, "CHUNK", 1 << 14)
    words, matrix = [f"w{row}" for row in range(3000)], np.random.default_rng(0).normal(size=(3000, 64)).astype(np.float32)
    contents = {
        "glove.txt": writers.lines(words, matrix),
        "word2vec.txt": writers.header(matrix) + writers.lines(words, matrix),
        "word2vec.bin": writers.binary(words, matrix),
        "model.bin": writers.fasttext(words, matrix, longest=0),
    }
    path = saved(tmp_path, name, contents[name])
    read(path, ["w7"])
    tracemalloc.start()
    found = read(path, ["w7", "w2999"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(found.matrix, matrix[[7, 2999]])
    assert peak < 300_000 < path.stat().st_size


SOUND = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \n\ufeff\0"), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(words=st.lists(SOUND, min_size=1, max_size=8, unique=True), width=st.integers(1, 4), data=st.data())
def test_what_was_written_is_read_whatever_the_words_are(tmp_path: Path, words: list[str], width: int, data: st.DataObject) -> None:
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    matrix = np.array([data.draw(st.lists(numbers, min_size=width, max_size=width)) for _ in words], np.float32)
    wanted = data.draw(st.lists(st.sampled_from(words), unique=True, min_size=1))
    contents: dict[Format, bytes] = {
        "word2vec": writers.header(matrix) + writers.lines(words, matrix),
        "word2vec_binary": writers.binary(words, matrix),
        "glove": writers.lines(words, matrix),
        "fasttext": writers.fasttext(words, matrix, longest=0),
    }
    for kind, content in contents.items():
        found = read(saved(tmp_path, "vectors", content), wanted, format=kind)
        assert found.words == tuple(wanted) and found.exact == len(wanted)
        np.testing.assert_array_equal(found.matrix, matrix[[words.index(word) for word in wanted]])
