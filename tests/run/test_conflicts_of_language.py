"""Options of a language model that contradict each other or cannot take effect: each message names its key and a remedy."""

from __future__ import annotations

import re

import pytest

from unspool.errors import SpecError

from .making import ARRAYS, SERIES, TEXT, changed, resolved

LANGUAGE = {
    "task": {"kind": "generate"},
    "data": {"source": {"kind": "text", "label": None}, "tokens": {"unit": "spaces"}},
    "model": {"backbone": {"cell": {"kind": "lstm", "hidden": 4}}},
    "train": {"epochs": 1},
}
UNSTRATIFIED = {"kind": "random", "stratify": False}
CUT_LINES = {"kind": "text", "path": "t", "label": None, "format": "lines", "delimiter": ";"}

BROKEN = [
    ("data.source.kind", "use a source of kind text", changed(SERIES, task={"kind": "generate"}, data__columns=None, data__batching=None)),
    ("data.source.kind", "use a source of kind text", changed(ARRAYS, task={"kind": "generate"}, data__batching=None, data__split=None)),
    ("data.tokens.longest", "drop it", changed(LANGUAGE, data__tokens__longest=9)),
    ("data.tokens.line_ends", "takes effect in generate alone", changed(TEXT, data__tokens={"line_ends": True})),
    ("data.batching", "set model.memory.streams instead", changed(LANGUAGE, data__batching={"size": 4})),
    ("data.split.validation", "give a fraction", changed(LANGUAGE, data__split={"kind": "time", "validation": 40, "test": 0.1})),
    ("data.split.test", "give a fraction", changed(LANGUAGE, data__split={"kind": "time", "test": "8w"})),
    ("data.split.stratify", "a generate task has no classes of records; drop it", changed(LANGUAGE, data__split=UNSTRATIFIED)),
    ("data.source.delimiter", "drop it", changed(LANGUAGE, data__source=CUT_LINES)),
    ("data.split.embargo", "drop it", changed(LANGUAGE, data__split={"kind": "time", "embargo": 3})),
    ("model.memory.kind", "use carried", changed(LANGUAGE, model__memory={"kind": "windowed", "context": 8})),
    ("model.backbone.bidirectional", "set it to false", changed(LANGUAGE, model__backbone__bidirectional=True)),
    ("model.backbone.front", "its stride must be 1", changed(LANGUAGE, model__backbone__front=[{"kernel": 4, "stride": 2}])),
    ("model.head.tied", "or tied: false", changed(LANGUAGE, model__embed={"kind": "one_hot"})),
    ("model.head.adaptive", "drop it", changed(LANGUAGE, data__tokens__unit="bytes", model__head={"kind": "softmax", "adaptive": [20]})),
    (
        "model.head.temporal",
        "a cut of one step has none",
        changed(LANGUAGE, model__head={"kind": "softmax", "temporal": 1.0}, model__memory={"kind": "carried", "truncate": 1}),
    ),
    ("model.head.kind", "use softmax", changed(LANGUAGE, model__head={"kind": "categorical"})),
    ("model.head.kind", "does not answer a classify", changed(TEXT, model__head={"kind": "softmax"})),
]


@pytest.mark.parametrize("key, remedy, raw", BROKEN, ids=[f"{number} {key}" for number, (key, _, _) in enumerate(BROKEN)])
def test_an_option_that_cannot_take_effect_is_an_error_that_says_why(key, remedy, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    lines = str(told.value).split("\n")
    assert len(lines) == 1
    assert re.match(rf"spec: {re.escape(key)}: ", lines[0])
    assert remedy in lines[0]


def test_what_is_left_open_is_settled():
    spec = resolved(LANGUAGE)
    assert spec.model.head.kind == "softmax" and spec.model.head.tied
    assert (spec.model.memory.truncate, spec.model.memory.streams) == (70, 16)
    assert spec.data.split.kind == "time" and spec.data.batching is None
    assert spec.data.tokens.line_ends is True
    assert resolved(changed(LANGUAGE, data__tokens__line_ends=False)).data.tokens.line_ends is False
    assert resolved(spec.model_dump(mode="json")) == spec
    assert resolved(changed(LANGUAGE, model__embed={"kind": "one_hot"}, model__head={"kind": "softmax", "tied": False})).model.embed.kind == "one_hot"
