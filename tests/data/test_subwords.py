"""Sub-words: exact places in the raw text, the same pieces from the same words, and JSON that is held to its form."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from unspool.data import subwords
from unspool.data.preparation import Preparation
from unspool.data.spec import DataSpec, Subwords, TextSource, Tokens
from unspool.data.subwords import BEGINS, BYTES, Cutter, SubwordFacts, learn
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary, tokenize
from unspool.errors import DataError, MissingExtra
from unspool.types import Record

TRAIN = [
    "the newest lowest price is the lowest", "lower and newer prices, the wider the lower",
    "na\u00efve \u4f60\u597d caf\u00e9s \U0001f469\u200d\U0001f467",
] * 3  # fmt: skip
MODELS = ["bpe", "unigram"]
FAMILY = "\U0001f468\U0001f3fd\u200d\U0001f469\u200d\U0001f467"


def fitted(model: str, size: int = 620, lowercase: bool = True, texts: list[str] = TRAIN, **more) -> TokenFacts:
    spec = Tokens(unit="subwords", subwords=Subwords(model=model, size=size), lowercase=lowercase, **more)
    records = [Record(name=str(index), where=f"t:{index}", text=text) for index, text in enumerate(texts)]
    spans = np.array([[index, 0, -1] for index in range(len(texts))])
    found = Preparation.fit(DataSpec(source=TextSource(path="t"), tokens=spec), records, spans).tokens
    assert found is not None
    return found


FITTED = {(model, lowercase): fitted(model, lowercase=lowercase) for model in MODELS for lowercase in (False, True)}
PIECES = st.sampled_from([
    *" \n\r\t\u3000\x00\x85\u2028\ud800\u0301\u200d\u0130\u00df\u05d0\u202e\u4f60",
    FAMILY, "\r\n", "lowest", "newer", "caf\u00e9", "http://a.b/c?d", "1,234.5",
])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("lowercase", [False, True])
@given(text=TEXTS)
@example(text="")
@example(text=f"\u0130\x00{FAMILY} \u05e9\u05dc\u05d5\u05dd e\u0301\r\nx\ry\nz \ud83d")
def test_pieces_in_order_are_the_words_and_nothing_is_unknown(model, lowercase, text):
    tokens = FITTED[model, lowercase]
    pieces, offsets = tokens.cut(text)
    assert "".join(text[start:stop] for start, stop in offsets.tolist()) == "".join(text.split())
    assert len(pieces) == len(offsets) and (np.diff(offsets.ravel()) >= 0).all()
    codes = tokens.encode(text)[0]
    assert (codes > 0).all() == bool(text.split())
    written = "".join(pieces).replace(BEGINS, " ").encode("latin-1").decode("utf-8", "surrogatepass").split(" ")[1:]
    words = tokenize(text, "words", lowercase=False)[0]
    assert written == ["".join(character.lower() for character in word) if lowercase else word for word in words]


@pytest.mark.parametrize("model", MODELS)
@given(left=TEXTS, right=TEXTS, blank=st.sampled_from(" \n\u3000"))
def test_pieces_of_a_text_are_those_of_its_halves_cut_between_words(model, left, right, blank):
    tokens = FITTED[model, True]
    assert tokens.cut(left + blank + right)[0] == tokens.cut(left)[0] + tokens.cut(blank + right)[0]


@pytest.mark.parametrize("model", MODELS)
def test_a_frequent_word_is_one_piece_and_what_begins_a_word_is_told_apart(model):
    tokens = FITTED[model, True]
    assert tokens.cut("The lowest")[0] == [BEGINS + "the", BEGINS + "lowest"]
    assert tokens.cut("the")[0] != tokens.cut("xthe")[0][-1:]
    assert tokens.cut("zq")[0] == [BEGINS + "z", "q"]


def test_a_character_in_several_pieces_belongs_to_the_last():
    pieces, offsets = FITTED["bpe", False].cut("a \u0800b")
    assert pieces == [BEGINS + "a", BEGINS + "\xe0", "\xa0", "\x80", "b"]
    assert offsets.tolist() == [[0, 1], [2, 2], [2, 2], [2, 3], [3, 4]]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_kept_is_json_and_reads_back_to_the_same_pieces(model):
    tokens = FITTED[model, True]
    kept = tokens.model_dump_json()
    again = TokenFacts.model_validate_json(kept)
    assert again == tokens and json.loads(kept)["subwords"]["model"] == model
    text = "a lowest zebra \u2603"
    np.testing.assert_array_equal(again.encode(text)[0], tokens.encode(text)[0])
    assert tokens.vocabulary.size <= 621 and tokens.vocabulary.units[: len(BYTES)] == BYTES


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_texts_and_the_process_change_nothing(model):
    assert fitted(model, texts=TRAIN[::-1]) == FITTED[model, True]
    program = (
        "import sys\nfrom unspool.data.spec import Subwords\nfrom unspool.data.subwords import learn\n"
        f"found = learn(sys.stdin.buffer.read().decode().split(), Subwords(model={model!r}, size=700), True)\n"
        "print(''.join(one.model_dump_json() for one in found))"
    )
    words = " ".join(f"{stem}{end}" for stem in ("lo", "ne", "wi", "hi", "fa") for end in ("w", "wer", "west", "de", "dest", "st", "ster") * 3)
    told = {subprocess.run([sys.executable, "-c", program], input=words.encode(), capture_output=True, check=True).stdout for _ in range(3)}
    assert len(told) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_word_of_a_megabyte_is_learnt_from_and_cut(model):
    word = "lowest" * 170_000
    tokens = fitted(model, texts=[*TRAIN, word])
    pieces, offsets = tokens.cut(word)
    assert offsets[-1, 1] == len(word) and len(pieces) < len(word)


def test_both_models_take_their_size_and_a_train_part_without_words_is_refused():
    for model in MODELS:
        assert len(fitted(model, size=600, texts=[f"w{number} w{number}" for number in range(900)]).vocabulary.units) == 600
        with pytest.raises(DataError, match=r"holds no word to learn sub-words from; .*data\.tokens\.unit: bytes"):
            learn(["a" * 1000], Subwords(model=model), True)


GOOD_BPE = {"model": "bpe", "merges": [[ord("a"), ord("b")]]}
GOOD_UNIGRAM = {"model": "unigram", "scores": [-1.0] * 513}


@pytest.mark.parametrize(
    ("kept", "pieces", "says"),
    [
        (GOOD_BPE, [*BYTES[1:], "ab"], "the 512 single bytes"),
        (GOOD_BPE, ["ab"], "the 512 single bytes"),
        (GOOD_BPE, [*BYTES, "ab", ""], "'' is no sub-word"),
        (GOOD_BPE, [*BYTES, "ab", "\u4e00"], "is no sub-word"),
        (GOOD_BPE, [*BYTES, "ab", f"a{BEGINS}b"], "is no sub-word"),
        (GOOD_BPE, [*BYTES, "ab", "a" * 33], "is no sub-word, wanted 1 to 32 bytes"),
        (GOOD_BPE, [*BYTES, "cd"], "gives no sub-word"),
        ({"model": "bpe", "merges": [[97, 513]]}, [*BYTES, "ab"], "merge of 97 and 513 gives no sub-word"),
        ({"model": "bpe", "merges": [[-1, 98]]}, [*BYTES, "ab"], "merge of -1 and 98"),
        ({"model": "bpe", "merges": [[97, 98]] * 2}, [*BYTES, "ab"], "stands twice"),
        ({**GOOD_BPE, "scores": [-1.0] * 513}, [*BYTES, "ab"], "there are scores"),
        (GOOD_UNIGRAM, [*BYTES], "513 scores and 0 merges, wanted 512 and none"),
        ({**GOOD_UNIGRAM, "merges": [[97, 98]]}, [*BYTES, "ab"], "513 scores and 1 merges"),
        ({"model": "unigram", "scores": [-1.0] * 512 + [0.5]}, [*BYTES, "ab"], "scores go from -1 to 0.5"),
        ({"model": "unigram", "scores": [-1e9] * 513}, [*BYTES, "ab"], "scores go from -1e"),
        ({"model": "unigram", "scores": [float("nan")] * 513}, [*BYTES, "ab"], "finite number"),
        ({"model": "wordpiece"}, [*BYTES, "ab"], "'bpe' or 'unigram'"),
        ({**GOOD_BPE, "url": "http://a"}, [*BYTES, "ab"], "Extra inputs"),
        (None, [*BYTES, "ab"], "not known"),
    ],
)  # fmt: skip
def test_what_is_no_model_of_sub_words_never_reaches_the_library(monkeypatch, kept, pieces, says):
    monkeypatch.setattr(subwords, "_library", lambda: pytest.fail("the library was asked"))
    raw = {"unit": "subwords", "vocabulary": {"units": pieces}, "subwords": kept}
    with pytest.raises(ValidationError, match=says):
        TokenFacts.model_validate(raw)


def test_as_many_pieces_as_fit_and_other_units_have_none():
    tokens = TokenFacts.model_validate({"unit": "subwords", "vocabulary": {"units": [*BYTES, "ab"]}, "subwords": GOOD_BPE})
    assert tokens.cut("abab")[0] == [BEGINS + "a", "b", "ab"]
    with pytest.raises(ValidationError, match="the unit is words, and how words are cut into sub-words is known"):
        TokenFacts.model_validate({"unit": "words", "vocabulary": {"units": [*BYTES, "ab"]}, "subwords": GOOD_BPE})
    many = [*BYTES, *(f"{number:07d}" for number in range(100_000))]
    with pytest.raises(ValidationError, match="at most 100,000 in all"):
        TokenFacts.model_validate({"unit": "subwords", "vocabulary": {"units": many}, "subwords": {"model": "bpe"}})


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    says = r"data\.tokens\.unit: subwords needs tokenizers, which is not installed; pip install unspool\[text\]"
    with pytest.raises(MissingExtra, match=says):
        learn(["a"], Subwords(), True)
    tokens = FITTED["bpe", True].model_copy()
    tokens.__dict__.pop("cutter", None)
    for ask in (tokens.refuse_no_library, lambda: tokens.encode("a")):
        with pytest.raises(MissingExtra, match=says):
            ask()
    Vocabulary.of_bytes().encode("a")


def test_a_cutter_remembers_words_and_not_what_was_asked_before():
    facts = FITTED["bpe", True]
    fresh = Cutter(facts.subwords or SubwordFacts(model="bpe"), facts.vocabulary.units, True)
    text = "lowest newer lowest"
    first, second = (fresh.cut(text, tokenize(text, "words", False)[1]) for _ in range(2))
    assert first[0] == second[0] == facts.cut(text)[0]
    np.testing.assert_array_equal(first[1], second[1])
