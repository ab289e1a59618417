"""The recurrent scan by our own kernels (native/scan.cpp): CPU, float32, with lengths, masks and zoneout inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from unspool.kernels.recurrence import Kind, Recurrence, State, Zoned
from unspool.native import library

LEARNT = ("x", "input_weight", "state_weight", "input_bias", "state_bias", "h", "c")
"""What has gradients, in the order in which `_Scan` is given it."""


def scan(
    recurrence: Recurrence,
    x: Tensor,
    state: State,
    lengths: Tensor | None = None,
    keep: Tensor | None = None,
    zoned: Zoned | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """As `eager.scan`: (B, T, C) -> (B, T, H) and the state after each row's last real step. Raises RuntimeError where shapes disagree, as torch does."""
    weights = (recurrence.input_weight, recurrence.state_weight, recurrence.input_bias, recurrence.state_bias)
    learnt = (x, *weights, state["h"], state.get("c"))
    masks = _masks(keep, zoned)
    _check(learnt, masks)
    plan = _plan(recurrence.kind, *x.shape, recurrence.hidden, reverse, torch.get_num_threads(), lengths)
    call = _Call(recurrence.kind, plan, masks, zoned if isinstance(zoned, float) else 0.0)
    if torch.is_grad_enabled() and any([tensor is not None and tensor.requires_grad for tensor in learnt]):
        y, *after = _Scan.apply(call, *learnt)  # type: ignore[no-untyped-call]
    else:
        y, after, _ = call.forward(_ready(learnt), keeps=False)
    return y, dict(zip(("h", "c"), after, strict=False))


def _masks(keep: Tensor | None, zoned: Zoned | None) -> dict[str, Tensor]:
    """Those that there are, by the names that the kernels have for them, row after row."""
    if keep is None and (zoned is None or isinstance(zoned, float)):
        return {}
    found = {} if keep is None else {"keep": keep}
    if zoned is not None and not isinstance(zoned, float):
        found |= {f"zoned_{name}": mask for name, mask in zoned.items()}
    return {name: mask.detach().contiguous() for name, mask in found.items()}


def _check(learnt: Sequence[Tensor | None], masks: Mapping[str, Tensor]) -> None:
    """The kernels trust what they are given."""
    x, input_weight, state_weight = learnt[:3]
    assert x is not None and input_weight is not None and state_weight is not None
    (batch, steps, _), (rows, inputs), hidden = x.shape, input_weight.shape, state_weight.shape[1]
    one_row, states = (rows,), (batch, hidden)
    wanted = ((batch, steps, inputs), (rows, inputs), (rows, hidden), one_row, one_row, states, states)
    for name, tensor, shape in zip(LEARNT, learnt, wanted, strict=True):
        if tensor is not None and tensor.shape != shape:
            raise RuntimeError(f"{name}: got the shape {tuple(tensor.shape)}, wanted {shape}")
    for name, mask in masks.items():
        shape = states if name == "keep" else (batch, steps, hidden)
        if mask.shape != shape:
            raise RuntimeError(f"{name}: got the shape {tuple(mask.shape)}, wanted {shape}")


def _plan(kind: Kind, batch: int, steps: int, inputs: int, hidden: int, reverse: bool, threads: int, lengths: Tensor | None) -> Any:
    """The order of work."""
    if lengths is None:
        return _plan_of_whole_rows(kind, batch, steps, inputs, hidden, reverse, threads)
    held = lengths.to("cpu", torch.int64).contiguous()  # the plan keeps a copy of them
    return _library().ScanPlan(kind, batch, steps, inputs, hidden, held.data_ptr(), reverse, threads)


@lru_cache(maxsize=64)
def _plan_of_whole_rows(kind: Kind, batch: int, steps: int, inputs: int, hidden: int, reverse: bool, threads: int) -> Any:
    return _library().ScanPlan(kind, batch, steps, inputs, hidden, 0, reverse, threads)


def _ready(learnt: Sequence[Tensor | None]) -> dict[str, Tensor]:
    """As the kernels read them: features, or whole rows, without gaps."""
    found = {}
    for name, tensor in zip(LEARNT, learnt, strict=True):
        if tensor is not None:
            found[name] = tensor if tensor.is_contiguous() or (name == "x" and tensor.stride(-1) == 1) else tensor.contiguous()
    return found


def _addresses(tensors: Mapping[str, Tensor | None]) -> dict[str, int]:
    return {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}


@dataclass(frozen=True)
class _Call:
    """All of a scan that has no gradient.

    masks  keep (B, H); zoned_h, zoned_c (B, T, H)
    zone   the share of zoneout at rest
    """

    kind: Kind
    plan: Any
    masks: dict[str, Tensor]
    zone: float

    def forward(self, given: Mapping[str, Tensor], keeps: bool) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        """Outputs, the state after, and what the way back needs, where it `keeps` that."""
        x, h = given["x"], given["h"]
        y = x.new_empty(*x.shape[:2], h.shape[1])
        after = {f"{name}_last": torch.empty_like(given[name]) for name in ("h", "c") if name in given}
        kept = {}
        if keeps:
            kept["gates"] = x.new_empty(self.plan.instants, self.plan.row)
            if self.kind == "lstm":
                kept["cells"] = x.new_empty(self.plan.instants, self.plan.units)
        _library().scan_forward(self.plan, self._given(given, y) | _addresses(after) | _addresses(kept), self.zone)
        return y, list(after.values()), kept

    def backward(
        self, given: Mapping[str, Tensor], y: Tensor, kept: Mapping[str, Tensor], arriving: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
    ) -> None:
        """Write the gradients that are wanted; overwrites what was kept."""
        strides = {"y_row": arriving["y"].stride(0), "y_step": arriving["y"].stride(1)} if "y" in arriving else {}
        gradients = _addresses(arriving) | strides | _addresses(wanted)
        _library().scan_backward(self.plan, self._given(given, y) | _addresses(kept), gradients, self.zone)

    def _given(self, given: Mapping[str, Tensor], y: Tensor) -> dict[str, int]:
        x = given["x"]
        return _addresses(given) | _addresses(self.masks) | {"x_row": x.stride(0), "x_step": x.stride(1), "y": y.data_ptr()}


def _library() -> Any:
    found = library()
    assert found is not None
    return found


class _Scan(torch.autograd.Function):
    """The scan as torch differentiates it: once, for gradients of gradients would need the gradient of the kernels."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *learnt: Tensor | None) -> tuple[Tensor, ...]:
        given = _ready(learnt)
        y, after, kept = call.forward(given, keeps=True)
        ctx.call, ctx.names, ctx.kept, ctx.used = call, tuple(given), tuple(kept), False
        ctx.save_for_backward(y, *given.values(), *kept.values())
        ctx.set_materialize_grads(False)
        return y, *after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *arriving: Tensor | None) -> tuple[Tensor | None, ...]:
        y, *saved = ctx.saved_tensors
        given = dict(zip(ctx.names, saved, strict=False))
        kept = dict(zip(ctx.kept, saved[len(given) :], strict=True))
        if ctx.used:  # the graph was retained, and the first time has overwritten what was kept
            _, _, kept = ctx.call.forward(given, keeps=True)
        ctx.used = True
        asked = dict(zip(LEARNT, ctx.needs_input_grad[1:], strict=True))
        wanted = {name: torch.empty(tensor.shape, dtype=tensor.dtype) for name, tensor in given.items() if asked[name]}
        named = zip(("y", "h_last", "c_last"), arriving, strict=False)
        found = {name: _tight(name, gradient) for name, gradient in named if gradient is not None}
        ctx.call.backward(given, y, kept, found, wanted)
        return None, *(wanted.get(name) for name in LEARNT)


def _tight(name: str, gradient: Tensor) -> Tensor:
    """The outputs' may have any steps between rows, and none within them."""
    return gradient if gradient.is_contiguous() or (name == "y" and gradient.stride(-1) == 1) else gradient.contiguous()
