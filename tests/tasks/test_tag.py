"""One tag a word: what is learnt from the train part, what stands in a batch, which metric decides, and that it is learnt in seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import unspool
from unspool.data.facts import Facts, MemoryFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, TaggedSource, TextSource, Tokens
from unspool.data.synthetic import named_sentences
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.errors import DataError
from unspool.models.chain import ChainHead
from unspool.models.heads import Categorical
from unspool.models.spec import CategoricalHead, CRFHead
from unspool.tasks.tag import Tag, TagSpec
from unspool.types import Prepared, Record

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=15)
NONE = np.zeros((0, 0), np.float32)
CRF, CATEGORICAL = CRFHead(), CategoricalHead()


def tag(head=CRF, size=4, buckets=True, metric="auto"):
    return Tag(TagSpec(metric=metric), head, size, buckets, seed=0)


def sentence(words, tags=None, name="0"):
    """A record as a tagged source makes it."""
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    offsets = np.stack([ends - [len(word) for word in words], ends], axis=1)
    return Record(name, f"t.txt:{name}", text=" ".join(words), words=offsets, tags=None if tags is None else tuple(tags))


def prepared_of(steps, seed, unknown=False):
    draw = np.random.default_rng(seed)
    none = np.zeros((steps, 0), np.float32)
    tags = draw.integers(-1 if unknown else 0, 3, steps)
    return Prepared(none, draw.integers(0, 9, (steps, 3)), none, none, tags=tags)


def facts_of(scheme="iobes", labels=("O", "S-X")):
    tokens = TokenFacts(vocabulary=Vocabulary(units=("a", "b")))
    return Facts(
        task=TagFacts(counts=(1,) * len(labels)),
        preparation=Preparation(tokens=tokens, labels=labels, scheme=scheme),
        memory=MemoryFacts(kind="carried"),
    )


def fitted(records, task, **tokens):
    """Preparation and facts of records that are all of the train part."""
    spans = np.array([[index, 0, -1] for index in range(len(records))])
    preparation = Preparation.fit(DataSpec(source=TaggedSource(), tokens=Tokens(**tokens)), records, spans)
    prepared = [preparation.prepare(record) for record in records]
    return preparation, prepared, task.facts(preparation, records, prepared, spans)


def test_the_tags_of_the_train_part_are_counted_in_the_scheme_in_which_they_are_learnt():
    records = [sentence(["Ada", "Byron", "slept"], ["B-PER", "I-PER", "O"]), sentence(["Oslo", "slept"], ["B-LOC", "O"], "1")]
    preparation, prepared, facts = fitted(records, tag())
    assert preparation.scheme == "iobes"
    assert dict(zip(preparation.labels, facts.counts, strict=True)) == {"B-PER": 1, "E-PER": 1, "O": 2, "S-LOC": 1}
    assert facts.chain is None
    assert [preparation.labels[number] for number in prepared[0].tags] == ["B-PER", "E-PER", "O"]


@pytest.mark.parametrize("keep", ["head", "tail"])
@pytest.mark.parametrize("longest", [1, 2, 3])
def test_a_span_that_is_cut_off_is_learnt_as_it_is_read(longest, keep):
    """Of `B I I`, cut to one word, the tag is `S`, which no whole span of this data has; every tag that is counted is one that is read."""
    records = [sentence(["Alan", "Mathison", "Turing"], ["B-PER", "I-PER", "I-PER"]), sentence(["a", "town", "slept"], ["O"] * 3, "1")]
    preparation, prepared, facts = fitted(records, tag(), longest=longest, keep=keep)
    assert sum(facts.counts) == 2 * longest and min(facts.counts) > 0
    assert all((item.tags >= 0).all() and len(item.tags) == item.steps == longest for item in prepared)
    assert preparation.labels == {1: ("O", "S-PER"), 2: ("B-PER", "E-PER", "O"), 3: ("B-PER", "E-PER", "I-PER", "O")}[longest]


def test_without_tags_there_is_nothing_to_learn():
    records = [Record("0", "t.txt:1", text="a b")]
    preparation = Preparation.fit(DataSpec(source=TextSource()), records, np.array([[0, 0, -1]]))
    with pytest.raises(DataError, match="t.txt:1: no record has tags, and tag learns from tags; give a source of kind tagged"):
        tag().facts(preparation, records, [], np.array([[0, 0, -1]]))


def test_a_tag_that_the_train_part_lacks_is_unknown_and_stays_as_it_is_written():
    preparation, _, _ = fitted([sentence(["Oslo", "slept"], ["B-LOC", "O"])], tag())
    strange = sentence(["Ada", "Byron", "slept"], ["B-PER", "I-PER", "O"])
    assert preparation.prepare(strange).tags.tolist() == [-1, -1, preparation.labels.index("O")]
    assert preparation.tags_read(strange.tags) == ["B-PER", "E-PER", "O"]


@given(LENGTHS, st.integers(1, 6), st.sampled_from(["train", "validation", "test"]), st.booleans())
def test_every_word_of_every_sentence_is_asked_once(lengths, size, part, buckets):
    prepared = [prepared_of(steps, index, unknown=index == 2) for index, steps in enumerate(lengths)]
    examples = tag(size=size, buckets=buckets).examples(prepared, np.array([[index, 0, -1] for index in range(len(lengths))]), part)
    seen = []
    for cut in examples.plan(0):
        batch = examples.batch(cut)
        assert cut.rows <= size and not cut.carry.any() and not batch.carry.any()
        assert batch.codes.shape == (cut.rows, batch.lengths.max(), 3) and batch.values.shape[2] == 0
        assert batch.asked.shape == batch.weights.shape == batch.truth.shape == batch.codes.shape[:2]
        for row, index in enumerate(cut.record.tolist()):
            steps = lengths[index]
            assert batch.lengths[row] == steps and batch.asked[row, :steps].tolist() == list(range(steps))
            np.testing.assert_array_equal(batch.codes[row, :steps], prepared[index].codes)
            np.testing.assert_array_equal(batch.truth[row, :steps], prepared[index].tags)
            assert batch.weights[row].tolist() == [1.0] * steps + [0.0] * (len(batch.weights[row]) - steps)
            assert (batch.truth[row, steps:] == -1).all() and (batch.asked[row] < steps).all() and (batch.codes[row, steps:] == 0).all()
        seen += cut.record.tolist()
    assert sorted(seen) == list(range(len(lengths)))


def test_plans_are_pure_and_differ_between_epochs_of_training_alone():
    prepared = [prepared_of(steps, steps) for steps in range(1, 40)]
    spans = np.array([[index, 0, -1] for index in range(39)])
    for part in ("train", "test"):
        examples = [tag().examples(prepared, spans, part) for _ in range(2)]
        plans = [[cut.record.tolist() for cut in examples[which].plan(epoch)] for which, epoch in ((0, 1), (1, 1), (0, 2))]
        assert plans[0] == plans[1]
        assert (plans[0] == plans[2]) == (part == "test")
    watched = tag().watched(prepared, spans)
    assert [cut.record.tolist() for cut in watched.plan(0)] == plans[0]


def test_sentences_without_tags_are_asked_all_the_same():
    untagged = Prepared(NONE, np.ones((2, 1), np.int64), NONE, NONE)
    untagged = Prepared(np.zeros((2, 0), np.float32), untagged.codes, NONE, NONE)
    examples = tag().examples([untagged], np.array([[0, 0, -1]]), "test")
    (cut,) = examples.plan(0)
    batch = examples.batch(cut)
    assert batch.truth.tolist() == [[-1, -1]] and batch.weights.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("metric", "scheme", "decides"),
    [("auto", "iobes", "span_f1"), ("auto", None, "accuracy"), ("accuracy", "iob2", "accuracy"), ("span_f1", "iob1", "span_f1")],
)
def test_spans_decide_where_tags_name_them_unless_the_spec_says_otherwise(metric, scheme, decides):
    decision = tag(metric=metric).decides(facts_of(scheme))
    assert decision.metric == decides and decision.better(0.9, 0.5) and not decision.better(0.5, 0.5)


def test_the_head_is_that_of_the_spec():
    assert isinstance(tag(CRF).head(facts_of(), 4), ChainHead)
    assert isinstance(tag(CATEGORICAL).head(facts_of(), 4), Categorical)


@pytest.mark.parametrize("size", [1, 3, 50])
def test_tags_come_back_in_the_order_of_the_records(size):
    """Raw answers that tell the record in which they were given."""
    lengths = [5, 2, 4, 4, 3, 1]
    facts = facts_of(None, labels=("x", "y", "z"))
    records = [sentence(["a"] * steps, ["xyz"[(index + step) % 3] for step in range(steps)], str(index)) for index, steps in enumerate(lengths)]
    prepared = [facts.preparation.prepare(record) for record in records]
    task = tag(CATEGORICAL, size=size)
    examples = task.examples(prepared, np.array([[index, 0, -1] for index in (0, 2, 3, 5)]), "test")
    cuts = examples.plan(0)
    batches = [examples.batch(cut) for cut in cuts]
    raw = [9 * np.eye(3, dtype=np.float32)[np.maximum(batch.truth, 0)] for batch in batches]
    made = task.predictions(facts, records, cuts, batches, raw)
    assert made.names == ("0", "2", "3", "5") and made.texts == tuple(records[int(name)].text for name in made.names)
    assert [tuple(made.labels[number] for number in best) for best in made.best] == list(made.truth) == [records[int(n)].tags for n in made.names]
    assert [len(sure) for sure in made.confidence] == [5, 4, 4, 1] and made.spans == ((),) * 4 and made.scheme is None


def test_nothing_is_told_of_a_text_without_words():
    """The network has read one step of it, that of what is unknown."""
    facts = facts_of("iobes")
    record = Record("0", "data[0]", text=" ", words=np.zeros((0, 2), np.int64))
    task = tag(CATEGORICAL)
    examples = task.examples([facts.preparation.prepare(record)], np.array([[0, 0, -1]]), "test")
    (cut,) = examples.plan(0)
    made = task.predictions(facts, [record], [cut], [examples.batch(cut)], [np.array([[[0, 5]]], np.float32)])
    assert made.offsets[0].shape == (0, 2) and len(made.best[0]) == len(made.confidence[0]) == 0 and made.spans == ((),)


def learnt(data, model, epochs=8, **tokens):
    spec = {
        "task": {"kind": "tag"},
        "data": {
            "source": {"kind": "tagged"}, "batching": {"size": 8}, "split": {"kind": "random", "validation": 0.15, "test": 0.25},
            "tokens": tokens,
        },
        "model": model,
        "train": {"epochs": epochs, "patience": None, "optimizer": {"kind": "adamw", "rate": 0.02}},
    }  # fmt: skip
    return unspool.train(spec, data=data)


CASES = {
    "lstm, crf": ("lstm", "crf", None, False),
    "gru, crf, characters by lstm": ("gru", "crf", {"kind": "lstm", "width": 6, "hidden": 6}, True),
    "lstm, categorical, characters by cnn": ("lstm", "categorical", {"kind": "cnn", "width": 6, "filters": 12}, False),
    "gru, categorical": ("gru", "categorical", None, True),
}


@pytest.mark.parametrize(("cell", "head", "characters", "bidirectional"), CASES.values(), ids=CASES)
def test_names_are_found_and_told_apart_by_what_stands_beside_them(cell, head, characters, bidirectional):
    embed = {"kind": "learned", "width": 12, "characters": characters}
    backbone = {"cell": {"kind": cell, "hidden": 16}, "bidirectional": bidirectional}
    spec = {"embed": embed, "backbone": backbone, "head": {"kind": head}}
    model = learnt(named_sentences(160, seed=1), spec, epochs=14, characters=6 if characters else None)
    assert model.metrics["test"]["span_f1"] >= 0.95
    assert model.metrics["test"]["span_f1"] > model.metrics["baselines"]["lookup"]["span_f1"]
    (answer,) = model.predict([["Mr", "Lincoln", "lives", "in", "Lincoln", "."]])
    assert [(span["text"], span["type"], span["start"]) for span in answer["spans"]] == [("Lincoln", "PER", 3), ("Lincoln", "LOC", 20)]
    assert model.facts.task.chain is None or len(model.facts.task.chain.start) == len(model.facts.preparation.labels)
    assert (model.facts.task.chain is None) == (head == "categorical")


def spelt(count, seed):
    """Names that come once each: those of people end in `son`, those of places in `burg`."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        stem = "".join(draw.choice(list("abdefgiklmnoprstu"), 4)).capitalize()
        person = bool(draw.integers(2))
        made.append((["we", "saw", stem + ("son" if person else "burg"), "there"], ["O", "O", "B-PER" if person else "B-LOC", "O"]))
    return made


@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_a_word_that_was_never_met_is_told_by_its_characters(kind):
    characters = {"kind": kind, "width": 8, **({"hidden": 8} if kind == "lstm" else {"filters": 16})}
    embed = {"kind": "learned", "width": 6, "word_dropout": 0.5}
    backbone = {"cell": {"kind": "gru", "hidden": 8}, "bidirectional": True}
    model = learnt(spelt(160, 2), {"embed": {**embed, "characters": characters}, "backbone": backbone, "head": {"kind": "crf"}}, characters=10)
    assert model.metrics["test"]["span_f1"] >= 0.95
    without = learnt(spelt(160, 2), {"embed": embed, "backbone": backbone, "head": {"kind": "crf"}}, epochs=2)
    assert without.metrics["test"]["span_f1"] < 0.8


@pytest.mark.parametrize("head", ["crf", "categorical"])
def test_tags_that_stand_for_themselves_are_learnt_as_they_stand(head):
    """`run` is a noun after `the` and a verb after `they`."""
    draw, data = np.random.default_rng(3), []
    for _ in range(120):
        thing, deed = (str(draw.choice(words)) for words in (["run", "walk", "sea"], ["run", "walk", "sleep"]))
        words, tags = (["the", thing, "is", "long"], ["DT", "NN", "VBZ", "JJ"]) if draw.integers(2) else (["they", deed, "here"], ["PRP", "VB", "RB"])
        data.append((words, tags))
    model = learnt(data, {"embed": {"kind": "learned", "width": 8}, "backbone": {"cell": {"kind": "gru", "hidden": 12}}, "head": {"kind": head}})
    assert model.metrics["test"]["accuracy"] >= 0.98 > model.metrics["baselines"]["lookup"]["accuracy"]
    assert "span_f1" not in model.metrics["test"] and model.facts.preparation.scheme is None
    (answer,) = model.predict([["they", "run", "here"]])
    assert [word["tag"] for word in answer["words"]] == ["PRP", "VB", "RB"] and "spans" not in answer
