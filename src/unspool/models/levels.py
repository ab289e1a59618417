"""Documents read in two levels: words of a sentence, sentences of a document."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unspool.data.marks import BEGINS
from unspool.layers import Hierarchical, Layer, Stack, State
from unspool.models.embed import Embed


class MarkedEmbed(nn.Module):
    """An embedding whose last number says where a sentence begins: 1 there and 0 elsewhere, as the last column of codes does."""

    def __init__(self, embed: Embed):
        super().__init__()
        self.embed = embed
        self.width = embed.width + 1

    def initial_state(self, batch: int) -> State:
        return self.embed.initial_state(batch)

    def scan(self, values: Tensor, codes: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Whole sequences: (B, T, C) and (B, T, N) to (B, T, width)."""
        read, state = self.embed.scan(values, codes[..., :-1], state, lengths)
        return self._marked(read, codes), state

    def coded(self, codes: Tensor) -> None:
        """Marks are no row of a table."""

    def step(self, values: Tensor, codes: Tensor, state: State) -> tuple[Tensor, State]:
        """One instant, or a stride of them."""
        read, state = self.embed.step(values, codes[..., :-1], state)
        return self._marked(read, codes), state

    def _marked(self, read: Tensor, codes: Tensor) -> Tensor:
        return torch.cat([read, (codes[..., -1:] == BEGINS).to(read.dtype)], dim=-1)


def in_levels(words: Layer, word_pool: Layer, sentences: Layer, sentence_pool: Layer, embed: Embed) -> Hierarchical:
    """The words of a sentence read and pooled, then the sentences of the document."""
    inner = Stack([words, word_pool], embed.width)
    return Hierarchical(inner, Stack([sentences, sentence_pool], inner.width))
