"""What is learnt comes from train alone, and one live row is prepared as the whole record is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.preparation import Preparation
from unspool.data.spec import (
    ArraysSource,
    Columns,
    DataSpec,
    RandomSplit,
    Scaling,
    TableSource,
    TextSource,
    TimeAxis,
    TimeSplit,
    Tokens,
)
from unspool.data.splits import split
from unspool.errors import DataError
from unspool.types import Record

COLUMNS = Columns(time="t", target=("y",), past=("p", "c"), known=("k", "h"), categories=("c", "h"))
SPEC = DataSpec(
    source=TableSource(path="x.csv"),
    columns=COLUMNS,
    time=TimeAxis(timezone="Europe/Berlin", calendar=("hour_of_day", "weekend")),
    scaling=Scaling(columns={"p": "minmax", "k": "log1p"}),
)


def record(steps=100, seed=0, **changed):
    draw = np.random.default_rng(seed)
    columns = {
        "y": draw.normal(5, 3, steps),
        "p": draw.normal(0, 1, steps),
        "c": draw.choice(np.array(["u", "v"], object), steps),
        "k": draw.random(steps) * 9,
        "h": draw.choice(np.array(["no", "yes"], object), steps),
    }
    times = np.datetime64("2024-03-30", "us") + np.arange(steps) * np.timedelta64(1800, "s")
    return Record(name="a", where="x.csv", columns=columns | changed, times=times)


def fitted(found=None, spec=SPEC):
    found = found or record()
    return Preparation.fit(spec, [found], split([found], TimeSplit(), 0)["train"])


def test_names_stand_in_the_promised_order():
    preparation = fitted()
    hours = ("hour_of_day_sin1", "hour_of_day_cos1", "weekend")
    assert preparation.value_names == ("y", "p", "k", *hours)
    assert preparation.code_names == ("c", "h")
    assert preparation.code_sizes == (3, 3)
    assert preparation.known_names[:2] == ("k", "h=<unknown>")
    assert set(preparation.known_names[2:4]) == {"h=no", "h=yes"}
    assert preparation.known_names[4:] == hours
    assert preparation.frequency_seconds == 1800


@pytest.mark.parametrize("column", ["y", "p", "k"])
def test_what_comes_after_train_changes_nothing_that_was_learnt(column):
    found = record()
    changed = found.columns[column].copy()
    changed[80:] += 1e6
    late = found.columns["c"].copy()
    late[80:] = "w"
    assert fitted(record(**{column: changed, "c": late})) == fitted(found)


def test_a_preparation_reads_back_from_json():
    preparation = fitted()
    again = Preparation.model_validate_json(preparation.model_dump_json())
    assert again == preparation
    assert (again.prepare(record()).values == preparation.prepare(record()).values).all()


@given(st.integers(0, 99), st.integers(0, 9))
def test_one_live_row_is_prepared_as_in_the_whole_record(row, seed):
    found, preparation = record(seed=seed), fitted()
    whole = preparation.prepare(found)
    one = {name: values[row : row + 1] for name, values in found.columns.items()}
    times = found.times[row : row + 1]
    assert (preparation.values(one, times)[0] == whole.values[row]).all()
    assert (preparation.codes(one)[0] == whole.codes[row]).all()
    assert (preparation.known_future(one, times)[0] == whole.known[row]).all()
    assert (preparation.scaled_targets(one)[0] == whole.targets[row]).all()
    listed = {name: values.tolist() for name, values in one.items()}
    assert (preparation.values(listed, times)[0] == whole.values[row]).all()


def test_known_and_values_agree_where_they_tell_the_same():
    prepared = fitted().prepare(record())
    assert (prepared.known[:, 0] == prepared.values[:, 2]).all()
    assert (prepared.known[:, 4:] == prepared.values[:, 3:]).all()
    assert (prepared.known[:, 1:4].argmax(axis=1) == prepared.codes[:, 1]).all()
    assert (prepared.targets[:, 0] == prepared.values[:, 0]).all()


def test_targets_are_unscaled_to_their_own_units():
    found, preparation = record(), fitted()
    again = preparation.unscale("y", preparation.prepare(found).targets[:, 0])
    np.testing.assert_allclose(again, found.columns["y"], rtol=1e-5, atol=1e-5)


def test_known_future_needs_the_known_columns_alone():
    found = record(3)
    known = {name: found.columns[name] for name in ("k", "h")}
    assert (fitted().known_future(known, found.times) == fitted().prepare(found).known).all()


def test_an_unknown_category_is_code_zero():
    assert fitted().codes({"c": ["never"], "h": ["yes"], "y": [0], "p": [0], "k": [0]})[0, 0] == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"y": np.array([np.nan])}, "column 'y': is NaN"),
        ({"p": np.array([np.inf])}, "column 'p': is NaN, infinite"),
        ({"k": np.array([1e300])}, None),
        ({"y": np.array([1e300])}, "column 'y': is NaN, infinite or far too large"),
        ({"k": np.array([-2.0])}, "column 'k': got -2, wanted more than -1"),
        ({"p": ["high"]}, "column 'p': holds something that is no number"),
        ({"p": [None]}, "column 'p'"),
        ({"p": np.zeros((1, 1))}, "column 'p': got shape"),
        ({"p": 3.0}, "column 'p': got shape"),
        ({"p": np.zeros(2)}, "1 to 2 rows"),
        ({"c": [None]}, "column 'c': the category of row 0"),
        ({"h": [float("nan")]}, "column 'h': the category of row 0"),
    ],
)
def test_nothing_that_is_no_number_passes(changed, says):
    found = record(1)
    broken = Record(name="a", where="x.csv", columns={**found.columns, **changed}, times=found.times)
    if says is None:
        fitted().prepare(broken)
        return
    with pytest.raises(DataError, match=f"x.csv(, step 0)?: record 'a': .*{says}.*; "):
        fitted().prepare(broken)


@pytest.mark.parametrize("name", ["y", "p", "c", "k", "h"])
def test_a_column_that_is_missing_is_named(name):
    found = record(4)
    columns = {key: values for key, values in found.columns.items() if key != name}
    with pytest.raises(DataError, match=f"column '{name}' is missing; .*there are"):
        fitted().prepare(Record(name="a", where="x", columns=columns, times=found.times))


def test_the_calendar_needs_stamps():
    with pytest.raises(DataError, match="no time stamps"):
        fitted().values(record(2).columns)


def test_a_target_may_be_unknown_but_not_infinite():
    found = record(2)
    assert np.isnan(fitted().scaled_targets({**found.columns, "y": [np.nan, 1.0]})[0, 0])
    with pytest.raises(DataError, match="'y': is NaN, infinite"):
        fitted().scaled_targets({**found.columns, "y": [np.nan, np.inf]})


def texts(pairs):
    return [Record(name=str(i), where=f"t:{i}", text=text, label=label) for i, (label, text) in enumerate(pairs)]


TEXT = DataSpec(source=TextSource(path="t"), tokens=Tokens(longest=4, keep="tail"))
PAIRS = [("pos", "good good film"), ("neg", "bad film"), ("pos", "never seen")]


def test_texts_become_codes_of_the_train_parts_words():
    preparation = Preparation.fit(TEXT, texts(PAIRS), np.array([[0, 0, -1], [1, 0, -1]]))
    assert preparation.labels == ("neg", "pos")
    assert preparation.tokens.vocabulary.units == ("film", "good", "bad")
    assert preparation.encode_text("Bad film never SEEN good").ravel().tolist() == [1, 0, 0, 2]
    assert preparation.encode_text("").tolist() == [[0]]
    prepared = preparation.prepare(texts(PAIRS)[0])
    assert prepared.codes.tolist() == [[2], [2], [1]]
    assert (prepared.values.shape, prepared.known.shape, prepared.targets.shape) == ((3, 0), (3, 0), (3, 0))
    assert (prepared.label, preparation.code_names, preparation.code_sizes) == (1, ("text",), (4,))


@pytest.mark.parametrize(
    ("pairs", "spans", "says"),
    [
        ([("a", "x"), ("a", "y")], [0, 1], "one class alone, 'a'"),
        ([("a", "x"), ("b", "y"), ("c", "z")], [0, 1], "t:2: record '2' is of class 'c', which no train record has"),
        ([("a", "x"), (None, "y")], [0, 1], "t:1: record '1' has no class"),
        ([("a", "x")], [], "train part is empty"),
    ],
)
def test_classes_must_be_learnable(pairs, spans, says):
    with pytest.raises(DataError, match=f"{says}.*; "):
        Preparation.fit(TEXT, texts(pairs), np.array([[index, 0, -1] for index in spans]).reshape(-1, 3))


def test_a_class_that_train_lacks_is_refused_when_preparing():
    preparation = Preparation.fit(TEXT, texts(PAIRS), np.array([[0, 0, -1], [1, 0, -1]]))
    with pytest.raises(DataError, match=r"t:0: record '0': got class 'meh', wanted one of neg, pos.*;"):
        preparation.prepare(texts([("meh", "x")])[0])


def test_all_channels_of_arrays_are_inputs_where_none_is_declared():
    found = [
        Record(name=str(i), where="x", columns={"x0": np.arange(4.0), "x1": np.ones(4)}, label="ab"[i % 2])
        for i in range(6)
    ]
    preparation = Preparation.fit(DataSpec(source=ArraysSource()), found, split(found, RandomSplit(), 0)["train"])
    assert preparation.value_names == ("x0", "x1")
    assert preparation.labels == ("a", "b")
    assert preparation.prepare(found[1]).label == 1
    assert preparation.prepare(found[1]).known.shape == (4, 0)
    assert preparation.frequency_seconds is None


def test_an_option_that_cannot_take_effect_is_an_error():
    with pytest.raises(DataError, match=r"scaling.columns names 'z'.*there are: y, p, k"):
        fitted(spec=SPEC.model_copy(update={"scaling": Scaling(columns={"z": "none"})}))
    with pytest.raises(ValueError, match="tokens are for text"):
        DataSpec(source=TableSource(), tokens=Tokens())
    with pytest.raises(ValueError, match="needs time stamps"):
        DataSpec(source=TableSource(), time=TimeAxis(calendar=("weekend",)))


def test_forecast_inputs_must_be_declared():
    with pytest.raises(DataError, match="no column is an input"):
        fitted(spec=DataSpec(source=TableSource()))
