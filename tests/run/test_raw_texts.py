"""Raw texts: cut into sentences and words by rule, answered one by one, and every place that is told is one in the text that was given."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unspool
from unspool.data.sentences import sentences
from unspool.data.synthetic import named_sentences
from unspool.data.vocab import tokenize
from unspool.errors import DataError, LiveError
from unspool.run import WholeTexts

from .making import ARRAYS, TEXT, arrays, changed, pairs, same
from .test_tagger import BOTH_WAYS, TAG

PLAIN = "Mr. Lincoln lives in Oslo.  In New York, Mr. Turing slept!\n\nNobody lives in Lima"


@pytest.fixture(scope="module")
def tagger():
    return unspool.train(TAG, data=named_sentences(60, seed=5))


@pytest.fixture(scope="module")
def both_ways():
    return unspool.train(BOTH_WAYS, data=named_sentences(60, seed=5))


@pytest.fixture(scope="module")
def classifier():
    return unspool.train(changed(TEXT, model__backbone__bidirectional=True), data=pairs())


def test_every_word_and_span_is_where_the_text_says(tagger):
    (answer,) = tagger.predict([PLAIN])
    words = [PLAIN[start:stop] for start, stop in tokenize(PLAIN, "words", False)[1].tolist()]
    assert [word["text"] for word in answer["words"]] == words
    for found in [*answer["words"], *answer["spans"]]:
        assert PLAIN[found["start"] : found["end"]] == found["text"]
    json.dumps(answer, allow_nan=False)


def test_each_sentence_is_read_by_itself(tagger, both_ways):
    """As the words of that sentence are, handed over cut."""
    for model in (tagger, both_ways):
        (answer,) = model.predict([PLAIN])
        apart = [tokenize(PLAIN[start:stop], "words", False)[0] for start, stop in sentences(PLAIN).tolist()]
        assert len(apart) == 3
        tags = [(word["tag"], word["probability"]) for sentence in model.predict(apart) for word in sentence["words"]]
        same([list(pair) for pair in tags], [[word["tag"], word["probability"]] for word in answer["words"]], 1e-4)
        spans = [(span["text"].split(), span["type"]) for sentence in model.predict(apart) for span in sentence["spans"]]
        assert spans == [(tokenize(span["text"], "words", False)[0], span["type"]) for span in answer["spans"]]


PIECES = ["Mr ", "Lincoln", " lives", ". ", "! ", "\n", "New York", "\u00a0", "\U0001f600", "\r\n", "zebra", "\0", "a\u0301 "]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14)


@settings(max_examples=25)
@given(texts=st.lists(TEXTS.map("".join), min_size=1, max_size=4))
def test_texts_are_answered_each_alone_and_in_order(tagger, texts):
    told = tagger.predict(texts)
    assert [answer["record"] for answer in told] == [str(index) for index in range(len(texts))]
    for text, answer in zip(texts, told, strict=True):
        assert [(word["start"], word["end"]) for word in answer["words"]] == [tuple(place) for place in tokenize(text, "words", False)[1].tolist()]
        (alone,) = tagger.predict([text])
        same(alone | {"record": answer["record"]}, answer, 1e-4)


def test_of_a_blank_text_nothing_is_told(tagger):
    assert tagger.predict(["", "Oslo", " \n"])[::2] == [{"record": "0", "words": [], "spans": []}, {"record": "2", "words": [], "spans": []}]
    assert [word["text"] for word in tagger.predict(["", "Oslo"])[1]["words"]] == ["Oslo"]


def test_texts_lists_of_words_and_pairs_may_stand_side_by_side(tagger):
    mixed = tagger.predict(["Mr Lincoln slept. In Oslo", ["Mr", "Lincoln"], (["in", "Oslo"], ["O", "B-LOC"])])
    assert [len(answer["words"]) for answer in mixed] == [6, 2, 2]


def test_a_long_sentence_is_cut_where_the_model_reads_no_further():
    model = unspool.train(changed(TAG, data__tokens={"longest": 2}), data=named_sentences(60, seed=5))
    (answer,) = model.predict(["Mr Lincoln slept. In New York"])
    assert [word["text"] for word in answer["words"]] == ["Mr", "Lincoln", "In", "New"]


def test_raw_texts_teach_and_judge_nothing(tagger):
    for ask in (tagger.evaluate, lambda data: unspool.train(TAG, data=data)):
        with pytest.raises(DataError, match=r"data\[0\]: got 'Oslo', wanted a pair of a list of words and a list of their tags; give as many tags"):
            ask(["Oslo"])


def test_half_a_character_is_told(tagger):
    with pytest.raises(DataError, match=r"data\[1\]: character 2 is '\\ud800', half of a surrogate pair"):
        tagger.predict(["a", "b \ud800"])


@pytest.mark.parametrize("data", ["Oslo is a town", {"a": 1}, 3])
def test_one_text_by_itself_is_a_path_or_nothing(tagger, data):
    with pytest.raises(DataError):
        tagger.predict(data)


def test_whole_texts_are_answered_one_by_one(both_ways, classifier):
    session = WholeTexts(both_ways)
    (wanted,) = both_ways.predict([PLAIN])
    assert session.step({"text": PLAIN}) == {"ready": True, "words": wanted["words"], "spans": wanted["spans"]}
    session.reset()
    assert session.step({"text": PLAIN})["words"] == wanted["words"]
    (label,) = classifier.predict(["fine a b"])
    told = WholeTexts(classifier).step({"text": "fine a b"})
    assert told == {"ready": True, **{name: value for name, value in label.items() if name != "record"}}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "'text' is missing"),
        ({"text": 3}, "text: got 3, wanted a sentence or a text"),
        ({"text": " "}, "text: got ' ', wanted a sentence or a text"),
        ({"text": "a", "end": True}, "'end': unknown key"),
        ({"text": "\udc00"}, "half of a surrogate pair"),
    ],
)
def test_a_record_without_a_text_is_told(both_ways, record, message):
    with pytest.raises(DataError, match=message):
        WholeTexts(both_ways).step(record)


def test_columns_are_no_texts():
    with pytest.raises(LiveError, match="the model reads columns, step by step, and --sentences is for models of texts; leave it out"):
        WholeTexts(unspool.train(ARRAYS, data=arrays()))
