"""Laws of heads: projection, loss and decoding agree on what the numbers mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.metrics import pinball
from unspool.models.heads import Categorical, Point, Quantile
from unspool.models.spec import CategoricalHead, PointHead, QuantileHead

from .making import CLASSES, FEATURES, HORIZON, TARGETS, batch_of, gradients

WIDTH = 5
ASKED = [[0, 1, 2], [0, 1, 2]]
LEVELS = st.lists(st.integers(1, 99).filter(lambda percent: percent != 50), max_size=5, unique=True).map(
    lambda found: tuple(sorted([0.5, *(percent / 100 for percent in found)]))
)


def quantile_head(levels=(0.1, 0.5, 0.9), **choices):
    return Quantile(QuantileHead(levels=levels, hidden=4, **choices), WIDTH, FEATURES, HORIZON, TARGETS).double()


def point_head(**choices):
    return Point(PointHead(hidden=4, **choices), WIDTH, FEATURES, HORIZON, TARGETS).double()


def class_head(**choices):
    return Categorical(CategoricalHead(**choices), WIDTH, [2, 5, 3]).double()


HEADS = {
    "quantile": quantile_head,
    "mse": point_head,
    "mae": lambda: point_head(loss="mae"),
    "huber": lambda: point_head(loss="huber", huber=0.3),
    "deep": lambda: point_head(depth=3),
    "classes": class_head,
    "weighted smooth classes": lambda: class_head(smoothing=0.2, class_weights="balanced"),
}


def asked_of(head):
    """A batch, states (B, O, H) and the raw answers of a head."""
    batch = batch_of([3, 3], ASKED, forecast=not isinstance(head, Categorical))
    state = torch.randn(2, 3, WIDTH, dtype=torch.float64)
    return batch, state, head(state, batch.future)


@given(LEVELS, st.integers(0, 2**31), st.floats(0.01, 1e4), st.sampled_from([torch.float32, torch.float64]))
def test_quantiles_never_cross_whatever_the_weights(levels, seed, size, kind):
    torch.manual_seed(seed)
    head = quantile_head(levels).to(kind)
    for weight in head.parameters():
        torch.nn.init.normal_(weight, std=size)
    raw = head(size * torch.randn(7, WIDTH, dtype=kind), torch.randn(7, HORIZON, FEATURES, dtype=kind))
    assert raw.shape == (7, HORIZON, TARGETS, len(levels))
    assert (raw.diff(dim=-1) >= 0).all()


@given(LEVELS, st.integers(0, 1000))
def test_the_pinball_loss_is_the_metric_times_the_number_of_levels(levels, seed):
    head, batch = quantile_head(levels), batch_of([3, 3], ASKED, seed=seed)
    raw = head(torch.randn(2, 3, WIDTH, dtype=torch.float64), batch.future)
    known = torch.rand(batch.truth.shape) > 0.3
    known[0, 0] = True
    loss = head.loss(raw, replace(batch, known_truth=known, truth=torch.where(known, batch.truth, 0.0)))
    truth = torch.where(known, batch.truth, torch.nan)
    wanted = pinball(truth.numpy(), raw.detach().numpy(), levels) * len(levels)
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-6)  # the head holds its levels in float32


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_point_losses_are_those_of_torch(name):
    head = HEADS[name]()
    batch, _, raw = asked_of(head)
    reference = {"mse": torch.nn.MSELoss(), "mae": torch.nn.L1Loss(), "huber": torch.nn.HuberLoss(delta=0.3)}[name]
    torch.testing.assert_close(head.loss(raw, batch), reference(raw, batch.truth))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_the_class_loss_is_torch_s_cross_entropy(smoothing, weights):
    head = class_head(smoothing=smoothing, class_weights=weights)
    batch, _, raw = asked_of(head)
    balanced = torch.tensor([10 / (3 * 2), 10 / (3 * 5), 10 / (3 * 3)], dtype=torch.float64)
    reference = torch.nn.CrossEntropyLoss(weight=balanced if weights == "balanced" else None, label_smoothing=smoothing)
    torch.testing.assert_close(head.loss(raw, batch), reference(raw.flatten(0, 1), batch.truth.flatten()))


@pytest.mark.parametrize("name", HEADS)
def test_answers_of_weight_zero_change_neither_loss_nor_gradient(name):
    head = HEADS[name]()
    batch, state, _ = asked_of(head)
    weights = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
    other_state, other_truth = state.clone(), batch.truth.clone()
    for row, column in ((0, 1), (1, 2)):
        other_state[row, column] = 100 * torch.randn(WIDTH)
        other_truth[row, column] = torch.randint_like(other_truth[row, column], CLASSES)
    results = []
    for seen, truth in ((state, batch.truth), (other_state, other_truth)):
        loss = head.loss(head(seen, batch.future), replace(batch, weights=weights, truth=truth))
        results.append((loss, gradients(head, loss)))
    torch.testing.assert_close(results[0], results[1])
    kept = weights.bool()
    alone = replace(
        batch,
        truth=batch.truth[kept][None],
        weights=torch.ones(1, 4, dtype=torch.float64),
        known_truth=None if batch.known_truth is None else batch.known_truth[kept][None],
    )
    future = None if batch.future is None else batch.future[kept][None]
    torch.testing.assert_close(results[0][0], head.loss(head(state[kept][None], future), alone))


@pytest.mark.parametrize("name", ["quantile", "mse", "mae", "huber"])
def test_unknown_truths_change_neither_loss_nor_gradient(name):
    head = HEADS[name]()
    batch, state, _ = asked_of(head)
    known = torch.rand(batch.truth.shape) > 0.4
    results = []
    for fill in (0.0, 1e6):
        loss = head.loss(head(state, batch.future), replace(batch, known_truth=known, truth=torch.where(known, batch.truth, fill)))
        results.append((loss, gradients(head, loss)))
    torch.testing.assert_close(results[0], results[1])


def test_an_unknown_class_counts_for_nothing():
    head = class_head(smoothing=0.1, class_weights="balanced")
    batch, state, _ = asked_of(head)
    unknown = batch.truth.clone()
    unknown[0, 1] = -1
    weights = batch.weights.clone()
    weights[0, 1] = 0
    losses = [head.loss(head(state), replace(batch, truth=unknown)), head.loss(head(state), replace(batch, weights=weights))]
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("name", HEADS)
def test_where_nothing_counts_the_loss_and_its_gradient_are_zero(name):
    head = HEADS[name]()
    batch, _, raw = asked_of(head)
    loss = head.loss(raw, replace(batch, weights=torch.zeros_like(batch.weights)))
    assert float(loss.detach()) == 0
    assert all((grad == 0).all() for grad in gradients(head, loss).values())


@pytest.mark.parametrize("name", HEADS)
def test_the_loss_has_the_gradient_that_it_claims(name):
    head = HEADS[name]()
    batch, state, _ = asked_of(head)
    state.requires_grad_()
    assert torch.autograd.gradcheck(lambda seen: head.loss(head(seen, batch.future), batch), (state,))


@pytest.mark.parametrize("name", HEADS)
def test_a_head_asked_at_one_step_answers_as_at_many(name):
    head = HEADS[name]()
    batch, state, raw = asked_of(head)
    for row in range(2):
        for column in range(3):
            future = None if batch.future is None else batch.future[row, column]
            torch.testing.assert_close(head(state[row, column], future), raw[row, column])


def test_a_head_without_future_features_reads_none():
    head = Point(PointHead(hidden=4), WIDTH, 0, HORIZON, 1)
    assert head.from_future is None
    assert head(torch.randn(2, WIDTH)).shape == (2, HORIZON, 1)


@pytest.mark.parametrize(
    "change", [{"hidden": 7}, {"depth": 2}, {"dropout": 0.5}, {"loss": "mae"}, {"loss": "huber"}, {"loss": "huber", "huber": 0.1}]
)
def test_no_option_of_a_forecast_head_is_ignored(change):
    """The loss, in training mode, of heads whose weights are drawn alike."""
    seen = []
    for choices in ({"loss": change["loss"]} if "huber" in change else {}, change):
        torch.manual_seed(3)
        head = Point(PointHead(**{"hidden": 4, **choices}), WIDTH, FEATURES, HORIZON, TARGETS).double().train()
        batch, state, _ = asked_of(head)
        seen.append(head.loss(head(state, batch.future), batch).item())
    assert seen[0] != seen[1]


def test_dropout_of_the_class_head_acts_in_training_alone():
    head = class_head(dropout=0.5)
    state = torch.randn(4, WIDTH, dtype=torch.float64)
    assert not torch.equal(head.train()(state), head(state))
    assert torch.equal(head.eval()(state), head(state))


def test_levels_are_no_weights():
    assert not any("levels" in name for name in quantile_head().state_dict())
    np.testing.assert_allclose(quantile_head((0.2, 0.5)).levels, (0.2, 0.5), rtol=1e-6)
