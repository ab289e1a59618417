"""A sentence, live: word by word what the tags before it say, and at its end what `predict` says of all of it."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.answers import tag as answers
from unspool.cells import GRUSpec, LSTMSpec
from unspool.data.facts import Facts, MemoryFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, TaggedSource, Tokens
from unspool.errors import InputError, LiveError
from unspool.export.trace import trace
from unspool.export.verify import verify
from unspool.layers import POOLS
from unspool.models.chain import ChainHead
from unspool.models.embed import Embed
from unspool.models.heads import Categorical
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, CharacterCNN, CharacterLSTM, CRFHead, LearnedEmbedding
from unspool.streaming import state_from_json, state_to_json
from unspool.streaming.tag import LONGEST, LONGEST_TEXT
from unspool.types import Record

from .models import Made

NAMES = [
    (["Ada", "Byron", "met", "Alan", "."], ["B-PER", "I-PER", "O", "B-PER", "O"]),
    (["in", "New", "York", ",", "don't"], ["O", "B-LOC", "I-LOC", "O", "O"]),
    (["Oslo"], ["B-LOC"]),
    (["the", "old", "man", "and", "the", "old", "sea", "in", "New", "York"], ["O"] * 8 + ["B-LOC", "I-LOC"]),
]
POS = [(words, ["W" if word[0].isalpha() else "P" for word in words]) for words, _ in NAMES]
CHARACTERS = {"lstm": CharacterLSTM(width=3, hidden=2), "cnn": CharacterCNN(width=3, filters=4)}


@cache
def tagger(head="crf", characters=None, longest=None, names=True, cell="gru"):
    """An untrained model whose chain is drawn, and the sentences that it has seen."""
    torch.manual_seed(3)
    records = []
    for index, (words, tags) in enumerate(NAMES if names else POS):
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        offsets = np.stack([ends - [len(word) for word in words], ends], axis=1)
        records.append(Record(str(index), f"t.txt:{index}", text=" ".join(words), words=offsets, tags=tuple(tags)))
    tokens = Tokens(longest=longest, characters=None if characters is None else 4)
    spans = np.array([[index, 0, -1] for index in range(len(records))])
    preparation = Preparation.fit(DataSpec(source=TaggedSource(), tokens=tokens), records, spans)
    labels = preparation.labels
    facts = Facts(task=TagFacts(counts=(1,) * len(labels)), preparation=preparation, memory=MemoryFacts(kind="carried"))
    embed = Embed(LearnedEmbedding(width=4, characters=CHARACTERS.get(characters)), 0, preparation.code_sizes)
    made = build_backbone(Backbone(cell={"gru": GRUSpec, "lstm": LSTMSpec}[cell](hidden=6)), embed.width)
    if head == "crf":
        answer = ChainHead(CRFHead(), made.width, labels, preparation.scheme)
        for weight in answer.crf.parameters():
            torch.nn.init.normal_(weight)
    else:
        answer = Categorical(CategoricalHead(), made.width, [1] * len(labels))
    network = SequenceModel(embed, made, POOLS["last"](made.width), answer).eval()
    with torch.no_grad():
        answer.answer.weight.mul_(4)
    return Made(network, answer.settled(facts), trace(network, None, 0, 0, len(preparation.code_names)), records)


MODELS = {
    "crf": {},
    "crf, characters by lstm": {"characters": "lstm"},
    "crf, characters by cnn, lstm": {"characters": "cnn", "cell": "lstm"},
    "categorical": {"head": "categorical"},
    "crf without spans": {"names": False},
    "categorical without spans": {"head": "categorical", "names": False},
    "crf, cut": {"longest": 3},
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def made(request):
    return tagger(**request.param)


def offline(made, text):
    """Weights (T, K) of a text as all of it is read, and where its words stand."""
    tokens = made.facts.preparation.tokens.model_copy(update={"longest": None})
    codes, offsets = tokens.encode(text)
    with torch.inference_mode():
        raw = made.network.head(made.network.scan(torch.zeros(1, len(codes), 0), torch.from_numpy(codes)[None])[0])
    return raw[0].numpy(), offsets


def whole(made, text):
    """What is said of it all at once."""
    weights, offsets = offline(made, text)
    return answers.tell(made.facts, text, offsets, answers.read(made.facts, weights[None], np.array([len(weights)]))[0])


def near(left, right):
    """Equal but for what float32 loses."""
    assert json.dumps(_rounded(left)) == json.dumps(_rounded(right))
    for one, other in zip(_numbers(left), _numbers(right), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def _rounded(tree):
    if isinstance(tree, dict):
        return {name: _rounded(value) for name, value in tree.items()}
    return [_rounded(value) for value in tree] if isinstance(tree, list) else "number" if isinstance(tree, float) else tree


def _numbers(tree):
    if isinstance(tree, dict | list):
        return [number for value in (tree.values() if isinstance(tree, dict) else tree) for number in _numbers(value)]
    return [tree] if isinstance(tree, float) else []


def test_every_way_of_running_it_gives_the_same(made):
    proof = verify(made.network, made.facts, made.program, made.prepared, made.records, seed=0)
    assert proof["equal"] and proof["steps"] >= 8 and max(proof["comparisons"].values()) < 1e-5


KNOWN, STRANGE = ["Ada", "Byron", "in", "New", "York", "Oslo", "don't"], ["???", "zebra", "\U0001f600", "a\u0301"]
PIECES = st.lists(st.sampled_from(KNOWN + STRANGE), min_size=1, max_size=9)
GAPS = st.lists(st.sampled_from([" ", "  ", "\n", " \t"]), min_size=9, max_size=9)


@pytest.mark.parametrize("choices", [{}, {"head": "categorical"}, {"characters": "cnn", "cell": "lstm"}, {"names": False}], ids=str)
@given(words=PIECES, gaps=GAPS, cuts=st.sets(st.integers(0, 8)), alone=st.booleans())
def test_in_whatever_pieces_it_comes_a_sentence_is_tagged_as_the_whole(choices, words, gaps, cuts, alone):
    made = tagger(**choices)
    pieces, text = [""], ""
    for index, (word, gap) in enumerate(zip(words, gaps, strict=False)):
        pieces[-1] += word + gap
        text += word + gap
        if index in cuts:
            pieces.append("")
    session, told = made.session(), []
    for piece in pieces if alone else pieces[:-1]:
        told += session.step({"text": piece}).get("words", [])
    ended = session.step({"end": True} if alone else {"text": pieces[-1], "end": True})
    near(ended, {"ready": True, "end": True, **whole(made, text)})
    weights, offsets = offline(made, text)
    said = answers.tell(made.facts, text, offsets, answers.so_far(made.facts, weights, 0))["words"]
    near(told, said if alone else said[: len(told)])
    fresh = state_to_json(made.session().state)
    assert state_to_json(session.state) == fresh


@pytest.mark.parametrize("cut", range(4))
def test_a_saved_and_restored_state_changes_nothing(made, cut):
    pieces = [{"text": "Ada Byron "}, {"text": " in"}, {"text": "  \n"}, {"end": True}, {"text": "New York", "end": True}]
    if made.facts.preparation.tokens.longest is not None:
        pieces[0] = {"text": "Ada "}
    straight = made.session()
    wanted = [straight.step(piece) for piece in pieces]
    first = made.session()
    got = [first.step(piece) for piece in pieces[:cut]]
    second = made.session()
    second.state = state_from_json(json.loads(json.dumps(state_to_json(first.state), allow_nan=False)))
    assert got + [second.step(piece) for piece in pieces[cut:]] == wanted


def test_places_are_those_in_all_that_was_sent_whatever_it_ends_with():
    session = tagger().session()
    session.step({"text": " Ada\0"})
    session.state = state_from_json(json.loads(json.dumps(state_to_json(session.state))))
    (word,) = session.step({"text": "\n Oslo \0"})["words"][:1]
    assert (word["start"], word["end"], word["text"]) == (7, 11, "Oslo")
    ended = session.step({"end": True})
    assert [(word["start"], word["text"]) for word in ended["words"]] == [(1, "Ada"), (4, "\0"), (7, "Oslo"), (12, "\0")]


def test_a_sentence_begins_anew_after_the_end_of_one_and_after_a_reset():
    session = tagger().session()
    first = session.step({"text": "Ada met", "end": True})
    assert session.step({"text": "Ada met", "end": True}) == first
    session.step({"text": "in New York"})
    session.reset()
    assert session.step({"text": "Ada met", "end": True}) == first


@pytest.mark.parametrize("record", [{"text": ""}, {"text": " \n"}, {"end": True}, {"text": "", "end": True}, {"end": False}], ids=str)
def test_without_a_word_there_is_nothing_to_say(record):
    session = tagger().session()
    assert session.step(record) == {"ready": False, "needs": "a word"}
    if record.get("end"):
        assert state_to_json(session.state) == state_to_json(tagger().session().state)


def test_a_blank_sentence_leaves_nothing_behind():
    session = tagger().session()
    session.step({"text": "   "})
    assert session.step({"end": True}) == {"ready": False, "needs": "a word"}
    (word,) = session.step({"text": "Oslo"})["words"]
    assert word["start"] == 0


BROKEN = [
    ({}, "got {}, wanted a piece of text, end: true, or both"),
    ({"text": 3}, "wanted a piece of text"),
    ({"text": None}, "wanted a piece of text"),
    ({"text": ["Ada"]}, "wanted a piece of text"),
    ({"text": "Ada", "end": 1}, "wanted a piece of text"),
    ({"end": "true"}, "wanted a piece of text"),
    ({"txt": "Ada"}, "'txt': unknown key; did you mean 'text'"),
    ({"text": "a \ud800 b"}, "text: character 2 is .*half of a surrogate pair"),
    (["Ada"], "wanted a mapping with text, end"),
    ({"text": "a " * (LONGEST + 1)}, f"the sentence has {LONGEST + 3} words, and the model reads at most {LONGEST}; send end: true"),
    ({"text": " " * (LONGEST_TEXT + 1)}, "the sentence has 1,000,009 characters, wanted at most 1,000,000; send end: true between sentences"),
]


@pytest.mark.parametrize(("record", "message"), BROKEN, ids=[message[:30] for _, message in BROKEN])
def test_a_record_that_cannot_be_used_is_told_and_changes_nothing(record, message):
    made, session = tagger(), tagger().session()
    session.step({"text": "Ada met "})
    before = state_to_json(session.state)
    with pytest.raises(InputError, match=message):
        session.step(record)
    assert state_to_json(session.state) == before
    near(session.step({"text": "Alan", "end": True}), {"ready": True, "end": True, **whole(made, "Ada met Alan")})


def test_blanks_add_up_to_too_long_a_text():
    session = tagger().session()
    for _ in range(2):
        session.step({"text": " " * (LONGEST_TEXT // 2)})
    with pytest.raises(LiveError, match="1,000,001 characters"):
        session.step({"text": " "})
    assert session.step({"end": True})["needs"] == "a word"


def test_a_model_that_reads_so_many_words_takes_no_more_of_a_sentence():
    session = tagger(longest=3).session()
    session.step({"text": "Ada met"})
    with pytest.raises(LiveError, match="the sentence has 4 words, and the model reads at most 3; send end: true between sentences"):
        session.step({"text": "Alan ."})
    near(session.step({"text": " Alan", "end": True}), {"ready": True, "end": True, **whole(tagger(longest=3), "Ada met Alan")})


@pytest.mark.parametrize("name", ["sentence/offsets", "sentence/weights"])
def test_a_state_of_which_a_part_is_lost_is_told(name):
    session = tagger().session()
    session.step({"text": "Ada met"})
    state = session.state
    session.state = {**state, name: state[name][:1]}
    with pytest.raises(LiveError, match="the state holds the places of more or fewer words than it has read; save it anew, or reset"):
        session.step({"end": True})
    session.reset()
    assert session.step({"text": "Ada", "end": True})["ready"]


@pytest.mark.parametrize(
    "damage",
    [
        {"sentence/offsets": np.zeros((LONGEST + 1, 2), np.int64)},
        {"sentence/offsets": np.zeros((1, 3), np.int64)},
        {"sentence/weights": np.zeros((1, 99), np.float32)},
        {"sentence/text": np.array(3)},
    ],
    ids=["long", "wide", "of another model", "a number"],
)
def test_a_damaged_state_is_refused(damage):
    session = tagger().session()
    with pytest.raises(LiveError, match="save anew"):
        session.state = session.state | damage


def test_it_answers_alike_without_the_native_executor(made, monkeypatch):
    native = made.session().step({"text": "Ada in York", "end": True})
    monkeypatch.setattr("unspool.native.library", lambda: None)
    other = made.session()
    assert other.engine == "interpreter"
    near(other.step({"text": "Ada in York", "end": True}), native)
