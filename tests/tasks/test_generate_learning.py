"""A language model learns a small grammar, judges and writes text, and does live what it does offline."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pydoc_data.topics import topics

import numpy as np
import pytest
import torch

import unspool
from unspool.answers.sampling import Sampling
from unspool.bundle import seal
from unspool.errors import BundleError, DataError, LiveError
from unspool.report.words import percent
from unspool.streaming import Session, state_from_json, state_to_json
from unspool.training.hooks import Hook

ANIMALS, SOUNDS = ("cat", "dog", "cow", "bird"), ("meows", "barks", "moos", "sings")


def lines(count: int, seed: int) -> list[str]:
    """`the cat and the dog meows barks .`: what each animal does, in the order in which they stand, a few words later."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        chosen = draw.integers(0, 4, draw.integers(1, 3))
        made.append(f"the {' and the '.join(ANIMALS[one] for one in chosen)} {' '.join(SOUNDS[one] for one in chosen)} .")
    return made


def spec_of(unit: str = "spaces", **model: object) -> dict:
    return {
        "task": {"kind": "generate"},
        "data": {"source": {"kind": "text", "label": None}, "tokens": {"unit": unit}, "split": {"kind": "random", "validation": 0.1, "test": 0.1}},
        "model": {
            "memory": {"kind": "carried", "truncate": 20, "streams": 8},
            "embed": {"kind": "learned", "width": 16},
            "backbone": {"cell": {"kind": "lstm", "hidden": 24}},
            **model,
        },
        "train": {"epochs": 12, "patience": None, "optimizer": {"kind": "adamw", "rate": 0.02}},
    }


@pytest.fixture(scope="module")
def model():
    return unspool.train(spec_of(), data=lines(400, seed=1))


def test_the_grammar_is_learnt_to_what_chance_leaves(model):
    """Each line leaves to chance one or two animals of four, and how many there are: 1 to 2 times ln 4, and ln 2."""
    scores, baseline = model.metrics["test"], model.metrics["baselines"]["kneser_ney_5"]
    least = math.exp((1.5 * math.log(4) + math.log(2)) / 7.5)
    assert least < scores["perplexity"] < 1.12 * least
    assert scores["perplexity"] < 0.97 * baseline["perplexity"]
    assert scores["tokens"] == scores["words"] == baseline["tokens"]
    assert scores["unknown"] == 0


def test_live_is_the_same_model(model):
    verified = model.metrics["verify"]
    assert verified["equal"] and set(verified["comparisons"]) >= {"whole_and_steps", "whole_and_session", "whole_and_program"}


def test_a_text_that_the_grammar_allows_is_likelier(model):
    good, bad = model.predict(["the cat and the dog meows barks .", "the cat and the dog barks meows ."])
    assert good["log_probability"] > bad["log_probability"] + 3
    assert good["tokens"] == good["words"] == 9  # with the end of the line
    assert good["characters"] == len("the cat and the dog meows barks .") + 1
    assert good["perplexity"] == pytest.approx(math.exp(-good["log_probability"] / 9))
    assert good["bits_per_character"] == pytest.approx(-good["log_probability"] / math.log(2) / good["characters"])


def test_a_text_is_judged_by_itself_whatever_stands_beside_it(model):
    texts = lines(9, seed=5)
    together = model.predict(texts)
    for text, told in zip(texts, together, strict=True):
        (alone,) = model.predict([text])
        assert alone["log_probability"] == pytest.approx(told["log_probability"], abs=1e-4)


def test_what_is_written_follows_the_grammar_and_repeats_by_its_seed(model):
    rule = Sampling(temperature=0.5)
    written = model.complete("the cow and the bird", 300, rule, seed=4)
    assert written == model.complete("the cow and the bird", 300, rule, seed=4)
    assert written != model.complete("the cow and the bird", 300, rule, seed=5)
    assert written.startswith(" moos sings .\nthe ")
    whole = written.split("\n")[1:-1]
    allowed = set(lines(2000, seed=9))
    assert len(whole) > 20
    assert np.mean([line in allowed for line in whole]) > 0.9


def test_greedy_text_is_the_likeliest_at_every_token(model):
    session = model.stream()
    text = "the dog"
    for piece in session.complete(text, 6, Sampling(temperature=0)):
        answer = model.stream().step({"text": text})
        assert piece.strip(" ") == answer["next"][0]["text"]
        text += piece


def test_a_completion_goes_on_from_a_saved_state(model):
    session = model.stream()
    pieces = session.complete("the cat", 10, seed=3)
    before = [next(pieces) for _ in range(4)]
    saved = state_from_json(state_to_json(session.state))
    ahead = "".join(session.complete("", 8, seed=9))
    again = Session(model.program, model.facts)
    again.state = saved
    assert "".join(again.complete("", 8, seed=9)) == ahead
    fresh = model.stream()
    fresh.step({"text": "the cat" + "".join(before)})
    assert "".join(fresh.complete("", 8, seed=9)) == ahead


def test_a_character_whose_bytes_are_parted_by_a_saved_state_is_whole():
    """Greek is two bytes a character: every other state lies within one."""
    spec = spec_of("bytes")
    trained = unspool.train(spec, data=["\N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER OMEGA}" * 20] * 40)
    greedy = trained.complete("", 24, {"temperature": 0})
    assert greedy[:8] == "\N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER OMEGA}" * 4
    session, pieces = trained.stream(), []
    for _ in range(24):
        again = Session(trained.program, trained.facts)
        again.state = state_from_json(state_to_json(session.state))
        pieces.append("".join(again.complete("", 1, {"temperature": 0})))
        session = again
    assert "".join(pieces) == greedy and "" in pieces
    records = trained.stream()
    assert "".join(records.step({"text": "", "length": 1, "temperature": 0})["written"] for _ in range(24)) == greedy


def test_a_piece_that_is_read_between_two_that_are_written_counts(model):
    session = model.stream()
    pieces = session.complete("the cat", 6, seed=3)
    text = "the cat" + next(pieces) + " and the dog"
    session.step({"text": " and the dog"})
    text += "".join(pieces)
    assert session.step({"text": ""}) == model.stream().step({"text": text})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prompt": 3}, "prompt: got 3, wanted a piece of text"),
        ({"length": -1}, "length: got -1, wanted a whole number from 0"),
        ({"length": 2.5}, "length: got 2.5"),
        ({"seed": "x"}, "seed: got 'x', wanted a whole number"),
    ],
)
def test_what_cannot_be_completed_is_told_at_once(model, arguments, message):
    session = model.stream()
    before = session.step({"text": ""})
    with pytest.raises(DataError, match=message):
        session.complete(**arguments)
    assert session.step({"text": ""}) == before


def test_what_comes_next_live_is_what_it_is_offline(model):
    text = "the cow and the"
    answer = model.stream().step({"text": text})
    named = {one["text"]: one["probability"] for one in answer["next"]}
    assert sum(named[animal] for animal in ANIMALS) > 0.98
    tokens = model.facts.preparation.tokens
    inputs = torch.from_numpy(np.concatenate([tokens.before[None], tokens.encode(text)[0]]))[None]
    with torch.inference_mode():
        states, _ = model.network.scan(torch.zeros(1, inputs.shape[1], 0), inputs)
        offline = model.network.head(states)[0, -1].softmax(-1).numpy()
    codes = tokens.vocabulary.encode([unit or "" for unit in named])
    np.testing.assert_allclose(list(named.values()), offline[codes], atol=1e-5)


def test_a_record_may_ask_for_text(model):
    session = model.stream()
    answer = session.step({"text": "the cat", "length": 3, "temperature": 0.1, "seed": 1})
    assert answer["written"] == "".join(model.stream().complete("the cat", 3, Sampling(temperature=0.1), seed=1))
    assert set(answer) == {"ready", "written", "next"}
    assert session.step({"text": ""})["next"] == answer["next"]


def test_pieces_and_the_whole_are_the_same_text(model):
    whole, pieces = model.stream(), model.stream()
    for piece in ("the", " cat", "", " and the dog", "\n"):
        told = pieces.step({"text": piece})
    same = whole.step({"text": "the cat and the dog\n"})
    assert [one["text"] for one in told["next"]] == [one["text"] for one in same["next"]]
    np.testing.assert_allclose([one["probability"] for one in told["next"]], [one["probability"] for one in same["next"]], atol=1e-6)


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"text": 3}, "text: got 3, wanted a piece of text"),
        ({"text": "a", "length": -1}, "length: got -1, wanted a whole number from 0"),
        ({"text": "a", "length": True}, "length: got True"),
        ({"text": "a", "seed": 3}, "seed: takes effect where text is written; give a length above 0"),
        ({"text": "a", "temperature": 0.5}, "temperature: takes effect where text is written"),
        ({"text": "a", "length": 2, "top_p": 2}, "top_p: got 2"),
        ({"length": 2}, "'text' is missing"),
        ({"text": "a", "topk": 2}, "did you mean 'top_k'"),
    ],
)
def test_a_record_that_cannot_be_used_is_told_and_changes_nothing(model, record, told):
    session = model.stream()
    before = session.step({"text": "the"})
    with pytest.raises(unspool.InputError, match=told):
        session.step(record)
    assert session.step({"text": ""}) == before


@pytest.mark.parametrize("unit", ["characters", "bytes", "words", "subwords"])
def test_other_tokens_are_measured_by_the_same_words_and_characters(unit, model):
    spec = spec_of(unit)
    if unit == "subwords":
        spec["data"]["tokens"]["subwords"] = {"size": 600}
    spec["train"]["epochs"] = 4
    other = unspool.train(spec, data=lines(400, seed=1))
    scores, same = other.metrics["test"], model.metrics["test"]
    assert (scores["words"], scores["characters"]) == (same["words"], same["characters"])
    assert 0.9 * same["perplexity"] < scores["perplexity"] < 3 * same["perplexity"]
    assert scores["bits_per_character"] == pytest.approx(math.log2(scores["perplexity"]) * scores["words"] / scores["characters"])
    assert f"kneser_ney_{ {'words': 5, 'subwords': 6}.get(unit, 8)}" in other.metrics["baselines"]
    written = other.complete("the cat", 20, seed=0)
    assert written.count(" the") > 0 or written.count("\nthe") > 0
    if unit in ("characters", "bytes"):
        assert len(written) == 20


@pytest.mark.parametrize(
    "head", [{"kind": "softmax", "adaptive": [6]}, {"kind": "softmax", "tied": False, "adaptive": [4, 8]}, {"kind": "softmax", "tied": False}]
)
def test_every_head_learns_and_runs_live(head):
    trained = unspool.train(spec_of(head=head, embed={"kind": "learned", "width": 12}), data=lines(300, seed=1))
    assert trained.metrics["verify"]["equal"]
    assert trained.metrics["test"]["perplexity"] < 1.8


def test_words_may_be_read_by_their_characters_too():
    embed = {"kind": "learned", "width": 12, "characters": {"kind": "cnn", "filters": 8}}
    trained = unspool.train(spec_of(embed=embed), data=lines(300, seed=1))
    assert trained.metrics["verify"]["equal"]
    assert trained.metrics["test"]["perplexity"] < 2.2
    session = trained.stream()
    written = "".join(session.complete("the cat", 5, seed=2))
    fresh = trained.stream()
    assert session.step({"text": ""}) == fresh.step({"text": f"the cat{written}"})


def test_with_n_grams_a_small_model_of_characters_foresees_more_and_runs_live():
    told = {}
    for name, ngrams in (("without", None), ("with", {"longest": 5, "buckets": 4093})):
        spec = spec_of("characters", embed={"kind": "learned", "width": 16, "ngrams": ngrams})
        spec["train"]["epochs"] = 1
        told[name] = unspool.train(spec, data=lines(400, seed=1))
    assert told["with"].metrics["test"]["bits_per_character"] < 0.9 * told["without"].metrics["test"]["bits_per_character"]
    trained = told["with"]
    assert trained.metrics["verify"]["equal"]
    session, fresh = trained.stream(), trained.stream()
    written = "".join(session.complete("the cat", 9, seed=2))
    assert session.step({"text": ""}) == fresh.step({"text": f"the cat{written}"})


class KilledError(Exception):
    pass


class KillAt(Hook):
    """Dies after so many steps."""

    def __init__(self, steps: int):
        self.steps = steps

    def stepped(self, progress):
        self.steps -= 1
        if not self.steps:
            raise KilledError


def test_killed_and_resumed_a_run_is_the_same_bits(tmp_path):
    """Streams are cut anew in every epoch, states go on within one, and masks are drawn: all of it is taken up where it was."""
    embed = {"kind": "learned", "width": 16, "ngrams": {"buckets": 997}}
    spec = spec_of(head={"kind": "softmax", "dropout": 0.2, "temporal": 1.0}, embed=embed)
    spec["train"] |= {"epochs": 3, "checkpoint_seconds": 1e-9, "average": {"kind": "exponential", "decay": 0.9}}
    data = lines(120, seed=1)
    straight = unspool.train(spec, data=data, out=tmp_path / "straight")
    for steps in (2, 7, 12):
        folder = tmp_path / str(steps)
        with pytest.raises(KilledError):
            unspool.train(spec, data=data, out=folder, hooks=[KillAt(steps)])
        resumed = unspool.train(spec, data=data, out=folder, resume=True)
        assert list(resumed.history) == list(straight.history)
        for name in ("weights.safetensors", "predictions.safetensors"):
            assert (folder / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_a_text_without_a_token_says_nothing():
    spec = spec_of()
    spec["data"]["tokens"]["line_ends"] = False
    spec["train"]["epochs"] = 1
    trained = unspool.train(spec, data=lines(100, seed=1))
    blank, told = trained.predict(["  ", "the cat meows ."])
    assert (blank["tokens"], blank["log_probability"], blank["perplexity"], blank["bits_per_character"]) == (0, 0, None, None)
    assert told == trained.predict(["the cat meows ."])[0] | {"record": told["record"]}


def test_one_text_is_cut_into_parts_where_it_stands_and_all_of_awd_lstm_can_be_asked_for():
    spec = spec_of()
    spec["data"]["split"] = None
    spec["model"]["backbone"] = {
        "cell": {"kind": "lstm", "hidden": 16}, "layers": 2,
        "dropout": {"inputs": 0.1, "between": 0.1, "weights": 0.2, "locked": True},
    }  # fmt: skip
    spec["model"]["embed"] |= {"vector_dropout": 0.05}
    spec["model"]["head"] = {"kind": "softmax", "dropout": 0.1, "activation": 2.0, "temporal": 1.0}
    spec["train"] |= {"epochs": 3, "optimizer": {"kind": "sgd", "rate": 2.0, "momentum": 0}, "average": {"kind": "polyak", "begin": 1}, "clip": 0.25}
    trained = unspool.train(spec, data=["\n".join(lines(500, seed=1)) + "\n"])
    parts = trained.metrics["data"]["parts"]
    assert parts["train"]["steps"] > 7 * parts["test"]["steps"]
    assert trained.metrics["test"]["perplexity"] < 12
    assert trained.metrics["verify"]["equal"]


def test_only_a_language_model_completes():
    spec = {
        "task": {"kind": "classify"}, "data": {"source": {"kind": "text"}, "split": {"kind": "random", "validation": 0.2, "test": 0.2}},
        "model": {"backbone": {"cell": {"kind": "gru", "hidden": 3}}}, "train": {"epochs": 1},
    }  # fmt: skip
    other = unspool.train(spec, data=[("a", "x y"), ("b", "y z")] * 10)
    with pytest.raises(LiveError, match="the model answers classify, and writes no text; .* task.kind: generate"):
        other.complete("x")


def test_a_cluster_beyond_the_vocabulary_is_told():
    with pytest.raises(DataError, match=r"model.head.adaptive: a cluster begins at code 500, and there are 13"):
        unspool.train(spec_of(head={"kind": "softmax", "adaptive": [500]}), data=lines(60, seed=1))


def of_english(least: int, epochs: int, **where: object) -> unspool.Model:
    """A network with n-grams of three characters, of what Python says of its statements."""
    spec = spec_of("characters", head={"kind": "softmax", "tied": False, "blend": {"order": 3, "least": least}})
    spec["train"] |= {"epochs": epochs}
    paragraphs = "\n\n".join(topics[name] for name in ("assignment", "class", "exprlists", "for", "function", "import", "try", "with")).split("\n\n")
    return unspool.train(spec, data=paragraphs, **where)


@pytest.fixture(scope="module")
def blended(tmp_path_factory):
    """Both of which have learnt something."""
    return of_english(3, 2, out=tmp_path_factory.mktemp("runs") / "blended")


def test_rare_n_grams_are_left_out_as_the_spec_says(blended):
    kept, all_of_them = blended.facts.task.blend.grams, of_english(1, 1).facts.task.blend.grams
    assert kept[0] == all_of_them[0] and kept[1] < all_of_them[1] and kept[2] < all_of_them[2]


def test_a_blend_is_better_than_its_network(blended):
    scores, beside = blended.metrics["test"], blended.metrics["baselines"]
    assert set(beside) == {"network_alone", "kneser_ney_8"}
    assert scores["bits_per_character"] < beside["network_alone"]["bits_per_character"] - 0.3
    assert 0.01 < blended.facts.task.blend.share < 0.99
    assert len(blended.facts.task.blend.grams) == 3


def test_the_page_tells_of_the_n_grams(blended):
    page = (blended.folder / "report.html").read_text("utf-8")
    told = blended.facts.task.blend
    assert f"n-grams of up to 3 tokens: {percent(1 - told.share)} of every probability is theirs." in page
    assert "The network alone" in page


def test_a_blend_does_live_what_it_does_offline(blended):
    verified = blended.verify(lines(5, seed=9))
    assert verified["equal"] and verified["comparisons"]["whole_and_session"] < 1e-6
    text = "the name is bound to it\n"
    codes, _ = blended.facts.preparation.tokens.encode(text)
    session, foreseen = blended.stream(), 0.0
    session.step({"text": ""})
    for character, code in zip(text, codes[:, 0], strict=True):
        foreseen += session.state["text/logits"][code]
        session.step({"text": character})
    first, second = blended.predict([text[:-1], text[:-1]])
    assert first["tokens"] == len(text) and first["log_probability"] == second["log_probability"] == pytest.approx(foreseen, abs=1e-3)


def test_a_blend_is_the_same_from_its_folder(blended):
    loaded = unspool.load(blended.folder)
    assert loaded.facts == blended.facts
    text = lines(3, seed=4)
    assert loaded.predict(text) == blended.predict(text)
    first, second = Session.open(blended.folder), blended.stream()
    assert "".join(first.complete("the ", 30, seed=1)) == "".join(second.complete("the ", 30, seed=1))
    second.state = state_from_json(state_to_json(first.state))
    assert first.step({"text": "cat"}) == second.step({"text": "cat"})


def test_n_grams_that_are_not_the_models_are_refused(blended, model):
    assert blended.program is not None and model.program is not None
    for program, facts, given in (
        (blended.program, blended.facts, None),
        (blended.program, blended.facts, replace(blended.blend, share=0.5)),
        (model.program, model.facts, blended.blend),
    ):
        with pytest.raises(LiveError, match="n-grams"):
            Session(program, facts, given)


def test_a_folder_without_its_n_grams_is_refused(blended, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(blended.folder, folder)
    (folder / "ngrams.safetensors").unlink()
    (folder / "manifest.json").unlink()
    seal(folder)
    with pytest.raises(BundleError, match="ngrams"):
        unspool.load(folder)
    (folder / "manifest.json").unlink()
    (folder / "ngrams.safetensors").write_bytes((folder / "weights.safetensors").read_bytes())
    seal(folder)
    with pytest.raises(BundleError, match="ngrams"):
        Session.open(folder)
