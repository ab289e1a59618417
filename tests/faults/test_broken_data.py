"""Broken data is exit code 2 and one message: the file, row and column where there is one, and the remedy."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from .files import Broken, archive, broken, flipped, npy, parquet
from .making import (
    CURVES,
    ROWS,
    STEPS,
    curve_rows,
    curves,
    demand,
    holds,
    hourly,
    npz,
    packed,
    put,
    put_data,
    put_spec,
    refusal,
    rows_without,
    snapshot,
    text_lines,
    texts,
    with_row,
)  # fmt: skip

SHORT = curve_rows()[:-STEPS]
SHIFTED = hourly()[:100] + [row.replace("T", " ") for row in hourly()[100:]]

BROKEN: dict[str, Broken] = {
    # columns and rows of a table
    "no target column": broken("forecast", demand().replace("value", "load", 1), "no column 'value'", "there are: 'time', 'load', 'holiday'"),
    "column in capitals": broken("forecast", demand().replace("value", "Value", 1), "no column 'value'", "did you mean 'Value'?"),
    "no known column": broken("forecast", demand().replace(",holiday", ",rain", 1), "no column 'holiday'", "columns.known"),
    "empty file": broken("forecast", "", "is empty (0 bytes)", "write the file again"),
    "white space alone": broken("forecast", " \n\n \n", "nothing but white space"),
    "header alone": broken("forecast", "time,value,holiday\n", "has a header and no rows"),
    "no header": broken("forecast", demand().split("\n", 1)[1], "no column 'time'", "there are: '2024-01-01T00:00'"),
    "header twice": broken("forecast", demand().replace("holiday", "value", 1), ":1:", "'value' more than once"),
    "header again within": broken("forecast", with_row(50, "time,value,holiday"), ":50:", "column 'value'", "got 'value', wanted a number"),
    "short row": broken("forecast", with_row(60, "2024-01-03T10:00,3"), ":60: has 2 cells"),
    "long row": broken("forecast", with_row(60, "2024-01-03T10:00,3,0,0"), ":60: has 4 cells"),
    "blank row": broken("forecast", with_row(60, ""), ":60: is a blank row"),
    "wrong delimiter": broken("forecast", demand().replace(",", ";"), "set source.delimiter: ';'"),
    "tabs": broken("forecast", demand().replace(",", "\t"), "set source.delimiter"),
    "one long line": broken("forecast", demand().replace("\n", "\r"), ":1:", "carriage return"),
    "quote that is never closed": broken("forecast", with_row(77, '2024-01-04T03:00,"3,0'), ":77: a quote is opened"),
    "names in two lines": broken("forecast", demand().replace("holiday", '"holi\nday"', 1), ":1:", "line break"),
    # cells
    "text in a number": broken("forecast", with_row(100, "2024-01-05T02:00,high,0"), ":100: column 'value': got 'high'", "mend that cell"),
    "comma in a number": broken("forecast", with_row(100, '2024-01-05T02:00,"3,5",0'), ":100: column 'value'", "decimals with a point"),
    "empty cell": broken("forecast", with_row(100, "2024-01-05T02:00,,0"), ":100: column 'value' is missing", "missing: fill", "missing: split"),
    "NaN": broken("forecast", with_row(100, "2024-01-05T02:00,3,nan"), ":100: column 'holiday' is missing", "missing: fill"),
    "infinity": broken("forecast", with_row(100, "2024-01-05T02:00,-inf,0"), ":100: column 'value': got infinity", "mend"),
    "number beyond a double": broken("forecast", with_row(100, "2024-01-05T02:00,1e999,0"), ":100: column 'value': got infinity"),
    "number beyond a float in train": broken("forecast", with_row(100, "2024-01-05T02:00,1e300,0"), "column 'value'", "too large to scale"),
    "number beyond a float in test": broken("forecast", with_row(230, "2024-01-10T12:00,1e300,0"), ":230:", "column 'value'", "far too large"),
    "negative number under a logarithm": broken(
        "forecast", with_row(230, "2024-01-10T12:00,-3,0"), ":230:", "column 'value': got -3", "wanted more than -1",
        data__scaling={"default": "log1p"},
    ),
    "no value at all": broken("forecast", demand(f"{row.split(',')[0]},,0" for row in hourly()), ":2: column 'value'", "missing"),
    "a value that never changes": broken("forecast", demand(f"{row.split(',')[0]},3,0" for row in hourly()), "repeats itself", "task.seasons"),
    "NUL byte": broken("forecast", with_row(100, "2024-01-05T02:00,\0,0"), ":100: holds a NUL byte"),
    "bytes that are no UTF-8": broken("forecast", demand().encode()[:-1] + b"\xe9\n", ":241: byte", "is not utf-8", "source.encoding"),
    "UTF-16": broken("forecast", demand().encode("utf-16"), "source.encoding: utf-16"),
    # time
    "time going back": broken("forecast", demand(hourly()[:90] + hourly()[50:60]), ":92:", "goes back in time", "sort the rows by time"),
    "one stamp twice": broken("forecast", demand(hourly()[:90] + hourly()[89:]), ":92:", "has two rows at", "columns.series"),
    "one stamp twice in one of two series": broken(
        "forecast", "shop," + demand([f"{shop},{row}" for shop in "ab" for row in hourly()] + ["b," + hourly()[-1]]), ":482:", "series 'b'",
        "has two rows at", data__columns__series="shop",
    ),
    "stamp that there is not": broken("forecast", with_row(100, "2024-02-30T02:00,3,0"), ":100: column 'time'", "2024-02-30", "ISO 8601"),
    "American dates": broken("forecast", with_row(2, "01/31/2024 00:00,3,0"), ":2: column 'time'", "wanted ISO 8601"),
    "two forms of stamps": broken("forecast", demand(SHIFTED).replace("2024-01-09 ", "09.01.2024 "), "column 'time'", "'09.01.2024 "),
    "stamps with and without a zone": broken("forecast", with_row(100, "2024-01-05T02:00+05:00,3,0"), ":100:", "goes back in time"),
    "seconds since 1970": broken("forecast", with_row(2, "1704067200,3,0"), ":2: column 'time'", "numbers since 1970 are not guessed at"),
    "no stamp": broken("forecast", with_row(100, ",3,0"), ":100: column 'time': the time stamp is missing"),
    "stamp off the grid": broken("forecast", with_row(100, "2024-01-05T02:07,3,0"), ":100:", "off its grid", "resample"),
    "gap": broken("forecast", demand(rows_without(100, 103)), ":100:", "has a gap of 5 h", "time.gaps: fill", "time.gaps: split"),
    "gap of millennia": broken("forecast", with_row(241, "9024-01-10T23:00,3,0"), ":241:", "would grow", data__time={"gaps": "fill"}),
    "hour that the clock skips": broken(
        "forecast", demand(hourly(first="2024-03-25")), "does not exist in Europe/Berlin", data__time={"timezone": "Europe/Berlin"}
    ),
    "other frequency than told": broken("forecast", demand(), ":3:", "off its grid", "time.frequency", data__time={"frequency": "2h"}),
    "series too short": broken("forecast", demand(hourly(30)), "has 30 rows", "comes out empty", "give more rows"),
    "parts too short": broken("forecast", demand(hourly(84)), "no forecast can be asked in the train part", "task.horizon is 4"),
    # classes
    "one class alone": broken("classify", curves(curve_rows(["up"])), "one class alone, 'up'", "wanted at least two"),
    "class of one record": broken("classify", curves([*curve_rows(), "z,1,odd", "z,2,odd"]), "'odd'"),
    "label that changes": broken("classify", curves([*curve_rows(), "c23,1,up"]), ":290:", "series 'c23' changes its label", "columns.series"),
    "no label": broken("classify", curves([*curve_rows(), "z,1,"]), ":290: series 'z' has no label"),
    "no series": broken("classify", curves([*curve_rows(), ",1,up"]), ":290: the row names no series"),
    "too few records": broken("classify", curves(curve_rows()[: 2 * STEPS]), "give more records"),
    "record shorter than the stride": broken(
        "classify", curves([*curve_rows(), "z,1,up"]), "record 'z' has 1 steps, fewer than the 4",
        model__backbone__front=[{"channels": 4, "kernel": 4, "stride": 4}],
    ),
    # packed and foreign files
    "gzip cut off": broken("forecast", packed(demand())[:-40], "the gzip stream is cut off", "copy or download it again", file="data.csv.gz"),
    "gzip damaged": broken("forecast", flipped(packed(demand()), 900), "gzip stream is damaged", file="data.csv.gz"),
    "not gzip": broken("forecast", demand(), "ends in .gz but is not gzip", file="data.csv.gz"),
    "gzip bomb": broken("forecast", gzip.compress(b"0" * (8 << 20)), "packed bytes unpack to", "wanted at most 100 times", file="data.csv.gz"),
    "spreadsheet": broken("forecast", archive(sheet=b"x"), "is no text file", "save the spreadsheet as CSV"),
    "line of two million bytes": broken("forecast", demand() + "1" * (2 << 20), ":242: a line of more than 1,048,576 bytes", "check the line ends"),
    # Parquet
    "Parquet that is none": broken("forecast", demand(), "wanted b'PAR1'", "check source.format", file="data.parquet"),
    "Parquet cut off": broken("forecast", parquet()[:-100], "is cut off", "copy or write it again", file="data.parquet"),
    "Parquet without its column": broken("forecast", parquet(value=np.zeros(ROWS, "U1")), "column 'value'", file="data.parquet"),
    "Parquet with NaN": broken(
        "forecast", parquet(value=np.where(np.arange(ROWS) == 99, np.nan, 1.0)), ":100: column 'value' is missing", file="data.parquet"
    ),
    "Parquet with lists": broken("forecast", parquet(value=[[1.0]] * ROWS), "column 'value': holds List", file="data.parquet"),
    # arrays
    "NPZ that is none": broken("arrays", b"PK\x03\x04" + b"rubbish" * 30, "cannot be read"),
    "NPZ cut off": broken("arrays", npz()[:-60], "cannot be read"),
    "NPZ without values": broken("arrays", npz(values=None), "values"),
    "NPZ of other names": broken("arrays", npz(value=np.zeros(3)), "an array 'value'", "wanted some of 'values'", "rename or remove it"),
    "NPZ of pickles": broken("arrays", npz(values=np.array([{"a": 1}] * CURVES, dtype=object)), "wanted numbers or text"),
    "NPZ of words": broken("arrays", npz(values=np.array([["a", "b"]] * CURVES)), "wanted numbers"),
    "NPZ of another length of labels": broken("arrays", npz(labels=np.array(["up", "down"])), "labels: got shape (2,), wanted (24,)"),
    "NPZ without labels": broken("arrays", npz(labels=None), "no record has a class", "give every record its label"),
    "NPZ with NaN": broken("arrays", npz(values=np.full((CURVES, STEPS, 1), np.nan)), "values[0], step 0", "is missing", "missing: fill"),
    "NPZ with infinity": broken("arrays", npz(values=np.full((CURVES, STEPS, 1), np.inf)), "values[0, 0, 0]: got infinity"),
    "NPZ of no steps": broken("arrays", npz(values=np.zeros((CURVES, 0, 1))), "got shape (24, 0, 1)", "none 0"),
    "NPZ with lengths that do not sum": broken(
        "arrays", npz(values=np.zeros((100, 1)), lengths=np.full(CURVES, 7)), "do not fit", "lengths that add up to S"
    ),
    "NPZ with a length of zero": broken("arrays", npz(lengths=np.zeros(CURVES, int)), "lengths", "wanted whole numbers from 1"),
    "NPZ that lies about its shape": broken("arrays", archive(values=npy((1 << 40, 3), b"\0" * 64)), "its header says"),
    "NPZ bomb": broken("arrays", archive(values=npy((1 << 21,), b"\0" * (1 << 24))), "unpack to"),
    "NPZ with far too large numbers": broken("arrays", npz(values=np.full((CURVES, STEPS, 1), 1e308) * np.arange(1, 2)), "column 'x0'"),
    # text
    "line without a delimiter": broken("text", texts(["good it is fine", *text_lines()]), ":1: got 'good it is fine'", "set source.delimiter"),
    "blank line": broken("text", texts([*text_lines(), "", "good\tx"]), ":25: is a blank line", "take it out"),
    "line without a label": broken("text", texts([*text_lines(), "\tnice"]), ":25: the label is empty", "fill it in"),
    "line without a text": broken("text", texts([*text_lines(), "good\t "]), ":25: the text after label 'good' is empty"),
    "text of one class": broken("text", texts(f"good\tfilm {number}" for number in range(CURVES)), "one class alone, 'good'"),
    "text in Latin-1": broken("text", texts().encode() + "good\tpass\u00e9\n".encode("latin-1"), ":25: byte", "source.encoding: latin-1"),
    "text of NULs": broken("text", texts() + "good\t\0\0\n", ":25: holds a NUL byte"),
    "text cut in its gzip": broken("text", packed(texts())[:-20], "cut off", file="lines.tsv.gz"),
    "one line of two million bytes": broken("text", "good\t" + "x" * (2 << 20), ":1: a line of more than"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_data_is_told_with_its_place(name, capfd, tmp_path):
    case = BROKEN[name]
    put_data(tmp_path)
    path = put(tmp_path, case.file, case.content)
    spec = put_spec(tmp_path, case.base, case.changes)
    before = snapshot(tmp_path)
    message = refusal(capfd, ["check", spec])
    assert snapshot(tmp_path) == before
    holds(message, [str(path), *case.words])
    assert ";" in message, f"no remedy: {message}"


@pytest.mark.parametrize("name", [name for number, name in enumerate(BROKEN) if number % 7 == 0])
def test_training_refuses_broken_data_and_leaves_no_folder(name, capfd, tmp_path):
    case = BROKEN[name]
    put_data(tmp_path)
    path = put(tmp_path, case.file, case.content)
    message = refusal(capfd, ["train", put_spec(tmp_path, case.base, case.changes), "--out", tmp_path / "run", "--json"])
    holds(message, [str(path), *case.words])
    assert not (tmp_path / "run").exists()
