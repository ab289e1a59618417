"""A tagger from its data to a folder, and from there to answers, scores and a live stream; killed and resumed it is the same."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
import torch

import unspool
from unspool.data.synthetic import named_sentences
from unspool.errors import BundleError, DataError, LiveError
from unspool.run import check
from unspool.training.hooks import Hook

from .making import GRU, Raw, changed, resolved, same

DATA = named_sentences(60, seed=5)
TAG: Raw = {
    "task": {"kind": "tag"},
    "data": {"source": {"kind": "tagged"}, "batching": {"size": 8}, "split": {"kind": "random", "validation": 0.2, "test": 0.2}},
    "model": {"embed": {"kind": "learned", "width": 4}, "backbone": {"cell": GRU}},
    "train": {"epochs": 2, "optimizer": {"kind": "adamw", "rate": 0.02}},
}
SPELT = changed(TAG, model__embed__characters={"kind": "cnn", "width": 3, "filters": 4}, data__tokens={"characters": 5})
BOTH_WAYS = changed(TAG, model__backbone__bidirectional=True)
WORDS = [words for words, _ in DATA]
POS = [(words, ["W" if word.isalpha() else "P" for word in words]) for words, _ in DATA]


def conll(sentences):
    return "".join("".join(f"{word} X {tag}\n" for word, tag in zip(*sentence, strict=True)) + "\n" for sentence in sentences)


@pytest.fixture(scope="module", params=[TAG, SPELT, BOTH_WAYS], ids=["crf", "characters", "both ways"])
def kept(request, tmp_path_factory):
    """A model and the folder in which it is kept."""
    folder = tmp_path_factory.mktemp("tagger") / "run"
    return unspool.train(request.param, data=DATA, out=folder), folder


def test_in_the_folder_it_is_the_same_model(kept):
    model, folder = kept
    again = unspool.load(folder)
    assert again.facts == model.facts and again.facts.task.chain is not None
    assert again.predict(WORDS) == model.predict(WORDS)
    assert again.evaluate(DATA) == model.evaluate(DATA)
    assert {"span_f1", "accuracy", "per_type"} <= set(model.metrics["test"])
    assert set(model.metrics["baselines"]) == {"lookup"} and "span_f1" in model.metrics["baselines"]["lookup"]
    json.dumps(dict(model.metrics), allow_nan=False)
    page = (folder / "report.html").read_text("utf-8")
    assert 'id="types"' in page and 'id="sentences"' in page


def test_one_sentence_alone_is_answered_as_among_others(kept):
    model, _ = kept
    told = model.predict(WORDS)
    assert [answer["record"] for answer in told] == [str(index) for index in range(len(WORDS))]
    for index in (0, 17, 59):
        (alone,) = model.predict(WORDS[index : index + 1])
        same(alone | {"record": str(index)}, told[index], 1e-4)


def test_it_scores_what_its_answers_say(kept):
    model, _ = kept
    told, scores = model.predict(DATA), model.evaluate(DATA)["test"]
    right = [word["tag"] for answer in told for word in answer["words"]]
    facts = model.facts.preparation
    true = [tag for _, tags in DATA for tag in facts.tags_read(tags)]
    assert scores["accuracy"] == pytest.approx(np.mean([one == other for one, other in zip(right, true, strict=True)]))
    assert scores["records"] == 60 and scores["words"] == len(true)


def test_live_it_answers_what_it_answers_offline(kept):
    model, folder = kept
    if not model.facts.live:
        with pytest.raises(LiveError, match="bidirectional"):
            model.stream()
        return
    assert max(model.metrics["verify"]["comparisons"].values()) < 1e-5
    assert model.verify(WORDS)["equal"] and unspool.load(folder).verify(["A raw text. Of two sentences!", "", " "])["equal"]
    session = unspool.Session.open(folder)
    for words in WORDS[:5]:
        (wanted,) = model.predict([words])
        for word in words[:-1]:
            session.step({"text": word + " "})
        ended = session.step({"text": words[-1], "end": True})
        same({name: ended[name] for name in ("words", "spans")}, {name: wanted[name] for name in ("words", "spans")}, 1e-4)


class Killed(Hook):
    """Dies after a number of batches."""

    def __init__(self, steps):
        self.steps = steps

    def stepped(self, progress):
        torch.rand(3)
        self.steps -= 1
        if not self.steps:
            raise RuntimeError("killed")


DROPPED = changed(SPELT, model__embed__word_dropout=0.3, model__head={"kind": "crf", "dropout": 0.3})


@pytest.mark.parametrize("spec", [TAG, DROPPED], ids=["crf", "dropout"])
def test_killed_and_resumed_it_is_bit_for_bit_as_if_never_killed(spec, tmp_path):
    spec = changed(spec, train__epochs=3)
    whole = unspool.train(spec, data=DATA, out=tmp_path / "whole")
    for steps in (2, 7, 12):
        folder = tmp_path / str(steps)
        with pytest.raises(RuntimeError, match="killed"):
            unspool.train(spec, data=DATA, out=folder, hooks=[Killed(steps)])
        resumed = unspool.train(spec, data=DATA, out=folder, resume=True)
        for name in ("weights.safetensors", "facts.json", "history.jsonl", "predictions.safetensors", "predictions.json"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
        same(dict(resumed.metrics["test"]), dict(whole.metrics["test"]), 0)


def test_parts_in_files_of_their_own_are_the_split(tmp_path):
    parts = {"train": DATA[:40], "validation": DATA[40:50], "test": DATA[50:]}
    for part, sentences in parts.items():
        (tmp_path / f"{part}.txt").write_text(conll(sentences), "utf-8")
    source = {"kind": "tagged", "parts": {part: str(tmp_path / f"{part}.txt") for part in parts}}
    spec = changed(TAG, data__source=source, data__split=None)
    model = unspool.train(spec, out=tmp_path / "run")
    assert model.spec.data.split.kind == "given"
    assert {part: found["records"] for part, found in model.metrics["data"]["parts"].items()} == {"train": 40, "validation": 10, "test": 10}
    again = unspool.load(tmp_path / "run")
    judged = again.evaluate()
    same(judged["test"], json.loads(json.dumps(model.metrics["test"])), 1e-12)
    assert judged["baselines"].keys() == {"lookup"} and again.verify()["equal"]
    same(again.evaluate(tmp_path / "test.txt")["test"], judged["test"])
    assert [answer["record"] for answer in again.predict(tmp_path / "test.txt")] == [str(number) for number in range(1, 11)]
    moved = shutil.move(tmp_path / "train.txt", tmp_path / "elsewhere.txt")
    with pytest.raises(DataError, match=r"train\.txt"):
        again.evaluate()
    (tmp_path / "train.txt").write_text(conll(DATA[:39]), "utf-8")
    with pytest.raises(DataError, match="has changed since the model was trained on it"):
        again.evaluate()
    assert again.predict(moved)


def test_a_changed_file_is_not_resumed(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(conll(DATA), "utf-8")
    spec = changed(TAG, data__source={"kind": "tagged", "path": str(path)})
    with pytest.raises(RuntimeError, match="killed"):
        unspool.train(spec, out=tmp_path / "run", hooks=[Killed(7)])
    path.write_text(conll(DATA[:-1]), "utf-8")
    with pytest.raises(BundleError, match="data"):
        unspool.train(spec, out=tmp_path / "run", resume=True)


@pytest.mark.parametrize("keep", ["head", "tail"])
def test_cut_sentences_are_learnt_judged_and_run_live_as_they_are_read(keep):
    """Cut to two words, `Alan Mathison Turing` is `Alan Mathison`, a whole span of two."""
    spec = changed(TAG, data__tokens={"longest": 2, "keep": keep}, model__head={"kind": "categorical", "class_weights": "balanced", "smoothing": 0.1})
    model = unspool.train(spec, data=DATA)
    assert np.isfinite([line["loss"] for line in model.history]).all()
    judged = model.evaluate(DATA)["test"]
    assert judged["words"] + judged["words_left_out"] == sum(len(words) for words, _ in DATA) and judged["words_left_out"] > 0
    (answer,) = model.predict([["Mr", "Alan", "slept", "here"]])
    assert [word["text"] for word in answer["words"]] == (["Mr", "Alan"] if keep == "head" else ["slept", "here"])
    assert model.facts.live == (keep == "head")
    if keep == "head":
        assert model.metrics["verify"]["equal"]


@pytest.mark.parametrize("plain", [False, True])
def test_the_page_shows_mistakes_at_tags_that_training_lacks(tmp_path, plain):
    """Here they are the only ones: a model that has learnt all else says O of the strange word."""
    strange = [(["Acme", "slept"], ["Q", "O"] if plain else ["B-ORG", "O"])]
    for name, sentences in (("train", DATA), ("test", strange)):
        (tmp_path / name).write_text(conll(sentences), "utf-8")
    parts = {"train": str(tmp_path / "train"), "validation": str(tmp_path / "train"), "test": str(tmp_path / "test")}
    changes = {"data__tokens": {"scheme": "none"}} if plain else {}
    spec = changed(TAG, data__source={"kind": "tagged", "parts": parts}, data__split=None, train__epochs=1, **changes)
    model = unspool.train(spec, out=tmp_path / "run")
    assert model.metrics["test"]["accuracy"] < 1
    written = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "is tagged wrongly" not in written and "sure of a mistake" in written
    assert re.search(rf"<t[dh][^>]*>{'Q' if plain else 'ORG'}</t[dh]>", written)


def test_tags_that_stand_for_themselves_make_a_run(tmp_path):
    model = unspool.train(TAG, data=POS, out=tmp_path / "run")
    assert model.facts.preparation.scheme is None and model.facts.preparation.labels == ("P", "W")
    assert "span_f1" not in model.metrics["test"] and model.metrics["verify"]["equal"]
    assert 'id="tags"' in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_where_spans_decide_and_there_are_none_that_is_said():
    with pytest.raises(DataError, match="task.metric: span_f1 decides, and has no value here: .*no such metric, only accuracy"):
        unspool.train(changed(TAG, task__metric="span_f1"), data=POS)


def test_where_no_tag_is_forbidden_that_cannot_be_lifted():
    free = changed(TAG, model__head={"kind": "crf", "constrained": False})
    assert check(resolved(free), data=DATA).spec.model.head.constrained is False
    with pytest.raises(DataError, match=r"the tags \(.*\) name no spans, .*model.head.constrained cannot take effect; drop it"):
        check(resolved(free), data=POS)


def test_check_says_what_a_tagger_waits_for():
    report = check(resolved(BOTH_WAYS), data=DATA)
    assert report.model["lookahead"] == "the whole sentence" and "bidirectional" in report.model["why_not_live"]
    live = check(resolved(SPELT), data=DATA)
    assert live.model["live"] and live.model["latency_steps"] == 0 and live.model["multiply_adds_per_step"] > 0
    assert live.spec.model.head.kind == "crf" and live.spec.data.tokens.characters == 5


def test_characters_that_are_read_are_settled_in_the_spec():
    spec = changed(TAG, model__embed__characters={"kind": "lstm"})
    assert resolved(spec).data.tokens.characters == 20
    assert resolved(TAG).data.tokens.characters is None
