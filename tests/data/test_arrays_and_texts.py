"""Arrays and texts, from files and handed over, read to records."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from unspool.data.sources import digest, missing, read
from unspool.data.spec import ArraysSource, Columns, DataSpec, TextSource
from unspool.errors import DataError

HERE = Path()
CUBE = np.arange(24.0).reshape(2, 4, 3)


def arrays(columns=None, missing="error", **source):
    return DataSpec(source=ArraysSource(**source), columns=columns or Columns(), missing=missing)


def stacked(records):
    return [np.stack(list(record.columns.values()), axis=1).tolist() for record in records]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"values": CUBE}, [CUBE[0], CUBE[1]]),
        ({"values": CUBE[0]}, [CUBE[0]]),
        ({"values": CUBE[0], "labels": ["a"]}, [CUBE[0]]),
        ({"values": CUBE[:, :, 0], "labels": ["a", "b"]}, [CUBE[0, :, :1], CUBE[1, :, :1]]),
        ({"values": CUBE[0, :, 0]}, [CUBE[0, :, :1]]),
        ({"values": [CUBE[0], CUBE[1, :2]]}, [CUBE[0], CUBE[1, :2]]),
        ({"values": [CUBE[0, :, 0], CUBE[1, :2, 0]]}, [CUBE[0, :, :1], CUBE[1, :2, :1]]),
        ({"values": CUBE, "lengths": [4, 2]}, [CUBE[0], CUBE[1, :2]]),
        ({"values": CUBE[0], "lengths": [1, 3]}, [CUBE[0, :1], CUBE[0, 1:]]),
        ({"values": CUBE[:, :, 0], "lengths": [4, 2]}, [CUBE[0, :, :1], CUBE[1, :2, :1]]),
    ],
)
def test_arrays_of_all_shapes_are_records(data, wanted):
    assert stacked(read(arrays(), HERE, data)) == [rows.tolist() for rows in wanted]


def test_series_without_labels_are_told_from_channels():
    data = {"values": CUBE[:, :, 0]}
    assert [record.steps for record in read(arrays(), HERE, data, labelled=False)] == [4, 4]
    assert [record.steps for record in read(arrays(channels=["v"]), HERE, data)] == [4, 4]
    assert [record.steps for record in read(arrays(channels=list("abcd")), HERE, data, labelled=False)] == [2]
    assert [record.steps for record in read(arrays(Columns(target=("x0",))), HERE, data, labelled=False)] == [2]


def test_an_archive_reads_as_the_arrays_that_it_holds(tmp_path):
    data = {"values": CUBE, "lengths": np.array([4, 2]), "labels": np.array([3, 4]), "parts": ["train", "test"],
            "groups": np.array(["g", "h"])}  # fmt: skip
    np.savez_compressed(tmp_path / "a.npz", **data)
    from_file, from_memory = read(arrays(path="a.npz"), tmp_path), read(arrays(), HERE, data)
    assert stacked(from_file) == stacked(from_memory)
    about = [(record.name, record.label, record.part, record.group) for record in from_file]
    assert about == [("0", "3", "train", "g"), ("1", "4", "test", "h")]
    assert digest(arrays(), HERE, from_memory, data) == digest(arrays(), HERE, from_file, data)
    assert digest(arrays(path="a.npz"), tmp_path, from_file)[1] == 6
    assert missing(arrays(), HERE, data) == {}


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_cut_off_at_its_side(side):
    rows = np.full((2, 5, 1), np.nan)
    rows[0], rows[1, 1:4] = 1, 2
    broken = np.array([[[1], [np.nan], [2], [np.nan]]])
    with pytest.raises(DataError, match="is missing"):
        read(arrays(padded=side), HERE, {"values": rows})
    place = slice(0, 3) if side == "right" else slice(2, 5)
    rows[1] = np.nan
    rows[1, place] = 2
    assert [record.steps for record in read(arrays(padded=side), HERE, {"values": rows})] == [5, 3]
    flipped = broken if side == "right" else broken[:, ::-1]
    assert stacked(read(arrays(padded=side, missing="fill"), HERE, {"values": flipped}))[0][0] == [
        1.0 if side == "right" else 2.0
    ]


def test_channels_have_names_and_only_declared_ones_are_kept():
    columns = Columns(past=("b", "c"), categories=("c",))
    found = read(arrays(columns, channels=["a", "b", "c"]), HERE, {"values": CUBE})[0]
    assert list(found.columns) == ["b", "c"]
    assert found.columns["c"].tolist() == ["2", "5", "8", "11"]


@pytest.mark.parametrize(
    ("spec", "data", "says"),
    [
        (arrays(), [1, 2], "wanted a mapping"),
        (arrays(), {"values": CUBE, "label": [1, 2]}, "did you mean 'labels'"),
        (arrays(), {"values": [CUBE[0], CUBE[1, :, :2]]}, r"values\[1\] has shape"),
        (arrays(), {"values": [CUBE[0], CUBE[1]], "lengths": [1, 2]}, "leave them out"),
        (arrays(), {"values": [[1, 2], [3]], "labels": ["a"]}, "labels: got shape"),
        (arrays(), {"values": ["a", "b"]}, "wanted numbers"),
        (arrays(), {"values": CUBE, "labels": ["a", None]}, r"labels\[1\]: is missing"),
        (arrays(), {"values": CUBE, "labels": ["a"]}, "labels: got shape"),
        (arrays(channels=["a"]), {"values": CUBE}, "has 3 channels, and source.channels names 1"),
        (arrays(Columns(past=("y",))), {"values": CUBE}, "no channel 'y'"),
        (arrays(Columns(label="y")), {"values": CUBE}, "use labels instead"),
        (arrays(padded="right"), {"values": CUBE * np.nan}, "padding alone"),
        (DataSpec(source=TextSource(), columns=Columns(label="y")), [("a", "b")], "leave it out"),
        (DataSpec(source=TextSource()), [("a", "b"), "c"], r"data\[1\]: got 'c'"),
        (DataSpec(source=TextSource()), [("a", 3)], r"data\[0\]"),
        (DataSpec(source=TextSource()), [(None, "b")], "label is missing"),
        (DataSpec(source=TextSource()), [], "is empty"),
        (DataSpec(source=TextSource()), 3, "got int"),
    ],
)
def test_data_that_cannot_be_read_says_why(spec, data, says):
    with pytest.raises(DataError, match="; ") as caught:
        read(spec, HERE, data)
    assert re.search(says, str(caught.value))


def test_texts_of_a_file_and_pairs_read_alike(tmp_path):
    (tmp_path / "t.txt").write_bytes("a\tone\ttwo\r\nb\t\u2028 drei\u00df\r\n".encode())
    from_file = read(DataSpec(source=TextSource(path="t.txt")), tmp_path)
    pairs = read(DataSpec(source=TextSource()), HERE, [("a", "one\ttwo"), ("b", "\u2028 drei\u00df")])
    assert [(record.label, record.text) for record in from_file] == [(record.label, record.text) for record in pairs]
    assert from_file[1].where == f"{tmp_path / 't.txt'}:2"


def test_texts_for_a_prediction_have_all_a_label_or_none(tmp_path):
    spec = DataSpec(source=TextSource(path="t.txt"))
    (tmp_path / "t.txt").write_text("one\ntwo\n")
    found = read(spec, tmp_path, labelled=False)
    assert [(record.label, record.text) for record in found] == [(None, "one"), (None, "two")]
    (tmp_path / "t.txt").write_text("a\tone\nb\ttwo\n")
    assert [record.label for record in read(spec, tmp_path, labelled=False)] == ["a", "b"]
    (tmp_path / "t.txt").write_text("a\tone\ntwo\n")
    with pytest.raises(DataError, match=r"t.txt:2: got 'two'"):
        read(spec, tmp_path, labelled=False)
    assert read(spec, HERE, ["", "x"], labelled=False)[0].text == ""
