"""Texts in folders, tables, JSON lines, plain files and lines: what is read is what was written, and parts are marked."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import re

import pandas
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.sources import digest, read
from unspool.data.spec import DataSpec, TextSource
from unspool.errors import DataError, SpecError
from unspool.spec import parse

# Every character that a file in UTF-8 can hold, but for NUL, which files are refused for.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXTS = st.text(CHARACTERS, min_size=1, max_size=30).filter(lambda text: text.strip() and not text.startswith("\ufeff"))
ODD = ["\U0001f469\u200d\U0001f680 e\u0301\u0323", "\u0634\u0643\u0631\u0627 \u202b x", "a\u2028b\x85c\x1cd", "x" * 1_000_000]
ROWS = [("good", "fine, \"really\"\nfine"), ("bad", " \ttab and blank "), ("good", ODD[0]), ("bad", ODD[1])]


def texts(**source):
    return DataSpec(source=TextSource(**source))


def told(records):
    return [(record.label, record.text) for record in records]


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def refused(spec, folder, says, labelled=True, data=None):
    with pytest.raises(DataError, match="; ") as caught:
        read(spec, folder, data, labelled=labelled)
    assert re.search(says, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["auto", "utf-8"])
@given(text=TEXTS)
def test_a_document_is_its_file_character_by_character(tmp_path_factory, encoding, text):
    folder = tmp_path_factory.mktemp("documents")
    write(folder, {"a/1.txt": text, "b/1.txt": b"\xef\xbb\xbf" + text.encode()})
    assert told(read(texts(path=".", encoding=encoding), folder)) == [("a", text), ("b", text)]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_survive_in_every_form(tmp_path, text):
    row = json.dumps({"text": text, "label": "a"}, ensure_ascii=False)
    pl.DataFrame({"text": [text], "label": ["a"]}).write_parquet(tmp_path / "t.parquet")
    write(tmp_path, {"f/a/t.txt": text, "p.txt": text, "t.jsonl": row, "l.txt": f"a\t{text}\n", "t.csv": f'label,text\na,"{text}"\n'})
    for path in ("f", "t.jsonl", "t.parquet", "l.txt", "t.csv"):
        assert told(read(texts(path=path), tmp_path)) == [("a", text)], path
    assert told(read(texts(path="p.txt", format="plain"), tmp_path)) == [(None, text)]


def test_rows_of_all_tables_read_alike(tmp_path):
    frame = pl.DataFrame({"no": [1, 2, 3, 4], "body": [text for _, text in ROWS], "topic": [label for label, _ in ROWS]})
    frame.write_csv(tmp_path / "t.csv")
    frame.write_csv(tmp_path / "wide.csv", separator=";")
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ndjson(tmp_path / "t.jsonl")
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress((tmp_path / "t.jsonl").read_bytes()))
    columns = {"text": "body", "label": "topic"}
    for path, first in (("t.csv", 2), ("t.parquet", 1), ("t.jsonl", 1), ("t.jsonl.gz", 1)):
        found = read(texts(path=path, **columns), tmp_path)
        assert told(found) == ROWS
        assert [record.where for record in found] == [f"{tmp_path / path}:{first + row}" for row in range(4)]
    assert told(read(texts(path="wide.csv", delimiter=";", **columns), tmp_path)) == ROWS
    for data in (frame, frame.to_pandas(), frame.to_arrow()):
        assert told(read(texts(**columns), tmp_path, data)) == ROWS
    assert told(read(texts(**columns), tmp_path, frame.drop("topic"), labelled=False)) == [(None, text) for _, text in ROWS]


def test_labels_of_all_kinds_are_text(tmp_path):
    write(tmp_path, {"t.jsonl": '{"text": "a", "label": 3}\n{"text": "b", "label": true}\n{"text": "c", "label": "3"}\n'})
    assert [record.label for record in read(texts(path="t.jsonl"), tmp_path)] == ["3", "true", "3"]
    frame = pandas.DataFrame({"text": ["a", "b"], "label": [1.0, 2.0]})
    assert [record.label for record in read(texts(), tmp_path, frame)] == ["1", "2"]


def test_a_folder_of_folders_is_read_in_the_order_of_its_names(tmp_path):
    write(tmp_path, {"c/pos/10.txt": "x", "c/pos/9.txt": "y", "c/neg/deep/er/1.txt": "z", "c/.git/HEAD": "no", "c/neg/.DS_Store": "\0"})
    os.mkfifo(tmp_path / "c" / "pos" / "pipe.txt")
    found = read(texts(path="c"), tmp_path)
    assert [(record.name, record.label, record.text) for record in found] == [
        ("neg/deep/er/1.txt", "neg", "z"), ("pos/10.txt", "pos", "x"), ("pos/9.txt", "pos", "y"),
    ]  # fmt: skip
    assert found[1].where == str(tmp_path / "c" / "pos" / "10.txt")
    assert [record.text for record in read(texts(path="c", format="plain"), tmp_path)] == ["z", "x", "y"]


def test_a_pattern_chooses_files_by_name_or_by_path(tmp_path):
    write(tmp_path, {"README.md": "no", "urls.txt": "no", "pos/1.txt": "a", "pos/1.md": "no", "neg/1.txt": "b", "unsup/1.txt": "no"})
    refused(texts(path="."), tmp_path, "'README.md' in it, wanted a folder of folders.*source.pattern")
    refused(texts(path=".", pattern="*.txt"), tmp_path, "'urls.txt' in it")
    assert told(read(texts(path=".", pattern="[np]*/*.txt"), tmp_path)) == [("neg", "b"), ("pos", "a")]
    refused(texts(path=".", pattern="*.doc"), tmp_path, r"without a text.*'README.md'.*mend source.pattern")


def test_for_a_prediction_a_folder_may_hold_texts_themselves(tmp_path):
    write(tmp_path, {"new/1.txt": "a", "new/2.txt": "b", "mixed/1.txt": "a", "mixed/pos/2.txt": "b"})
    assert told(read(texts(path="new"), tmp_path, labelled=False)) == [(None, "a"), (None, "b")]
    assert told(read(texts(format="folders"), tmp_path, tmp_path / "new" / "1.txt", labelled=False)) == [(None, "a")]
    refused(texts(path="mixed"), tmp_path, "wanted a folder of folders", labelled=False)
    refused(texts(path="new/1.txt", format="folders"), tmp_path, "is a file, wanted a folder of folders")


def test_links_and_empty_classes_and_odd_names_are_refused(tmp_path):
    write(tmp_path, {"a/pos/1.txt": "x", "b/pos/1.txt": "x", "c/pos/1.txt": "x", "d/pos/1.txt": "x", "secret.txt": "s"})
    (tmp_path / "a" / "pos" / "2.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "b" / "neg").symlink_to(tmp_path / "a")
    (tmp_path / "c" / "neg" / ".hidden").mkdir(parents=True)
    (tmp_path / "d" / "neg\n").mkdir()
    (tmp_path / "e").mkdir()
    refused(texts(path="a"), tmp_path, "2.txt: is a symbolic link")
    refused(texts(path="b"), tmp_path, "neg: is a symbolic link")
    refused(texts(path="c"), tmp_path, "neg: is a class's folder without a file")
    refused(texts(path="d"), tmp_path, r"holds 'neg\\n', wanted names in UTF-8")
    refused(texts(path="e"), tmp_path, "e: is a folder without a text, it holds no files")
    (tmp_path / "a" / "pos" / "2.txt").unlink()
    (tmp_path / "whole").symlink_to(tmp_path / "a" / "pos")
    assert len(read(texts(path="whole", format="plain"), tmp_path)) == 1


def test_a_broken_file_among_many_is_named(tmp_path):
    write(tmp_path, {"a/1.txt": "x\ny", "b/1.txt": b"x\n\xe9", "c/a/1.txt": "x", "c/a/2.txt": "", "d/a/1.txt": "x\0"})
    refused(texts(path="."), tmp_path, r"1.txt:2: byte 2 is not utf-8; .*latin-1, or cp1252")
    assert read(texts(path=".", pattern="b/*", encoding="cp1252"), tmp_path)[0].text == "x\n\u00e9"
    refused(texts(path="c"), tmp_path, "2.txt: is empty")
    refused(texts(path="d"), tmp_path, "1.txt:1: holds a NUL byte")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_of_three_ways_and_nothing_else(tmp_path, end):
    write(tmp_path, {"t.txt": f"a\tone\u2028two{end}b\tthree\x0b\x1c\x85{end}"})
    assert told(read(texts(path="t.txt"), tmp_path)) == [("a", "one\u2028two"), ("b", "three\x0b\x1c\x85")]
    write(tmp_path, {"t.txt": "a\tone\r\nb\ttwo\rc\tthree\nd\tfour"})
    assert [record.where.rpartition(":")[2] for record in read(texts(path="t.txt"), tmp_path)] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked", "utf-16-be-marked"])
def test_marked_encodings_are_told_apart(tmp_path, encoding):
    text = "a\t\u00e9t\u00e9 \U0001f469\nb\t\u0634\n"
    marks = {"utf-16-le-marked": b"\xff\xfe", "utf-16-be-marked": b"\xfe\xff"}
    write(tmp_path, {"t.txt": marks.get(encoding, b"") + text.encode(encoding.removesuffix("-marked"))})
    assert told(read(texts(path="t.txt"), tmp_path)) == [("a", "\u00e9t\u00e9 \U0001f469"), ("b", "\u0634")]


def test_what_is_in_no_declared_encoding_says_which_byte(tmp_path):
    write(tmp_path, {"l.txt": b"a\tx\nb\t\xe9\n", "w.txt": b"a\tx\nb\t\x81\n", "u.txt": b"\xff\xfea\0\t\0\0\xd8"})
    refused(texts(path="l.txt"), tmp_path, "l.txt:2: byte 6 is not utf-8; .*latin-1, or cp1252")
    refused(texts(path="w.txt", encoding="cp1252"), tmp_path, "w.txt:2: byte 6 is not cp1252; .*source.encoding: latin-1")
    refused(texts(path="u.txt"), tmp_path, "u.txt:1: byte 6 is not utf-16")


def test_several_labels_are_cut_at_the_separator(tmp_path):
    write(tmp_path, {"t.txt": "a| b\tone\n\ttwo\nb\tthree\n", "t.jsonl": '{"text": "x", "label": ["a", "b"]}\n{"text": "y", "label": []}\n'})
    pl.DataFrame({"text": ["x", "y"], "label": [["a", "b"], []]}).write_parquet(tmp_path / "t.parquet")
    found = read(texts(path="t.txt", label_separator="|"), tmp_path)
    assert [(record.label, record.labels) for record in found] == [("a| b", ("a", "b")), ("", ()), ("b", ("b",))]
    for path in ("t.jsonl", "t.parquet"):
        assert [record.labels for record in read(texts(path=path, label_separator="|"), tmp_path)] == [("a", "b"), ()]
        refused(texts(path=path), tmp_path, "the label is a list.*set source.label_separator")
    pairs = [(["a", "b"], "one"), ({"b", "a"}, "two"), ("a|b", "three"), ("", "four")]
    assert [record.labels for record in read(texts(label_separator="|"), tmp_path, pairs)] == [("a", "b"), ("a", "b"), ("a", "b"), ()]
    for labels, says in {"a||b": "nothing between two separators", "a|b|a": "name 'a' twice"}.items():
        with pytest.raises(DataError, match=says):
            read(texts(label_separator="|"), tmp_path, [(labels, "x")])
    assert read(texts(), tmp_path, [("a|b", "x")])[0].labels is None
    with pytest.raises(DataError, match="the label is a list.*set source.label_separator"):
        read(texts(), tmp_path, [(["a", "b"], "x")])


def test_texts_without_labels_are_declared(tmp_path):
    write(tmp_path, {"t.txt": "a\tone\nb\n", "t.jsonl": '{"text": "x"}\n', "book.txt": "one\n\ntwo\r\n" + "z" * (2 << 20)})
    assert told(read(texts(path="t.txt", label=None), tmp_path)) == [(None, "a\tone"), (None, "b")]
    assert told(read(texts(path="t.jsonl", label=None), tmp_path)) == [(None, "x")]
    assert told(read(texts(path="book.txt", format="plain"), tmp_path)) == [(None, "one\n\ntwo\r\n" + "z" * (2 << 20))]
    assert told(read(texts(label=None), tmp_path, ["x", "y"])) == [(None, "x"), (None, "y")]


def test_parts_mark_their_records(tmp_path):
    write(tmp_path, {"train/a/1.txt": "x", "test/a/1.txt": "y", "train.txt": "a\tx\nb\ty\n", "dev.txt": "a\tz\n", "test.csv": "text,label\nq,a\n"})
    found = read(texts(parts={"train": "train", "test": "test"}), tmp_path)
    assert [(record.name, record.part, record.text) for record in found] == [("train/a/1.txt", "train", "x"), ("test/a/1.txt", "test", "y")]
    found = read(texts(parts={"test": "test.csv", "validation": "dev.txt", "train": "train.txt"}), tmp_path)
    assert [(record.name, record.part) for record in found] == [
        ("train/1", "train"), ("train/2", "train"), ("validation/1", "validation"), ("test/2", "test"),
    ]  # fmt: skip
    assert [record.part for record in read(texts(parts={"train": "train.txt", "test": "dev.txt"}), tmp_path, tmp_path / "dev.txt")] == [None]


def test_a_column_of_parts_marks_its_records(tmp_path):
    write(tmp_path, {"t.csv": "text,label,split\nx,a,train\ny,b,test\n", "odd.csv": "text,label,split\nx,a,dev\n"})
    assert [record.part for record in read(texts(path="t.csv", part="split"), tmp_path)] == ["train", "test"]
    assert [record.part for record in read(texts(path="t.csv", part="split"), tmp_path, labelled=False)] == [None, None]
    refused(texts(path="odd.csv", part="split"), tmp_path, "odd.csv:2: is in part 'dev', wanted train, validation, test")
    refused(texts(path="t.csv", part="spilt"), tmp_path, "did you mean 'split'")


def test_a_digest_knows_every_file_its_name_and_its_part(tmp_path):
    write(tmp_path, {"c/a/1.txt": "x", "c/b/1.txt": "y", "c/b/1.md": "no", "train.txt": "a\tx\n", "test.txt": "a\ty\n"})
    spec, parts = texts(path="c", pattern="*.txt"), texts(parts={"train": "train.txt", "test": "test.txt"})
    first, of_parts = digest(spec, tmp_path, read(spec, tmp_path)), digest(parts, tmp_path, read(parts, tmp_path))
    assert first[1] == of_parts[1] == 2
    assert digest(texts(parts={"train": "test.txt", "test": "train.txt"}), tmp_path, [])[0] != of_parts[0]
    write(tmp_path, {"c/b/1.md": "changed", "test.txt": "a\tz\n"})
    assert digest(spec, tmp_path, [])[0] == first[0]
    assert digest(parts, tmp_path, [])[0] != of_parts[0]
    (tmp_path / "c" / "b" / "1.txt").rename(tmp_path / "c" / "b" / "2.txt")
    assert digest(spec, tmp_path, [])[0] != first[0]


ROWS_OF_JSON = [
    ("broken", '{"text": "x", "label": "a"}\n{"text": \n', ":2: is not JSON .* at character"),
    ("blank", '{"text": "x", "label": "a"}\n\n{"text": "x", "label": "a"}\n', ":2: is a blank line"),
    ("list", '["x", "a"]\n', ":1: got .*wanted a JSON object"),
    ("no_text", '{"txt": "x", "label": "a"}\n', ":1: no column 'text'.*did you mean 'txt'.*there are: 'txt', 'label'"),
    ("no_label", '{"text": "x", "label": "a"}\n{"text": "x"}\n', ":2: no column 'label'.*set source.label to null"),
    ("number", '{"text": 3, "label": "a"}\n', ":1: 'text' is 3, wanted text"),
    ("null", '{"text": null, "label": "a"}\n', ":1: 'text' is empty"),
    ("null_label", '{"text": "x", "label": null}\n', ":1: 'label' is empty"),
    ("blank_text", '{"text": " ", "label": "a"}\n', ":1: 'text' is empty"),
    ("object", '{"text": "x", "label": {"a": 1}}\n', ":1: got .* as a label or part"),
    ("fraction", '{"text": "x", "label": 1.5}\n', ":1: got 1.5 as a label or part"),
    ("infinite", '{"text": "x", "label": 1e999}\n', ":1: got inf as a label or part"),
    ("nan", '{"text": "x", "label": NaN}\n', ":1: 'label' is empty"),
    ("twice", '{"text": "x", "text": "y", "label": "a"}\n', ":1: cannot be read .*'text' twice"),
    ("half", '{"text": "x\\ud83d", "label": "a"}\n', ":1: character 1 is .*surrogate"),
    ("half_label", '{"text": "x", "label": "a\\ud83d"}\n', ":1: character 1 is .*surrogate"),
    ("blank_label", '{"text": "x", "label": " "}\n', ":1: 'label' is empty"),
    ("deep", "[" * 100_000 + "\n", ":1: cannot be read"),
    ("long", '{"text": "x", "label": ' + "1" * 5000 + "}\n", ":1: cannot be read"),
]


@pytest.mark.parametrize("name, content, says", ROWS_OF_JSON, ids=[case[0] for case in ROWS_OF_JSON])
def test_a_broken_line_of_json_is_told_in_one_sentence(tmp_path, name, content, says):
    write(tmp_path, {f"{name}.jsonl": content})
    refused(texts(path=f"{name}.jsonl"), tmp_path, rf"{name}.jsonl{says}")


def test_broken_tables_of_texts_are_told_in_one_sentence(tmp_path):
    write(tmp_path, {"t.csv": "text,label\nx,a\n,b\n", "n.csv": "text,label\nx,\n", "c.csv": "text;label\nx;a\n"})
    refused(texts(path="t.csv"), tmp_path, "t.csv:3: 'text' is empty")
    refused(texts(path="n.csv"), tmp_path, "n.csv:2: 'label' is empty")
    refused(texts(path="c.csv"), tmp_path, "set source.delimiter: ';'")
    refused(texts(path="c.csv", delimiter=";;"), tmp_path, "wanted one ASCII character")
    refused(texts(path="t.csv", text="txt"), tmp_path, "no column 'txt', which source.text names; did you mean 'text'")
    pl.DataFrame({"text": [1, 2], "label": ["a", "b"]}).write_parquet(tmp_path / "n.parquet")
    pl.DataFrame({"text": ["a"], "label": [float("inf")]}).write_parquet(tmp_path / "i.parquet")
    refused(texts(path="n.parquet"), tmp_path, "column 'text' holds Int64, wanted text")
    refused(texts(path="i.parquet"), tmp_path, "column 'label'")
    for form in ("csv", "parquet", "jsonl", "lines"):
        refused(texts(path=".", format=form), tmp_path, "is a folder")


@pytest.mark.parametrize("text", ["\0", "a\0b", "\U0001f469\u200d\U0001f680"])
def test_what_no_file_may_hold_may_be_handed_over_or_escaped(tmp_path, text):
    write(tmp_path, {"t.jsonl": json.dumps({"text": f"x{text}", "label": "a"})})
    assert told(read(texts(path="t.jsonl"), tmp_path)) == [("a", f"x{text}")]
    assert told(read(texts(), tmp_path, [("a", text)])) == [("a", text)]
    with pytest.raises(DataError, match=r"data\[0\]: character 1 is .*surrogate"):
        read(texts(), tmp_path, [("a", "x\ud83d")])


@pytest.mark.parametrize(
    "pair, says",
    [
        ((float("nan"), "x"), "the label is missing"),
        ((None, "x"), "the label is missing"),
        ((" ", "x"), "the label is missing"),
        (("a\ud800", "x"), "character 1 is .*surrogate"),
        ((0.5, "x"), "got 0.5 as a label"),
        (("a", "  "), "the text after label 'a' is empty"),
    ],
)
def test_pairs_are_held_to_the_rules_of_files(tmp_path, pair, says):
    refused(texts(), tmp_path, rf"data\[0\]: {says}", data=[pair])


def test_labels_that_are_no_text_read_as_they_do_in_files(tmp_path):
    given = [(1, "x"), (2.0, "x"), (True, "x"), (" up ", "x")]
    assert [label for label, _ in told(read(texts(), tmp_path, given))] == ["1", "2", "true", "up"]
    write(tmp_path, {"t.jsonl": "".join(json.dumps({"label": label, "text": text}) + "\n" for label, text in given)})
    assert told(read(texts(path="t.jsonl"), tmp_path)) == told(read(texts(), tmp_path, given))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_read_as_it_is_declared(tmp_path, encoding):
    for name, text in (("plain", "a\tx\n"), ("odd", "a\té上x\n")):
        (tmp_path / name).write_bytes(text.encode(encoding))
        refused(texts(path=name), tmp_path, "utf-16-le or utf-16-be")
        assert told(read(texts(path=name, encoding=encoding), tmp_path)) == [("a", text[2:-1])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("chunk", [3, 7, 1 << 20])
def test_an_error_names_its_line_whatever_ends_lines(tmp_path, monkeypatch, end, chunk):
    monkeypatch.setattr("unspool.data.sources.files.CHUNK", chunk)
    rows = [f"a\t上 {number}" for number in range(5)]
    sound = end.join(rows) + end
    for name, content in (("byte", sound.encode() + b"a\t\xff"), ("nul", sound.encode() + b"a\t\0")):
        (tmp_path / name).write_bytes(content)
        refused(texts(path=name), tmp_path, f"{name}:6: ")
    (tmp_path / "wide").write_bytes(sound.encode("utf-16") + b"\x00\xd8\x41\x00")
    refused(texts(path="wide"), tmp_path, "wide:6: byte")


def test_a_document_of_blanks_is_none(tmp_path):
    write(tmp_path, {"c/a/1.txt": "x", "c/b/1.txt": "\u00a0\u2003\n"})
    refused(texts(path="c"), tmp_path, "1.txt: holds nothing that can be seen")


def test_an_option_that_the_files_leave_without_effect_is_refused(tmp_path):
    write(tmp_path, {"c/a/1.txt": "x", "t": "a\tx\n", "t.csv": "text,label\nx,a\n"})
    refused(texts(path="c", delimiter=","), tmp_path, "c: is read as folders, where source.delimiter cannot take effect")
    refused(texts(path="t", text="body"), tmp_path, "is read as lines, where source.text cannot")
    refused(texts(path="t.csv", pattern="*.txt"), tmp_path, "is read as csv, where source.pattern cannot")
    assert told(read(texts(path="c", pattern="*.txt"), tmp_path, tmp_path / "t.csv")) == [("a", "x")]


@pytest.mark.parametrize(
    "source, says",
    [
        ({"path": "a", "parts": {"train": "b", "test": "c"}}, "path and parts are both given; keep one"),
        ({"parts": {"train": "b"}}, "test: is missing"),
        ({"text": "label"}, "one column twice"),
        ({"pattern": "/etc/*"}, "wanted a pattern of names below the folder"),
        ({"format": "folder"}, "did you mean 'folders'"),
    ],
)
def test_what_contradicts_itself_within_a_source_is_a_spec_error(source, says):
    with pytest.raises(SpecError, match=says):
        parse(TextSource, source)


WHOLE = {
    "t.txt": "a\tfine\nb\tpoor \u00e9\U0001f469\n".encode(),
    "t.csv": 'text,label\n"fine, yes",a\npoor,b\n'.encode("utf-16"),
    "t.jsonl": b'{"text": "fine", "label": "a"}\n{"text": "poor\\u00e9", "label": "b"}\n',
    "t.jsonl.gz": gzip.compress(b'{"text": "fine", "label": "a"}\n' * 9),
    "f/a/1.txt": "fine\r\n\u0634".encode(),
}


@pytest.mark.parametrize("name", WHOLE)
@given(flips=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3), end=st.integers(1, 1 << 16))
def test_flipped_and_cut_bytes_never_escape_as_another_exception(tmp_path_factory, name, flips, end):
    folder, broken = tmp_path_factory.mktemp("flips"), bytearray(WHOLE[name])
    for place, value in flips:
        broken[place % len(broken)] = value
    write(folder, {name: bytes(broken[: end % len(broken) + 1])})
    for labelled in (True, False):
        with contextlib.suppress(DataError):
            for record in read(texts(path=name.partition("/")[0]), folder, labelled=labelled):
                record.text.encode()
