"""Tags and spans: by hand, and the laws of what a scheme permits."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.schemes import Span, allowed, convert, detect, spans

SCHEMES = ("iob1", "iob2", "iobes")
BY_SCHEME = {
    "iob1": "I-PER I-PER O I-ORG B-ORG I-ORG I-LOC",
    "iob2": "B-PER I-PER O B-ORG B-ORG I-ORG B-LOC",
    "iobes": "B-PER E-PER O S-ORG B-ORG E-ORG S-LOC",
    "bilou": "B-PER L-PER O U-ORG B-ORG L-ORG U-LOC",
}
SPANS = [Span("PER", 0, 2), Span("ORG", 3, 4), Span("ORG", 4, 6), Span("LOC", 6, 7)]
TYPES = ("X", "Y-Z", "")
ANY = st.sampled_from(["O", "NN", "", "-", "B", "I", *(f"{letter}-{kind}" for letter in "BIESLU" for kind in TYPES)])


@st.composite
def sentences(draw, longest=12):
    """Spans that do not overlap, in order, and the number of steps."""
    found, step = [], 0
    for gap, steps, kind in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)), max_size=5)):
        found.append(Span(kind, step + gap, step + gap + steps))
        step += gap + steps
    return found, step + draw(st.integers(0, 2))


def written(found, steps, scheme):
    """Through the plainest scheme, IOBES, by hand."""
    tags = ["O"] * steps
    for kind, start, stop in found:
        letters = ["S"] if stop - start == 1 else ["B", *["I"] * (stop - start - 2), "E"]
        tags[start:stop] = [f"{letter}-{kind}" for letter in letters]
    return convert(tags, scheme)


def permits(rules, numbers):
    """Whether a sequence of labels, by number, is permitted."""
    return rules.start[numbers[0]] and rules.end[numbers[-1]] and all(rules.transitions[a, b] for a, b in pairwise(numbers))


@pytest.mark.parametrize("tags", BY_SCHEME.values(), ids=BY_SCHEME)
def test_every_scheme_names_the_same_spans(tags):
    assert spans(tags.split()) == SPANS


@pytest.mark.parametrize("target", SCHEMES)
@pytest.mark.parametrize("tags", BY_SCHEME.values(), ids=BY_SCHEME)
def test_every_scheme_becomes_every_other(tags, target):
    assert convert(tags.split(), target) == BY_SCHEME[target].split()


@given(sentences(), st.sampled_from(SCHEMES))
def test_spans_survive_being_written_in_any_scheme(sentence, scheme):
    found, steps = sentence
    assert spans(written(found, steps, scheme)) == found


@given(st.lists(ANY, max_size=15), st.sampled_from(SCHEMES), st.sampled_from(SCHEMES))
def test_a_conversion_keeps_spans_and_whatever_is_no_tag_and_is_done_at_once(tags, scheme, other):
    once = convert(tags, scheme)
    assert spans(once) == spans(tags)
    assert [tag for tag in once if tag in ("NN", "", "-")] == [tag for tag in tags if tag in ("NN", "", "-")]
    assert convert(once, scheme) == once == convert(convert(tags, other), scheme)


@pytest.mark.parametrize(
    "tags, found",
    [
        ("I-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("O I-X O", [("X", 1, 2)]),
        ("B-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("E-X E-X", [("X", 0, 1), ("X", 1, 2)]),
        ("B-X E-X I-X", [("X", 0, 2), ("X", 2, 3)]),
        ("S-X I-X", [("X", 0, 1), ("X", 1, 2)]),
        ("B I O B", [("", 0, 2), ("", 3, 4)]),
        ("B-a-b I-a-b", [("a-b", 0, 2)]),
        ("NN O-X VB-X b-X", []),
        ("", []),
    ],
)
def test_what_no_scheme_permits_is_read_as_leniently_as_conlleval_reads_it(tags, found):
    assert spans(tags.split()) == found


def test_a_data_set_is_written_in_the_scheme_that_its_spans_begin_in():
    for scheme, tags in BY_SCHEME.items():
        assert detect([["O"], [], tags.split()]) == ("iobes" if scheme == "bilou" else scheme)
    assert detect([["B-X", "I-X"], ["B-X"], ["O", "I-X"]]) == "iob2"
    assert detect([["I-X", "I-X"], ["I-X"], ["O", "B-X"]]) == "iob1"
    assert detect([["B", "I", "O"]]) == "iob2"


def test_tags_that_name_no_spans_have_no_scheme():
    for data in ([], [[]], [["O"]], [["DT", "NN"]], [["B-X", "PER"]], [["E", "I"]], [["I", "O"]], [["H", "E", "B", "O"]], [["S", "U"]]):
        assert detect(data) is None


@given(st.lists(sentences(), min_size=1), st.sampled_from(SCHEMES))
def test_a_scheme_is_detected_wherever_it_tells_itself_from_the_others(data, scheme):
    tags = [written(found, steps, scheme) for found, steps in data]
    found = detect(tags)
    if found is not None and found != scheme:
        assert [convert(sentence, found) for sentence in tags] == tags


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_scheme_permits_just_what_it_writes(scheme, steps):
    labels = ["O", *(f"{letter}-{kind}" for letter in ("BIES" if scheme == "iobes" else "BI") for kind in "XY")]
    rules = allowed(labels, scheme)
    for numbers in product(range(len(labels)), repeat=steps):
        tags = [labels[number] for number in numbers]
        assert permits(rules, numbers) == (convert(tags, scheme) == tags), tags


def test_rules_have_a_place_for_each_label_in_its_order():
    rules = allowed(["I-X", "O", "NN"], "iob2")
    np.testing.assert_array_equal(rules.start, [False, True, True])
    np.testing.assert_array_equal(rules.end, [True, True, True])
    np.testing.assert_array_equal(rules.transitions, [[True, True, True], [False, True, True], [False, True, True]])
    assert rules.transitions.dtype == bool and allowed([], "iobes").transitions.shape == (0, 0)
