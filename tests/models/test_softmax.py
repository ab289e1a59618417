"""Heads over a vocabulary: the surprise that blocks and clusters give is that of a plain softmax, and shared vectors are one tensor."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from unspool.cells import LSTMSpec
from unspool.layers import LastPool
from unspool.models import cross_entropy as fused
from unspool.models.batch import TensorBatch
from unspool.models.cross_entropy import cross_entropy, log_probabilities
from unspool.models.embed import Embed
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.softmax import AdaptiveSoftmax, Softmax, build_softmax
from unspool.models.spec import Backbone, LearnedEmbedding, SoftmaxHead
from unspool.types import Batch

SIZE, WIDTH, HIDDEN = 23, 6, 8
HEADS = {
    "own": {"tied": False},
    "tied": {"tied": True},
    "adaptive": {"tied": False, "adaptive": (5, 12)},
    "adaptive tied": {"tied": True, "adaptive": (5, 12)},
    "one cluster": {"tied": True, "adaptive": (22,)},
}
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


@pytest.mark.parametrize("block", [1, 50, 1 << 20])
def test_the_loss_by_blocks_and_its_gradient_are_torchs(block, monkeypatch):
    monkeypatch.setattr(fused, "BLOCK", block)
    torch.manual_seed(2)
    tensors = [torch.randn(*shape, dtype=torch.float64) for shape in ((9, 5), (SIZE, 5), (SIZE,))]
    truth, shares = torch.randint(0, SIZE, (9,)), torch.rand(9, dtype=torch.float64)
    shares[3] = 0
    found = []
    for whole in (False, True):
        states, weight, bias = leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        if whole:
            loss = (nn.functional.cross_entropy(states @ weight.T + bias, truth, reduction="none") * shares).sum()
        else:
            loss = cross_entropy(states, weight, bias, truth, shares)
        (3 * loss).backward()
        found.append([loss, *(leaf.grad for leaf in leaves)])
    torch.testing.assert_close(found[0], found[1])
    logits = tensors[0] @ tensors[1].T + tensors[2]
    torch.testing.assert_close(log_probabilities(*tensors, truth), logits.log_softmax(1)[torch.arange(9), truth])


def test_what_is_all_but_impossible_has_its_own_surprise():
    states, weight, truth = torch.tensor([[200.0], [1.0], [60.0]]), torch.tensor([[1.0], [0.0]]), torch.ones(3, dtype=torch.int64)
    loss = cross_entropy(states, weight, torch.zeros(2), truth, torch.ones(3))
    torch.testing.assert_close(loss, nn.functional.cross_entropy(states @ weight.T, truth, reduction="sum"))


def test_the_gradient_by_blocks_is_that_of_differences():
    torch.manual_seed(3)
    states, weight, bias = (torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((4, 3), (7, 3), (7,)))
    truth, shares = torch.tensor([0, 6, 2, 2]), torch.tensor([0.5, 0.1, 0.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *read: cross_entropy(*read, truth, shares), (states, weight, bias))


def test_the_same_loss_can_be_gone_back_through_twice_and_nothing_is_worked_out_for_what_does_not_learn():
    states, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
    loss = cross_entropy(states, weight, torch.zeros(5), torch.tensor([1, 2, 3]), torch.ones(3))
    (first,) = torch.autograd.grad(loss, states, retain_graph=True)
    (second,) = torch.autograd.grad(loss, states)
    torch.testing.assert_close(first, second)
    nothing = cross_entropy(states[:0], weight, torch.zeros(5), torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    assert nothing.item() == 0


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
    dropped = head.train()._dropped(states)
    assert torch.equal(dropped[:, :1].expand_as(dropped), dropped)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(dropped[0], dropped[1])
    assert torch.equal(head.eval()._dropped(states), states)


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
