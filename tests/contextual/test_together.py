"""Vectors in context beside other ways to read a text."""

from __future__ import annotations

from pathlib import Path

import pytest

import unspool
from unspool.errors import SpecError
from unspool.run.spec import make_spec

from .making import write_encoder
from .test_runs import CLASSIFY, TEXTS, with_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def test_texts_are_read_in_two_levels_with_them_too(encoder):
    spec = with_encoder({**CLASSIFY, "train": {"epochs": 2}}, encoder)
    spec["model"] = {**spec["model"], "hierarchy": {"backbone": {"cell": {"kind": "gru", "hidden": 6}}}}
    model = unspool.train(spec, data=TEXTS)
    assert len(model.predict(["Fine. A lovely film! Great."])) == 1


def test_a_document_is_read_as_a_whole_before_it_is_answered_window_by_window(encoder):
    spec = with_encoder({**CLASSIFY, "train": {"epochs": 1}}, encoder)
    spec["data"]["tokens"] = {"windows": {"size": 3, "step": 2}}
    model = unspool.train(spec, data=TEXTS)
    assert len(model.predict(["a lovely film, a great film, a fine film"])) == 1


def test_of_a_text_whose_middle_is_left_out_the_words_that_are_kept_have_vectors(encoder):
    spec = with_encoder({**CLASSIFY, "train": {"epochs": 1}}, encoder)
    spec["data"]["tokens"] = {"longest": 3, "keep": "both"}
    assert len(unspool.train(spec, data=TEXTS).predict(["fine film " * 9])) == 1


def test_word_vectors_of_a_file_stand_beside_them():
    raw = with_encoder(CLASSIFY, "bert")
    raw["data"]["vectors"] = {"path": "v.txt"}
    assert make_spec(raw, Path("/")).model.embed.kind == "vectors"


def test_a_language_model_answers_before_it_knows_the_whole_text():
    raw = with_encoder(CLASSIFY, "bert")
    with pytest.raises(SpecError, match="data.contextual: .*generate answers from what came so far; drop it"):
        make_spec({**raw, "task": {"kind": "generate"}}, Path("/"))
