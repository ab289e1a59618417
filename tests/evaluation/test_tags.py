"""How good tags are, by hand, and what a tagger has to beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.facts import Facts, MemoryFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.evaluation.evaluate import headline, score
from unspool.evaluation.tags import lookup
from unspool.types import Record, Tags

LABELS = ("B-PER", "E-PER", "O", "S-LOC", "S-PER")


def record(words, tags, name="0"):
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    return Record(name, "t.txt", text=" ".join(words), words=np.stack([ends - [len(word) for word in words], ends], axis=1), tags=tuple(tags))


def facts_of(labels=LABELS, scheme="iobes", **tokens):
    preparation = Preparation(tokens=TokenFacts(vocabulary=Vocabulary(), **tokens), labels=labels, scheme=scheme)
    return Facts(task=TagFacts(counts=(1,) * len(labels)), preparation=preparation, memory=MemoryFacts(kind="carried"))


FACTS = facts_of()


def tags_of(chosen, truth, labels=LABELS, scheme="iobes"):
    """Sentences of words `w`, with the tags chosen and the true ones."""
    offsets = tuple(np.array([[2 * step, 2 * step + 1] for step in range(len(tags))]).reshape(-1, 2) for tags in chosen)
    return Tags(
        names=tuple(map(str, range(len(chosen)))),
        texts=tuple(" ".join("w" * len(tags)) for tags in chosen),
        offsets=offsets,
        labels=labels,
        scheme=scheme,
        best=tuple(np.array([labels.index(tag) for tag in tags], np.int64) for tags in chosen),
        confidence=tuple(np.full(len(tags), 0.5) for tags in chosen),
        spans=((),) * len(chosen),
        truth=tuple(None if tags is None else tuple(tags) for tags in truth),
    )


CHOSEN = [["B-PER", "E-PER", "O", "S-LOC"], ["S-LOC", "O"], ["O", "O"]]
TRUTH = [["B-PER", "E-PER", "O", "S-PER"], ["S-LOC", "O"], ["S-PER", "O"]]


def test_words_and_spans_are_scored_by_hand():
    """Three spans are claimed, two of them hits; four are there."""
    found = score(tags_of(CHOSEN, TRUTH), FACTS)
    assert (found["records"], found["words"]) == (3, 8)
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["span_precision"] == pytest.approx(2 / 3)
    assert found["span_recall"] == pytest.approx(2 / 4)
    assert found["span_f1"] == pytest.approx(4 / 7)
    assert found["per_type"] == {
        "LOC": {"precision": 1 / 2, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1},
        "PER": {"precision": 1.0, "recall": pytest.approx(1 / 3), "f1": 1 / 2, "support": 3},
    }
    assert found["undefined"] == {}


def test_a_sentence_whose_truth_is_unknown_is_judged_by_nothing():
    known = score(tags_of(CHOSEN[:2], TRUTH[:2]), FACTS)
    mixed = score(tags_of([*CHOSEN[:2], ["S-LOC"]], [*TRUTH[:2], None]), FACTS)
    assert {**known, "records": 3, "words": 7} == mixed


def test_where_no_truth_is_known_nothing_has_a_value_and_the_reason_is_told():
    found = score(tags_of(CHOSEN, [None] * 3), FACTS)
    assert found["accuracy"] is None and found["span_f1"] is None and "per_type" not in found
    assert "no word has a true tag" in found["undefined"]["accuracy"] and set(found["undefined"]) >= {"span_f1", "span_precision", "span_recall"}


def test_without_a_span_anywhere_words_are_judged_all_the_same():
    found = score(tags_of([["O", "O"]], [["O", "O"]]), FACTS)
    assert found["accuracy"] == 1 and found["span_f1"] is None and "no span in any" in found["undefined"]["span_f1"]


def test_a_true_tag_that_the_train_part_lacks_counts_as_missed():
    found = score(tags_of([["O", "O"]], [["S-ORG", "O"]]), FACTS)
    assert found["accuracy"] == 1 / 2 and found["per_type"]["ORG"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_tags_that_name_no_spans_are_judged_word_by_word():
    found = score(tags_of([["DT", "NN"]], [["DT", "DT"]], labels=("DT", "NN"), scheme=None), facts_of(("DT", "NN"), None))
    assert found == {"records": 1, "words": 2, "accuracy": 0.5, "undefined": {}}


@given(st.lists(st.lists(st.sampled_from(LABELS), min_size=1, max_size=5), min_size=1, max_size=4))
def test_what_is_right_scores_best(sentences):
    made = tags_of(sentences, sentences)
    values, _ = headline(made, FACTS)
    assert values["accuracy"] == 1 and values["span_f1"] in (1.0, None)
    assert values == {name: score(made, FACTS)[name] for name in values}


TRAIN = [
    record(["Lincoln", "met", "Ada", "Byron"], ["B-PER", "O", "B-PER", "I-PER"]),
    record(["in", "Lincoln"], ["O", "B-LOC"], "1"),
    record(["in", "lincoln", "MET"], ["O", "B-LOC", "B-PER"], "2"),
]
SPANS = np.array([[index, 0, -1] for index in range(3)])


def asked(words, facts=FACTS):
    made = record(words, ["O"] * len(words))
    return replace(
        tags_of([["O"] * len(words)], [["O"] * len(words)], facts.preparation.labels, facts.preparation.scheme),
        texts=(made.text,), offsets=(made.words,), spans=((("PER", 0, 1, 0.9),),),
    )  # fmt: skip


def said(made):
    return [made.labels[number] for number in made.best[0].tolist()], made.confidence[0].tolist()


def test_the_baseline_gives_every_word_its_commonest_tag():
    """`Lincoln` is twice a place and once a person; `met` is as often O as S-PER, of which O comes first; `Rome` gets the commonest tag of all."""
    made = lookup(TRAIN, asked(["Lincoln", "met", "Byron", "Rome"]), FACTS, SPANS)
    best, sure = said(made)
    assert best == ["S-LOC", "O", "E-PER", "O"]
    np.testing.assert_allclose(sure, [2 / 3, 1 / 2, 1, 3 / 9])
    assert made.spans == ((),) and made.truth == (("O",) * 4,)


def test_it_learns_from_the_train_part_alone():
    best, _ = said(lookup(TRAIN, asked(["Lincoln", "Byron"]), FACTS, SPANS[1:2]))
    assert best == ["S-LOC", "O"]


def test_it_tells_cases_apart_where_the_model_does():
    words = ["met", "MET"]
    assert said(lookup(TRAIN, asked(words), facts_of(lowercase=False), SPANS))[0] == ["O", "S-PER"]
    assert said(lookup(TRAIN, asked(words), FACTS, SPANS))[0] == ["O", "O"]


@pytest.mark.parametrize("keep", ["head", "tail"])
def test_it_reads_as_much_of_a_sentence_as_the_model_does(keep):
    facts = facts_of(longest=2, keep=keep)
    cut = asked(["Ada", "Byron", "met", "Lincoln"], facts)
    kept = slice(2) if keep == "head" else slice(2, None)
    made = lookup(TRAIN, replace(cut, offsets=(cut.offsets[0][kept],), best=(cut.best[0][kept],)), facts, SPANS)
    assert len(made.best[0]) == 2
    assert said(made)[0][0] == {"head": "O", "tail": "S-PER"}[keep]


def test_nothing_is_said_of_a_text_without_words():
    empty = replace(asked(["x"]), texts=(" ",), offsets=(np.zeros((0, 2), np.int64),), best=(np.zeros(0, np.int64),))
    made = lookup(TRAIN, empty, FACTS, SPANS)
    assert len(made.best[0]) == len(made.confidence[0]) == 0 and made.best[0].dtype == np.int64
