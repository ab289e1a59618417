"""What a tagger cannot do, and where characters are read of nothing: each message names its key and a remedy."""

from __future__ import annotations

import re

import pytest

from unspool.errors import SpecError

from .making import ARRAYS, GRU, TABLE, TEXT, Raw, changed, resolved

TAG: Raw = {"task": {"kind": "tag"}, "data": {"source": {"kind": "tagged"}}, "model": {"backbone": {"cell": GRU}}}
CHARACTERS = {"kind": "learned", "characters": {"kind": "cnn"}}
SLASHES = {"kind": "tagged", "path": "t.txt", "delimiter": "_"}
PARTS = {"kind": "tagged", "parts": {"train": "a", "test": "b"}}
TABLE_OF_WORDS = {"series": "s", "label": "c", "past": ["y"], "categories": ["y"]}
FRONT = [{"channels": 3, "kernel": 2, "stride": 2}]

BROKEN = [
    ("data.source.kind", "text does not go with task kind tag: tag, and tag alone, reads", changed(TAG, data__source={"kind": "text"})),
    ("data.source.kind", "tagged does not go with task kind classify", changed(TEXT, data__source={"kind": "tagged"})),
    ("data.source.kind", "tagged does not go with task kind forecast", changed(TABLE, data={"source": {"kind": "tagged"}})),
    ("data.source.kind", "table does not go with task kind tag", changed(TAG, data__source={"kind": "table"})),
    ("model.memory.kind", "use carried", changed(TAG, model__memory={"kind": "windowed", "context": 4})),
    ("model.memory.truncate", "since tag learns from each whole record", changed(TAG, model__memory={"kind": "carried", "truncate": 4})),
    ("model.head.kind", "quantile does not answer a tag; use crf or categorical", changed(TAG, model__head={"kind": "quantile"})),
    ("model.head.kind", "crf does not answer a classify; use categorical", changed(TEXT, model__head={"kind": "crf"})),
    ("model.head.pool", "every word is tagged by itself; use last", changed(TAG, model__head={"kind": "categorical", "pool": "mean"})),
    ("model.backbone.front", "its stride must be 1", changed(TAG, model__backbone__front=FRONT)),
    ("data.tokens.unit", "cuts its texts into words itself; use words", changed(TAG, data__tokens={"unit": "characters"})),
    ("data.tokens.scheme", "takes effect in tag alone, and the task is classify; drop it", changed(TEXT, data__tokens={"scheme": "iob2"})),
    ("data.tokens.characters", "where model.embed.characters is set; set that too or drop it", changed(TAG, data__tokens={"characters": 9})),
    ("data.tokens.characters", "set that too or drop it", changed(TEXT, data__tokens={"characters": 9}, model__embed={"kind": "one_hot"})),
    ("model.embed.characters", "use a text with data.tokens.unit: words", changed(TEXT, data__tokens={"unit": "bytes"}, model__embed=CHARACTERS)),
    ("data.split.kind", "time cuts within a record, and tag reads whole records", changed(TAG, data__split={"kind": "time"})),
    ("data.split.kind", "group needs groups, which a text source has not", changed(TAG, data__split={"kind": "group"})),
    ("data.split.kind", "name them in data.source.parts", changed(TAG, data__split={"kind": "given"})),
    (
        "model.head.constrained",
        "any tag may follow any other; drop it",
        changed(TAG, data__tokens={"scheme": "none"}, model__head={"kind": "crf", "constrained": False}),
    ),
    ("data.split.stratify", "a tag task has no classes of records; drop it", changed(TAG, data__split={"kind": "random", "stratify": False})),
    ("live.memory", "bidirectional to false", changed(TAG, live={"memory": "carried"}, model__backbone__bidirectional=True)),
    ("live.memory", "keep to head", changed(TAG, live={"memory": "carried"}, data__tokens={"keep": "tail", "longest": 5})),
    ("data.columns.label", "a text source has no columns; drop it", changed(TAG, data__columns={"label": "c"})),
    ("data.scaling.default", "drop it", changed(TAG, data__scaling={"default": "minmax"})),
    ("data.missing", "drop it", changed(TAG, data__missing="fill")),
    ("data.source.delimiter", "where the source is columns", changed(TAG, data__source=SLASHES)),
    ("data.source.parts", "set that or drop it", changed(TAG, data__source=PARTS, data__split={"kind": "random"})),
]  # fmt: skip


@pytest.mark.parametrize("key, says, raw", BROKEN, ids=[f"{number} {key}" for number, (key, _, _) in enumerate(BROKEN)])
def test_an_option_that_cannot_take_effect_is_an_error_that_says_why(key, says, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    (line,) = str(told.value).split("\n")
    assert re.match(rf"spec: {re.escape(key)}: ", line) and says in line


def test_of_a_table_characters_are_read_of_no_words():
    raw = changed(ARRAYS, data__source={"kind": "table"}, data__columns=TABLE_OF_WORDS, model__embed=CHARACTERS)
    with pytest.raises(SpecError, match="model.embed.characters: reads the characters of words, and the steps are no words; drop it"):
        resolved(raw)


def test_of_a_table_n_grams_are_read_of_no_text():
    embed = {"kind": "learned", "ngrams": {}}
    raw = changed(ARRAYS, data__source={"kind": "table"}, data__columns=TABLE_OF_WORDS, model__embed=embed)
    with pytest.raises(SpecError, match="model.embed.ngrams: reads the tokens of a text, and the source holds none; drop it"):
        resolved(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"model__head": {"kind": "crf", "constrained": False}},
        {"model__head": {"kind": "categorical", "class_weights": "balanced"}},
        {"model__embed": CHARACTERS},
        {"model__embed": CHARACTERS, "data__tokens": {"characters": 9, "scheme": "none", "lowercase": False}},
        {"model__backbone__bidirectional": True},
        {"model__backbone__front": [{"channels": 3, "kernel": 3}]},
        {"data__source": {"kind": "tagged", "path": "t.conllu", "column": "xpos"}},
        {"data__split": {"kind": "random", "test": 0.3}},
        {"live": {"memory": "carried"}},
    ],
)
def test_what_a_tagger_can_do_is_sound(changes):
    spec = resolved(changed(TAG, **changes))
    assert resolved(spec.model_dump(mode="json")) == spec


def test_characters_may_be_read_of_texts_that_are_classified():
    assert resolved(changed(TEXT, model__embed=CHARACTERS)).data.tokens.characters == 20
