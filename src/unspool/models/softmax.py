"""The heads of language models: what comes next, out of a whole vocabulary."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unspool.kernels.cross_entropy import cross_entropy, log_probabilities
from unspool.kernels.dropout import dropout_mask
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.heads import Head
from unspool.models.spec import SoftmaxHead

SHRINKING = 4
"""Every further cluster of an adaptive softmax is read from states so many times narrower (Grave et al. 2017)."""


class _TokenHead(Head):
    """Dropout with one mask a row, the vectors of the vocabulary, and what is asked of states beside foresight.

    The vectors are those of the embedding where they are tied (Press and Wolf 2017; Inan et al. 2017): states are then brought to their width by a
    learnt projection, unless they have it.
    """

    def __init__(self, spec: SoftmaxHead, width: int, size: int):
        super().__init__()
        self.spec, self.width, self.size = spec, width, size
        self.bias = nn.Parameter(torch.zeros(size))
        self.narrow: nn.Module = nn.Identity()
        # A tuple, into which torch does not look: the table is the embedding's parameter, and no second one of this head.
        self._shared: tuple[nn.Embedding, ...] = ()

    def join(self, embed: Embed) -> None:
        if not self.spec.tied:
            return
        table = embed.tables[0]
        assert isinstance(table, nn.Embedding) and table.num_embeddings == self.size
        self._shared = (table,)
        if table.embedding_dim != self.width:
            self.narrow = nn.Linear(self.width, table.embedding_dim, bias=False)

    @abstractmethod
    def surprise(self, states: Tensor, truth: Tensor, shares: Tensor, kept: Tensor | None) -> Tensor:
        """The sum of -shares log p(truth), from states (N, width), truth (N,), shares (N,), and the features that dropout has left (B, width)."""

    @abstractmethod
    def foreseen(self, states: Tensor, truth: Tensor) -> Tensor:
        """(N,) log p(truth), without a gradient."""

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """The mean surprise at the tokens that count."""
        found = raw.log_softmax(-1).gather(-1, batch.truth.unsqueeze(-1)).squeeze(-1)
        return -(found * batch.weights).sum() / batch.weights.sum().clamp_min(1e-12)

    def loss_of(self, states: Tensor, batch: TensorBatch) -> Tensor:
        """`loss`, and what is asked of the states besides: to be small (AR), and to be slow (TAR; Merity et al. 2017)."""
        shares = batch.weights.to(states.dtype) / batch.weights.sum().clamp_min(1e-12)
        mask = self._mask(states)
        seen = states if mask is None else states * mask
        kept = mask[:, 0] != 0 if mask is not None and isinstance(self.narrow, nn.Identity) else None
        loss = self.surprise(self.narrow(seen).flatten(0, 1), batch.truth.flatten(), shares.flatten(), kept)
        if self.spec.activation:
            loss = loss + self.spec.activation * _mean_square(seen, batch.weights)
        if self.spec.temporal and states.shape[1] > 1:
            loss = loss + self.spec.temporal * _mean_square(states[:, 1:] - states[:, :-1], batch.weights[:, 1:])
        return loss

    def kept(self, states: Tensor, batch: TensorBatch) -> Tensor:
        """(B, O) log probabilities of the truth, in place of all the others."""
        return self.foreseen(self.narrow(states).flatten(0, 1), batch.truth.flatten()).reshape(batch.truth.shape)

    def _mask(self, states: Tensor) -> Tensor | None:
        """(B, 1, H) variational dropout (Gal and Ghahramani 2016): one mask for all steps of a row; None where nothing is dropped."""
        if not self.training or not self.spec.dropout:
            return None
        return dropout_mask(states, (states.shape[0], 1, states.shape[2]), self.spec.dropout)


class Softmax(_TokenHead):
    """One logit a token: raw answers (..., V)."""

    def __init__(self, spec: SoftmaxHead, width: int, size: int):
        super().__init__(spec, width, size)
        self.vectors = None if spec.tied else _vectors(size, width)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H) -> (..., V)
        return nn.functional.linear(self.narrow(state), self._weight(), self.bias)

    def surprise(self, states: Tensor, truth: Tensor, shares: Tensor, kept: Tensor | None) -> Tensor:
        return cross_entropy(states, self._weight(), self.bias, truth, shares, kept)

    def foreseen(self, states: Tensor, truth: Tensor) -> Tensor:
        return log_probabilities(states, self._weight(), self.bias, truth)

    def _weight(self) -> Tensor:
        return self._shared[0].weight if self.vectors is None else self.vectors


class AdaptiveSoftmax(_TokenHead):
    """Common tokens at once, rarer ones by way of the cluster that they are in, which alone is looked into (Grave et al. 2017).

    Raw answers (..., V) are logarithms of probabilities. Clusters lie between the cutoffs, and codes are in the order of their counts, as those of a
    vocabulary are. Where the vectors are tied, all clusters read states of the same width.
    """

    def __init__(self, spec: SoftmaxHead, width: int, size: int):
        super().__init__(spec, width, size)
        self.first, self.ranges = spec.adaptive[0], tuple(pairwise((*spec.adaptive, size)))
        self.sizes = [self.first, *(high - low for low, high in self.ranges)]
        self.clusters = nn.Linear(width, len(self.ranges))
        widths = [max(1, width // SHRINKING**number) for number in range(len(self.sizes))]
        self.narrower = nn.ModuleList(nn.Linear(width, narrow, bias=False) for narrow in widths[1:] if not spec.tied)
        self.vectors = nn.ParameterList(_vectors(*shape) for shape in zip(self.sizes, widths, strict=True) if not spec.tied)

    def join(self, embed: Embed) -> None:
        super().join(embed)
        if self._shared:
            self.clusters = nn.Linear(self._shared[0].embedding_dim, len(self.ranges))

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H) -> (..., V)
        state = self.narrow(state)
        first = self.first
        if self._shared:  # one product with the table as it is, so that a step program holds it once
            scores = list(torch.split(nn.functional.linear(state, self._shared[0].weight, self.bias), self.sizes, dim=-1))
        else:
            seen = (state, *(layer(state) for layer in self.narrower))
            scores = [nn.functional.linear(*one) for one in zip(seen, self._weights(), torch.split(self.bias, self.sizes), strict=True)]
        head = torch.cat([scores[0], self.clusters(state)], dim=-1).log_softmax(-1)
        tails = [head[..., first + index : first + index + 1] + tail.log_softmax(-1) for index, tail in enumerate(scores[1:])]
        return torch.cat([head[..., :first], *tails], dim=-1)

    def surprise(self, states: Tensor, truth: Tensor, shares: Tensor, kept: Tensor | None) -> Tensor:
        first, *others = self._asked(states, truth)
        found = [cross_entropy(*first.read(), shares, kept)]
        return torch.stack(found + [cross_entropy(*one.read(), shares[one.rows]) for one in others]).sum()

    def foreseen(self, states: Tensor, truth: Tensor) -> Tensor:
        found = states.new_zeros(len(states))
        for one in self._asked(states, truth):
            found[one.rows] += log_probabilities(*one.read())
        return found

    def _asked(self, states: Tensor, truth: Tensor) -> Iterator[_Asked]:
        """Of all rows, which common token or cluster comes; of the rows of each cluster, which of its tokens."""
        weights, biases = self._weights(), torch.split(self.bias, self.sizes)
        within = [((truth >= low) & (truth < high)).nonzero()[:, 0] for low, high in self.ranges]
        at = truth.clone()
        for index, rows in enumerate(within):
            at[rows] = self.first + index
        head = torch.cat([weights[0], self.clusters.weight]), torch.cat([biases[0], self.clusters.bias])
        yield _Asked(slice(None), states, at, *head)
        for index, (rows, (low, _)) in enumerate(zip(within, self.ranges, strict=True)):
            seen = states[rows] if self._shared else self.narrower[index](states[rows])
            yield _Asked(rows, seen, truth[rows] - low, weights[index + 1], biases[index + 1])

    def _weights(self) -> Sequence[Tensor]:
        return torch.split(self._shared[0].weight, self.sizes) if self._shared else list(self.vectors)


class _Asked(NamedTuple):
    """One of the questions of an adaptive softmax: N rows, their states and the right answers, and the vectors among which these are."""

    rows: Tensor | slice
    states: Tensor
    truth: Tensor
    weight: Tensor
    bias: Tensor

    def read(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.states, self.weight, self.bias, self.truth


def build_softmax(spec: SoftmaxHead, width: int, size: int) -> Softmax | AdaptiveSoftmax:
    """The head over a vocabulary of `size` codes."""
    return AdaptiveSoftmax(spec, width, size) if spec.adaptive else Softmax(spec, width, size)


def _vectors(count: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.empty(count, width).uniform_(-(width**-0.5), width**-0.5))


def _mean_square(x: Tensor, weights: Tensor) -> Tensor:
    """Over all numbers of the steps (B, T, H) that count."""
    real = (weights > 0).to(x.dtype)
    return (x.square().sum(dim=-1) * real).sum() / (real.sum() * x.shape[-1]).clamp_min(1)
