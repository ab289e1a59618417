"""Sub-words and words: each is read with its neighbours, kept once, and given to the words that it is of."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.vocab import tokenize
from unspool.models.subwords import owned, pooled, windows


@given(pieces=st.integers(0, 300), room=st.integers(1, 40))
def test_every_subword_is_kept_of_one_window_that_reads_it(pieces, room):
    found = windows(pieces, room)
    assert [place for window in found for place in range(window.first, window.last)] == list(range(pieces))
    for window in found:
        assert 0 <= window.start <= window.first <= window.last <= window.stop <= pieces
        assert window.stop - window.start <= room


@given(pieces=st.integers(0, 300), room=st.integers(1, 40))
def test_what_is_kept_has_an_eighth_of_a_window_on_either_side_unless_the_text_ends_there(pieces, room):
    for window in windows(pieces, room):
        assert window.first == 0 or window.first - window.start >= room // 8
        assert window.last == pieces or window.stop - window.last >= room // 8


@pytest.mark.parametrize("pieces", [0, 1, 7, 8])
def test_a_text_that_fits_is_read_whole(pieces):
    (window,) = windows(pieces, 8)
    assert (window.start, window.stop) == (0, pieces)


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=20).map(
    lambda found: np.array(sorted((start, start + length) for start, length in found), np.int64).reshape(-1, 2)
)
cuts = st.lists(st.integers(0, 34), unique=True, max_size=20).map(lambda found: sorted(found)[: len(found) // 2 * 2]).map(
    lambda found: np.array(found, np.int64).reshape(-1, 2)
)


@given(offsets=spans, words=cuts)
def test_a_subword_is_of_every_word_that_it_shares_a_character_with(offsets, words):
    brute = [
        (piece, word)
        for word, (begin, end) in enumerate(words.tolist())
        for piece, (start, stop) in enumerate(offsets.tolist())
        if set(range(start, stop)) & set(range(begin, end))
    ]
    piece, word = owned(offsets, words)
    assert list(zip(piece.tolist(), word.tolist(), strict=True)) == brute


def test_pooling_is_as_counted_by_hand():
    """`playing` is two sub-words, `.` one, a mark without a width none; the last sub-word stands across two words, and is of both."""
    vectors = np.array([[1, 10], [3, 20], [5, 0], [7, 7]], np.float32)
    offsets = np.array([[0, 4], [4, 7], [7, 8], [9, 13]])
    words = np.array([[0, 7], [7, 8], [8, 9], [9, 11], [11, 13]])
    np.testing.assert_array_equal(pooled(vectors, offsets, words, "mean"), np.array([[2, 15], [5, 0], [0, 0], [7, 7], [7, 7]], np.float32))
    np.testing.assert_array_equal(pooled(vectors, offsets, words, "first"), np.array([[1, 10], [5, 0], [0, 0], [7, 7], [7, 7]], np.float32))


@given(offsets=spans, words=cuts)
def test_pooling_is_the_mean_or_the_first_of_a_words_subwords(offsets, words):
    vectors = np.random.default_rng(0).standard_normal((len(offsets), 3)).astype(np.float32)
    mean, first = (pooled(vectors, offsets, words, pooling) for pooling in ("mean", "first"))
    assert mean.shape == first.shape == (len(words), 3) and mean.dtype == np.float32
    piece, word = owned(offsets, words)
    for index in range(len(words)):
        own = piece[word == index]
        np.testing.assert_allclose(mean[index], vectors[own].mean(axis=0) if len(own) else 0, atol=1e-6)
        np.testing.assert_array_equal(first[index], vectors[own[0]] if len(own) else 0)


LINES = ["naïve 😀 film went to the films", "日本 に 行く", "don't stop, Zürich!", "e\u0301te\u0301 fine"]


def byte_level():
    """As RoBERTa's: a sub-word may begin with the blank before a word, or be a part of a character."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(LINES * 3, tokenizers.trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    return made


def sentence_piece():
    """As XLM-R's: blanks become a character of their own, and characters are composed first."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.Unigram())
    made.normalizer = tokenizers.normalizers.NFKC()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(vocab_size=80, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    made.train_from_iterator(LINES * 3, trainer)
    return made


@pytest.mark.parametrize("make", [byte_level, sentence_piece])
@pytest.mark.parametrize("line", LINES)
def test_every_kind_of_tokenizer_says_where_its_subwords_stand(make, line):
    offsets = np.array(make().encode(line, add_special_tokens=False).offsets)
    words = tokenize(line, "words", lowercase=True)[1]
    piece, word = owned(offsets, words)
    for index, (start, stop) in enumerate(words.tolist()):
        read = set().union(*(range(*offsets[place]) for place in piece[word == index]))
        # a mark that was composed with its letter has no place of its own
        assert {place for place in range(start, stop) if not unicodedata.combining(line[place])} <= read
    for place in set(range(len(offsets))) - set(piece.tolist()):
        assert not line[slice(*offsets[place])].strip()  # what is of no word is a blank
