"""Vectors that others have trained: those of the train part may learn, the others never do, and every code finds its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unspool.data.tokens import VectorFacts
from unspool.models.embed import Embed, VectorTable
from unspool.models.spec import CharacterLSTM, VectorEmbedding

WIDTH = 3


def table_of(size: int, near: int) -> np.ndarray:
    return np.arange(size * WIDTH, dtype=np.float32).reshape(size, WIDTH)


def embed_of(near: int, further: int, **options):
    facts = VectorFacts(width=WIDTH, near=near, exact=near - 1, further=further)
    return Embed(VectorEmbedding(**options), 0, [near + further], facts)


@pytest.mark.parametrize("near, further", [(1, 0), (4, 0), (1, 3), (4, 3)])
def test_every_code_has_the_vector_of_its_row(near, further):
    embed = embed_of(near, further)
    table = table_of(near + further, near)
    embed.begin_with(table)
    codes = torch.arange(near + further).reshape(1, -1, 1)
    torch.testing.assert_close(embed(torch.zeros(1, near + further, 0), codes)[0], torch.from_numpy(table))


def test_rows_of_no_number_stay_as_they_were_drawn():
    embed = embed_of(3, 1)
    drawn = embed.tables[0].near.weight.detach().clone()
    table = table_of(4, 3)
    table[[0, 2]] = np.nan
    embed.begin_with(table)
    now = embed.tables[0].near.weight.detach()
    assert torch.equal(now[[0, 2]], drawn[[0, 2]])
    assert torch.equal(now[1], torch.from_numpy(table[1]))


@pytest.mark.parametrize("tuned", [True, False])
def test_words_of_the_train_part_alone_learn(tuned):
    embed = embed_of(3, 2, tuned=tuned)
    codes = torch.arange(5).reshape(1, 5, 1)
    out = embed(torch.zeros(1, 5, 0), codes)
    assert out.requires_grad == tuned
    if tuned:
        out.sum().backward()
        torch.testing.assert_close(embed.tables[0].near.weight.grad, torch.ones(3, WIDTH))
    assert [name for name, weight in embed.named_parameters() if weight.requires_grad] == (["tables.0.near.weight"] if tuned else [])


def test_further_words_are_kept_with_the_weights():
    embed, other = embed_of(2, 2), embed_of(2, 2)
    embed.begin_with(table_of(4, 2))
    other.load_state_dict(embed.state_dict())
    codes = torch.arange(4).reshape(1, 4, 1)
    assert torch.equal(embed(torch.zeros(1, 4, 0), codes), other(torch.zeros(1, 4, 0), codes))


def test_word_dropout_reads_a_further_word_as_unknown():
    torch.manual_seed(0)
    embed = embed_of(1, 1, word_dropout=0.5).train()
    embed.begin_with(np.array([[0, 0, 0], [1, 1, 1]], np.float32))
    out = embed(torch.zeros(1, 1000, 0), torch.ones(1, 1000, 1, dtype=torch.int64))[0, :, 0].detach()
    assert 400 < float(out.sum()) < 600
    assert set(out.round().tolist()) == {0.0, 1.0}


def test_characters_stand_beside_the_vectors():
    facts = VectorFacts(width=WIDTH, near=2)
    embed = Embed(VectorEmbedding(characters=CharacterLSTM(width=2, hidden=4)), 0, [2, 5, 5, 5], facts)
    assert embed.width == WIDTH + 8
    assert isinstance(embed.tables[0], VectorTable)
    assert embed(torch.zeros(2, 3, 0), torch.ones(2, 3, 4, dtype=torch.int64)).shape == (2, 3, WIDTH + 8)
