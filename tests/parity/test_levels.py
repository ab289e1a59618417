"""Two levels are a loop over sentences of a network over words and then one over sentences."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from unspool.cells import GRUCell
from unspool.layers import AttentionPool, Bidirectional, Dropout, Hierarchical, LastPool, MeanPool, Recurrent, SelfAttentionPool, Stack

drawn = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def recurrent(inputs: int, hidden: int, both: bool):
    onward = Recurrent(GRUCell(inputs, hidden))
    return Bidirectional(onward, Recurrent(GRUCell(inputs, hidden), reverse=True)) if both else onward


def levels(both: bool, pool=AttentionPool) -> Hierarchical:
    torch.manual_seed(0)
    words = Stack([recurrent(3, 4, both)], 3)
    words = Stack([*words.layers, pool(words.width)], 3)
    sentences = Stack([recurrent(words.width, 5, both)], words.width)
    sentences = Stack([*sentences.layers, pool(sentences.width)], words.width)
    return Hierarchical(words, sentences).double().eval()


def by_hand(layer: Hierarchical, document: torch.Tensor) -> torch.Tensor:
    """(T, 4) to (width,): every sentence by itself, then what they gave."""
    starts = [0, *(step for step in range(1, len(document)) if document[step, -1] > 0), len(document)]
    vectors = [layer.inner.scan(document[None, start:stop, :-1])[0][:, -1] for start, stop in pairwise(starts)]
    return layer.outer.scan(torch.stack(vectors, dim=1))[0][0, -1]


@drawn
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.booleans(), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 99))
def test_a_document_is_the_sentences_of_it_one_after_another(lengths, both, share, seed):
    layer, draw = levels(both), torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), max(lengths), 4, generator=draw, dtype=torch.float64)
    x[..., -1] = (torch.rand(x.shape[:2], generator=draw) < share).double()
    y, _ = layer.scan(x, None, torch.tensor(lengths))
    end, _ = layer.end(x, None, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        wanted = by_hand(layer, x[row, :length])
        torch.testing.assert_close(y[row, length - 1], wanted, rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(end[row], wanted, rtol=1e-10, atol=1e-12)


@drawn
@given(steps=st.integers(1, 9), seed=st.integers(0, 99))
def test_at_every_word_it_is_the_document_so_far(steps, seed):
    layer, draw = levels(both=False), torch.Generator().manual_seed(seed)
    x = torch.randn(1, steps, 4, generator=draw, dtype=torch.float64)
    y, _ = layer.scan(x)
    for step in range(steps):
        torch.testing.assert_close(y[0, step], by_hand(layer, x[0, : step + 1]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("both", [False, True], ids=["onward", "both-ways"])
def test_the_end_has_the_state_and_the_gradients_of_the_scan(both):
    layer = levels(both)
    x, lengths = torch.randn(4, 7, 4, dtype=torch.float64), torch.tensor([7, 0, 3, 1])
    x.requires_grad_()
    places, weights = [x, *layer.parameters()], torch.randn(4, layer.width, dtype=torch.float64)
    y, after = layer.scan(x, None, lengths)
    last = torch.where(lengths[:, None] > 0, y[torch.arange(4), (lengths - 1).clamp_min(0)], 0)
    end, after_end = layer.end(x, None, lengths)
    torch.testing.assert_close(end, last, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(after_end, after, rtol=1e-10, atol=1e-12)
    mine, wanted = (torch.autograd.grad((weights * one).sum(), places) for one in (end, last))
    torch.testing.assert_close(list(mine), list(wanted), rtol=1e-8, atol=1e-10)


def test_the_end_goes_on_from_a_state():
    layer = levels(both=False)
    x = torch.randn(3, 8, 4, dtype=torch.float64)
    _, state = layer.scan(x[:, :5])
    torch.testing.assert_close(layer.end(x[:, 5:], state)[0], layer.scan(x)[0][:, -1], rtol=1e-10, atol=1e-12)


NOTHING = {"no-rows": ((0, 3, 4), None), "no-steps": ((2, 0, 4), None), "no-lengths": ((2, 3, 4), torch.tensor([0, 0]))}


@pytest.mark.parametrize("shape, lengths", NOTHING.values(), ids=NOTHING)
def test_the_end_of_nothing_is_nothing(shape, lengths):
    layer = levels(both=False)
    y, state = layer.end(torch.randn(shape, dtype=torch.float64), None, lengths)
    assert y.shape == (shape[0], layer.width) and not y.any()
    torch.testing.assert_close(state, layer.initial_state(shape[0]))


def test_dropout_of_the_outer_level_acts_where_documents_are_trained():
    inner = Stack([Recurrent(GRUCell(3, 4)), MeanPool(4)], 3)
    layer = Hierarchical(inner, Stack([Dropout(4, 0.5), Recurrent(GRUCell(4, 5)), LastPool(5)], 4))
    x = torch.randn(4, 9, 4)
    assert torch.equal(layer.eval().end(x)[0], layer.eval().end(x)[0])
    assert not torch.equal(layer.train().end(x)[0], layer.train().end(x)[0])


def test_a_level_with_a_stride_is_refused():
    class Strided(LastPool):
        stride = 2

    with pytest.raises(ValueError, match="both levels need stride 1, got 2 for words and 1 for sentences"):
        Hierarchical(Strided(3), LastPool(3))


@drawn
@given(batch=st.integers(1, 3), steps=st.integers(1, 6), hops=st.integers(1, 3), scale=st.sampled_from([0.1, 1.0, 100.0]))
def test_self_attention_is_a_softmax_over_the_steps_so_far_for_each_hop(batch, steps, hops, scale):
    """A = softmax(W2 tanh(W1 H')), M = A H (Lin et al. 2017, eq. 5 and 6), scores held within 20."""
    torch.manual_seed(steps)
    pool = SelfAttentionPool(4, hops, 5).double()
    nn.init.normal_(pool.score.weight, std=scale)
    x = torch.randn(batch, steps, 4).double().requires_grad_()
    score = 20 * torch.tanh(torch.tanh(x @ pool.key.weight.T) @ pool.score.weight.T / 20)
    wanted = torch.stack(
        [(torch.softmax(score[:, : t + 1], dim=1).transpose(1, 2) @ x[:, : t + 1]).flatten(1) for t in range(steps)], dim=1
    )
    y, _ = pool.scan(x)
    torch.testing.assert_close(y, wanted, rtol=1e-10, atol=1e-12)
    weights, places = torch.randn_like(y), [x, *pool.parameters()]
    mine, expected = (torch.autograd.grad((weights * one).sum(), places) for one in (y, wanted))
    torch.testing.assert_close(list(mine), list(expected), rtol=1e-8, atol=1e-10)
