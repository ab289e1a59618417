"""Gradients that have no gradient of their own say so, where torch alone would take it for zero."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def once(gradients: tuple[Tensor | None, ...], learnt: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """The gradients of `learnt`; RuntimeError where they are differentiated again.

    torch's `once_differentiable` says so only where the gradient that arrived has one itself.
    """
    if not torch.is_grad_enabled():  # as it is unless create_graph is set
        return gradients
    sources = [tensor for tensor in learnt if tensor is not None and tensor.requires_grad]
    return tuple(gradient if gradient is None else _Once.apply(gradient, *sources) for gradient in gradients)  # type: ignore[no-untyped-call]


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *arriving: Tensor) -> None:
        raise RuntimeError(
            "a gradient that was worked out by hand cannot be differentiated twice; run layers within unspool.kernels.using('eager'), "
            "and a softmax by torch.nn.functional.cross_entropy"
        )
