"""Runs whose words have vectors in context: they learn, are kept, go on where they were stopped, and say what they cannot do."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml

import unspool
from unspool.errors import BundleError, DataError, Interrupted, LiveError, SpecError
from unspool.models.encoder import Encoder
from unspool.run import vector_cache
from unspool.run.spec import make_spec
from unspool.training.hooks import Encoding, Hook

from .making import opened, write_encoder

GOOD, BAD = ("fine", "lovely", "great"), ("awful", "dull", "poor")
TEXTS = [("good" if index % 2 else "bad", f"a {(GOOD if index % 2 else BAD)[index % 3]} film {index // 3 % 9}") for index in range(120)]
PLACES = ("oslo", "lima", "paris")
SENTENCES = [(["ada", "went", "to", place, str(index)], ["B-PER", "O", "O", "B-LOC", "O"]) for index in range(13) for place in PLACES]
SENTENCES += [(["oslo", "is", "in", "play"], ["B-LOC", "O", "O", "O"]), (["turing", "went"], ["B-PER", "O"])] * 4

CLASSIFY = {
    "task": {"kind": "classify"},
    "data": {"source": {"kind": "text"}, "batching": {"size": 8}},
    "model": {"backbone": {"cell": {"kind": "gru", "hidden": 12}}, "head": {"kind": "categorical", "pool": "mean"}},
    "train": {"epochs": 6, "patience": None, "optimizer": {"kind": "adamw", "rate": 0.02}},
}
TAG = {
    **CLASSIFY,
    "task": {"kind": "tag"},
    "data": {"source": {"kind": "tagged"}, "batching": {"size": 8}},
    "model": {"backbone": {"cell": {"kind": "gru"}}},
}
DATA = {"classify": TEXTS, "tag": SENTENCES}
ASKED = {"classify": ["a lovely film", "a poor film, in oslo", "\u200d", "日本"], "tag": [["ada", "went", "to", "lima"], ["Turing"], ["\u200d", "é"]]}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def with_encoder(raw, encoder, **choices):
    made = deepcopy(raw)
    made["data"]["contextual"] = {"path": str(encoder), **choices}
    return made


def near(left, right):
    """Plain JSON, numbers within 1e-5."""
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            near(left[name], right[name])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            near(one, other)
    elif isinstance(left, float):
        np.testing.assert_allclose(left, right, atol=1e-5)
    else:
        assert left == right


@pytest.mark.parametrize("raw", [CLASSIFY, TAG], ids=["classify", "tag"])
@pytest.mark.parametrize("embed", [None, {"kind": "learned", "width": 4}], ids=["alone", "beside"])
def test_a_run_learns_and_answers_the_same_once_it_is_loaded(raw, embed, encoder, tmp_path):
    kind = raw["task"]["kind"]
    spec = with_encoder(raw, encoder)
    if embed is not None:
        spec["model"]["embed"] = embed
    model = unspool.train(spec, data=DATA[kind], out=tmp_path / "run")
    assert model.metrics["test"]["accuracy"] > 0.9
    assert model.network.embed.width == 16 + (0 if embed is None else 4)
    kept = unspool.load(tmp_path / "run")
    assert kept.predict(ASKED[kind]) == model.predict(ASKED[kind])
    together = kept.predict(ASKED[kind])
    for index, one in enumerate(ASKED[kind]):
        near({**kept.predict([one])[0], "record": None}, {**together[index], "record": None})
    near(kept.evaluate(DATA[kind]), model.evaluate(DATA[kind]))
    facts = kept.facts.preparation.tokens.contextual
    assert (facts.width, facts.layers, facts.pooling, facts.sha256) == (16, (2,), "mean", opened(encoder).facts.sha256)


@pytest.mark.parametrize("kind, raw", [("classify", CLASSIFY), ("tag", TAG)])
def test_such_a_model_is_not_live_and_says_why(kind, raw, encoder):
    model = unspool.train(with_encoder({**raw, "train": {"epochs": 1}}, encoder), data=DATA[kind])
    with pytest.raises(LiveError, match=r"reads the whole text before .*; ask it for whole texts by predict, or train it with data.vectors"):
        model.stream()
    assert not model.facts.live and model.program is None


class Stop(Hook):
    def judged(self, progress):
        raise RuntimeError("stop here")


def losses(model):
    return [line["loss"] for line in model.history]


@pytest.fixture
def read(monkeypatch):
    """How many texts went through the encoder."""
    counted, encode = [], Encoder.encode

    def counting(self, passages, batch, device):
        counted.append(len(passages))
        return encode(self, passages, batch, device)

    monkeypatch.setattr(Encoder, "encode", counting)
    return counted


@pytest.mark.parametrize("kind, raw", [("classify", CLASSIFY), ("tag", TAG)])
def test_a_run_that_was_stopped_goes_on_bit_for_bit_and_reads_no_text_again(kind, raw, encoder, tmp_path, read):
    spec = with_encoder(raw, encoder)
    whole = unspool.train(spec, data=DATA[kind])
    with pytest.raises(RuntimeError, match="stop here"):
        unspool.train(spec, data=DATA[kind], out=tmp_path / "run", hooks=[Stop()])
    read.clear()
    resumed = unspool.train(spec, data=DATA[kind], out=tmp_path / "run", resume=True)
    assert read == []
    assert losses(resumed) == losses(whole)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_that_was_stopped_while_texts_were_read_goes_on_bit_for_bit(encoder, tmp_path, monkeypatch, read):
    monkeypatch.setattr(vector_cache, "SHARD_BYTES", 500)
    spec = with_encoder(CLASSIFY, encoder, batch=4)
    whole = unspool.train(spec, data=TEXTS)
    texts = sum(read)
    read.clear()

    class Break(Hook):
        def encoding(self, progress):
            if progress.done > 20 and not progress.ended:
                raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="--resume"):
        unspool.train(spec, data=TEXTS, out=tmp_path / "run", hooks=[Break()])
    before = sum(read)
    read.clear()
    resumed = unspool.train(spec, data=TEXTS, out=tmp_path / "run", resume=True)
    assert 0 < sum(read) < texts and before < texts
    assert losses(resumed) == losses(whole)
    for name, weight in whole.network.state_dict().items():
        assert weight.equal(resumed.network.state_dict()[name])


def test_a_cache_that_is_named_serves_other_runs(encoder, tmp_path, read):
    cache = tmp_path / "cache"
    spec = with_encoder(CLASSIFY, encoder, cache=str(cache))
    first = unspool.train(spec, data=TEXTS)
    read.clear()
    again = unspool.train(spec, data=TEXTS)
    unspool.train({**spec, "train": {"epochs": 1}}, data=TEXTS, seed=3)
    assert read == []
    assert losses(first) == losses(again) == losses(unspool.train(with_encoder(CLASSIFY, encoder), data=TEXTS))
    read.clear()
    unspool.train(with_encoder(CLASSIFY, encoder, cache=str(cache), layers=[1]), data=TEXTS)
    assert sum(read) > 0  # of another layer they are other vectors
    again.predict([text for _, text in TEXTS])
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_was_damaged_is_made_anew(encoder, tmp_path, read):
    spec = with_encoder(CLASSIFY, encoder, cache=str(tmp_path / "cache"))
    first = unspool.train(spec, data=TEXTS)
    (shard,) = (tmp_path / "cache").glob("*/*.safetensors")
    content = shard.read_bytes()
    shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert losses(unspool.train(spec, data=TEXTS)) == losses(first)
    assert shard.read_bytes() == content


def test_a_cache_in_the_run_folder_is_refused(encoder, tmp_path):
    for cache in (tmp_path / "run", tmp_path / "run" / "cache"):
        with pytest.raises(SpecError, match=r"data.contextual.cache: .* lies in the run folder .*; choose another"):
            unspool.train(with_encoder(CLASSIFY, encoder, cache=str(cache)), data=TEXTS, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def moved(encoder, tmp_path):
    return Path(shutil.copytree(encoder, tmp_path / "moved"))


def test_another_encoder_is_not_taken_for_the_one_that_was_trained_with(moved, tmp_path):
    unspool.train(with_encoder({**CLASSIFY, "train": {"epochs": 1}}, moved), data=TEXTS, out=tmp_path / "run")
    write_encoder(moved, seed=1)
    model = unspool.load(tmp_path / "run")
    for ask in (lambda: model.predict(["fine"]), lambda: model.evaluate(TEXTS)):
        with pytest.raises(DataError, match=r"is not the encoder that the model was trained with .*; put that one back, or train again"):
            ask()
    shutil.rmtree(moved)
    with pytest.raises(DataError, match="no such folder"):
        model.predict(["fine"])


def test_a_run_does_not_go_on_with_another_encoder(moved, tmp_path):
    spec = with_encoder(CLASSIFY, moved)
    with pytest.raises(RuntimeError, match="stop here"):
        unspool.train(spec, data=TEXTS, out=tmp_path / "run", hooks=[Stop()])
    write_encoder(moved, seed=1)
    with pytest.raises(BundleError, match="encoder"):
        unspool.train(spec, data=TEXTS, out=tmp_path / "run", resume=True)


def test_the_test_part_is_judged_again_from_the_runs_own_file(encoder, tmp_path):
    (tmp_path / "texts.tsv").write_text("".join(f"{label}\t{text}\n" for label, text in TEXTS))
    spec = with_encoder(CLASSIFY, encoder)
    spec["data"]["source"]["path"] = str(tmp_path / "texts.tsv")
    model = unspool.train(spec, out=tmp_path / "run")
    near(unspool.load(tmp_path / "run").evaluate()["test"], model.metrics["test"])


def test_progress_is_told_to_the_hooks(encoder):
    class Heard(Hook):
        def __init__(self):
            self.told: list[Encoding] = []

        def encoding(self, progress):
            self.told.append(progress)

    heard, texts = Heard(), len({text for _, text in TEXTS})
    unspool.train(with_encoder({**CLASSIFY, "train": {"epochs": 1}}, encoder, batch=8), data=TEXTS, hooks=[heard])
    assert [one.done for one in heard.told] == [*range(8, texts, 8), texts, texts]
    assert {one.texts for one in heard.told} == {texts}
    assert [one.ended for one in heard.told] == [False] * (len(heard.told) - 1) + [True]
    assert all(one.remaining is not None for one in heard.told) and heard.told[-1].remaining == 0


def test_check_and_the_report_tell_of_the_encoder_without_reading_a_text(encoder, tmp_path, read):
    spec = with_encoder(CLASSIFY, encoder, window=10)
    texts = [*TEXTS, ("good", "fine " * 9), ("bad", "dull \u200d")]
    report = unspool.check(make_spec(spec, tmp_path), data=texts)
    assert read == []
    found = report.data["survey"]["contextual_vectors"]
    words = sum(len(text.split()) for _, text in texts)
    assert (found["width"], found["layers"], found["pooling"], found["window"], found["truncated"]) == (16, [2], "mean", 10, 0.0)
    assert found["unread"] == pytest.approx(1 / words, abs=1e-4) and found["windowed"] == pytest.approx(1 / len(texts), abs=1e-4)
    assert found["parameters"] > 5000 and found["subwords_per_word"] == pytest.approx(1, abs=0.1)
    assert not report.model["live"] and report.model["lookahead"].startswith("the whole ")
    model = unspool.train(spec, data=texts, out=tmp_path / "run")
    assert model.metrics["data"]["survey"]["contextual_vectors"] == found
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Contextual vectors" in page and "subwords_per_word" in page and "truncated" in page


@pytest.mark.parametrize("keep", ["head", "tail"])
def test_of_a_text_that_is_cut_the_encoder_reads_what_is_kept(encoder, keep):
    spec = with_encoder({**CLASSIFY, "train": {"epochs": 1}}, encoder)
    spec["data"]["tokens"] = {"longest": 3, "keep": keep}
    model = unspool.train(spec, data=TEXTS)
    left, right = ["a fine film", "dull dull dull"]
    text = f"{left} {right}"
    near(model.predict([text])[0]["probabilities"], model.predict([left if keep == "head" else right])[0]["probabilities"])


def test_places_start_at_the_spec(tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(with_encoder(CLASSIFY, "models/bert", cache="kept")))
    found = unspool.run.load_spec(tmp_path / "spec.yaml").data.contextual
    assert (found.path, found.cache) == (str(tmp_path / "models/bert"), str(tmp_path / "kept"))


def test_words_are_known_by_their_vectors_alone_where_no_embedding_is_asked():
    assert make_spec(with_encoder(CLASSIFY, "bert"), Path("/")).model.embed is None
    assert make_spec(CLASSIFY, Path("/")).model.embed.kind == "learned"


def changed(raw, **parts):
    made = with_encoder(raw, "bert")
    for name, value in parts.items():
        made[name] = {**made.get(name, {}), **value}
    return made


NUMBERS = {"source": {"kind": "arrays"}}
BROKEN = [
    ("data.contextual", "the steps are none", changed(CLASSIFY, data={"tokens": {"unit": "characters"}})),
    ("data.contextual", "the steps are none", changed(CLASSIFY, data=NUMBERS)),
    ("live.memory", "data.contextual reads a whole text", changed(CLASSIFY, live={"memory": "carried"})),
]


@pytest.mark.parametrize("key, says, raw", BROKEN, ids=range(len(BROKEN)))
def test_what_cannot_take_effect_says_why(key, says, raw):
    with pytest.raises(SpecError) as told:
        make_spec(raw, Path("/"))
    assert re.search(rf"^spec: {re.escape(key)}: .*{re.escape(says)}", str(told.value), re.MULTILINE), str(told.value)


def test_a_sentence_that_is_longer_than_a_window_is_tagged_word_by_word(encoder):
    model = unspool.train(with_encoder(TAG, encoder, window=12), data=SENTENCES)
    (answer,) = model.predict([["ada", "went", "to", "oslo"] * 30])
    tags = [word["tag"] for word in answer["words"]]
    assert len(tags) == 120 and tags.count("B-LOC") + tags.count("S-LOC") > 15
