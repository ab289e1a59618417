"""Unpacking gzip: what comes out is what went in, however the file is cut into members, and the work grows no faster than the file."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.sources import files
from unspool.data.sources.files import CHUNK, gunzipped, text_bytes
from unspool.errors import DataError


def unpacked(packed: bytes, cuts: list[int] | None = None) -> list[bytes]:
    edges = sorted({0, len(packed), *(cut % (len(packed) + 1) for cut in cuts or [])})
    return list(gunzipped(Path("a.gz"), len(packed), [packed[left:right] for left, right in pairwise(edges)]))


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 3)), min_size=1, max_size=12), st.lists(st.integers(0, 10_000), max_size=6))
def test_members_with_zeros_between_them_are_one_stream_wherever_it_is_cut(members, cuts):
    packed = b"".join(gzip.compress(content, mtime=0) + b"\0" * zeros for content, zeros in members)
    pieces = unpacked(packed, cuts)
    assert b"".join(pieces) == b"".join(content for content, _ in members)
    assert all(0 < len(piece) <= CHUNK for piece in pieces)


def test_a_large_member_comes_in_bounded_pieces():
    noise = np.random.default_rng(0).bytes(3 * CHUNK // 40)
    content = b"".join(noise[place : place + 10] * 40 for place in range(0, len(noise), 10))
    for level in (0, 9):
        pieces = unpacked(gzip.compress(content, level, mtime=0) * 2)
        assert b"".join(pieces) == content * 2
        assert max(map(len, pieces)) <= CHUNK


def test_a_character_may_be_cut_by_members_of_which_one_is_empty(tmp_path):
    first, second = "\u00e9".encode()[:1], "\u00e9".encode()[1:]
    (tmp_path / "a.txt.gz").write_bytes(b"".join(gzip.compress(part, mtime=0) for part in (b"caf" + first, b"", second + b"\n")))
    assert text_bytes(tmp_path / "a.txt.gz", "auto") == "caf\u00e9\n".encode()


@pytest.mark.parametrize("after", [b"rubbish", b"\0\0rubbish"])
def test_rubbish_after_a_member_is_refused(after):
    with pytest.raises(DataError, match=r"a\.gz: the gzip stream is damaged .*; copy or download it again"):
        unpacked(gzip.compress(b"a") + after)


class Counted:
    """A decompressor that counts the bytes that are handed to it and that it hands back."""

    moved = 0

    def __init__(self, inner):
        self.inner = inner

    def decompress(self, given: bytes, most: int) -> bytes:
        piece = self.inner.decompress(given, most)
        Counted.moved += len(given) + len(self.inner.unused_data) + len(self.inner.unconsumed_tail)
        return piece

    def __getattr__(self, name: str):
        return getattr(self.inner, name)


@pytest.mark.parametrize("content", [b"", b"a", bytes(range(256)) * 3], ids=["empty", "tiny", "small"])
def test_ten_times_as_many_members_are_ten_times_the_work(monkeypatch, content):
    make = zlib.decompressobj
    monkeypatch.setattr(files.zlib, "decompressobj", lambda wbits: Counted(make(wbits=wbits)))

    def work(members: int) -> int:
        Counted.moved = 0
        packed = gzip.compress(content, mtime=0) * members
        assert len(b"".join(unpacked(packed))) == members * len(content)
        return Counted.moved

    few, many = work(300), work(3000)
    assert many <= 10.5 * few
    assert many <= 8 * 3000 * len(gzip.compress(content, mtime=0))
