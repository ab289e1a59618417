"""Word vectors of a file join the words of the train part: which words are known, and which code has which vector."""

from __future__ import annotations

import numpy as np
import pytest

from unspool.data import vectors
from unspool.data.preparation import Preparation
from unspool.data.pretrained import join
from unspool.data.spec import VectorFile
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.errors import DataError

FILE = "the 1 0\nsea 0 1\nThe 5 5\nis 2 2\nblue 3 3\n"


def preparation_of(*units: str, lowercase: bool = True) -> Preparation:
    return Preparation(tokens=TokenFacts(lowercase=lowercase, vocabulary=Vocabulary(units=units)), labels=("a", "b"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v.txt").write_text(FILE, encoding="utf-8")
    return tmp_path


def joined(folder, *units, tuned=True, further=10, lowercase=True):
    preparation, table = join(preparation_of(*units, lowercase=lowercase), VectorFile(path="v.txt", further=further), tuned, folder)
    tokens = preparation.tokens
    assert tokens is not None and tokens.vectors is not None
    assert table.shape == (tokens.vocabulary.size, tokens.vectors.width)
    return tokens, table


def test_words_of_the_train_part_come_first_and_then_the_head_of_the_file(folder):
    tokens, table = joined(folder, "sea", "zebra", further=2)
    assert tokens.vocabulary.units == ("sea", "zebra", "the", "is")
    np.testing.assert_array_equal(table[[1, 3, 4]], [[0, 1], [1, 0], [2, 2]])
    assert np.isnan(table[[0, 2]]).all()
    assert (tokens.vectors.near, tokens.vectors.exact, tokens.vectors.missing, tokens.vectors.further) == (3, 1, 1, 2)
    assert tokens.vectors.coverage == 0.5


def test_words_without_a_vector_are_unknown_where_nothing_is_learnt(folder):
    tokens, table = joined(folder, "sea", "zebra", tuned=False, further=0)
    assert tokens.vocabulary.units == ("sea",)
    assert tokens.vectors.near == 2
    np.testing.assert_array_equal(table[1:], [[0, 1]])


def test_further_words_are_in_lower_case_where_texts_are(folder):
    assert "The" not in joined(folder, "sea")[0].vocabulary.units
    tokens, table = joined(folder, "sea", lowercase=False)
    np.testing.assert_array_equal(table[1 + tokens.vocabulary.units.index("The")], [5, 5])


@pytest.mark.parametrize("further", range(6))
def test_so_many_further_words_are_kept_as_are_asked_for_and_there(folder, further):
    found = vectors.read(folder / "v.txt", ["sea"], further=further)
    assert found.words == ("sea", "the", "The", "is", "blue")[: 1 + further]
    assert found.further == min(further, 4)
    assert found.coverage == 1
    np.testing.assert_array_equal(found.matrix, np.array([[0, 1], [1, 0], [5, 5], [2, 2], [3, 3]], np.float32)[: 1 + further])


def test_a_further_word_that_comes_again_counts_once(tmp_path):
    (tmp_path / "v.txt").write_text("the 1 0\nthe 2 0\nsea 0 1\n", encoding="utf-8")
    found = vectors.read(tmp_path / "v.txt", ["sea"], further=5)
    assert found.words == ("sea", "the")
    assert found.repeated == 1
    np.testing.assert_array_equal(found.matrix, [[0, 1], [1, 0]])


def test_a_file_without_any_of_the_words_says_so(folder):
    with pytest.raises(DataError, match=r"v\.txt: has none of the 2 words of the train part, such as zebra, yak; give vectors of the same language"):
        joined(folder, "zebra", "yak")


def test_what_is_known_of_vectors_survives_json(folder):
    tokens, _ = joined(folder, "sea", "zebra")
    assert TokenFacts.model_validate_json(tokens.model_dump_json()) == tokens
