"""The cache of vectors: what it gives back is bit for bit what was put in, whatever was killed or changed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from unspool.errors import DataError
from unspool.run import vector_cache
from unspool.run.vector_cache import VectorCache

WIDTH = 5
WRITER = """
import sys
from pathlib import Path
import numpy as np
from unspool.run import vector_cache
vector_cache.SHARD_BYTES = 4000
cache = vector_cache.VectorCache(Path(sys.argv[1]), 5)
for number in range(100_000):
    cache.add([(number.to_bytes(32, "big"), np.full((1 + number % 7, 5), number, np.float32))])
"""


def items(count, first=0):
    draw = np.random.default_rng(first)
    return [((first + index).to_bytes(32, "big"), draw.standard_normal((1 + index % 4, WIDTH)).astype(np.float32)) for index in range(count)]


def filled(folder, *parts):
    for part in parts:
        cache = VectorCache(folder, WIDTH)
        cache.add(part)
        cache.flush()


def same(folder, expected):
    cache = VectorCache(folder, WIDTH)
    return [key in cache and cache[key].tobytes() == vectors.tobytes() for key, vectors in expected]


def test_what_is_kept_comes_back_bit_for_bit(tmp_path):
    filled(tmp_path / "a" / "b", items(9), items(5, first=9))
    assert all(same(tmp_path / "a" / "b", items(9) + items(5, first=9)))
    assert len(list((tmp_path / "a" / "b").iterdir())) == 2


def test_without_a_folder_it_is_in_memory():
    cache = VectorCache(None, WIDTH)
    cache.add(items(3))
    cache.flush()
    assert all(cache[key] is not None and np.array_equal(cache[key], vectors) for key, vectors in items(3))


def test_shards_are_written_once_they_are_large_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_cache, "SHARD_BYTES", 100)
    cache = VectorCache(tmp_path, WIDTH)
    for item in items(12):
        cache.add([item])
    assert len(list(tmp_path.iterdir())) > 2
    assert all(key in cache for key, _ in items(12))


@pytest.mark.parametrize("place", [0, 3, 40, 200, -1])
def test_a_byte_that_was_changed_costs_its_shard_and_no_other(tmp_path, place):
    filled(tmp_path, items(9))
    (path,) = tmp_path.iterdir()
    filled(tmp_path, items(5, first=9))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    assert same(tmp_path, items(9) + items(5, first=9)) == [False] * 9 + [True] * 5
    assert not path.exists()
    filled(tmp_path, items(9))
    assert all(same(tmp_path, items(9) + items(5, first=9)))


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_shard_that_is_cut_is_not_trusted(tmp_path, length):
    filled(tmp_path, items(9))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:length])
    assert not any(same(tmp_path, items(9)))


def test_a_file_of_that_name_and_another_content_is_not_trusted(tmp_path):
    """Its sha256 is right, and what it holds is no shard, or one of another width."""
    import hashlib

    for content in (b"", b"x" * 100, (1 << 40).to_bytes(8, "little"), (2).to_bytes(8, "little") + b"{}", (4).to_bytes(8, "little") + b"[[]]"):
        (tmp_path / f"{hashlib.sha256(content).hexdigest()}.safetensors").write_bytes(content)
    filled(tmp_path, items(2))
    assert all(same(tmp_path, items(2)))
    assert items(2)[0][0] not in VectorCache(tmp_path, WIDTH + 1)


def test_other_files_are_let_be(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "model.safetensors").write_bytes(b"mine too")
    (tmp_path / "folder").mkdir()
    filled(tmp_path, items(2))
    assert all(same(tmp_path, items(2)))
    assert {path.name for path in tmp_path.iterdir()} >= {"notes.txt", "model.safetensors", "folder"}


def test_what_a_killed_run_left_is_taken_for_nothing(tmp_path):
    filled(tmp_path, items(2))
    (path,) = tmp_path.iterdir()
    left, old = tmp_path / ".abc.1.part", tmp_path / ".abc.2.part"
    for part in (left, old):
        part.write_bytes(path.read_bytes()[:50])
    os.utime(old, (time.time() - 2 * vector_cache.STALE_SECONDS,) * 2)
    assert all(same(tmp_path, items(2)))
    assert left.exists() and not old.exists()


def test_a_disk_that_takes_nothing_is_told(tmp_path, monkeypatch):
    def full(path, content):
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(vector_cache, "write_synced", full)
    with pytest.raises(DataError, match=r"No space left on device\); free some space there, or set data.contextual.cache"):
        filled(tmp_path, items(2))
    monkeypatch.undo()
    assert not any(same(tmp_path, items(2)))


def test_a_writer_that_is_killed_leaves_whole_shards_alone(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.safetensors"))) < 20 and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    cache = VectorCache(tmp_path, WIDTH)
    whole = [number for number in range(100_000) if number.to_bytes(32, "big") in cache]
    assert whole == list(range(len(whole))) and len(whole) > 200
    assert all((cache[number.to_bytes(32, "big")] == number).all() for number in whole)
