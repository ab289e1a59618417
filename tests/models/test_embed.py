"""Laws of the embedding: numbers stay as they are, codes become vectors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.tokens import VectorFacts
from unspool.models.embed import Embed
from unspool.models.levels import MarkedEmbed
from unspool.models.spec import LearnedEmbedding, NGrams, OneHot, VectorEmbedding

SIZES = st.lists(st.integers(1, 6), max_size=3)


def codes_of(sizes, rows):
    return torch.stack([torch.randint(0, size, (rows, 4)) for size in sizes], dim=-1) if sizes else torch.zeros(rows, 4, 0, dtype=torch.int64)


@given(st.integers(0, 3), SIZES, st.sampled_from([OneHot(), LearnedEmbedding(width=2)]))
def test_numbers_come_first_and_as_they_are(values, sizes, spec):
    embed = Embed(spec, values, sizes).double()
    numbers = torch.randn(3, 4, values, dtype=torch.float64)
    out = embed(numbers, codes_of(sizes, 3))
    assert out.shape == (3, 4, embed.width)
    assert out.dtype == torch.float64
    assert torch.equal(out[..., :values], numbers)


@given(SIZES.filter(bool), st.integers(0, 100))
def test_one_hot_is_one_input_a_code(sizes, seed):
    torch.manual_seed(seed)
    embed = Embed(OneHot(), 1, sizes)
    codes = codes_of(sizes, 2)
    out = embed(torch.zeros(2, 4, 1), codes)[..., 1:]
    assert embed.width == 1 + sum(sizes)
    assert not list(embed.parameters())
    start = 0
    for index, size in enumerate(sizes):
        block = out[..., start : start + size]
        assert torch.equal(block.sum(dim=-1), torch.ones(2, 4))
        assert torch.equal(block.argmax(dim=-1), codes[..., index])
        start += size


def test_every_column_of_codes_has_a_table_of_its_own():
    embed = Embed(LearnedEmbedding(width=3), 2, [4, 6])
    codes = torch.tensor([[3, 5]])
    out = embed(torch.zeros(1, 2), codes)
    assert embed.width == 2 + 3 + 3
    assert torch.equal(out[0, 2:5], embed.tables[0].weight[3])
    assert torch.equal(out[0, 5:], embed.tables[1].weight[5])


@pytest.mark.parametrize("spec", [OneHot(), LearnedEmbedding(width=3)], ids=["one hot", "learned"])
def test_an_unknown_code_is_a_code_like_any_other(spec):
    """Code 0: it is told apart from every known one, and a learnt vector of it is trained."""
    embed = Embed(spec, 0, [3])
    out = embed(torch.zeros(3, 0), torch.tensor([[0], [1], [2]]))
    assert len({tuple(row) for row in out.tolist()}) == 3
    if isinstance(spec, LearnedEmbedding):
        out[0].sum().backward()
        assert (embed.tables[0].weight.grad[0] == 1).all()


def test_a_step_is_embedded_like_a_sequence():
    embed = Embed(LearnedEmbedding(width=3), 2, [5])
    values, codes = torch.randn(2, 4, 2), torch.randint(0, 5, (2, 4, 1))
    whole = embed(values, codes)
    assert torch.equal(torch.stack([embed(values[:, t], codes[:, t]) for t in range(4)], dim=1), whole)


DROPPING = [{}, {"word_dropout": 0.4}, {"word_dropout": 0.4, "vector_dropout": 0.4}]


@pytest.mark.parametrize("spec", [OneHot(), *(LearnedEmbedding(width=3, **given) for given in DROPPING)], ids=str)
def test_rows_of_a_table_are_what_is_embedded(spec):
    embed = Embed(spec, 0, [5])
    codes = codes_of([5], 3)
    for training in (False, True):
        embed.train(training)
        torch.manual_seed(1)
        whole, _ = embed.scan(torch.zeros(3, 4, 0), codes)
        torch.manual_seed(1)
        found = embed.coded(codes)
        assert found is not None and len(found.table) == 5
        assert torch.equal(found.values(), whole)


def test_what_is_more_than_the_row_of_a_code_is_given_as_it_is():
    plain, read = LearnedEmbedding(width=3), {"kind": "cnn", "width": 2, "filters": 3}
    grams = LearnedEmbedding(width=3, ngrams=NGrams())
    for embed in (Embed(None, 2, []), Embed(plain, 1, [5]), Embed(plain, 0, [5, 6]), Embed(grams, 0, [5])):
        assert embed.coded(codes_of(embed.sizes, 3)) is None
    assert Embed(LearnedEmbedding(width=3, characters=read), 0, [5, 7]).coded(torch.zeros(3, 4, 6, dtype=torch.int64)) is None
    assert Embed(VectorEmbedding(), 0, [5], VectorFacts(near=5, width=3)).coded(codes_of([5], 3)) is None
    assert MarkedEmbed(Embed(plain, 0, [5])).coded(codes_of([5, 2], 3)) is None
    for spec in (plain, OneHot()):
        assert Embed(spec, 0, [12]).coded(codes_of([12], 3)) is None  # no fewer rows than codes
        assert Embed(spec, 0, [11]).coded(codes_of([11], 3)) is not None
    dropping = Embed(LearnedEmbedding(width=3, dropout=0.5), 0, [5])
    assert dropping.train().coded(codes_of([5], 3)) is None
    assert dropping.train(False).coded(codes_of([5], 3)) is not None


def test_dropout_leaves_numbers_alone():
    embed = Embed(LearnedEmbedding(width=50, dropout=0.5), 50, [5]).train()
    out = embed(torch.ones(1, 50), torch.ones(1, 1, dtype=torch.int64))
    assert (out[0, :50] == 1).all()
    assert (out[0, 50:] == 0).any()
    assert torch.equal(embed.eval()(torch.ones(1, 50), torch.ones(1, 1, dtype=torch.int64))[0, 50:], embed.tables[0].weight[1])


def test_without_codes_nothing_is_learnt():
    embed = Embed(None, 3, [])
    values = torch.randn(2, 3)
    assert embed(values, torch.zeros(2, 0, dtype=torch.int64)) is values
    assert not list(embed.parameters())
