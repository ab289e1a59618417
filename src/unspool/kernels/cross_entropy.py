"""Cross-entropy over a large vocabulary that never holds all of its logits, and works out its gradient on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unspool.kernels.engine import choose_for
from unspool.kernels.once import once
from unspool.native import library

BLOCK = 1 << 22
"""Logits that plain torch holds at once: enough for matrix products at full speed, and little enough to stay near the processor."""

FEW = 512
"""Words below which torch's products are faster (benchmarks/vocabulary.py): characters and bytes, mostly."""

LEAST = 1e-30
"""The smallest probability whose logarithm is exact in single precision, with room to spare."""


def cross_entropy(states: Tensor, weight: Tensor, bias: Tensor, truth: Tensor, shares: Tensor, kept: Tensor | None = None) -> Tensor:
    """The sum of -shares log softmax(weight states + bias)[truth].

    states  (N, H)
    weight  (V, H)
    bias    (V,)
    truth   (N,) int64
    shares  (N,), which have no gradient
    kept    (B, H) bool: which features dropout has left of each N / B rows in turn. The others are zero, have no gradient, and cost the native engine
            nothing.

    Raises RuntimeError where shapes or types disagree, as torch does, and IndexError where there is no such word.
    """
    call = _Call(truth, shares, kept)
    _check(states, weight, bias, call)
    if not torch.is_grad_enabled():
        return torch.dot(_way(states, weight, bias)(call, (states, weight, bias), (False,) * 3).surprise, shares)
    loss: Tensor = _CrossEntropy.apply(call, states, weight, bias)  # type: ignore[no-untyped-call]
    return loss


def log_probabilities(states: Tensor, weight: Tensor, bias: Tensor, truth: Tensor) -> Tensor:
    """(N,) log softmax(weight states + bias)[truth], without a gradient."""
    call = _Call(truth, None, None)
    _check(states, weight, bias, call)
    with torch.no_grad():
        return -_way(states, weight, bias)(call, (states, weight, bias), (False,) * 3).surprise


class _Call(NamedTuple):
    """What has no gradient."""

    truth: Tensor
    shares: Tensor | None
    kept: Tensor | None


class _Found(NamedTuple):
    """(N,) -log p(truth), and the gradients of states, weight and bias that were asked for."""

    surprise: Tensor
    gradients: tuple[Tensor | None, ...]


Learnt = tuple[Tensor, Tensor, Tensor]
"""States, weight and bias."""

Way = Callable[[_Call, Learnt, tuple[bool, ...]], _Found]


def _check(states: Tensor, weight: Tensor, bias: Tensor, call: _Call) -> None:
    """The kernel trusts what it is given."""
    (rows, width), words = states.shape, len(weight)
    groups = 1 if call.kept is None else len(call.kept)
    shapes = {"weight": (weight, (words, width)), "bias": (bias, (words,)), "truth": (call.truth, (rows,)), "shares": (call.shares, (rows,))}
    for name, (tensor, shape) in (shapes | {"kept": (call.kept, (groups, width))}).items():
        if tensor is not None and tensor.shape != shape:
            raise RuntimeError(f"{name}: got the shape {tuple(tensor.shape)}, wanted {shape}")
    types = {"truth": (call.truth, torch.int64), "shares": (call.shares, states.dtype), "kept": (call.kept, torch.bool)}
    for name, (tensor, dtype) in types.items():
        if tensor is not None and tensor.dtype is not dtype:
            raise RuntimeError(f"{name}: got {tensor.dtype}, wanted {dtype}")
    if rows % max(groups, 1) or (not groups and rows):
        raise RuntimeError(f"kept: got {groups} groups, wanted a divisor of the {rows} rows of states")
    if not rows:
        return
    least, most = map(int, call.truth.aminmax())
    if least < 0 or most >= words:
        raise IndexError(f"truth runs from {least} to {most}, wanted 0 to {words - 1}, the rows of the weight")


class _CrossEntropy(torch.autograd.Function):
    """The gradient is worked out with the loss, and handed over the first time that it is asked for."""

    @staticmethod
    def forward(ctx: Any, call: _Call, states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        learnt = (states, weight, bias)
        surprise, ctx.gradients = _way(*learnt)(call, learnt, ctx.needs_input_grad[1:])
        ctx.call = call
        ctx.save_for_backward(*learnt, *call)  # torch tells whether one has changed since
        assert call.shares is not None
        return torch.dot(surprise, call.shares)

    @staticmethod
    @once
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor | None, ...]:
        learnt, gradients = ctx.saved_tensors[:3], ctx.gradients
        if gradients is None:  # the graph was retained, and they are another's by now
            _, gradients = _way(*learnt)(ctx.call, learnt, ctx.needs_input_grad[1:])
        ctx.gradients = None
        if not arriving.is_cpu or arriving != 1:
            for gradient in gradients:
                if gradient is not None:
                    gradient *= arriving
        return None, *gradients


def _way(*learnt: Tensor) -> Way:
    better = f"there are fewer than {FEW} words" if len(learnt[1]) < FEW else ""
    return _native if choose_for(learnt, better).engine == "native" else _eager


def _native(call: _Call, learnt: Learnt, wanted: tuple[bool, ...]) -> _Found:
    """By native/cross_entropy.hpp."""
    states, weight, bias = (tensor.detach().contiguous() for tensor in learnt)
    rows, width = states.shape
    words, extension = len(weight), library()
    assert extension is not None
    surprise = states.new_zeros(rows)
    made = (torch.zeros_like, torch.empty_like, torch.zeros_like)  # rows that do not count have no gradient; of the weight all is written
    gradients = tuple(make(tensor) if asked else None for make, tensor, asked in zip(made, (states, weight, bias), wanted, strict=True))
    truth, shares, kept = (tensor if tensor is None else tensor.contiguous() for tensor in call)
    kept = kept if kept is None else kept.view(torch.uint8)
    group = 0 if kept is None else rows // max(len(kept), 1)
    extension.cross_entropy((states, weight, bias, truth, shares, kept, surprise, *gradients), rows, width, words, group, torch.get_num_threads())
    return _Found(surprise, gradients)


def _eager(call: _Call, learnt: Learnt, wanted: tuple[bool, ...]) -> _Found:
    """The gradient of a log softmax is the softmax less the truth: it takes the place of the logits, block by block, before the next are made."""
    states, weight, bias = learnt
    surprise = states.new_zeros(len(states))
    of_states, of_weight, of_bias = gradients = tuple(torch.zeros_like(one) if asked else None for one, asked in zip(learnt, wanted, strict=True))
    for rows in _blocks(len(states), len(weight)):
        x, at = states[rows], call.truth[rows, None]
        probabilities = nn.functional.linear(x, weight, bias).softmax(1)
        surprise[rows] = -_logarithms(probabilities.gather(1, at)[:, 0], x, weight, bias, at)
        if not any(wanted):
            continue
        assert call.shares is not None
        share = call.shares[rows]
        probabilities.scatter_add_(1, at, probabilities.new_full((1, 1), -1).expand(len(at), 1))
        if of_states is not None:  # a row's share is put on the narrow side of each product
            torch.mm(probabilities, weight, out=of_states[rows])
            of_states[rows] *= share[:, None]
        if of_weight is not None:
            of_weight.addmm_(probabilities.T, x * share[:, None])
        if of_bias is not None:
            of_bias.addmv_(probabilities.T, share)
    if of_states is not None and call.kept is not None:
        of_states.view(len(call.kept), -1, states.shape[1]).mul_(call.kept[:, None])
    return _Found(surprise, gradients)


def _logarithms(probabilities: Tensor, states: Tensor, weight: Tensor, bias: Tensor, at: Tensor) -> Tensor:
    """(n,) of the probabilities of `at` (n, 1); those that are too small to have one of their own are worked out anew."""
    found = probabilities.log()
    lost = (probabilities < LEAST).nonzero()[:, 0]
    if len(lost):
        found[lost] = nn.functional.linear(states[lost], weight, bias).log_softmax(1).gather(1, at[lost])[:, 0]
    return found


def _blocks(rows: int, size: int) -> Iterator[slice]:
    """Rows of logits that are held at once, in pieces of nearly equal size."""
    pieces = -(-rows * size // BLOCK)
    edges = [rows * piece // max(pieces, 1) for piece in range(pieces + 1)]
    return (slice(first, last) for first, last in pairwise(edges) if last > first)
