"""Every broken file ends in one DataError that names the file and says how to mend it."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unspool.data.sources import read
from unspool.data.spec import ArraysSource, Columns, DataSpec, TableSource, TextSource, TimeAxis
from unspool.errors import DataError

HEAD = "t,y\n"
GOOD = "t,y\n2024-01-01T00:00Z,1\n2024-01-01T01:00Z,2\n2024-01-01T02:00Z,3\n"
COLUMNS = Columns(time="t", target=("y",))


def table(name: str, columns: Columns = COLUMNS, **options: object) -> DataSpec:
    axis = TimeAxis(gaps="fill") if options.pop("fill", False) else TimeAxis(timezone=str(options.pop("zone", "UTC")))
    return DataSpec(source=TableSource(path=name, **options), columns=columns, time=axis)


def stamps(*cells: str) -> str:
    return HEAD + "".join(f"{cell},1\n" for cell in cells)


# name, content, what the message must hold besides the path, options
TABLES: list[tuple[str, str | bytes, str, dict[str, object]]] = [
    ("empty.csv", b"", "empty", {}),
    ("spaces.csv", b" \n \n", "white space", {}),
    ("header_only.csv", HEAD, "no rows", {}),
    ("header_without_end.csv", "t,y", "no rows", {}),
    ("only_mark.csv", b"\xef\xbb\xbf", "white space", {}),
    ("twice.csv", "t,y,y\n2024-01-01,1,2\n", ":1: .*'y' more than once", {}),
    ("semicolons.csv", GOOD.replace(",", ";"), "set source.delimiter: ';'", {}),
    ("tabs.csv", GOOD.replace(",", "\t"), r"set source.delimiter: '\\t'", {}),
    ("no_column.csv", GOOD.replace("y", "price"), "no column 'y'.*there are: 't', 'price'", {}),
    ("near_column.csv", GOOD.replace("t,y", "t,yy"), "did you mean 'yy'", {}),
    ("short_row.csv", HEAD + "2024-01-01,1\n2024-01-02\n", ":3: has 1 cells", {}),
    ("long_row.csv", HEAD + "2024-01-01,1\n2024-01-02,1,2\n", ":3: has 3 cells", {}),
    ("decimal_comma.csv", HEAD + '2024-01-01,"1,5"\n', ":2: column 'y'.*decimals with a point", {}),
    ("blank_row.csv", HEAD + "2024-01-01,1\n\n2024-01-02,1\n", ":3: is a blank row", {}),
    ("blank_crlf.csv", "t,y\r\n2024-01-01,1\r\n\r\n2024-01-02,1\r\n", ":3: is a blank row", {}),
    ("open_quote.csv", HEAD + '2024-01-01,"1\n2024-01-02,1\n', ":2: a quote is opened", {}),
    ("open_quote_in_header.csv", 't,"y\n2024-01-01,1\n', ":1: a quote is opened", {}),
    ("broken_name.csv", 't,a"y\nb"\n2024-01-01,1\n', ":1: a name in the header holds a line break", {}),
    ("long_name.csv", "t," + "y" * 200_000 + "\n2024-01-01,1\n", ":1: cannot be read", {}),
    ("returns.csv", GOOD.replace("\n", "\r"), ":1: lines end in a carriage return", {}),
    ("nul.csv", HEAD + "2024-01-01,1\n2024-01-02,\0\n", ":3: holds a NUL", {}),
    ("latin.csv", HEAD.encode() + b"2024-01-01,1\n2024-01-02,\xe9\n", ":3: byte 28 is not utf-8", {}),
    ("utf16.csv", GOOD.encode("utf-16"), "source.encoding: utf-16", {}),
    ("utf16_unmarked.csv", GOOD.encode("utf-16-le"), ":1: holds a NUL", {}),
    ("not_utf16.csv", GOOD.encode() + b"x", "utf-16", {"encoding": "utf-16"}),
    ("cut_letter.csv", GOOD.encode() + b"2024-01-01,\xc3", ":5: byte", {}),
    ("long_line.csv", HEAD + "2024-01-01," + "1" * (1 << 20) + "\n", ":2: a line of more than", {}),
    ("text.csv", HEAD + "2024-01-01,1\n2024-01-02,high\n", ":3: column 'y': got 'high', wanted a number", {}),
    ("infinite.csv", HEAD + "2024-01-01,1\n2024-01-02,-inf\n", ":3: column 'y': got infinity", {}),
    ("overflow.csv", HEAD + "2024-01-01,1e999\n", ":2: column 'y': got infinity", {}),
    ("missing.csv", HEAD + "2024-01-01,1\n2024-01-02,\n", ":3: column 'y' is missing", {}),
    ("missing_nan.csv", HEAD + "2024-01-01,NaN\n2024-01-02,1\n", ":2: column 'y' is missing", {}),
    ("no_time.csv", HEAD + "2024-01-01,1\n,2\n", ":3: column 't': the time stamp is missing", {}),
    ("epoch.csv", stamps("1704067200", "1704070800"), ":2: .*numbers since 1970", {}),
    ("american.csv", stamps("01/31/2024"), ":2: .*wanted ISO 8601", {}),
    ("february.csv", stamps("2024-02-29", "2024-02-30"), ":3: .*'2024-02-30'", {}),
    ("leap_second.csv", stamps("2024-01-01T23:59:60Z"), ":2: .*wanted ISO 8601", {}),
    ("month_13.csv", stamps("2024-13-01"), ":2: .*wanted ISO 8601", {}),
    ("year_0.csv", stamps("0000-01-01"), "wanted ISO 8601", {}),
    ("year_9999.csv", stamps("9999-12-31T23:00-12:00"), ":2: .*year 10000", {}),
    ("arabic.csv", stamps("\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0661"), ":2: .*wanted ISO 8601", {}),
    ("backwards.csv", stamps("2024-01-02", "2024-01-01"), ":3: .*from 2024-01-02T00:00:00 to 2024-01-01", {}),
    ("same_time.csv", stamps("2024-01-01", "2024-01-01"), ":3: .*'same_time' has two rows at", {}),
    ("same_moment.csv", stamps("2024-01-01T01:00+01:00", "2024-01-01T00:00Z"), ":3: .*two rows", {}),
    ("gap.csv", stamps("2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06"), ":4: .*gap of 3 d.*2 rows", {}),
    ("off_grid.csv", stamps("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04T05:00"), ":5: .*off its grid", {}),
    ("wild_gap.csv", stamps("2024-01-01T00:00", "2024-01-01T00:01", "5024-01-01"), ":4: .*would grow", {"fill": True}),
    ("skipped.csv", stamps("2024-03-31T02:30"), ":2: .*does not exist", {"zone": "Europe/Berlin"}),
    ("twice_shown.csv", stamps("2024-10-27T02:30"), ":2: .*comes twice", {"zone": "Europe/Berlin"}),
    ("cut.csv.gz", gzip.compress(GOOD.encode() * 99)[:-9], "gzip stream is cut off", {}),
    ("cut_head.csv.gz", gzip.compress(GOOD.encode())[:5], "cut off", {}),
    ("damaged.csv.gz", gzip.compress(GOOD.encode())[:12] + b"\xff" * 40, "damaged", {}),
    ("wrong_sum.csv.gz", gzip.compress(GOOD.encode())[:-8] + b"\0" * 8, "damaged", {}),
    ("plain.csv.gz", GOOD, "not gzip", {}),
    ("rubbish_after.csv.gz", gzip.compress(GOOD.encode()) + b"rubbish", "damaged", {}),
    ("bomb.csv.gz", gzip.compress(b"0" * (5 << 20)), "unpack to", {}),
    ("bomb_of_lines.csv.gz", gzip.compress(b"2024-01-01,1\n" * (1 << 20)), "unpack to", {}),
    ("sheet.csv", b"PK\x03\x04rest", "spreadsheet", {}),
    ("really_parquet.csv", b"PAR1restPAR1", "format: parquet", {}),
    ("text.parquet", GOOD, "wanted b'PAR1'", {}),
    ("cut.parquet", b"PAR1" + b"\0" * 100, "cut off", {}),
    ("encrypted.parquet", b"PARE" + b"\0" * 100 + b"PARE", "encrypted", {}),
    ("lying.parquet", b"PAR1" + b"\0" * 20 + b"\xff\xff\xff\x7fPAR1", "cannot be read", {}),
    ("no_footer.parquet", b"PAR1" + b"\xaa" * 20 + b"\x14\0\0\0PAR1", "cannot be read", {}),
]
SERIES = Columns(series="s", past=("y",), label="l", part="p")
ROLES: list[tuple[str, str, str]] = [
    ("label_changes.csv", "s,y,l,p\na,1,up,train\na,2,down,train\n", ":3: series 'a' changes its label"),
    ("no_label.csv", "s,y,l,p\na,1,,train\n", ":2: series 'a' has no label"),
    ("no_series.csv", "s,y,l,p\na,1,up,train\n,2,up,train\n", ":3: the row names no series"),
    ("part_changes.csv", "s,y,l,p\na,1,up,train\na,2,up,test\n", ":3: series 'a' changes its part"),
    ("odd_part.csv", "s,y,l,p\na,1,up,dev\n", ":2: .*part 'dev', wanted train"),
    ("piece_name.csv", "s,y,l,p\na,1,up,train\na,,up,train\na,2,up,train\na#2,1,up,train\n", "named like a piece"),
]
TEXTS: list[tuple[str, str | bytes, str]] = [
    ("blank.txt", "a\tx\n\nb\ty\n", ":2: is a blank line"),
    ("no_delimiter.txt", "a\tx\nb y\n", ":2: got 'b y'"),
    ("no_label.txt", "a\tx\n\ty\n", ":2: the label is empty"),
    ("no_text.txt", "a\tx\nb\t\n", ":2: the text after label 'b' is empty"),
    ("latin.txt", b"a\tx\nb\t\xe9\n", ":2: byte 6 is not utf-8"),
    ("nul.txt", "a\tx\0\n", ":1: holds a NUL"),
    ("long.txt", "a\t" + "x" * (1 << 21), ":1: a line of more than"),
    ("empty.txt", "", "empty"),
    ("lines.txt", "\n\n\n", "white space"),
    ("cut.txt.gz", gzip.compress(b"a\tx\n" * 99)[:-4], "cut off"),
]


def npy(shape: object, dtype: str = "<f8", body: bytes = b"", version: int = 1) -> bytes:
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + body


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


def saved(**arrays: object) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


VALUES = npy((2, 3), body=b"\0" * 48)
ARRAYS: list[tuple[str, bytes, str]] = [
    ("empty.npz", b"", "empty"),
    ("text.npz", b"hello", "cannot be read"),
    ("cut.npz", archive({"values.npy": VALUES})[:-30], "cannot be read"),
    ("no_members.npz", archive({}), "no array 'values'"),
    ("other_name.npz", archive({"value.npy": VALUES}), "'value'"),
    ("many.npz", archive({f"{i}.npy": VALUES for i in range(101)}), "101 arrays"),
    ("pickle.npz", saved(values=np.array([{}], dtype=object)), "wanted numbers or text"),
    ("structured.npz", saved(values=np.zeros(3, [("a", "f8")])), "wanted numbers or text"),
    ("complex.npz", saved(values=np.zeros((3, 1), complex)), "wanted numbers or text"),
    ("words.npz", saved(values=np.array(["a"])), "wanted numbers"),
    ("dates.npz", saved(values=np.zeros(3, "M8[s]")), "wanted numbers or text"),
    ("four_axes.npz", saved(values=np.zeros((1, 2, 3, 4))), "got shape"),
    ("zero_steps.npz", saved(values=np.zeros((3, 0, 1))), "got shape"),
    ("lying_shape.npz", archive({"values.npy": npy((1 << 40, 1), body=b"\0" * 8)}), "its header says"),
    ("negative.npz", archive({"values.npy": npy((-1, -1), body=b"\0" * 8)}), "its header says"),
    ("overflowing.npz", archive({"values.npy": npy((1 << 62, 1 << 62), body=b"")}), "its header says"),
    ("short.npz", archive({"values.npy": npy((2, 3), body=b"\0" * 40)}), "its header says"),
    ("no_header.npz", archive({"values.npy": b"junk"}), "cannot be read"),
    ("code.npz", archive({"values.npy": b"\x93NUMPY\x01\x00\x10\x00__import__('os')"}), "cannot be read"),
    ("version.npz", archive({"values.npy": npy((1,), version=9)}), "version"),
    ("long_header.npz", archive({"values.npy": npy((1,) * 9000)}), "cannot be read"),
    ("bomb.npz", archive({"values.npy": npy((1 << 21,), body=b"\0" * (1 << 24))}), "unpack to"),
    ("lzma.npz", archive({"values.npy": VALUES}, zipfile.ZIP_LZMA), "savez_compressed"),
    ("infinite.npz", saved(values=np.array([[1.0, np.inf]])), "got infinity"),
    ("missing.npz", saved(values=np.array([[[1.0], [np.nan]]])), "step 1.*is missing"),
    ("labels.npz", saved(values=np.zeros((3, 2, 1)), labels=np.arange(2)), "labels: got shape"),
    ("lengths.npz", saved(values=np.zeros((3, 2, 1)), lengths=np.array([1, 2, 3])), "do not fit"),
    ("zero_length.npz", saved(values=np.zeros((3, 2, 1)), lengths=np.array([1, 2, 0])), "whole numbers from 1"),
    ("parts.npz", saved(values=np.zeros((1, 2, 1)), parts=np.array(["dev"])), "part 'dev'"),
]


def refused(spec: DataSpec, folder: Path, name: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        read(spec, folder)
    message = str(caught.value)
    assert str(folder / name) in message
    assert re.search(says, message.removeprefix(str(folder)), re.DOTALL), message
    assert ";" in message, f"no remedy: {message}"
    assert "\n" not in message
    assert len(message) < 1000


def write(folder: Path, name: str, content: str | bytes) -> None:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(("name", "content", "says", "options"), TABLES, ids=[case[0] for case in TABLES])
def test_a_broken_table_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, says: str, options: dict[str, object]
) -> None:
    write(tmp_path, name, content)
    refused(table(name, **dict(options)), tmp_path, name, says)


@pytest.mark.parametrize(("name", "content", "says"), ROLES, ids=[case[0] for case in ROLES])
def test_a_series_with_contradictions_is_told_in_one_sentence(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    write(tmp_path, name, content)
    spec = table(name, SERIES).model_copy(update={"missing": "split"})
    refused(spec, tmp_path, name, says)


@pytest.mark.parametrize(("name", "content", "says"), TEXTS, ids=[case[0] for case in TEXTS])
def test_a_broken_text_is_told_in_one_sentence(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    write(tmp_path, name, content)
    refused(DataSpec(source=TextSource(path=name)), tmp_path, name, says)


@pytest.mark.parametrize(("name", "content", "says"), ARRAYS, ids=[case[0] for case in ARRAYS])
def test_a_broken_archive_is_told_in_one_sentence(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    write(tmp_path, name, content)
    refused(DataSpec(source=ArraysSource(path=name)), tmp_path, name, says)


SPECS: dict[str, Callable[[str], DataSpec]] = {
    "table": table,
    "text": lambda name: DataSpec(source=TextSource(path=name)),
    "arrays": lambda name: DataSpec(source=ArraysSource(path=name)),
}


@pytest.mark.parametrize("kind", SPECS)
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path, kind: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside.csv").write_text(GOOD)
    (tmp_path / "demand.csv").write_text(GOOD)
    os.mkfifo(tmp_path / "pipe.csv")
    for name, says in {
        "folder": "is a folder.*'inside.csv'",
        "pipe.csv": "pipe",
        "demanf.csv": "did you mean .*demand.csv",
        "nowhere/x.csv": "does not exist",
        "x" * 300: "cannot be reached",
        "demand.csv/x": "cannot be reached",
    }.items():
        refused(SPECS[kind](name), tmp_path, name, says)
    with pytest.raises(DataError, match="device"):
        read(SPECS[kind]("/dev/zero"), tmp_path)
    with pytest.raises(DataError, match="cannot be reached"):
        read(SPECS[kind]("a\0b"), tmp_path)


@pytest.mark.parametrize("kind", SPECS)
def test_a_file_beyond_the_limit_is_refused_by_its_size_alone(tmp_path: Path, kind: str) -> None:
    with (tmp_path / "large.csv").open("wb") as stream:
        stream.truncate((2 << 30) + 1)
    refused(SPECS[kind]("large.csv"), tmp_path, "large.csv", "wanted at most 2,147,483,648")


@pytest.mark.parametrize("kind", SPECS)
def test_flipped_and_cut_bytes_never_escape_as_another_exception(tmp_path: Path, kind: str) -> None:
    import polars as pl

    draw = np.random.default_rng(3)
    wholes = {
        "table": {"a.csv": GOOD.encode() * 1, "a.csv.gz": gzip.compress(GOOD.encode() * 20)},
        "text": {"a.txt": b"pos\tgood\nneg\tbad\n", "a.txt.gz": gzip.compress(b"pos\tgood\n" * 20)},
        "arrays": {"a.npz": saved(values=np.ones((3, 4, 2)), labels=np.array(["a", "b", "a"]))},
    }[kind]
    if kind == "table":
        pl.DataFrame({"t": ["2024-01-01", "2024-01-02"], "y": [1.0, 2.0]}).write_parquet(tmp_path / "a.parquet")
        wholes["a.parquet"] = (tmp_path / "a.parquet").read_bytes()
    for name, whole in wholes.items():
        for _ in range(60):
            broken = bytearray(whole)
            for place in draw.integers(0, len(whole), draw.integers(1, 4)).tolist():
                broken[place] = int(draw.integers(256))
            write(tmp_path, name, bytes(broken[: draw.integers(1, len(whole) + 1)]))
            with contextlib.suppress(DataError):
                read(SPECS[kind](name), tmp_path)


def test_an_archive_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    whole = bytearray(archive({"values.npy": npy((1 << 20, 1), body=b"\0" * (8 << 20))}))
    central = whole.rindex(b"PK\x01\x02")
    whole[central + 24 : central + 28] = struct.pack("<I", 100_000)
    write(tmp_path, "lying.npz", bytes(whole))
    refused(DataSpec(source=ArraysSource(path="lying.npz")), tmp_path, "lying.npz", "its header says")


def test_gzip_of_several_members_is_one_stream(tmp_path: Path) -> None:
    middle = len(GOOD) // 2
    parts = gzip.compress(GOOD[:middle].encode()) + gzip.compress(GOOD[middle:].encode()) + b"\0" * 512
    write(tmp_path, "a.csv.gz", parts)
    assert read(table("a.csv.gz"), tmp_path)[0].columns["y"].tolist() == [1, 2, 3]
