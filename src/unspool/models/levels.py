"""Documents read in two levels: words of a sentence, sentences of a document."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unspool.data.marks import BEGINS
from unspool.layers import Hierarchical, Layer, Stack
from unspool.models.embed import Embed


class MarkedEmbed(nn.Module):
    """An embedding whose last number says where a sentence begins: 1 there and 0 elsewhere, as the last column of codes does."""

    def __init__(self, embed: Embed):
        super().__init__()
        self.embed = embed
        self.width = embed.width + 1

    def forward(self, values: Tensor, codes: Tensor) -> Tensor:
        read = self.embed(values, codes[..., :-1])
        return torch.cat([read, (codes[..., -1:] == BEGINS).to(read.dtype)], dim=-1)


def in_levels(words: Layer, word_pool: Layer, sentences: Layer, sentence_pool: Layer, embed: Embed) -> Hierarchical:
    """The words of a sentence read and pooled, then the sentences of the document."""
    inner = Stack([words, word_pool], embed.width)
    return Hierarchical(inner, Stack([sentences, sentence_pool], inner.width))
