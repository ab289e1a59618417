"""Heads over a vocabulary: the surprise that blocks and clusters give is that of a plain softmax, and shared vectors are one tensor."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from unspool.cells import LSTMSpec
from unspool.kernels import cross_entropy as fused
from unspool.kernels import using
from unspool.layers import LastPool
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.softmax import AdaptiveSoftmax, Softmax, build_softmax
from unspool.models.spec import Backbone, LearnedEmbedding, SoftmaxHead
from unspool.native import library
from unspool.types import Batch

SIZE, WIDTH, HIDDEN = 23, 6, 8
HEADS = {
    "own": {"tied": False},
    "tied": {"tied": True},
    "adaptive": {"tied": False, "adaptive": (5, 12)},
    "adaptive tied": {"tied": True, "adaptive": (5, 12)},
    "one cluster": {"tied": True, "adaptive": (22,)},
}
needs_native = pytest.mark.skipif(library() is None, reason="the native engine is not there")
every_head = pytest.mark.parametrize("choices", HEADS.values(), ids=HEADS)


def network_of(seed: int = 0, hidden: int = HIDDEN, **choices: object) -> SequenceModel:
    torch.manual_seed(seed)
    embed = Embed(LearnedEmbedding(width=WIDTH), 0, [SIZE])
    backbone = build_backbone(Backbone(cell=LSTMSpec(hidden=hidden)), embed.width)
    model = SequenceModel(embed, backbone, LastPool(hidden), build_softmax(SoftmaxHead(**choices), hidden, SIZE)).double()
    with torch.no_grad():
        model.head.bias.normal_()
    return model


def batch_of(rows: int = 3, steps: int = 7, seed: int = 1, lengths: tuple[int, ...] | None = None) -> TensorBatch:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, SIZE, (rows, steps + 1))
    held = np.full(rows, steps) if lengths is None else np.array(lengths)
    batch = Batch(
        values=np.zeros((rows, steps, 0)), codes=codes[:, :-1, None], lengths=held, carry=np.zeros(rows, bool),
        asked=np.tile(np.arange(steps), (rows, 1)), weights=(np.arange(steps) < held[:, None]).astype(np.float64), truth=codes[:, 1:],
    )  # fmt: skip
    return TensorBatch.of(batch, torch.device("cpu"))


@every_head
def test_every_way_to_the_surprise_gives_the_same(choices):
    """The raw answers are what a step program gives, the loss what training sees, and what is kept what judging sees."""
    network, batch = network_of(**choices).eval(), batch_of(lengths=(7, 4, 6))
    raw, _ = network(batch)
    probabilities = raw.log_softmax(-1)
    loss, _ = network.loss(batch)
    torch.testing.assert_close(loss, network.head.loss(raw, batch))
    kept, _ = network.judged(batch)
    real = batch.weights > 0
    torch.testing.assert_close(kept[real], probabilities.gather(-1, batch.truth[..., None])[..., 0][real])
    assert kept.shape == batch.truth.shape


@every_head
def test_gradients_of_the_loss_are_those_of_the_raw_answers(choices):
    network, batch = network_of(**choices), batch_of(lengths=(7, 7, 3))
    found = []
    for loss_of in (lambda: network.loss(batch)[0], lambda: network.head.loss(network(batch)[0], batch)):
        network.zero_grad()
        loss_of().backward()
        found.append({name: weight.grad for name, weight in network.named_parameters()})
    torch.testing.assert_close(found[0], found[1])
    assert all(gradient is not None for gradient in found[0].values())


@pytest.mark.parametrize("choices", [HEADS["adaptive"], HEADS["adaptive tied"], HEADS["one cluster"]])
def test_the_probabilities_of_an_adaptive_softmax_sum_to_one(choices):
    raw, _ = network_of(**choices)(batch_of())
    torch.testing.assert_close(raw.exp().sum(-1), torch.ones(raw.shape[:-1], dtype=torch.float64))


def test_an_adaptive_softmax_is_torchs():
    head = AdaptiveSoftmax(SoftmaxHead(tied=False, adaptive=(5, 12)), 32, SIZE).double()
    torchs = nn.AdaptiveLogSoftmaxWithLoss(32, SIZE, [5, 12], div_value=4.0, head_bias=True).double()
    with torch.no_grad():
        torchs.head.weight.copy_(torch.cat([head.vectors[0], head.clusters.weight]))
        torchs.head.bias.copy_(torch.cat([head.bias[:5], head.clusters.bias]))
        for tail, narrower, vectors in zip(torchs.tail, head.narrower, list(head.vectors)[1:], strict=True):
            tail[0].weight.copy_(narrower.weight)
            tail[1].weight.copy_(vectors)
    states = torch.randn(40, 32, dtype=torch.float64)
    torch.testing.assert_close(head(states), torchs.log_prob(states))


def test_tied_vectors_are_the_embeddings_and_no_second_tensor():
    network = network_of(hidden=WIDTH)
    table = network.embed.tables[0].weight
    assert isinstance(network.head, Softmax)
    assert network.head._weight() is table
    assert sum(weight.numel() == table.numel() for weight in network.state_dict().values()) == 1
    for copied in (deepcopy(network), network_of(hidden=WIDTH).float().to("cpu")):
        assert copied.head._weight() is copied.embed.tables[0].weight
        assert copied.head._weight() is not table


def test_tied_vectors_learn_from_both_sides_and_others_are_brought_to_their_width():
    network, batch = network_of(hidden=HIDDEN), batch_of()
    assert network.head.narrow.weight.shape == (WIDTH, HIDDEN)
    network.loss(batch)[0].backward()
    assert (network.embed.tables[0].weight.grad.abs().sum(dim=1) > 0).all()  # a token that is not read is foreseen all the same
    assert isinstance(network_of(hidden=WIDTH).head.narrow, nn.Identity)


def test_activation_and_temporal_terms_are_as_worked_out_by_hand():
    """AR 2 mean(h^2), TAR 3 mean((h_t - h_{t-1})^2) over the steps that count (Merity et al. 2017, section 4)."""
    plain = Softmax(SoftmaxHead(tied=False), 2, SIZE).double()
    asked = Softmax(SoftmaxHead(tied=False, activation=2.0, temporal=3.0), 2, SIZE).double()
    asked.load_state_dict(plain.state_dict())
    states = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [9.0, 9.0]], [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    batch = batch_of(rows=2, steps=3, lengths=(2, 3))
    squares = (1 + 4 + 9 + 4) + (0 + 1 + 1 + 1 + 1 + 0)
    changes = (4 + 0) + (1 + 0 + 0 + 1)
    found = asked.loss_of(states, batch) - plain.loss_of(states, batch)
    assert found.item() == pytest.approx(2 * squares / 10 + 3 * changes / 6)
    one_step = batch_of(rows=2, steps=1)
    torch.testing.assert_close(asked.loss_of(states[:, :1], one_step) - plain.loss_of(states[:, :1], one_step), 2 * states[:, :1].square().mean())


def test_dropout_of_states_has_one_mask_a_row_and_acts_in_training_alone():
    head = Softmax(SoftmaxHead(tied=False, dropout=0.5), 50, SIZE)
    states = torch.ones(4, 6, 50)
    dropped = states * head.train()._mask(states)
    assert torch.equal(dropped[:, :1].expand_as(dropped), dropped)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(dropped[0], dropped[1])
    assert head.train(False)._mask(states) is None


@needs_native
@pytest.mark.parametrize("adaptive", [(), (5, 12)])
@pytest.mark.parametrize("hidden, told", [(WIDTH, True), (HIDDEN, False)])
def test_the_native_engine_is_told_what_dropout_has_left(hidden, told, adaptive, monkeypatch):
    """Where all states are read as they are; a projection fills them up again."""
    network, batch, seen = network_of(hidden=hidden, dropout=0.5, adaptive=adaptive).float().train(), batch_of(), []
    ours = fused._native
    monkeypatch.setattr(fused, "_native", lambda call, *rest: seen.append(call.kept) or ours(call, *rest))
    monkeypatch.setattr(network.head, "_mask", lambda states: torch.tensor([[[0.0]], [[2.0]], [[0.0]]]).expand(3, 1, hidden))
    with using("native"):
        network.loss(replace(batch, values=batch.values.float()))
    kept, *others = seen
    assert others == [None] * len(adaptive)
    assert (kept is not None) == told
    assert not told or torch.equal(kept, torch.tensor([[False], [True], [False]]).expand(3, hidden))


def test_a_dropped_vector_is_dropped_wherever_it_stands():
    torch.manual_seed(0)
    embed = Embed(LearnedEmbedding(width=4, vector_dropout=0.5), 0, [SIZE]).train()
    codes = torch.arange(SIZE).repeat(3, 2)[..., None]
    read = embed(torch.zeros(3, 2 * SIZE, 0), codes)
    assert torch.equal(read[:, :SIZE], read[:, SIZE:])
    assert torch.equal(read[0], read[1])
    kept = (read[0, :SIZE] != 0).any(dim=1)
    assert 3 < int(kept.sum()) < 20
    torch.testing.assert_close(read[0, :SIZE][kept], 2 * embed.tables[0].weight[kept])
    assert (embed.eval()(torch.zeros(3, 2 * SIZE, 0), codes) != 0).any(dim=-1).all()


@pytest.mark.parametrize("cutoffs", [(3, 3), (9, 2), (0, 4)])
def test_cutoffs_ascend(cutoffs):
    with pytest.raises(ValueError, match="wanted ascending codes"):
        SoftmaxHead(adaptive=cutoffs)
