"""Cross-entropy over a large vocabulary that never holds all of its logits, and works out its gradient on the way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

BLOCK = 1 << 22
"""Logits that are held at once: enough for matrix products at full speed, and little enough to stay near the processor."""

LEAST = 1e-30
"""The smallest probability whose logarithm is exact in single precision, with room to spare."""


def cross_entropy(states: Tensor, weight: Tensor, bias: Tensor, truth: Tensor, shares: Tensor) -> Tensor:
    """The sum of -shares log softmax(weight states + bias)[truth].

    states (N, H)    weight (V, H), bias (V,)    truth (N,) int64    shares (N,), which have no gradient
    """
    loss: Tensor = _CrossEntropy.apply(states, weight, bias, truth, shares)  # type: ignore[no-untyped-call]
    return loss


def log_probabilities(states: Tensor, weight: Tensor, bias: Tensor, truth: Tensor) -> Tensor:
    """(N,) log softmax(weight states + bias)[truth], without a gradient."""
    with torch.no_grad():
        found = [_log_softmax(states[rows], weight, bias).gather(1, truth[rows, None])[:, 0] for rows in _blocks(len(states), len(weight))]
        return torch.cat(found) if found else states.new_zeros(0)


class _CrossEntropy(torch.autograd.Function):
    """The gradient of a log softmax is the softmax less the truth: it takes the place of the logits, block by block, before the next are made."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, truth: Tensor, shares: Tensor) -> Tensor:
        wanted = ctx.needs_input_grad
        of_states, of_weight, of_bias = (torch.zeros_like(one) if asked else None for one, asked in zip((states, weight, bias), wanted, strict=False))
        loss = states.new_zeros(())
        for rows in _blocks(len(states), len(weight)):
            x, at, share = states[rows], truth[rows, None], shares[rows]
            surprise = nn.functional.linear(x, weight, bias).softmax(1)
            loss -= torch.dot(_logarithms(surprise.gather(1, at)[:, 0], x, weight, bias, at), share)
            if not any(wanted):
                continue
            surprise.scatter_add_(1, at, surprise.new_full((1, 1), -1).expand(len(at), 1))
            if of_states is not None:  # a row's share is put on the narrow side of each product
                torch.mm(surprise, weight, out=of_states[rows])
                of_states[rows] *= share[:, None]
            if of_weight is not None:
                of_weight.addmm_(surprise.T, x * share[:, None])
            if of_bias is not None:
                of_bias.addmv_(surprise.T, share)
        ctx.gradients = of_states, of_weight, of_bias
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        return *[None if gradient is None else gradient * arriving for gradient in ctx.gradients], None, None


def _logarithms(probabilities: Tensor, states: Tensor, weight: Tensor, bias: Tensor, at: Tensor) -> Tensor:
    """(n,) of the probabilities of `at` (n, 1); those that are too small to have one of their own are worked out anew."""
    found = probabilities.log()
    lost = (probabilities < LEAST).nonzero()[:, 0]
    if len(lost):
        found[lost] = _log_softmax(states[lost], weight, bias).gather(1, at[lost])[:, 0]
    return found


def _log_softmax(states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return nn.functional.linear(states, weight, bias).log_softmax(1)


def _blocks(rows: int, size: int) -> Iterator[slice]:
    """Rows of logits that are held at once, in pieces of nearly equal size."""
    pieces = -(-rows * size // BLOCK)
    edges = [rows * piece // max(pieces, 1) for piece in range(pieces + 1)]
    return (slice(first, last) for first, last in pairwise(edges) if last > first)
