"""The head of any number of labels: its loss is torch's, and what does not count changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from unspool.models.heads import Multilabel
from unspool.models.spec import MultilabelHead

from .making import batch_of, gradients

WIDTH, LABELS = 5, 4


def head(**choices):
    torch.manual_seed(1)
    return Multilabel(MultilabelHead(**choices), WIDTH, LABELS).double()


def asked_of(made):
    """A batch, states (B, O, H) and the raw answers of a head."""
    batch = batch_of([3, 3], [[0, 1, 2], [0, 1, 2]], forecast=False)
    draw = torch.Generator().manual_seed(2)
    batch = replace(batch, truth=torch.randint(0, 2, (2, 3, LABELS), generator=draw))
    state = torch.randn(2, 3, WIDTH, generator=draw, dtype=torch.float64)
    return batch, state, made(state)


def test_the_loss_is_torch_s_binary_cross_entropy():
    made = head()
    batch, _, raw = asked_of(made)
    assert raw.shape == (2, 3, LABELS)
    torch.testing.assert_close(made.loss(raw, batch), torch.nn.BCEWithLogitsLoss()(raw, batch.truth.double()))


def test_an_unknown_truth_changes_neither_loss_nor_gradient():
    made = head()
    batch, state, _ = asked_of(made)
    weights = torch.ones(2, 3, dtype=torch.float64)
    weights[0, 1] = 0
    results = []
    for fill in (-1, 0, 1):
        truth = batch.truth.clone()
        truth[0, 1] = fill
        loss = made.loss(made(state), replace(batch, truth=truth, weights=weights))
        results.append((loss, gradients(made, loss)))
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])


def test_where_nothing_counts_the_loss_and_its_gradient_are_zero():
    made = head()
    batch, _, raw = asked_of(made)
    loss = made.loss(raw, replace(batch, weights=torch.zeros(2, 3, dtype=torch.float64)))
    assert float(loss.detach()) == 0 and all((grad == 0).all() for grad in gradients(made, loss).values())


def test_the_loss_has_the_gradient_that_it_claims():
    made = head()
    batch, state, _ = asked_of(made)
    assert torch.autograd.gradcheck(lambda seen: made.loss(made(seen), batch), (state.requires_grad_(),))


def test_logits_however_large_leave_the_loss_finite():
    made = head()
    batch, _, raw = asked_of(made)
    assert made.loss(raw * 1e6, batch).isfinite()


def test_dropout_acts_in_training_alone():
    made = head(dropout=0.5)
    state = torch.randn(4, WIDTH, dtype=torch.float64)
    assert not torch.equal(made.train()(state), made(state))
    assert torch.equal(made.eval()(state), made(state))


def test_two_ways_of_setting_the_threshold_contradict_each_other():
    with pytest.raises(ValidationError, match="threshold cannot take effect where fit_threshold is true; drop one of them"):
        MultilabelHead(threshold=0.3, fit_threshold=True)
