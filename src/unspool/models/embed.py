"""Numbers as they are, tokens and categories as learnt vectors or one input each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from unspool.models.characters import build_characters
from unspool.models.spec import Embedding, LearnedEmbedding

UNKNOWN = 0
"""The code of what the train part's vocabulary lacks."""

TABLE_SPREAD = 0.1
"""Standard deviation of a table at the start: with N(0, 1) the words that were seen once or twice drown those that were learnt."""


class Embed(nn.Module):
    """values (..., C) and codes (..., N) to (..., width). Where characters are read, all columns of codes but the first are those of a word."""

    def __init__(self, spec: Embedding | None, values: int, code_sizes: Sequence[int]):
        super().__init__()
        assert spec is not None or not code_sizes
        characters = spec.characters if isinstance(spec, LearnedEmbedding) else None
        self.sizes = tuple(code_sizes if characters is None else code_sizes[:1])
        self.learned = isinstance(spec, LearnedEmbedding)
        width = spec.width if isinstance(spec, LearnedEmbedding) else 0
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in self.sizes if self.learned)
        for table in self.tables.parameters():
            nn.init.normal_(table, std=TABLE_SPREAD)
        self.dropout = nn.Dropout(spec.dropout if isinstance(spec, LearnedEmbedding) else 0.0)
        self.word_dropout = spec.word_dropout if isinstance(spec, LearnedEmbedding) else 0.0
        self.vector_dropout = spec.vector_dropout if isinstance(spec, LearnedEmbedding) else 0.0
        self.characters = None if characters is None else build_characters(characters, code_sizes[1])
        self.width = values + sum(width if self.learned else size for size in self.sizes)
        self.width += 0 if self.characters is None else self.characters.width

    def forward(self, values: Tensor, codes: Tensor) -> Tensor:
        if not self.sizes:
            return values
        coded = [self._vector(index, codes[..., index]) for index in range(len(self.sizes))]
        if self.characters is not None:
            coded.append(self.characters(codes[..., 1:]))
        return torch.cat([values, *coded], dim=-1)

    def _vector(self, index: int, code: Tensor) -> Tensor:
        if self.learned:
            if self.training and self.word_dropout:
                code = code.masked_fill(torch.rand(code.shape, device=code.device) < self.word_dropout, UNKNOWN)
            vector: Tensor = self.dropout(self.tables[index](code))
            if self.training and self.vector_dropout:
                kept = nn.functional.dropout(vector.new_ones(self.sizes[index]), self.vector_dropout)
                vector = vector * kept[code].unsqueeze(-1)
            return vector
        return nn.functional.one_hot(code, self.sizes[index]).to(torch.get_default_dtype())
