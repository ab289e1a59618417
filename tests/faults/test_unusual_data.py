"""Data that is unusual and fine is read; what is no ordinary file, may not be read, is damaged or far too large is told, at little cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unspool.cli import main

from .files import NAMES, Broken, archive, bomb, broken, npy, npz_bomb, parquet, parquet_bomb
from .making import CURVES, ENVIRONMENT, STEPS, demand, holds, hourly, npz, packed, put, put_data, put_spec, refusal, refused_as, texts

FINE: dict[str, Broken] = {
    "byte order mark": broken("forecast", b"\xef\xbb\xbf" + demand().encode()),
    "line ends of Windows": broken("forecast", demand().replace("\n", "\r\n")),
    "no last line end": broken("forecast", demand().removesuffix("\n")),
    "quoted cells": broken("forecast", demand().replace("time,value,holiday", '"time","value","holiday"')),
    "line break in quotes": broken("forecast", demand(f'{row},"a\n""note"""' for row in hourly()).replace("holiday", "holiday,note", 1)),
    "columns that are not read": broken("forecast", demand(f"{row},x,\u00fc" for row in hourly()).replace("holiday", "holiday,a,b", 1)),
    "several gzip members": broken("forecast", packed(demand()[:3000]) + packed(demand()[3000:]), file="data.csv.gz"),
    "UTF-16 that is told": broken("forecast", demand().encode("utf-16"), data__source__encoding="utf-16"),
    "semicolons that are told": broken("forecast", demand().replace(",", ";"), data__source__delimiter=";"),
    "stamps with a zone": broken("forecast", demand(row.replace(",", "Z,", 1) for row in hourly())),
    "Parquet": broken("forecast", parquet(), file="data.parquet"),
    "Parquet without its ending": broken("forecast", parquet(), file="data"),
    "array with lengths": broken("arrays", npz(values=np.random.default_rng(1).normal(size=(CURVES * STEPS, 1)), lengths=np.full(CURVES, STEPS))),
    "labels that are numbers": broken("arrays", npz(labels=np.arange(CURVES) % 2)),
    "text with a byte order mark": broken("text", b"\xef\xbb\xbf" + texts().encode()),
    "text with line ends of Windows": broken("text", texts().replace("\n", "\r\n")),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_unusual_and_not_broken_is_read(name, capfd, tmp_path):
    case = FINE[name]
    put_data(tmp_path)
    put(tmp_path, case.file, case.content)
    assert main(["check", str(put_spec(tmp_path, case.base, case.changes)), "--json"]) == 0, capfd.readouterr().err
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("base", NAMES)
def test_what_is_no_ordinary_file_is_told_and_never_waited_for(base, capfd, tmp_path):
    put_data(tmp_path)
    (tmp_path / "folder").mkdir()
    put(tmp_path / "folder", "inside.csv", "x")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for name, words in {
        "folder": ("is a folder", "'inside.csv'"),
        "pipe.csv": ("is a pipe, socket or device", "save its content to a file first"),
        "/dev/zero": ("/dev/zero: is a pipe, socket or device",),
        "/dev/full": ("/dev/full: is a pipe, socket or device",),
        "loop.csv": ("cannot be reached",),
        "nowhere.csv": ("no such file",),
        "nowhere/data.csv": ("does not exist either",),
        f"{NAMES[base]}/x": ("cannot be reached",),
        "x" * 300: ("cannot be reached (File name too long)", "check the path"),
        "a\0b": ("cannot be reached",),
    }.items():
        spec = put_spec(tmp_path, base, {"data.source.path": name})
        holds(refusal(capfd, ["check", spec]), words)


def test_what_may_not_be_read_is_told(capfd):
    """Root reads everything, so the test reads as nobody where it can; that needs a folder that nobody may enter."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        put_data(folder)
        spec, data = put_spec(folder, "forecast"), folder / "data.csv"
        assert main(["check", str(spec), "--json"]) == 0  # whatever is imported late is imported as who may
        capfd.readouterr()
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755)
        root = os.geteuid() == 0
        for path in (data, spec):
            path.chmod(0)
            try:
                if root:
                    os.seteuid(65534)
                message = refusal(capfd, ["check", spec])
            finally:
                if root:
                    os.seteuid(0)
            path.chmod(0o644)
            holds(message, [str(path), "(Permission denied)", "who may read it"])


def test_a_damaged_parquet_file_never_lets_a_panic_through(capfd, tmp_path):
    """polars prints the backtrace of a Rust panic to file descriptor 2; `capfd` reads that."""
    put_data(tmp_path)
    whole, draw, told = parquet(), np.random.default_rng(3), 0
    spec = put_spec(tmp_path, "forecast", {"data.source.path": "data.parquet"})
    for _ in range(60):
        content = bytearray(whole)
        for place in draw.integers(len(whole), size=4).tolist():
            content[place] ^= 1 << int(draw.integers(8))
        put(tmp_path, "data.parquet", bytes(content[: draw.integers(len(whole) // 2, len(whole) + 1)] if draw.random() < 0.2 else content))
        code = main(["check", str(spec), "--json"])
        printed = capfd.readouterr()
        assert code in (0, 2), printed.err
        told += code == 2
        assert (printed.err == "") if code == 0 else str(tmp_path / "data.parquet") in refused_as(printed.err)
    assert told > 30


MEMORY, SECONDS = 512 << 20, 5.0
"""Above what Python and the libraries take by themselves; of processor time, without the import."""

LIMITED = """
import resource, sys, time
import numpy, polars
from unspool import run
from unspool.cli import main
polars.DataFrame({"a": [1]}).select("a")
used = [int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData")][0]
resource.setrlimit(resource.RLIMIT_DATA, (used + %d, used + %d))
start = time.process_time()
code = main(["check", sys.argv[1]])
print(code, time.process_time() - start)
"""


def huge(folder: Path) -> Path:
    """A line of 100 MB."""
    with (folder / "data.csv").open("wb") as file:
        file.write(b"time,value,holiday\n")
        for _ in range(100):
            file.write(b"1" * (1 << 20))
    return folder / "data.csv"


def sparse(folder: Path) -> Path:
    """A terabyte that takes no room."""
    with (folder / "data.csv").open("wb") as file:
        file.truncate(1 << 40)
    return folder / "data.csv"


LARGE: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "line of 100 MB": ("forecast", huge, ":2: a line of more than 1,048,576 bytes"),
    "terabyte of nothing": ("forecast", sparse, "wanted at most 2,147,483,648"),
    "gzip bomb of a gigabyte": ("forecast", lambda folder: put(folder, "data.csv", bomb(1 << 30)), "packed bytes unpack to"),
    "gzip bomb of lines": ("text", lambda folder: put(folder, "lines.tsv", bomb(1 << 30, b"good\tfilm\n")), "packed bytes unpack to"),
    "NPZ bomb of a gigabyte": ("arrays", lambda folder: put(folder, "curves.npz", npz_bomb(1 << 30)), "unpack to"),
    "NPZ that claims a terabyte": (
        "arrays", lambda folder: put(folder, "curves.npz", archive(values=npy((1 << 37,), b"\0" * 8))), "its header says",
    ),
    "Parquet that claims much": ("forecast", lambda folder: put(folder, "data.csv", parquet_bomb()), "wanted at most"),
}


IN_A_MOMENT = ("line of 100 MB", "NPZ that claims a terabyte")


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in IN_A_MOMENT else pytest.mark.slow) for name in LARGE])
def test_what_is_far_too_large_takes_little_time_and_memory(name, tmp_path):
    base, make, word = LARGE[name]
    put_data(tmp_path)
    path = make(tmp_path)
    changes = {"data.source.format": "parquet"} if "Parquet" in name else {}
    command = [sys.executable, "-c", LIMITED % (MEMORY, MEMORY), str(put_spec(tmp_path, base, changes))]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=100)
    code, seconds = done.stdout.split()
    assert int(code) == 2, done.stderr
    assert float(seconds) < SECONDS
    holds(refused_as(done.stderr), [str(path), word])
