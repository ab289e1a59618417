"""The page of a tagger: what is coloured cuts the text exactly, what is damaged is refused, what is hostile is inert."""

from __future__ import annotations

import json
import re
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from unspool import report
from unspool.data.schemes import Span, spans
from unspool.errors import BundleError
from unspool.report import tag as page_of_tags
from unspool.report.contents import read
from unspool.report.page import page
from unspool.report.predictions import Tagged, TagRun

from .reading import read_page

LABELS = ("B-PER", "E-PER", "O", "S-LOC")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;<!--"
SENTENCES = [
    ("Ada Byron slept", [0, 1, 2], [0, 1, 2]),
    ("Oslo & <b> slept", [3, 2, 2, 2], [2, 2, 2, 2]),
    ("in Lincoln", [2, 2], [2, 3]),
    ("a town nobody knows", [2, 2, 2, 3], [2, 2, 2, -1]),
]


def places(text):
    return np.array([match.span() for match in re.finditer(r"\S+", text)], np.int64).reshape(-1, 2)


def tag_run(folder, sentences=SENTENCES, labels=LABELS, scheme="iobes"):
    """A run folder as training leaves it, as far as the page reads it."""
    folder.mkdir(exist_ok=True)
    described = {"kind": "tag", "names": [str(index) for index in range(len(sentences))], "labels": labels, "scheme": scheme}
    (folder / "predictions.json").write_text(json.dumps({**described, "texts": [text for text, _, _ in sentences]}))
    steps = sum(len(best) for _, best, _ in sentences)
    arrays = {
        "lengths": np.array([len(best) for _, best, _ in sentences], np.int64),
        "offsets": np.concatenate([places(text) for text, _, _ in sentences]) if sentences else np.zeros((0, 2), np.int64),
        "best": np.array([tag for _, best, _ in sentences for tag in best], np.int64),
        "truth": np.array([tag for _, _, truth in sentences for tag in truth], np.int64),
        "confidence": np.linspace(0.5, 0.99, steps, dtype=np.float32),
    }
    save_file(arrays, folder / "predictions.safetensors")
    kinds = {"LOC": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 1}, "PER": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1_234}}
    scores = {"accuracy": 0.8, **({"span_f1": 0.66, "span_precision": 0.7, "span_recall": 0.6, "per_type": kinds} if scheme else {})}
    numbers = {name: value for name, value in scores.items() if name != "per_type"}
    metrics = {"test": {"records": 4, "words": steps, **scores}, "baselines": {"lookup": dict.fromkeys(numbers, 0.5)}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    preparation = {"labels": labels, "scheme": scheme, "tokens": {"vocabulary": {"units": ["in"]}}}
    facts = {"task": {"kind": "tag", "counts": [1] * len(labels)}, "preparation": preparation, "memory": {"kind": "carried"}}
    (folder / "facts.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture
def folder(tmp_path):
    return tag_run(tmp_path / "run")


def html(folder):
    return page(read(folder))


def lines(written):
    """The sentences as they are shown: what was said, what is true, each as markup."""
    return re.findall(r'<blockquote class="tagged"><small>(said|true)</small>\n(.*?)</blockquote>', written, re.DOTALL)


def test_spans_are_told_kind_by_kind_the_commonest_first_and_mistakes_in_colour(folder):
    written = html(folder)
    found = read_page(written)
    assert {"figures", "types", "sentences"} <= set(found.ids("section")) and "tags" not in found.ids("section")
    assert found.words.index("PER") < found.words.index("LOC") and "1,234" in found.words
    assert "2 sentences of 4 hold a mistake" in found.words
    (_, said), (_, true), *_ = lines(written)
    assert 'Lincoln<sub>LOC</sub></mark>' in true and "<mark" not in said  # the surest mistake comes first
    assert "The model beats every baseline" in found.words and "giving every word its commonest tag" in found.words


def test_tags_that_stand_for_themselves_are_told_tag_by_tag(tmp_path):
    sentences = [("they run", [1, 2], [1, 0]), ("the sea", [0, 0], [0, 0])]
    written = html(tag_run(tmp_path / "run", sentences, ("DT", "PRP", "VB"), scheme=None))
    found = read_page(written)
    assert {"tags", "sentences"} <= set(found.ids("section")) and "types" not in found.ids("section")
    (_, said), (_, true) = lines(written)
    assert re.fullmatch(r'they <mark class="type-\d">run<sub>VB</sub></mark>', said) and "<sub>DT</sub>" in true and "<sub>PRP</sub>" not in true


def test_without_a_mistake_that_is_said(tmp_path):
    found = read_page(html(tag_run(tmp_path / "run", SENTENCES[:1])))
    assert "No word of the test part is tagged wrongly." in found.words


@pytest.mark.parametrize("scheme", ["iobes", None])
def test_a_test_part_without_words_or_without_a_known_tag_makes_a_page(tmp_path, scheme):
    for number, sentences in enumerate([[], [("in", [2], [-1])], [("", [], [])]]):
        found = read_page(html(tag_run(tmp_path / str(number), sentences, scheme=scheme)))
        assert found.count("h1") == 1 and "tags" not in found.ids("section")


def test_words_tags_and_names_are_inert(tmp_path):
    hostile = HOSTILE.replace(" ", "_")
    labels = (f"B-{hostile}", f"E-{hostile}", "O", f"S-{hostile}")
    folder = tag_run(tmp_path / "run", [(f"in {hostile} {hostile}", [2, 3, 2], [2, 2, 3])], labels)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"]["per_type"] = {hostile: {"support": 3}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    found = read_page(html(folder))
    assert found.count("img") == 0 and found.count("script") == 0 and hostile in found.words


DAMAGED = {
    "lengths": [np.array([3, 4, 2, 3]), np.array([3, 4, 2, 5]), np.array([3, 4, 2]), np.array([14, 4, 2, -7]), np.ones((2, 2), np.int64), np.ones(4)],
    "offsets": [np.zeros((13, 3), np.int64), np.zeros((12, 2), np.int64), np.zeros((13, 2))],
    "best": [np.full(13, 4), np.full(13, -1), np.zeros(12, np.int64), np.zeros(13)],
    "truth": [np.full(13, 4), np.full(13, -2), np.zeros(12, np.int64)],
    "confidence": [np.full(13, np.nan), np.full(13, np.inf), np.ones(12), np.ones(13, np.int64)],
}


@pytest.mark.parametrize(("name", "array"), [(name, array) for name, arrays in DAMAGED.items() for array in arrays])
def test_tensors_that_do_not_fit_are_refused_by_name(folder, name, array):
    arrays = load_file(folder / "predictions.safetensors")
    save_file({**arrays, name: array}, folder / "predictions.safetensors")
    with pytest.raises(BundleError, match=r"predictions\.safetensors: .*(lengths|offsets|best|truth|confidence).*the run folder is damaged"):
        report.write(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("name", DAMAGED)
def test_tensors_that_are_missing_are_named(folder, name):
    arrays = load_file(folder / "predictions.safetensors")
    del arrays[name]
    save_file(arrays, folder / "predictions.safetensors")
    with pytest.raises(BundleError, match=f"{name}: is missing"):
        report.write(folder)


@pytest.mark.parametrize("change", [(0, 0, -1), (2, 1, 16), (1, 0, 2), (0, 1, 5), (2, 1, 9)], ids=["before", "after", "back", "over", "backwards"])
def test_words_that_are_not_in_their_text_one_after_the_other_are_refused(folder, change):
    word, edge, place = change
    arrays = load_file(folder / "predictions.safetensors")
    arrays["offsets"][word, edge] = place
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "predictions.safetensors")
    with pytest.raises(BundleError, match="offsets: those of record '0' are no places in order within its 15 characters"):
        report.write(folder)


@pytest.mark.parametrize("change", [{"names": None}, {"texts": None}, {"labels": "x"}, {"texts": ["a"]}, {"names": ["0"]}, {"labels": []}])
def test_a_description_that_does_not_fit_is_refused(folder, change):
    described = json.loads((folder / "predictions.json").read_text())
    (folder / "predictions.json").write_text(json.dumps({**described, **change}))
    with pytest.raises(BundleError, match="the run folder is damaged"):
        report.write(folder)


@pytest.mark.parametrize("kinds", [{"PER": 3}, {"PER": None}, {"PER": {"support": "many"}}, {"PER": {"f1": "x", "support": -1}}, 3, []])
def test_figures_that_are_none_are_left_out(folder, kinds):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"]["per_type"] = kinds
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert read_page(html(folder)).count("h1") == 1


WORDS = st.lists(st.text(min_size=1, max_size=4).filter(lambda word: not word.isspace()), min_size=1, max_size=7)


@given(words=WORDS, gaps=st.lists(st.sampled_from(["", " ", "\n", "\u00a0\u200b"]), min_size=8, max_size=8), data=st.data())
def test_what_is_coloured_cuts_the_text_exactly(words, gaps, data):
    """Marks taken out, the text is there, every character once; each mark is a span, with its type behind it."""
    text, offsets = gaps[0], []
    for word, gap in zip(words, gaps[1:], strict=False):
        offsets.append((len(text), len(text) + len(word)))
        text += word + gap
    tags = data.draw(st.lists(st.sampled_from(range(len(LABELS))), min_size=len(words), max_size=len(words)))
    numbers = np.array(tags, np.int64)
    sentence = Tagged("0", text, np.array(offsets), numbers, np.ones(len(words)), numbers)
    marked = spans([LABELS[tag] for tag in tags])
    pieces = list(page_of_tags._pieces(sentence, marked, {"PER": 0, "LOC": 1}))
    assert unescape("".join(re.sub(r"<sub>.*?</sub>|</?mark[^>]*>", "", piece, flags=re.DOTALL) for piece in pieces)) == text
    found = [re.fullmatch(r'<mark class="type-([01])">(.*)<sub>(PER|LOC)</sub></mark>', piece, re.DOTALL) for piece in pieces]
    shown = [(match[3], unescape(match[2])) for match in found if match]
    assert shown == [(kind, text[offsets[start][0] : offsets[stop - 1][1]]) for kind, start, stop in marked]


@pytest.mark.parametrize(("mistake", "first"), [(0, 0), (79, 0), (80, 40), (150, 110), (199, 120)])
def test_a_long_sentence_is_cut_about_its_mistake_and_says_so(tmp_path, mistake, first):
    words = [f"w{place}" for place in range(200)]
    best = [2] * 200
    best[mistake] = 3
    folder = tag_run(tmp_path / "run", [(" ".join(words), best, [2] * 200)])
    (_, said), (_, true) = lines(html(folder))
    shown = " ".join(words[first : first + page_of_tags.LONGEST_WORDS])
    whole = "\N{HORIZONTAL ELLIPSIS} " * (first > 0) + shown + " \N{HORIZONTAL ELLIPSIS}" * (first < 120)
    assert true == whole
    assert re.findall(r"<mark class=\"[^\"]*\">(\w+)<sub>LOC", said) == [f"w{mistake}"]
    assert re.sub("<sub>.*?</sub>|<[^>]*>", "", said) == whole


def test_colours_go_to_the_commonest_types_and_come_again():
    labels = ("O", *(f"S-{kind}" for kind in "ABCDEFGH"))
    numbers = np.array([tag for tag in range(1, 9) for _ in range(9 - tag)])
    text = " ".join(["w"] * len(numbers))
    run = TagRun(labels, True, (Tagged("0", text, places(text), numbers, np.ones(len(numbers)), numbers),))
    assert page_of_tags._colours(run) == {kind: place % page_of_tags.COLOURS for place, kind in enumerate("ABCDEFGH")}
    assert page_of_tags._marks(run, ["S-A", "O"], run.sentences[0]) == [Span("A", 0, 1)]
