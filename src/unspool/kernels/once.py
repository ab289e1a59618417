"""Gradients that have no gradient of their own say so, where torch alone would take it for zero."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor

Backward = Callable[..., tuple[Tensor | None, ...]]


def once(backward: Backward) -> Backward:
    """RuntimeError where gradients are differentiated again; torch's `once_differentiable` says so only where the one that arrives has one itself.

    The function's inputs are to be among the tensors that were saved for the way back, as they came.
    """

    @wraps(backward)
    def told(ctx: Any, *arriving: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():  # as it is unless create_graph is set
            return backward(ctx, *arriving)
        with torch.no_grad():
            gradients = backward(ctx, *arriving)
        sources = [tensor for tensor in ctx.saved_tensors if tensor is not None and tensor.requires_grad]
        return tuple(gradient if gradient is None else _Once.apply(gradient, *sources) for gradient in gradients)  # type: ignore[no-untyped-call]

    return told


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
