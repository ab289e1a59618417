"""One class or several labels, words or sentences: options that contradict each other are told, with what would mend them."""

from __future__ import annotations

import re

import pytest

from unspool.errors import SpecError
from unspool.layers import SelfAttentionSpec
from unspool.models.spec import CategoricalHead, MultilabelHead

from .making import ARRAYS, TABLE, TEXT, changed, resolved

LABELS = changed(TEXT, data__source={"kind": "text", "label_separator": ","})
LEVELS = changed(TEXT, model__hierarchy={})
FRONT = [{"channels": 3, "kernel": 2, "stride": 2}]
SELF = {"kind": "self_attention", "hops": 2}

BROKEN = [
    ("model.head.kind", "use multilabel, or drop that", changed(LABELS, model__head={"kind": "categorical"})),
    ("model.head.kind", "set data.source.label_separator", changed(TEXT, model__head={"kind": "multilabel"})),
    ("model.head.kind", "set data.columns.label_separator", changed(ARRAYS, model__head={"kind": "multilabel"})),
    ("model.head.kind", "use point or quantile", changed(TABLE, model__head={"kind": "multilabel"})),
    ("data.columns.label_separator", "drop it", changed(TEXT, data__columns={"label_separator": ","})),
    ("data.columns.label_separator", "takes effect in classify alone", changed(TABLE, data__columns__label_separator=",")),
    ("task.metric", "accuracy is of one class a record; use subset_accuracy", changed(LABELS, task__metric="accuracy")),
    ("task.metric", "use subset_accuracy, f1_micro or auto", changed(LABELS, task__metric="balanced_accuracy")),
    ("task.metric", "hamming_loss is of any number of labels a record; use accuracy", changed(TEXT, task__metric="hamming_loss")),
    ("model.hierarchy", "drop it", changed(ARRAYS, model__hierarchy={})),
    ("model.hierarchy", "task kind classify with a text source", changed(TABLE, model__hierarchy={})),
    ("model.hierarchy.backbone.front", "its stride must be 1", changed(LEVELS, model__hierarchy={"backbone": {"front": FRONT}})),
    ("model.backbone.front", "its stride must be 1", changed(LEVELS, model__backbone__front=FRONT)),
    ("data.tokens.sentences", "set that too or drop it", changed(TEXT, data__tokens={"sentences": True})),
    (
        "live.memory", "set model.hierarchy.backbone.bidirectional to false",
        changed(LEVELS, live={"memory": "carried"}, model__hierarchy={"backbone": {"bidirectional": True}}),
    ),
]  # fmt: skip


@pytest.mark.parametrize("key, remedy, raw", BROKEN, ids=[f"{number} {key}" for number, (key, _, _) in enumerate(BROKEN)])
def test_an_option_that_cannot_take_effect_is_an_error_that_says_why(key, remedy, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    (line,) = str(told.value).split("\n")
    assert re.match(rf"spec: {re.escape(key)}: ", line) and remedy in line


@pytest.mark.parametrize("metric", ["auto", "f1_macro", "log_loss"])
@pytest.mark.parametrize("raw", [TEXT, LABELS, LEVELS], ids=["one-class", "labels", "levels"])
def test_what_they_were_made_from_is_sound(raw, metric):
    resolved(changed(raw, task__metric=metric))


def test_a_source_of_several_labels_has_a_head_of_several():
    assert isinstance(resolved(LABELS).model.head, MultilabelHead)
    assert isinstance(resolved(TEXT).model.head, CategoricalHead)


def test_sentences_are_marked_where_they_are_read():
    assert resolved(LEVELS).data.tokens.sentences and not resolved(TEXT).data.tokens.sentences


def test_a_pool_is_named_or_chosen_in_full():
    named = resolved(changed(TEXT, model__head={"kind": "categorical", "pool": "self_attention"}))
    chosen = resolved(changed(TEXT, model__head={"kind": "categorical", "pool": SELF}))
    assert named.model.head.pool == "self_attention" and chosen.model.head.pool == SelfAttentionSpec(hops=2)


@pytest.mark.parametrize(
    "pool, message",
    [
        ("maximum", "model.head.pool: got 'maximum', wanted one of last, mean, max, attention, concat, self_attention"),
        ({"kind": "self_attention", "hop": 2}, "model.head.pool.hop: unknown key; did you mean 'hops'"),
        ({"kind": "self_attention", "hops": 0}, "model.head.pool.hops: got 0, wanted: greater than or equal to 1"),
        ({"kind": "attention"}, "model.head.pool.kind: got 'attention', wanted one of self_attention"),
    ],
)
def test_a_pool_that_is_none_is_told_in_one_line(pool, message):
    with pytest.raises(SpecError, match=re.escape(message)) as told:
        resolved(changed(TEXT, model__head={"kind": "categorical", "pool": pool}))
    assert "\n" not in str(told.value)
