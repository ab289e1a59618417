"""Laws of fastText's n-grams: the same buckets and the same means as the original."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.data.vectors import fasttext, read
from unspool.data.vectors.subwords import buckets

from . import writers
from .writers import saved

WHOLE = 1 << 32
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


def hashed(ngram: str) -> int:
    """FNV-1a in C's own types: a char is signed and is widened to 32 bits with its sign."""
    code = ctypes.c_uint32(2166136261)
    for byte in ngram.encode():
        code = ctypes.c_uint32(code.value ^ ctypes.c_uint32(ctypes.c_int8(byte).value).value)
        code = ctypes.c_uint32(code.value * 16777619)
    return code.value


def expected_buckets(word: str, shortest: int, longest: int, count: int) -> list[int]:
    marked = f"<{word}>"
    spans = [(start, stop) for start in range(len(marked)) for stop in range(start + 1, len(marked) + 1)]
    marks = {(0, 1), (len(marked) - 1, len(marked))}
    return [hashed(marked[a:b]) % count for a, b in spans if shortest <= b - a <= longest and (a, b) not in marks]


@given(TEXT, st.integers(0, 4), st.integers(0, 7), st.integers(1, WHOLE))
def test_buckets_are_those_of_slices_of_characters(word: str, shortest: int, longest: int, count: int) -> None:
    if word != "</s>":
        assert buckets(word.encode(), shortest, longest, count) == expected_buckets(word, shortest, longest, count)


def test_ascii_hashes_as_fnv_1a_is_published() -> None:
    assert 0xE40C292C in buckets(b"a", 1, 1, WHOLE)
    assert 0xBF9CF968 in buckets(b"foobar", 6, 6, WHOLE)


# What get_subwords of fastText 0.9.2 says, less the rows of the words.
GOLDEN = {
    "\u00fcber": {
        "<\u00fcb": 1793082,
        "<\u00fcbe": 1664269,
        "<\u00fcber": 716781,
        "<\u00fcber>": 820905,
        "\u00fcbe": 255527,
        "\u00fcber": 904527,
        "\u00fcber>": 1599331,
        "ber": 485366,
        "ber>": 900056,
        "er>": 742840,
    },
    "\u65e5\u672c": {"<\u65e5\u672c": 758587, "<\u65e5\u672c>": 1313759, "\u65e5\u672c>": 196157},
    "a": {"<a>": 1087600},
    "</s>": {},
}


def test_buckets_are_those_that_fasttext_gives() -> None:
    for word, ngrams in GOLDEN.items():
        assert buckets(word.encode(), 3, 6, 2_000_000) == list(ngrams.values())


def test_bytes_that_are_no_utf_8_are_hashed_as_they_are() -> None:
    assert len(buckets(b"\x80\xff", 1, 9, 100)) == 4  # the first continues the mark before it: <, 0x80 | 0xff | >
    assert buckets(b"", 2, 2, WHOLE) == [hashed("<>")]


@pytest.mark.parametrize("word", ["</s>", "x"])
def test_the_end_of_a_sentence_has_no_ngrams(word: str) -> None:
    assert bool(buckets(word.encode(), 1, 6, 10)) == (word == "x")


WORDS = ("</s>", "the", "stra\u00dfe", "\u6771\u4eac", "The")


def model(rows: int, width: int = 4) -> np.ndarray:
    return np.random.default_rng(rows).normal(size=(rows, width)).astype(np.float32)


def expected(word: str, rows: np.ndarray, own: int | None, shortest: int, longest: int) -> np.ndarray:
    parts = [] if word == "</s>" else [len(WORDS) + bucket for bucket in expected_buckets(word, shortest, longest, len(rows) - len(WORDS))]
    return rows[([] if own is None else [own]) + parts].astype(np.float64).mean(axis=0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(unknown=TEXT.filter(lambda word: word.lower() not in WORDS), shortest=st.integers(1, 3), longest=st.integers(2, 6), count=st.integers(1, 40))
def test_a_word_is_the_mean_of_its_row_and_its_ngrams(tmp_path: Path, unknown: str, shortest: int, longest: int, count: int) -> None:
    rows = model(len(WORDS) + count)
    path = saved(tmp_path, "model.bin", writers.fasttext(WORDS, rows, shortest=shortest, longest=longest))
    wanted = [*WORDS, "THE", unknown]
    found = read(path, wanted)
    matrix = dict(zip(found.words, found.matrix, strict=True))
    for own, word in enumerate(WORDS):
        np.testing.assert_allclose(matrix[word], expected(word, rows, own, shortest, longest), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(matrix["THE"], matrix["the"])
    assert (found.exact, found.lowered) == (len(WORDS), 1)
    if expected_buckets(unknown, shortest, longest, count):
        np.testing.assert_allclose(matrix[unknown], expected(unknown, rows, None, shortest, longest), rtol=1e-5, atol=1e-6)
        assert (found.made, found.missing) == (1, ())
    else:
        assert (found.made, found.missing) == (0, (unknown,))


@pytest.mark.parametrize("size", [1, 40, 1 << 20])
def test_how_the_matrix_is_cut_into_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    rows = model(len(WORDS) + 30)
    path = saved(tmp_path, "model.bin", writers.fasttext(WORDS, rows))
    wanted = [*WORDS, *(f"unknown{number}" for number in range(20))]
    whole = read(path, wanted)
    monkeypatch.setattr(fasttext, "CHUNK", size)
    np.testing.assert_allclose(read(path, wanted).matrix, whole.matrix, rtol=1e-6, atol=1e-7)


def test_labels_are_no_words(tmp_path: Path) -> None:
    rows = model(len(WORDS))
    found = read(saved(tmp_path, "model.bin", writers.fasttext(WORDS, rows, classes=("__label__a",), longest=0)), ["the", "__label__a"])
    assert found.words == ("the",) and found.missing == ("__label__a",)


def test_an_old_classifier_has_no_ngrams(tmp_path: Path) -> None:
    rows = model(len(WORDS) + 9)
    for kind, made in {2: 1, 3: 0}.items():
        found = read(saved(tmp_path, "model.bin", writers.fasttext(WORDS, rows, version=11, kind=kind)), ["the", "unknown"])
        assert found.made == made


def test_a_word_of_absurd_length_is_not_made_of_ngrams(tmp_path: Path) -> None:
    path = saved(tmp_path, "model.bin", writers.fasttext(WORDS, model(len(WORDS) + 9)))
    assert read(path, ["x" * 1001, "x" * 1000]).missing == ("x" * 1001,)
