"""Runs whose records have any number of labels, and runs that read sentence by sentence: trained, judged, answered, live and shown."""

from __future__ import annotations

import json

import numpy as np
import pytest

import unspool
from unspool.answers.table import table
from unspool.errors import DataError
from unspool.streaming import state_from_json, state_to_json
from unspool.types import LabelSets

from .making import ARRAYS, TEXT, changed, same

WORDS = {"sea": ["wave", "boat"], "money": ["bank", "cash"], "wood": ["tree", "leaf"]}
EMBED = {"kind": "learned", "width": 8}
LABELS = changed(
    TEXT,
    data__source={"kind": "text", "label_separator": ","},
    model={"embed": EMBED, "backbone": {"cell": {"kind": "gru", "hidden": 8}}, "head": {"kind": "multilabel", "pool": "max"}},
    train={"epochs": 14, "optimizer": {"kind": "adamw", "rate": 0.03}},
)
LEVELS = changed(
    TEXT,
    model={
        "embed": EMBED,
        "hierarchy": {"backbone": {"cell": {"kind": "gru", "hidden": 6}}},
        "backbone": {"cell": {"kind": "gru", "hidden": 6}},
        "head": {"kind": "categorical", "pool": "attention"},
    },
    train={"epochs": 8, "optimizer": {"kind": "adamw", "rate": 0.03}},
)


def topics(count=160, seed=0):
    """Texts on any number of topics, each told by its words."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        labels = [name for name in WORDS if draw.random() < 0.4]
        chosen = [draw.choice(WORDS[name]) for name in labels for _ in range(2)]
        made.append((labels, " ".join(draw.permutation([*chosen, *draw.choice(["the", "a", "of"], 4)]))))
    return made


def documents(count=160, seed=0):
    """Documents of several sentences, one of which says what they are about."""
    draw = np.random.default_rng(seed)
    plain = ["The day was long.", "Nobody knew why!", "We went on?", "Mr. Fox came at 3.5 miles.", "It ended so."]
    made = []
    for index in range(count):
        name = ("sea", "wood")[index % 2]
        told = f"There was a {draw.choice(WORDS[name])} again."
        chosen = [*draw.choice(plain, draw.integers(1, 5)).tolist(), told]
        made.append((name, " ".join(draw.permutation(chosen))))
    return made


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    return unspool.train(LABELS, data=topics(), out=tmp_path_factory.mktemp("runs") / "labels")


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    return unspool.train(LEVELS, data=documents(), out=tmp_path_factory.mktemp("runs") / "levels")


@pytest.fixture(params=["labels", "levels"])
def model(request):
    return request.getfixturevalue(request.param)


def test_topics_are_learnt(labels):
    test, baselines = labels.metrics["test"], labels.metrics["baselines"]
    assert test["f1_micro"] >= 0.95 and test["subset_accuracy"] > baselines["shares"]["subset_accuracy"]
    assert set(baselines) == {"shares", "linear"} and test["labels"] == ["money", "sea", "wood"]
    assert labels.history[-1].keys() >= {"f1_micro", "hamming_loss"}


def test_series_have_labels_too():
    draw = np.random.default_rng(0)
    tones = draw.random((80, 2)) < 0.5
    steps = np.arange(12)
    waves = [sum(np.sin(steps * pace) * there for pace, there in zip((0.6, 2.2), row, strict=True)) for row in tones]
    values = np.stack(waves)[..., None] + 0.05 * draw.standard_normal((80, 12, 1))
    named = [",".join(name for name, there in zip(("low", "high"), row, strict=True) if there) for row in tones]
    raw = changed(ARRAYS, data__columns={"label_separator": ","}, train={"epochs": 12, "optimizer": {"kind": "adamw", "rate": 0.03}})
    model = unspool.train(raw, data={"values": values, "labels": named})
    assert model.metrics["test"]["f1_micro"] >= 0.8 and model.metrics["verify"]["equal"]
    session = model.stream()
    answers = [session.step({"x0": float(value)}) for value in values[0, :, 0]]
    same(answers[-1]["probabilities"], model.predict({"values": values[:1]})[0]["probabilities"], 1e-4)
    assert isinstance(answers[-1]["labels"], list)


def test_documents_are_learnt_from_one_of_their_sentences(levels):
    assert levels.metrics["test"]["accuracy"] >= 0.95


def test_an_answer_names_the_labels_the_likeliest_first(labels):
    (answer, none) = labels.predict(["a boat of the bank , bank", "the of a"])
    assert set(answer["labels"]) == {"money", "sea"} and none["labels"] == []
    assert list(answer["probabilities"]) == ["money", "sea", "wood"] and "label" not in answer
    shares = [answer["probabilities"][name] for name in answer["labels"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("several", [True, False], ids=["labelled", "texts-alone"])
def test_texts_are_answered_whether_or_not_they_have_labels(labels, several):
    texts = [text for _, text in topics(5, seed=1)]
    answers = labels.predict(topics(5, seed=1) if several else texts)
    same([answer["probabilities"] for answer in answers], [answer["probabilities"] for answer in labels.predict(texts)])


def test_other_data_is_judged_by_its_labels(labels):
    found = labels.evaluate(topics(40, seed=2))["test"]
    assert found["records"] == 40 and found["f1_micro"] >= 0.9
    with pytest.raises(DataError, match="got class 'air', wanted one of money, sea, wood"):
        labels.evaluate([(["air"], "a wind")])


def test_a_saved_run_answers_as_it_did(model):
    again = unspool.load(model.folder)
    texts = ["a boat. The bank sank.", "leaf"]
    same(again.predict(texts), model.predict(texts))


def test_live_is_the_same_model(model):
    assert model.metrics["verify"]["equal"] and model.metrics["verify"]["comparisons"]["whole_and_session"] < 1e-4
    data = topics(6, seed=3) if model.facts.preparation.several else documents(6, seed=3)
    assert model.verify(data)["records"] == 6


@pytest.mark.parametrize("cut", [1, 3])
def test_a_text_in_pieces_is_answered_as_the_text_so_far(model, cut):
    text = "The boat sank. Mr. Fox saw a wave! Why? a leaf fell.\nThe bank closed."
    words, session = text.split(" "), model.stream()
    for start in range(0, len(words), cut):
        answer = session.step({"text": " ".join(words[start : start + cut]) + " "})
        (wanted,) = model.predict([" ".join(words[: start + cut])])
        same(answer["probabilities"], wanted["probabilities"])
        assert answer.get("labels") == wanted.get("labels") and answer.get("label") == wanted.get("label")


def test_blanks_between_sentences_may_come_by_themselves(levels):
    session, parts = levels.stream(), ["The day was long.", "  ", "\n", "A boat came.", " ", "It ended"]
    answers = [session.step({"text": part}) for part in parts]
    assert [answer["ready"] for answer in answers] == [True, False, False, True, False, True]
    same(answers[-1]["probabilities"], levels.predict(["".join(parts)])[0]["probabilities"])


def test_a_state_taken_away_in_the_middle_of_a_sentence_goes_on(model):
    first, other = model.stream(), model.stream()
    first.step({"text": "The day was long. There was a "})
    other.state = state_from_json(json.loads(json.dumps(state_to_json(first.state))))
    assert other.step({"text": "boat. It ended"}) == first.step({"text": "boat. It ended"})


def test_rows_of_answers_name_labels_as_json():
    sets = LabelSets(("x", "y"), ("a", "b"), np.array([[0.9, 0.6], [np.nan, np.nan]]), (0.5, 0.7), np.array([[1, 1], [-1, -1]]))
    assert table(sets) == [
        {"name": "x", "truth": '["a", "b"]', "labels": '["a"]', "probability_a": 0.9, "probability_b": 0.6},
        {"name": "y", "truth": None, "labels": None, "probability_a": None, "probability_b": None},
    ]


def test_thresholds_are_fitted_on_the_validation_part_and_kept(tmp_path):
    raw = changed(LABELS, model__head={"kind": "multilabel", "fit_threshold": True}, train={"epochs": 1})
    model = unspool.train(raw, data=topics(), out=tmp_path / "run")
    task = unspool.load(tmp_path / "run").facts.task
    assert task.fitted and task.thresholds == model.facts.task.thresholds != (0.5,) * 3
    assert model.metrics["test"]["thresholds"] == list(task.thresholds)
    (line,) = model.history
    assert line["f1_micro"] == model.metrics["validation"]["f1_micro"]  # an epoch is judged as it would answer
    (answer,) = model.predict(["a boat"])
    bars = zip(answer["probabilities"].items(), task.thresholds, strict=True)
    assert set(answer["labels"]) == {name for (name, share), bar in bars if share >= bar}


def test_the_page_tells_every_label(labels):
    page = (labels.folder / "report.html").read_text(encoding="utf-8")
    for said in ("Labelling with 3 labels", "Label by label", "How many labels", "any of 3: money, sea and wood", "The most confident mistakes"):
        assert said in page
    assert "Subset accuracy" in (labels.folder / "card.md").read_text(encoding="utf-8")


def test_levels_that_read_from_both_ends_cannot_run_live():
    raw = changed(LEVELS, model__hierarchy={"backbone": {"cell": {"kind": "gru", "hidden": 4}, "bidirectional": True}}, train={"epochs": 1})
    model = unspool.train(raw, data=documents(40))
    assert not model.facts.live and "model.hierarchy.backbone.bidirectional: false" in model.facts.why_not_live


def test_words_are_read_by_their_characters_in_levels_too():
    embed = {"kind": "learned", "width": 4, "characters": {"kind": "cnn", "width": 4, "filters": 4}}
    model = unspool.train(changed(LEVELS, model__embed=embed, train={"epochs": 1}), data=documents(40))
    assert model.metrics["verify"]["equal"]
