"""Spans and their scores against the script of the CoNLL shared tasks, written here after its rules, letter pair by letter pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.schemes import convert, spans
from unspool.metrics import span_scores

ENDS = {"BB", "BO", "IB", "IO", "BS", "IS"} | {before + after for before in "ES" for after in "BIESO"}
STARTS = {"BB", "IB", "OB", "OI", "OE", "EB", "EI", "EE", "SB", "SI", "SE"} | {before + "S" for before in "BIESO"}
NAMES = {"L": "E", "U": "S"}
ALPHABETS = {"IOB": "BI", "IOBES": "BIES", "BILOU": "BILU", "all at once": "BIESLU"}


def chunks(tags):
    """(type, start, stop) in order of their ends; a sentence is closed by a tag outside."""
    found, opened, letter_before, type_before = [], None, "O", ""
    for step, tag in enumerate([*tags, "O"]):
        letter, _, kind = tag.partition("-")
        letter, kind = (NAMES.get(letter, letter), kind) if letter in set("BIESLU") else ("O", "")
        if letter_before != "O" and (letter_before + letter in ENDS or kind != type_before):
            found.append((type_before, opened, step))
        if letter != "O" and (letter_before + letter in STARTS or kind != type_before):
            opened = step
        letter_before, type_before = letter, kind
    return found


def scores(truth, predicted):
    """Precision, recall and F1, chunk by chunk."""
    correct = claimed = there = 0
    for true, guess in zip(map(chunks, truth), map(chunks, predicted), strict=True):
        there, claimed = there + len(true), claimed + len(guess)
        correct += sum(any(chunk == other for other in guess) for chunk in true)
    precision, recall = correct / max(claimed, 1), correct / max(there, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


@st.composite
def tagged(draw, letters):
    """True and predicted tags of a few sentences, in no scheme's order; the predicted are often the true ones."""
    tag = st.sampled_from(["O", "O", "NN", *(f"{letter}-{kind}" for letter in letters for kind in ("X", "Y", "X-Y")), "B", "I"])
    truth = draw(st.lists(st.lists(tag, max_size=12), min_size=1, max_size=4))
    return truth, [[draw(st.one_of(st.just(true), st.just(true), tag)) for true in sentence] for sentence in truth]


@pytest.mark.parametrize("letters", ALPHABETS.values(), ids=ALPHABETS)
@given(data=st.data())
def test_spans_are_the_chunks_of_conlleval_whatever_the_order_of_tags(letters, data):
    truth, _ = data.draw(tagged(letters))
    for tags in truth:
        assert spans(tags) == chunks(tags)
        assert [chunks(convert(tags, scheme)) for scheme in ("iob1", "iob2", "iobes")] == [chunks(tags)] * 3


@pytest.mark.parametrize("letters", ALPHABETS.values(), ids=ALPHABETS)
@given(data=st.data())
def test_span_scores_are_those_of_conlleval(letters, data):
    truth, predicted = data.draw(tagged(letters))
    if any(map(chunks, truth + predicted)):
        found = span_scores(list(map(spans, truth)), list(map(spans, predicted)))
        np.testing.assert_allclose([found["precision"], found["recall"], found["f1"]], scores(truth, predicted))
