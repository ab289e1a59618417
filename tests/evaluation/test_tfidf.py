import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from unspool.evaluation import tfidf
from unspool.evaluation.tfidf import Tfidf

DOCUMENTS = st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=12)


def theirs(longest, minimum):
    return TfidfVectorizer(
        analyzer="word", tokenizer=str.split, token_pattern=None, lowercase=False, ngram_range=(1, longest),
        sublinear_tf=True, min_df=minimum,
    )  # fmt: skip


def as_codes(documents):
    return [np.array(document, np.int64) for document in documents]


def as_texts(documents):
    return [" ".join(map(str, document)) for document in documents]


@pytest.mark.parametrize(("longest", "minimum"), [(1, 1), (2, 1), (2, 2), (4, 1)])
@given(train=DOCUMENTS, test=DOCUMENTS)
@settings(max_examples=40, deadline=None)
def test_weights_are_those_of_scikit_learn(longest, minimum, train, test):
    train = [*train, [1, 2, 3], [1, 2, 3]]
    vectorizer = theirs(longest, minimum).fit(as_texts(train))
    ours = Tfidf.fit(as_codes(train), 7, longest, minimum)
    assert len(ours.keys) == len(vectorizer.vocabulary_)
    for documents in (train, test):
        found, wanted = ours.transform(as_codes(documents)).dense(), vectorizer.transform(as_texts(documents)).toarray()
        # The columns stand in another order: what says the same are the products of all rows with all train rows.
        base = ours.transform(as_codes(train)).dense(), vectorizer.transform(as_texts(train)).toarray()
        np.testing.assert_allclose(found @ base[0].T, wanted @ base[1].T, atol=1e-12)
        np.testing.assert_allclose(np.sort(found, axis=1), np.sort(wanted, axis=1), atol=1e-12)


def test_what_train_lacks_weighs_nothing():
    ours = Tfidf.fit(as_codes([[1, 2], [1, 2]]), 9, 2, 1)
    rows = ours.transform(as_codes([[5, 6], [], [1, 5]])).dense()
    assert rows.shape == (3, 3)
    np.testing.assert_array_equal(rows[:2], 0)
    np.testing.assert_array_equal(np.sort(rows[2]), [0, 0, 1])


def test_runs_do_not_reach_from_one_document_into_the_next():
    assert len(Tfidf.fit(as_codes([[1], [2], [3]]), 9, 3, 1).keys) == 3


def test_of_too_many_runs_the_commonest_are_kept(monkeypatch):
    monkeypatch.setattr(tfidf, "LARGEST", 2)
    ours = Tfidf.fit(as_codes([[1, 2, 3], [2, 3], [3, 4]]), 9, 1, 1)
    assert ours.keys.tolist() == [2, 3]


def test_nothing_that_is_common_enough_leaves_no_columns():
    ours = Tfidf.fit(as_codes([[1], [2]]), 9, 2, 2)
    assert ours.transform(as_codes([[1], [2], []])).dense().shape == (3, 0)
