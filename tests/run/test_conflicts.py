"""Options that contradict each other: each message names its key and a remedy, and nothing else is said."""

from __future__ import annotations

import re

import pytest

from unspool.errors import SpecError

from .making import ARRAYS, SERIES, TABLE, TEXT, WINDOWED, changed, resolved

FRONT = [{"channels": 3, "kernel": 4, "stride": 4}]
UNTIMED = changed(TABLE, data__columns__time=None)
ARRAY_FORECAST = changed(TABLE, data__source={"kind": "arrays"}, data__columns={"target": ["x0"]})

# the key that is named, what is said, the spec
BROKEN = [
    ("data.columns.past", "drop it", changed(TEXT, data__columns={"past": ["y"]})),
    ("data.columns.label", "drop it", changed(TEXT, data__columns={"label": "c"})),
    ("data.columns.time", "drop it", changed(ARRAYS, data__columns={"time": "t"})),
    ("data.columns.series", "drop it", changed(ARRAYS, data__columns={"series": "s"})),
    ("data.columns.label", "drop it", changed(ARRAYS, data__columns={"label": "c"})),
    ("data.columns.categories", "drop it", changed(ARRAYS, data__columns={"past": ["x0"], "categories": ["x0"]})),
    ("data.columns.group", "drop it", changed(ARRAYS, data__columns={"group": "g"}, data__split={"kind": "group"})),
    ("data.columns.part", "drop it", changed(ARRAYS, data__columns={"part": "p"}, data__split={"kind": "given"})),
    ("task.kind", "use task kind classify", changed(TABLE, data={"source": {"kind": "text"}})),
    ("data.columns.target", "add it", changed(TABLE, data__columns__target=None, data__columns__past=["w"])),
    ("data.columns.label", "drop it", changed(TABLE, data__columns__label="c")),
    ("data.columns.target", "stands in data.columns.label", changed(SERIES, data__columns__target=["z"])),
    ("data.columns.known", "under data.columns.past", changed(SERIES, data__columns__known=["h"])),
    ("data.columns.series", "add it", changed(SERIES, data__columns__series=None)),
    ("data.columns.label", "add it", changed(SERIES, data__columns__label=None)),
    ("data.columns.past", "name at least one", changed(SERIES, data__columns__past=None)),
    ("data.time.gaps", "add data.columns.time", changed(UNTIMED, data__time={"gaps": "fill"})),
    ("data.time.frequency", "add data.columns.time", changed(UNTIMED, data__time={"frequency": "1h"})),
    ("data.time.timezone", "add data.columns.time", changed(UNTIMED, data__time={"timezone": "Europe/Berlin"})),
    ("data.time.harmonics.weekend", "add it there", changed(TABLE, data__time={"harmonics": {"weekend": 2}, "calendar": ["weekend"]})),
    ("data.time.harmonics.day_of_week", "add it there", changed(TABLE, data__time={"harmonics": {"day_of_week": 2}})),
    ("data.missing", "drop it", changed(TEXT, data__missing="fill")),
    ("data.tokens.keep", "set data.tokens.longest", changed(TEXT, data__tokens={"keep": "tail"})),
    ("data.tokens.minimum_count", "drop it", changed(TEXT, data__tokens={"unit": "bytes", "minimum_count": 2})),
    ("data.tokens.largest", "drop it", changed(TEXT, data__tokens={"unit": "bytes", "largest": 9})),
    ("data.source.delimiter", "drop it", changed(TABLE, data__source={"kind": "table", "path": "a.parquet", "delimiter": ";"})),
    ("data.source.encoding", "drop it", changed(TABLE, data__source={"kind": "table", "format": "parquet", "encoding": "latin-1"})),
    ("data.scaling.columns", "drop it", changed(TEXT, data__scaling={"columns": {"y": "minmax"}})),
    ("data.scaling.default", "drop it", changed(TEXT, data__scaling={"default": "minmax"})),
    ("data.scaling.columns.yy", "wanted one of y", changed(TABLE, data__scaling={"columns": {"yy": "minmax"}})),
    ("data.split.kind", "use random, group or given", changed(SERIES, data__split={"kind": "time"})),
    ("data.split.kind", "use random", changed(TEXT, data__split={"kind": "group"})),
    ("data.split.kind", "add it", changed(SERIES, data__split={"kind": "group"})),
    ("data.split.kind", "use random", changed(TEXT, data__split={"kind": "given"})),
    ("data.split.kind", "add it", changed(SERIES, data__split={"kind": "given"})),
    ("data.columns.group", "set that or drop it", changed(SERIES, data__columns__group="g")),
    ("data.columns.part", "set that or drop it", changed(SERIES, data__columns__part="p")),
    ("data.split.kind", "name data.columns.series", changed(TABLE, data__split={"kind": "random"})),
    ("data.split.stratify", "drop it", changed(ARRAY_FORECAST, data__split={"kind": "random", "stratify": False})),
    ("model.memory.truncate", "drop it", changed(ARRAYS, model__memory={"kind": "carried", "truncate": 5})),
    ("model.memory.streams", "drop it", changed(ARRAYS, model__memory={"kind": "carried", "streams": 5})),
    ("model.backbone.bidirectional", "kind windowed", changed(TABLE, model__backbone__bidirectional=True)),
    ("data.batching", "set model.memory.streams", changed(TABLE, data__batching={"size": 4})),
    ("model.backbone.front", "kind windowed", changed(TABLE, model__backbone__front=FRONT)),
    ("task.every", "lower it", changed(TABLE, task__every=21)),
    ("model.memory.context", "use 8", changed(WINDOWED, model__backbone__front=FRONT, model__memory__context=9)),
    ("data.batching.buckets", "drop it", changed(WINDOWED, data__batching={"buckets": False})),
    ("model.head.kind", "use point or quantile", changed(TABLE, model__head={"kind": "categorical"})),
    ("model.head.kind", "use categorical", changed(ARRAYS, model__head={"kind": "quantile"})),
    ("model.head.huber", "set that or drop it", changed(TABLE, model__head={"kind": "point", "huber": 2.0})),
    ("task.metric", "a quantile head", changed(TABLE, task__metric="pinball", model__head={"kind": "point"})),
    ("model.embed", "name data.columns.categories", changed(TABLE, model__embed={"kind": "one_hot"})),
    ("live.memory", "set live.memory to carried", changed(TABLE, live={"memory": "windowed"})),
    ("live.memory", "train the model carried", changed(WINDOWED, live={"memory": "carried"})),
    ("live.memory", "bidirectional to false", changed(WINDOWED, live={"memory": "windowed"}, model__backbone__bidirectional=True)),
    ("live.memory", "keep to head", changed(TEXT, live={"memory": "carried"}, data__tokens={"keep": "tail", "longest": 5})),
]


@pytest.mark.parametrize("key, remedy, raw", BROKEN, ids=[f"{number} {key}" for number, (key, _, _) in enumerate(BROKEN)])
def test_an_option_that_cannot_take_effect_is_an_error_that_says_why(key, remedy, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    lines = str(told.value).split("\n")
    assert len(lines) == 1
    assert re.match(rf"spec: {re.escape(key)}: ", lines[0])
    assert remedy in lines[0]


@pytest.mark.parametrize("raw", [TABLE, WINDOWED, ARRAYS, TEXT, SERIES, UNTIMED, ARRAY_FORECAST])
def test_what_they_were_made_from_is_sound(raw):
    resolved(raw)


def test_all_that_is_wrong_is_told_at_once():
    raw = changed(TABLE, data__columns__label="c", data__batching={"size": 4}, model__head={"kind": "categorical"})
    with pytest.raises(SpecError) as told:
        resolved(raw)
    assert re.findall(r"^spec: ([a-z.]+):", str(told.value), re.MULTILINE) == ["data.columns.label", "data.batching", "model.head.kind"]


@pytest.mark.parametrize(
    "key, remedy, raw",
    [
        ("tokens", "leave tokens out", changed(TABLE, data__tokens={})),
        ("time.calendar", "columns.time", changed(UNTIMED, data__time={"calendar": ["weekend"]})),
        ("residual", "raise layers", changed(TABLE, model__backbone__residual=True)),
        ("dropout.between", "raise layers", changed(TABLE, model__backbone__dropout={"between": 0.1})),
        ("dropout.locked", "drop it", changed(TABLE, model__backbone__dropout={"locked": True})),
        ("forget_bias", "for an lstm", changed(TABLE, model__backbone__initialization={"forget_bias": 1.0})),
        ("levels", "with 0.5 among them", changed(TABLE, model__head={"kind": "quantile", "levels": [0.1, 0.9]})),
        ("levels", "ascending", changed(TABLE, model__head={"kind": "quantile", "levels": [0.9, 0.5, 0.1]})),
        ("lags", "shorter than the horizon", changed(TABLE, task__lags=[2])),
        ("kernel", "raise the kernel", changed(TABLE, model__backbone__front=[{"kernel": 2, "stride": 3}])),
    ],
)
def test_contradictions_within_one_choice_are_told_too(key, remedy, raw):
    with pytest.raises(SpecError, match=f"{key}.*{remedy}"):
        resolved(raw)
