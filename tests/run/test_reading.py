"""How texts are read, from the spec to the run folder: sub-words, both ends, windows; and what of it cannot be."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

import unspool
from unspool.errors import LiveError, MissingExtra, SpecError

from .making import TABLE, TEXT, changed, pairs, resolved, same

SUBWORDS = changed(TEXT, data__tokens={"unit": "subwords", "subwords": {"size": 640}})
WINDOWS = {"size": 3, "step": 2}
IN_WINDOWS = changed(TEXT, data__tokens={"windows": WINDOWS})
CONTEXT = {"kind": "windowed", "context": 4}
TAGGED = changed(TEXT, task={"kind": "tag"}, data__source={"kind": "tagged"})
GENERATE = changed(TEXT, task={"kind": "generate"}, data={"source": {"kind": "text", "label": None}})
FRONT = [{"channels": 3, "kernel": 4, "stride": 4}]

# the key that is named, what is said, the spec
BROKEN = [
    ("data.tokens.subwords", "with data.tokens.unit: subwords alone, and it is words", changed(TEXT, data__tokens={"subwords": {"size": 900}})),
    ("data.tokens.minimum_count", "set that", changed(SUBWORDS, data__tokens__minimum_count=2)),
    ("data.tokens.largest", "set that", changed(SUBWORDS, data__tokens__largest=99)),
    ("data.tokens.unit", "use words", changed(TAGGED, data__tokens={"unit": "subwords"})),
    ("data.tokens.keep", "both takes effect where texts are cut", changed(TEXT, data__tokens={"keep": "both"})),
    ("model.memory.context", "use keep: tail, or as much", changed(TEXT, data__tokens={"keep": "both", "longest": 5}, model__memory=CONTEXT)),
    ("data.tokens.windows", "takes effect in classify alone, and the task is tag; drop it", changed(TAGGED, data__tokens={"windows": WINDOWS})),
    ("data.tokens.windows", "in classify alone, and the task is generate; drop it", changed(GENERATE, data__tokens={"windows": WINDOWS})),
    ("data.tokens.windows.size", "lower it or drop data.tokens.windows", changed(IN_WINDOWS, data__tokens__longest=3)),
    ("model.memory.kind", "use carried, or drop those", changed(IN_WINDOWS, model__memory=CONTEXT)),
    ("data.tokens.windows", "drop one of them", changed(IN_WINDOWS, model__hierarchy={})),
    ("data.tokens.windows.size", "use 4 or more", changed(IN_WINDOWS, model__backbone__front=FRONT)),
    ("live.memory", "without data.tokens.windows", changed(IN_WINDOWS, live={"memory": "carried"})),
    ("live.memory", "keep: head", changed(TEXT, data__tokens={"keep": "both", "longest": 4}, live={"memory": "carried"})),
]  # fmt: skip


@pytest.mark.parametrize("key, says, raw", BROKEN, ids=[f"{number} {key}" for number, (key, _, _) in enumerate(BROKEN)])
def test_an_option_of_reading_that_cannot_take_effect_says_why(key, says, raw):
    with pytest.raises(SpecError) as told:
        resolved(raw)
    assert re.fullmatch(rf"spec: {re.escape(key)}: .*{re.escape(says)}.*", str(told.value)), str(told.value)


def test_windows_that_leave_something_out_and_windows_of_a_table_are_refused():
    with pytest.raises(SpecError, match=r"data\.tokens\.windows: step 4 is more than size 3"):
        resolved(changed(TEXT, data__tokens={"windows": {"size": 3, "step": 4}}))
    with pytest.raises(SpecError, match="tokens are for text sources"):
        resolved(changed(TABLE, data__tokens={"windows": WINDOWS}))


def test_sub_words_that_are_not_described_are_as_they_are_by_themselves():
    tokens = resolved(changed(TEXT, data__tokens={"unit": "subwords"})).data.tokens
    assert (tokens.subwords.model, tokens.subwords.size) == ("bpe", 8000)
    with pytest.raises(SpecError, match=r"data\.tokens\.subwords\.size: got 500, wanted: greater than or equal to 600"):
        resolved(changed(SUBWORDS, data__tokens__subwords={"size": 500}))


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def of_subwords(request, tmp_path_factory):
    spec = changed(SUBWORDS, data__tokens__subwords__model=request.param, train__epochs=2)
    return unspool.train(spec, data=pairs(60), out=tmp_path_factory.mktemp("run") / request.param)


def test_a_run_of_sub_words_loads_and_answers_as_it_was_trained(of_subwords):
    loaded = unspool.load(of_subwords.folder)
    assert loaded.facts == of_subwords.facts and loaded.facts.live
    texts = ["fine a b", "poor \U0001f469\u200d\U0001f467 \x00", "", "unheard-of words \u2603"]
    for model in (loaded, of_subwords):
        same(model.predict(texts), of_subwords.predict(texts))
    assert loaded.verify(pairs(5)).keys() == loaded.metrics["verify"].keys()
    assert "Texts in tokens" in (of_subwords.folder / "report.html").read_text()
    found = loaded.metrics["data"]["survey"]
    assert {part: told["unknown"] for part, told in found["tokens"].items()} == {"train": 0, "validation": 0, "test": 0}


def test_live_pieces_that_end_between_words_give_what_the_whole_text_gives(of_subwords):
    text = "fine unheard-of \u2603 words, a b:\r\nand poor \U0001f469\u200d\U0001f467 c"
    wanted = of_subwords.predict([text])[0]
    words = re.findall(r"\s*\S+", text)
    for cut in range(1, len(words)):
        session = of_subwords.stream()
        session.step({"text": "".join(words[:cut])})
        answer = session.step({"text": "".join(words[cut:])})
        np.testing.assert_allclose(answer["probability"], wanted["probability"], rtol=1e-4)
        assert answer["label"] == wanted["label"]
    session = of_subwords.stream()
    assert not session.step({"text": " \n"})["ready"]


def test_without_the_library_a_run_of_sub_words_says_which_extra_it_needs(of_subwords, monkeypatch):
    loaded = unspool.load(of_subwords.folder)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for ask in (loaded.stream, lambda: loaded.predict(["fine"])):
        with pytest.raises(MissingExtra, match=r"needs tokenizers, which is not installed; pip install unspool\[text\]"):
            ask()
    with pytest.raises(MissingExtra, match="data.tokens.unit: subwords needs tokenizers"):
        unspool.check(SUBWORDS, data=pairs())


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_text_that_is_read_in_windows_has_one_answer(pool, tmp_path):
    spec = changed(IN_WINDOWS, data__tokens__windows={**WINDOWS, "pool": pool}, train__epochs=2)
    model = unspool.train(spec, data=pairs(60), out=tmp_path / "run")
    assert not model.facts.live and "windows of a text answer together" in model.facts.why_not_live
    told = unspool.load(tmp_path / "run").predict(["fine a b c a", "poor"])
    assert [answer["record"] for answer in told] == ["0", "1"]
    assert all(sum(answer["probabilities"].values()) == pytest.approx(1) for answer in told)
    apart = [model.predict([piece])[0]["probabilities"]["good"] for piece in ("fine a b", "b c a")]
    if pool == "mean":
        assert told[0]["probabilities"]["good"] == pytest.approx(sum(apart) / 2, rel=1e-4)
    with pytest.raises(LiveError, match=r"ask it for whole texts by predict, or train it without data\.tokens\.windows"):
        model.stream()
    assert model.metrics["test"]["records"] == 12


def test_both_ends_of_a_text_are_read_and_the_middle_is_not():
    model = unspool.train(changed(TEXT, data__tokens={"keep": "both", "longest": 3}), data=pairs(40))
    same(model.predict(["fine a b c a"])[0], model.predict(["fine a c c c b a"])[0] | {"record": "0"})
    assert not model.facts.live
    with pytest.raises(LiveError, match=r"first and the last of 3 tokens .* train it with data\.tokens\.keep: head"):
        model.stream()


def test_check_tells_how_much_of_the_texts_is_unknown():
    found = unspool.check(changed(TEXT, data__tokens={"longest": 4}), data=pairs(40)).data["survey"]
    assert found["tokens"].keys() == {"train", "validation", "test"}
    assert found["tokens"]["train"]["truncated"] == 1 and found["tokens"]["train"]["median_length"] == 5
