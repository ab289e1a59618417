"""Conditional random field over the tags of a sentence: a linear chain, learnt (Lafferty et al. 2001)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from unspool.answers.chain import Chain
from unspool.answers.lattice import Doubles, Lattice, Packed, Places, lattice
from unspool.data.schemes import Allowed
from unspool.kernels.rows import real_steps
from unspool.types import Floats

FORBIDDEN = -1e30  # finite, since torch makes NaN of the gradient of a sum over nothing but -inf


class CRF(nn.Module):
    """Log weights of K tags that follow one another; all alike at first, which is a softmax at every step.

    allowed  what may begin, end and follow; the rest has no weight and learns none
    """

    def __init__(self, tags: int, allowed: Allowed | None = None):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(tags))
        self.end = nn.Parameter(torch.zeros(tags))
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        for name in Allowed._fields:
            permitted = None if allowed is None else torch.from_numpy(getattr(allowed, name))
            self.register_buffer(f"allowed_{name}", permitted, persistent=False)

    def log_likelihood(self, emissions: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(B,) log probability of the tags given the emissions; 0 for a row without steps, and -inf, with no gradient, for what is not allowed.

        emissions  (B, T, K)  log weights of the tags at each step; padding is never read
        tags       (B, T)     -1 where unknown: any tag will do
        lengths    (B,)       steps before padding, 0 to T
        """
        weights = (self.start, self.end, self.transitions)
        if emissions.device.type == "cpu":
            call = _Call(tags, lengths, self._allowed())
            return _LogLikelihood.apply(call, emissions, *weights)  # type: ignore[no-untyped-call]
        return _log_likelihood(emissions, tags, lengths, *_permitted(weights, self._allowed(), FORBIDDEN))

    def chain(self) -> Chain:
        """What has been learnt, for decoding without torch."""
        weights = (self.start, self.end, self.transitions)
        return Chain(*[weight.cpu().numpy() for weight in _permitted([weight.detach().double() for weight in weights], self._allowed(), -torch.inf)])

    def _allowed(self) -> tuple[Tensor | None, ...]:
        return self.allowed_start, self.allowed_end, self.allowed_transitions  # type: ignore[return-value]


class _Call(NamedTuple):
    """All of a likelihood that has no gradient."""

    tags: Tensor
    lengths: Tensor
    allowed: tuple[Tensor | None, ...]


class _Path(NamedTuple):
    """The one sequence of tags of each sentence that is given: tags (N,), log weight (M,)."""

    tags: Places
    log_partition: Doubles


class _LogLikelihood(torch.autograd.Function):
    """On a CPU, where single steps in torch would take ten times as long: forward and backward once, in numpy and float64.

    The gradient of a log partition is what the chain expects, marginals and pairs.
    """

    @staticmethod
    def forward(ctx: Any, call: _Call, emissions: Tensor, *weights: Tensor) -> Tensor:
        rows, steps, count = emissions.shape
        packed = Packed.of(call.lengths.numpy(), steps)
        scores = _readable(emissions).reshape(-1, count)[packed.place]
        chain = [_readable(weight) for weight in _permitted([weight.detach().double() for weight in weights], call.allowed, -torch.inf)]
        expected = lattice(scores, chain[0], chain[1], chain[2], packed)
        given = _given(call.tags.numpy().reshape(-1)[packed.place], scores, chain, packed)
        possible = ~np.isneginf(given.log_partition)
        log = np.subtract(given.log_partition, expected.log_partition, out=given.log_partition.copy(), where=possible)
        ctx.given, ctx.expected, ctx.possible = given, expected, possible
        ctx.save_for_backward(emissions, *weights)
        return torch.from_numpy(packed.by_row(log, rows)).to(emissions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        emissions, *weights = ctx.saved_tensors
        given, expected, packed = ctx.given, ctx.expected, ctx.expected.packed
        share = np.where(ctx.possible, _readable(arriving)[packed.order], 0)
        of_pairs = _pairs(given, packed, share, len(weights[0])) - _pairs(expected, packed, share, len(weights[0]))
        surprise = _surprise(given, expected)
        surprise *= share[packed.rank, None]
        of_emissions = np.zeros((emissions.shape[0] * emissions.shape[1], emissions.shape[2]), surprise.dtype)
        of_emissions[packed.place] = surprise
        of_weights = surprise[: packed.sentences].sum(axis=0), surprise[packed.last].sum(axis=0), of_pairs
        gradients = (of_emissions.reshape(emissions.shape), *of_weights)
        return None, *[torch.from_numpy(of).to(tensor.dtype) for of, tensor in zip(gradients, (emissions, *weights), strict=True)]


def _readable(tensor: Tensor) -> Any:
    """As numpy, which knows no half precision but its own."""
    known = tensor.detach()
    return (known.float() if known.dtype == torch.bfloat16 else known).numpy()


def _given(tags: Places, scores: Floats, chain: list[Doubles], packed: Packed) -> _Path | Lattice:
    """The tags that are given; a lattice of all that agree with them where some are unknown."""
    start, end, transitions = chain
    if tags.size and tags.min() < 0:
        agreeing = (tags < 0)[:, None] | (tags[:, None] == np.arange(scores.shape[1]))
        return lattice(np.where(agreeing, scores, -np.inf), start, end, transitions, packed)
    first = packed.sentences
    gain = scores[np.arange(len(tags)), tags].astype(np.float64)
    gain[:first] += start[tags[:first]]
    gain[first:] += transitions[tags[packed.before], tags[first:]]
    return _Path(tags, np.bincount(packed.rank, gain, first) + end[tags[packed.last]])


def _surprise(given: _Path | Lattice, expected: Lattice) -> Doubles:
    """(N, K) by how much each tag is likelier once the given is known."""
    surprise = expected.marginals()
    if isinstance(given, Lattice):
        return given.marginals() - surprise
    np.negative(surprise, out=surprise)
    surprise[np.arange(len(surprise)), given.tags] += 1
    return surprise


def _pairs(found: _Path | Lattice, packed: Packed, weights: Doubles, count: int) -> Doubles:
    """(K, K) how often a tag follows another, expected, each sentence with its weight (M,)."""
    if isinstance(found, _Path):
        place = found.tags[packed.before] * count + found.tags[packed.sentences :]
        counts: Doubles = np.bincount(place, weights[packed.rank[packed.sentences :]], count * count).astype(np.float64)
        return counts.reshape(count, count)
    weight = weights[packed.rank, None]
    if not found.logarithmic:  # torch's product keeps to torch's threads
        return found.going * torch.mm(torch.from_numpy(found.alpha).T, torch.from_numpy(weight * found.onward)).numpy()
    total = np.zeros((count, count))
    for low, high in pairwise(packed.blocks):
        shares = np.exp(found.alpha[low:high, :, None] + found.going + found.onward[low:high, None])
        total += np.einsum("ni,nij->ij", weight[low:high], shares)
    return total


def _permitted(weights: Any, allowed: tuple[Tensor | None, ...], forbidden: float) -> list[Tensor]:
    """The weights with `forbidden` for what is not allowed."""
    return [weight if permitted is None else weight.masked_fill(~permitted, forbidden) for weight, permitted in zip(weights, allowed, strict=True)]


def _log_likelihood(emissions: Tensor, tags: Tensor, lengths: Tensor, start: Tensor, end: Tensor, transitions: Tensor) -> Tensor:
    """As `_LogLikelihood`, in logarithms and torch's own operations: what agrees with the tags, and all, as one batch of two halves."""
    real = real_steps(lengths, emissions.shape[1])
    clean = emissions.masked_fill(~real.unsqueeze(-1), 0).to(torch.promote_types(emissions.dtype, torch.float32))
    others = (tags.unsqueeze(-1) != torch.arange(emissions.shape[2], device=tags.device)) & ((tags >= 0) & real).unsqueeze(-1)
    both, running = torch.cat([clean.masked_fill(others, FORBIDDEN), clean]), torch.cat([real, real]).unsqueeze(-1)
    alpha = start + both[:, 0]
    for t in range(1, emissions.shape[1]):
        alpha = torch.where(running[:, t], torch.logsumexp(alpha.unsqueeze(-1) + transitions, dim=1) + both[:, t], alpha)
    given, expected = torch.logsumexp(alpha + end, dim=1).chunk(2)
    log = torch.where(given < FORBIDDEN / 10, -torch.inf, given - expected)
    return torch.where(lengths > 0, log, 0).to(emissions.dtype)
