"""Tables of all kinds read to the same records."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.data.sources import digest, missing, read
from unspool.data.sources.stamps import parse
from unspool.data.spec import Columns, DataSpec, TableSource, TimeAxis
from unspool.errors import DataError

HERE = Path()
COLUMNS = Columns(time="t", series="s", target=("y",), known=("k",), past=("c",), categories=("c",), group="g")


def spec(path=None, columns=COLUMNS, gaps="error", frequency="auto", zone="UTC", missing="error", **source):
    axis = TimeAxis(gaps=gaps, frequency=frequency, timezone=zone)
    return DataSpec(source=TableSource(path=path, **source), columns=columns, time=axis, missing=missing)


def frame(rows=6):
    times = pd.date_range("2024-03-31", periods=rows, freq="h", tz="Europe/Berlin")
    parts = [
        pd.DataFrame({"t": times, "s": name, "y": np.arange(rows) + 0.1, "k": np.arange(rows) % 2 == 0, "c": 7})
        for name in ("b", "a")
    ]
    both = pd.concat(parts)
    both["g"] = "x"
    both["unused"] = "ü"
    return both.sort_values("t", kind="stable").reset_index(drop=True)


def text(table, **options):
    stamps = table["t"].map(lambda stamp: stamp.isoformat())
    return table.assign(t=stamps).to_csv(index=False, **options)


def same(records, wanted):
    assert [record.name for record in records] == [record.name for record in wanted]
    for one, other in zip(records, wanted, strict=True):
        assert (one.times == other.times).all()
        assert one.group == other.group
        assert one.columns.keys() == other.columns.keys()
        for name in one.columns:
            assert (one.columns[name] == other.columns[name]).all()
            assert one.columns[name].dtype == other.columns[name].dtype


def test_files_and_frames_of_all_kinds_read_alike(tmp_path):
    table = frame()
    csv = text(table)
    (tmp_path / "a.csv").write_text(csv, encoding="utf-8")
    (tmp_path / "bom.csv").write_text(csv, encoding="utf-8-sig")
    (tmp_path / "crlf.csv").write_bytes(csv.replace("\n", "\r\n").encode())
    (tmp_path / "latin.csv").write_text(csv, encoding="latin-1")
    (tmp_path / "wide.csv").write_text(csv, encoding="utf-16")
    (tmp_path / "quoted.csv").write_text(text(table, quoting=1))
    (tmp_path / "tabs.tsv").write_text(text(table, sep="\t"))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv.encode()))
    (tmp_path / "trailing.csv").write_text(csv + "\n\n")
    table.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "no_ending").write_bytes((tmp_path / "a.parquet").read_bytes())
    wanted = read(spec("a.csv"), tmp_path)
    assert [record.name for record in wanted] == ["b", "a"]
    assert wanted[1].rows.tolist() == [3, 5, 7, 9, 11, 13]
    assert wanted[0].columns["k"].tolist() == [1, 0, 1, 0, 1, 0]
    assert wanted[0].columns["c"].tolist() == ["7"] * 6
    assert set(wanted[0].columns) == {"y", "k", "c"}
    assert (wanted[0].times == table["t"][::2].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()).all()
    for name in ("bom.csv", "crlf.csv", "quoted.csv", "a.csv.gz", "trailing.csv", "a.parquet", "no_ending"):
        same(read(spec(name), tmp_path), wanted)
    same(read(spec("latin.csv", encoding="latin-1"), tmp_path), wanted)
    same(read(spec("wide.csv", encoding="utf-16"), tmp_path), wanted)
    same(read(spec("tabs.tsv", delimiter="\t"), tmp_path), wanted)
    for given_frame in (table, pl.from_pandas(table), pa.Table.from_pandas(table), tmp_path / "a.csv"):
        same(read(spec(), HERE, given_frame), wanted)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=25)
def test_numbers_read_back_exactly(values):
    columns = Columns(past=("y",))
    table = pd.DataFrame({"y": values})
    shown = pl.DataFrame({"y": [f" {value!r} " for value in values]})
    for given_frame in (table, shown, table.astype(object)):
        assert read(spec(columns=columns), HERE, given_frame)[0].columns["y"].tolist() == values


def test_text_that_stands_for_nothing_or_truth_is_read():
    cells = ["1", " TRUE", "false", "NA", "", "null", "1e3", "-0.5"]
    found = read(spec(columns=Columns(past=("y",)), missing="split"), HERE, pl.DataFrame({"y": cells}))
    assert [record.columns["y"].tolist() for record in found] == [[1, 1, 0], [1000, -0.5]]


STAMPS = st.datetimes(pd.Timestamp("1960-01-01"), pd.Timestamp("2060-01-01"))


@given(st.lists(st.tuples(STAMPS, st.sampled_from(["", "Z", "+05:30", "-03:00"])), min_size=1, max_size=8),
       st.sampled_from(["T", " "]), st.sampled_from(["seconds", "minutes", "microseconds"]))  # fmt: skip
@settings(max_examples=60)
def test_stamps_are_read_as_pandas_reads_them(found, between, precision):
    cells = [stamp.isoformat(between, precision) + zone for stamp, zone in found]
    wanted = [pd.Timestamp(cell) for cell in cells]
    wanted = [stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC") for stamp in wanted]
    times = np.array([stamp.tz_localize(None).to_datetime64() for stamp in wanted]).astype("M8[us]")
    assert (parse(pl.Series("t", cells), "x", 1, "UTC") == times).all()
    for cell, moment in zip(cells, times, strict=True):
        assert parse(pl.Series("t", [cell]), "x", 1, "UTC")[0] == moment


def test_naive_stamps_are_read_in_the_declared_zone():
    table = pd.DataFrame({"t": ["2024-03-31T00:00", "2024-03-31T01:00", "2024-03-31T03:00"], "y": 0})
    found = read(spec(columns=Columns(time="t", target=("y",)), zone="Europe/Berlin"), HERE, table)
    assert str(found[0].times[0]) == "2024-03-30T23:00:00.000000"
    assert (np.diff(found[0].times) == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize("gaps", ["error", "fill"])
def test_days_are_even_on_the_local_clock(gaps):
    days = pd.date_range("2024-03-25", periods=14, freq="D")
    kept = days if gaps == "error" else days.delete([6, 7])
    table = pd.DataFrame({"t": kept.strftime("%Y-%m-%d"), "y": np.arange(len(kept))})
    found = read(spec(columns=Columns(time="t", target=("y",)), zone="Europe/Berlin", gaps=gaps), HERE, table)
    wanted = days.tz_localize("Europe/Berlin").tz_convert("UTC").tz_localize(None)
    assert (found[0].times == wanted.to_numpy().astype("M8[us]")).all()


def gapped(values=(1.0, 2.0, 3.0, 4.0)):
    hours = [0, 1, 4, 5]
    return pd.DataFrame({"t": [f"2024-01-01T0{hour}:00" for hour in hours], "y": values})


ONE = Columns(time="t", target=("y",))


def test_gaps_are_filled_with_the_last_values():
    found = read(spec(columns=ONE, gaps="fill"), HERE, gapped())
    assert found[0].columns["y"].tolist() == [1, 2, 2, 2, 3, 4]
    assert found[0].rows.tolist() == [1, 2, 2, 2, 3, 4]
    assert (np.diff(found[0].times) == np.timedelta64(1, "h")).all()


def test_gaps_and_missing_values_cut_a_series_into_numbered_records():
    found = read(spec(columns=ONE, gaps="split"), HERE, gapped())
    assert [(record.name, record.columns["y"].tolist()) for record in found] == [("frame", [1, 2]), ("frame#2", [3, 4])]
    found = read(spec(columns=ONE, gaps="split", missing="split"), HERE, gapped((1, 2, np.nan, 4)))
    assert [(record.name, record.rows.tolist()) for record in found] == [("frame", [1, 2]), ("frame#2", [4])]
    found = read(spec(columns=ONE, frequency="1h", missing="split", gaps="fill"), HERE, gapped((np.nan, 2, 3, 4)))
    assert [record.columns["y"].tolist() for record in found] == [[2, 2, 2, 3, 4]]


def test_missing_values_are_filled_forward_and_the_head_is_cut():
    table = pd.DataFrame({"y": [np.nan, 1, np.nan, 3], "c": ["u", None, None, "v"]})
    columns = Columns(past=("y", "c"), categories=("c",))
    found = read(spec(columns=columns, missing="fill"), HERE, table)
    assert found[0].columns["y"].tolist() == [1, 1, 3]
    assert found[0].columns["c"].tolist() == ["u", "u", "v"]
    assert found[0].rows.tolist() == [2, 3, 4]
    assert missing(spec(columns=columns), HERE, table) == {"y": 2, "c": 2}
    with pytest.raises(DataError, match=r"frame:1: column 'y' of record 'frame' holds no value at all;"):
        read(spec(columns=Columns(past=("y",)), missing="fill"), HERE, pd.DataFrame({"y": [np.nan]}))
    with pytest.raises(DataError, match=r"frame:1: column 'y' is missing .* first of 2 such rows"):
        read(spec(columns=Columns(past=("y",))), HERE, table)


def test_a_declared_frequency_is_checked():
    with pytest.raises(DataError, match=r"frame:3: .*gap of 3 h"):
        read(spec(columns=ONE, frequency="1h"), HERE, gapped())
    with pytest.raises(DataError, match=r"frame:2: .*off its grid.*at a step of 2 h"):
        read(spec(columns=ONE, frequency="2h"), HERE, gapped())


def test_a_table_is_read_for_a_prediction_without_what_is_predicted():
    columns = Columns(series="s", past=("y",), target=("z",), label="l", group="g", part="p")
    table = pd.DataFrame({"s": ["a", "b"], "y": [1, 2]})
    found = read(spec(columns=columns), HERE, table, labelled=False)
    assert [(record.label, record.group, record.part, list(record.columns)) for record in found] == [
        (None, None, None, ["y"])
    ] * 2
    with pytest.raises(DataError, match=r"no column 'z', which columns\.target names"):
        read(spec(columns=columns), HERE, table)


@pytest.mark.parametrize(
    ("given_frame", "says"),
    [
        (pl.LazyFrame({"y": [1]}), "collect a lazy frame"),
        ({"y": [1]}, "wanted a pandas, polars or Arrow"),
        (pd.DataFrame({0: [1]}), "names that are text"),
        (pd.DataFrame([[1, 2]], columns=["y", "y"]), ""),
        (pl.DataFrame({"y": [[1, 2]]}), "wanted numbers"),
        (pl.DataFrame({"y": []}), "no rows"),
        (pd.DataFrame({"y": [1, "high"]}), "frame:2: column 'y': got 'high'"),
        (pd.DataFrame({"y": [1, object()]}), "frame:2: column 'y'"),
        (pd.DataFrame({"x": [1]}), "there are: 'x'"),
        (3, "got int"),
    ],
)
def test_a_frame_that_cannot_be_read_says_why(given_frame, says):
    with pytest.raises(DataError, match="; ") as caught:
        read(spec(columns=Columns(past=("y",))), HERE, given_frame)
    assert says in str(caught.value)


def test_no_data_at_all_says_what_to_give():
    with pytest.raises(DataError, match=r"no path, and no data was handed over; .*a frame"):
        read(spec(), HERE)


def test_a_digest_is_the_files_or_the_contents(tmp_path):
    import hashlib

    (tmp_path / "a.csv").write_text("y\n1\n2\n")
    chosen = spec("a.csv", columns=Columns(past=("y",)))
    found = read(chosen, tmp_path)
    assert digest(chosen, tmp_path, found) == (hashlib.sha256(b"y\n1\n2\n").hexdigest(), 2)
    tables = [pd.DataFrame({"y": values}) for values in ([1, 2], [1.0, 2.0], [1, 3])]
    same_content, again, other = (digest(chosen, HERE, read(chosen, HERE, table), table)[0] for table in tables)
    assert same_content == again != other
