"""The rule of a step: optimizers, the gradient's norm, and an optimizer's memory as named tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

import torch
from torch import Tensor, nn

from unspool.errors import BundleError
from unspool.training.spec import SGD, Adam, AdamW, Optimizer, RMSprop


def build_optimizer(spec: Optimizer, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of all weights that learn; AdamW's decay acts on matrices alone, never on biases and norms.

    Fused where torch has it: the step of a large embedding then takes one pass over memory in place of a dozen.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if isinstance(spec, SGD):
        return torch.optim.SGD(weights, spec.rate, momentum=spec.momentum, nesterov=spec.nesterov, weight_decay=spec.l2, fused=True)
    if isinstance(spec, RMSprop):
        return torch.optim.RMSprop(weights, spec.rate, alpha=spec.smoothing, momentum=spec.momentum, weight_decay=spec.l2)
    if isinstance(spec, Adam):
        return torch.optim.Adam(weights, spec.rate, betas=spec.betas, weight_decay=spec.l2, fused=True)
    assert isinstance(spec, AdamW)
    matrices = [weight for weight in weights if weight.dim() >= 2]
    others = [weight for weight in weights if weight.dim() < 2]
    groups = [{"params": matrices, "weight_decay": spec.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], spec.rate, betas=spec.betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradient(weights: Iterable[Tensor], limit: float | None) -> float:
    """The global norm of the gradient, which is then scaled down to `limit`; a norm that is not finite leaves it as it is."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    size = float(torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))) if gradients else 0.0
    if limit is not None and isfinite(size) and size > limit:
        for gradient in gradients:
            gradient.mul_(limit / size)
    return size


def optimizer_tensors(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """All that the optimizer remembers, as `weight's name/what`; rates stand in the schedule, the rest in the spec."""
    found: dict[str, Tensor] = {}
    for name, weight in network.named_parameters():
        for what, remembered in optimizer.state.get(weight, {}).items():
            if remembered is None:  # SGD without momentum notes that there is none
                continue
            assert isinstance(remembered, Tensor), f"{type(optimizer).__name__} remembers {what} of {name} as {type(remembered).__name__}"
            found[f"{name}/{what}"] = remembered
    return found


def restore_optimizer(optimizer: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`, bit for bit; raises BundleError where a tensor has no weight."""
    weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    optimizer.state.clear()
    for key, remembered in tensors.items():
        name, _, what = key.rpartition("/")
        if name not in weights:
            raise BundleError(f"the optimizer remembers {key!r}, and the network has no such weight; resume with the spec of this run")
        # torch keeps the count of steps on the CPU whatever the device.
        device = torch.device("cpu") if what == "step" else weights[name].device
        optimizer.state[weights[name]][what] = remembered.detach().clone().to(device)
