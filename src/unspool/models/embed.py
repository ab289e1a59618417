"""Numbers as they are, tokens and categories as learnt vectors or one input each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.tokens import VectorFacts
from unspool.kernels import Coded
from unspool.kernels.dropout import dropout_mask
from unspool.layers import State
from unspool.layers.layer import branch
from unspool.layers.masks import NumberDropout
from unspool.models.characters import build_characters
from unspool.models.ngrams import NGramTable
from unspool.models.spec import Embedding, LearnedEmbedding, VectorEmbedding

UNKNOWN = 0
"""The code of what the train part's vocabulary lacks."""

TABLE_SPREAD = 0.1
"""Standard deviation of a table at the start: with N(0, 1) the words that were seen once or twice drown those that were learnt."""


class Embed(nn.Module):
    """values (..., C) and codes (..., N) to (..., width). Where characters are read, all columns of codes but the first are those of a word.

    Whole sequences by `scan`, one instant by `step`, as a layer: what n-grams are read of is remembered.

    vectors  what is known of vectors that others have trained, where the spec uses them
    """

    def __init__(self, spec: Embedding | None, values: int, code_sizes: Sequence[int], vectors: VectorFacts | None = None):
        super().__init__()
        assert spec is not None or not code_sizes
        dense = spec if isinstance(spec, LearnedEmbedding | VectorEmbedding) else None
        characters = None if dense is None else dense.characters
        self.sizes = tuple(code_sizes if characters is None else code_sizes[:1])
        tables = [] if dense is None else [_table(dense, size, vectors) for size in self.sizes]
        self.tables = nn.ModuleList(tables)
        self.dropout = NumberDropout(0.0 if dense is None else dense.dropout)
        self.word_dropout = 0.0 if dense is None else dense.word_dropout
        self.vector_dropout = spec.vector_dropout if isinstance(spec, LearnedEmbedding) else 0.0
        self.characters = None if characters is None else build_characters(characters, code_sizes[1])
        ngrams = spec.ngrams if isinstance(spec, LearnedEmbedding) else None
        self.ngrams = None if ngrams is None else NGramTable(ngrams, tables[0].embedding_dim)
        self.width = values + sum(self.sizes if dense is None else [table.embedding_dim for table in tables])
        self.width += 0 if self.characters is None else self.characters.width

    def initial_state(self, batch: int) -> State:
        return {} if self.ngrams is None else {"ngrams": self.ngrams.initial_state(batch)}

    def scan(self, values: Tensor, codes: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Whole sequences: (B, T, C) and (B, T, N) to (B, T, width)."""
        if self.ngrams is None:
            return self._read(values, codes, None), {}
        grams, after = self.ngrams.scan(codes[..., :1], None if state is None else branch(state, "ngrams"), lengths)
        return self._read(values, codes, grams), {"ngrams": after}

    def coded(self, codes: Tensor) -> Coded | None:
        """What `scan` gives, (B, T, width), as rows of a table, where it is one row for each code (B, T, 1) and there are fewer rows than codes."""
        if not self._rows_alone or self.sizes[0] >= codes.numel():
            return None
        code = self._known(codes[..., 0])
        table = self.tables[0].weight if len(self.tables) else torch.eye(self.sizes[0], device=codes.device)
        assert isinstance(table, Tensor)
        return Coded(table * self._kept(0, table).unsqueeze(-1) if self._dropping else table, code)

    def step(self, values: Tensor, codes: Tensor, state: State) -> tuple[Tensor, State]:
        """One instant: (B, C) and (B, N) to (B, width), or as many as a stride has: (B, stride, C) and (B, stride, N) to (B, stride, width)."""
        if self.ngrams is None or codes.dim() == 3:
            return self.scan(values, codes, state)
        grams, after = self.ngrams.step(codes[..., :1], branch(state, "ngrams"))
        return self._read(values, codes, grams), {"ngrams": after}

    def forward(self, values: Tensor, codes: Tensor) -> Tensor:
        return self.scan(values, codes)[0]

    def _read(self, values: Tensor, codes: Tensor, grams: Tensor | None) -> Tensor:
        if not self.sizes:
            return values
        coded = [self._vector(index, codes[..., index], grams if index == 0 else None) for index in range(len(self.sizes))]
        if self.characters is not None:
            coded.append(self.characters(codes[..., 1:]))
        return torch.cat([values, *coded], dim=-1)

    def begin_with(self, table: NDArray[np.float32]) -> None:
        """Vectors (V, width) that others have trained; rows of NaN stay as they were drawn."""
        (only,) = self.tables
        assert isinstance(only, VectorTable)
        only.begin_with(torch.from_numpy(table))

    def _vector(self, index: int, code: Tensor, grams: Tensor | None) -> Tensor:
        if not len(self.tables):
            return nn.functional.one_hot(code, self.sizes[index]).to(torch.get_default_dtype())
        code = self._known(code)
        vector = self.tables[index](code)
        vector = self.dropout(vector if grams is None else vector + grams)
        return vector * self._kept(index, vector)[code].unsqueeze(-1) if self._dropping else vector

    @property
    def _dropping(self) -> bool:
        """Whether some vectors are left out, all over the batch."""
        return self.training and self.vector_dropout > 0

    def _kept(self, index: int, like: Tensor) -> Tensor:
        """(V,) what vectors are multiplied with, 0 where they are left out; of the type and place of `like`."""
        return dropout_mask(like, (self.sizes[index],), self.vector_dropout)

    @property
    def _rows_alone(self) -> bool:
        """Whether each code is given as a row of one table, the same at every step, and nothing else is."""
        if len(self.sizes) != 1 or self.characters is not None or self.ngrams is not None or (self.training and self.dropout.share > 0):
            return False
        table = self.tables[0] if len(self.tables) else None
        return self.width == (self.sizes[0] if table is None else table.embedding_dim) and not isinstance(table, VectorTable)

    def _known(self, code: Tensor) -> Tensor:
        """Codes of which word dropout makes some unknown."""
        if not self.training or not self.word_dropout:
            return code
        return code.masked_fill(torch.rand(code.shape, device=code.device) < self.word_dropout, UNKNOWN)


class VectorTable(nn.Module):
    """Codes (...) to vectors (..., embedding_dim) that others have trained. Words of the train part learn, if they are tuned; further ones never do.

    near  codes, with that of what is unknown, of the words of the train part
    """

    def __init__(self, size: int, near: int, width: int, tuned: bool):
        super().__init__()
        self.embedding_dim = width
        self.near = _drawn(near, width)
        self.near.weight.requires_grad_(tuned)
        self.register_buffer("far", torch.zeros(size - near, width))

    def forward(self, code: Tensor) -> Tensor:
        assert isinstance(self.far, Tensor)
        first = self.near.num_embeddings
        if not len(self.far):
            return self.near(code)
        inside = code < first
        near, far = self.near(code.masked_fill(~inside, UNKNOWN)), nn.functional.embedding((code - first).clamp_min(0), self.far)
        return torch.where(inside.unsqueeze(-1), near, far)

    @torch.no_grad()
    def begin_with(self, table: Tensor) -> None:
        """The rows (V, width) that are numbers."""
        assert isinstance(self.far, Tensor)
        near, far = table[: self.near.num_embeddings], table[self.near.num_embeddings :]
        self.near.weight.copy_(torch.where(near.isnan(), self.near.weight, near))
        self.far.copy_(far)


def _table(spec: LearnedEmbedding | VectorEmbedding, size: int, vectors: VectorFacts | None) -> nn.Embedding | VectorTable:
    if isinstance(spec, LearnedEmbedding):
        return _drawn(size, spec.width)
    assert vectors is not None
    return VectorTable(size, vectors.near, vectors.width, spec.tuned)


def _drawn(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width)
    nn.init.normal_(table.weight, std=TABLE_SPREAD)
    return table
