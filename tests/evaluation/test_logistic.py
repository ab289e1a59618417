import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from unspool.evaluation.logistic import fit
from unspool.evaluation.sparse import SparseRows


def problem(classes, seed=0, rows=150, width=6):
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(rows, width))
    logits = features @ draw.normal(size=(width, classes)) + draw.normal(size=classes)
    return features, (logits + draw.gumbel(size=logits.shape) * 2).argmax(axis=1)


def sparse(table):
    rows, columns = np.nonzero(table)
    return SparseRows.of(rows, columns, table[rows, columns], table.shape)


@pytest.mark.parametrize("penalty", [10.0, 1.0, 0.01])
def test_three_classes_are_fitted_as_scikit_learn_does(penalty):
    features, truth = problem(3)
    ours = fit(features, truth, 3, penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-9, max_iter=5000).fit(features, truth)
    np.testing.assert_allclose(ours.weights.T, theirs.coef_, atol=2e-4)
    np.testing.assert_allclose(ours.bias - ours.bias.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=2e-4)
    np.testing.assert_allclose(ours.probabilities(features), theirs.predict_proba(features), atol=5e-5)


@pytest.mark.parametrize("penalty", [10.0, 0.1])
def test_two_classes_are_fitted_as_scikit_learn_does_with_twice_the_c(penalty):
    features, truth = problem(2)
    ours = fit(features, truth, 2, penalty)
    theirs = LogisticRegression(C=2 / penalty, tol=1e-9, max_iter=5000).fit(features, truth)
    np.testing.assert_allclose(ours.weights[:, 1] - ours.weights[:, 0], theirs.coef_[0], atol=2e-4)
    np.testing.assert_allclose(ours.probabilities(features), theirs.predict_proba(features), atol=5e-5)


def test_sparse_rows_are_fitted_as_dense_ones():
    features, truth = problem(3, width=12)
    features[np.random.default_rng(1).random(features.shape) < 0.7] = 0
    features[5] = 0
    rows = sparse(features)
    np.testing.assert_array_equal(rows.dense(), features)
    dense, thin = fit(features, truth, 3, 1.0), fit(rows, truth, 3, 1.0)
    np.testing.assert_allclose(thin.weights, dense.weights, atol=1e-6)
    np.testing.assert_allclose(thin.probabilities(rows), dense.probabilities(features), atol=1e-6)


def test_sparse_rows_are_transposed_as_scipy_does():
    table = np.random.default_rng(0).normal(size=(7, 5)) * (np.random.default_rng(1).random((7, 5)) < 0.4)
    theirs = csr_matrix(table).T.tocsr()
    ours = sparse(table).transposed()
    np.testing.assert_array_equal(ours.starts, theirs.indptr)
    np.testing.assert_array_equal(ours.columns, theirs.indices)
    np.testing.assert_array_equal(ours.values, theirs.data)


def test_the_same_input_gives_the_same_weights_and_leaves_the_random_state_alone():
    features, truth = problem(3)
    state = torch.get_rng_state()
    first, second = fit(features, truth, 3, 0.1), fit(features, truth, 3, 0.1)
    np.testing.assert_array_equal(first.weights, second.weights)
    assert torch.equal(state, torch.get_rng_state())


def test_where_it_starts_changes_no_result_and_the_start_is_left_as_it_was():
    features, truth = problem(3)
    strong = fit(features, truth, 3, 100.0)
    before = strong.weights.copy()
    warm, cold = fit(features, truth, 3, 1.0, start=strong), fit(features, truth, 3, 1.0)
    np.testing.assert_allclose(warm.weights, cold.weights, atol=1e-4)
    np.testing.assert_array_equal(strong.weights, before)


def test_without_features_the_shares_of_the_classes_are_answered():
    model = fit(np.zeros((10, 0)), np.array([0] * 7 + [1] * 2 + [2]), 3, 1.0)
    np.testing.assert_allclose(model.probabilities(np.zeros((1, 0))), [[0.7, 0.2, 0.1]], atol=1e-5)
