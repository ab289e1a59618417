"""The recurrent scan by our own kernels (native/scan.cpp): CPU, float32, with lengths, masks and zoneout inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from unspool.kernels.once import once
from unspool.kernels.recurrence import Coded, Kind, Recurrence, State, Zoned
from unspool.native import library

NAMES = ("x", "input_weight", "state_weight", "input_bias", "state_bias", "h", "c", "keep", "zoneout of h", "zoneout of c")
"""Of the tensors that the kernels are given, in their order; the first seven may have gradients. Of coded inputs `x` is (V, G H): what each gives."""

Learnt = tuple[Tensor | None, ...]
LEARNT = 7

CACHED_STEPS = 1 << 16
"""Of a plan that is kept for calls of the same sizes: it has 16 bytes for each."""


def scan(
    recurrence: Recurrence,
    x: Tensor | Coded,
    state: State | None = None,
    lengths: Tensor | None = None,
    keep: Tensor | None = None,
    zoned: Zoned | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """As `eager.scan`: (B, T, C) -> (B, T, H) and the state after each row's last real step. Without a state it begins with zeros.

    Raises RuntimeError where shapes or types disagree, as torch does, and IndexError where a code has no row.
    """
    kind, input_weight, *weights = recurrence
    h, c = (None, None) if state is None else (state["h"], state["c"] if recurrence.kind == "lstm" else None)
    codes = _whole(x.codes) if isinstance(x, Coded) else None
    read = (linear(x.table, input_weight), None) if isinstance(x, Coded) else (x, input_weight)
    learnt = (*read, *weights, h, c)
    masks, rest = ((keep, None, None), zoned) if zoned is None or isinstance(zoned, float) else ((keep, zoned["h"], zoned.get("c")), None)
    batch, steps, inputs = read[0].shape if codes is None else (*codes.shape, 0)
    _check(learnt, masks, codes)
    plan = _plan(kind, batch, steps, inputs, recurrence.hidden, reverse, torch.get_num_threads(), lengths)
    call = _Call(kind, plan, tuple([mask if mask is None else mask.detach().contiguous() for mask in masks]), rest or 0.0, codes)
    if torch.is_grad_enabled() and any([tensor is not None and tensor.requires_grad for tensor in learnt]):  # noqa: C419 (a list is the faster)
        y, *after = _Scan.apply(call, *learnt)  # type: ignore[no-untyped-call]
    else:
        y, *after = forward(call, ready(learnt), (None, None))
    return y, {"h": after[0], "c": after[1]} if kind == "lstm" else {"h": after[0]}


class _Call(NamedTuple):
    """All of a scan that has no gradient.

    masks  keep (B, H), and of zoneout in training for h and c (B, T, H), or None each
    zone   the share of zoneout at rest
    codes  (B, T) of coded inputs
    """

    kind: Kind
    plan: Any
    masks: tuple[Tensor | None, ...]
    zone: float
    codes: Tensor | None

    def strides(self, x: Tensor) -> tuple[int, int]:
        """Of a row and of a step, in what has both."""
        row, step, *_ = (x if self.codes is None else self.codes).stride()
        return row, step


def _check(learnt: Learnt, masks: Sequence[Tensor | None], codes: Tensor | None) -> None:
    """The kernels trust what they are given."""
    x, input_weight, state_weight = learnt[:3]
    assert x is not None and state_weight is not None
    (batch, steps), (rows, hidden) = (x if codes is None else codes).shape[:2], state_weight.shape
    inputs = 0 if input_weight is None else input_weight.shape[1]
    row, states, outputs = (rows,), (batch, hidden), (batch, steps, hidden)
    read = (batch, steps, inputs) if codes is None else (len(x), rows)
    wanted = (read, (rows, inputs), (rows, hidden), row, row, states, states, states, outputs, outputs)
    for name, tensor, shape in zip(NAMES, (*learnt, *masks), wanted, strict=True):
        if tensor is not None and tensor.shape != shape:
            raise RuntimeError(f"{name}: got the shape {tuple(tensor.shape)}, wanted {shape}")
    if codes is None or not codes.numel():
        return
    least, most = map(int, codes.aminmax())
    if least < 0 or most >= len(x):
        raise IndexError(f"codes run from {least} to {most}, wanted 0 to {len(x) - 1}, the rows of the table")


def _whole(codes: Tensor) -> Tensor:
    """Codes as the kernels read them."""
    if codes.dtype not in (torch.int64, torch.int32):
        raise RuntimeError(f"codes: got {codes.dtype}, wanted integers of 32 or 64 bits")
    return codes.to("cpu", torch.int64)


def _plan(kind: Kind, batch: int, steps: int, inputs: int, hidden: int, reverse: bool, threads: int, lengths: Tensor | None) -> Any:
    """The order of work."""
    if lengths is None:
        make = _plan_of_whole_rows if batch * steps <= CACHED_STEPS else _plan_of_whole_rows.__wrapped__
        return make(kind, batch, steps, inputs, hidden, reverse, threads)
    held = lengths.to("cpu", torch.int64).contiguous()  # the plan keeps a copy of them
    return _library().ScanPlan(kind, batch, steps, inputs, hidden, held.data_ptr(), reverse, threads)


@lru_cache(maxsize=64)
def _plan_of_whole_rows(kind: Kind, batch: int, steps: int, inputs: int, hidden: int, reverse: bool, threads: int) -> Any:
    return _library().ScanPlan(kind, batch, steps, inputs, hidden, 0, reverse, threads)


@cache
def _library() -> Any:
    found = library()
    assert found is not None
    return found


def ready(learnt: Learnt) -> Learnt:
    """As the kernels read them: features, or whole rows, without gaps."""
    x, *rest = learnt
    assert x is not None
    x = (x if x.dim() == 3 and x.stride(2) == 1 else x.contiguous()).resolve_neg()
    return (x, *[tensor if tensor is None or tensor.is_contiguous() else tensor.contiguous() for tensor in rest])


def forward(call: _Call, given: Learnt, kept: tuple[Tensor | None, Tensor | None]) -> tuple[Tensor, ...]:
    """Outputs and the state after; what the way back needs is written to `kept`: gates and, of an LSTM, cells."""
    x, _, state_weight = given[:3]
    assert x is not None and state_weight is not None
    (batch, steps), hidden = (x if call.codes is None else call.codes).shape[:2], state_weight.shape[1]
    y, h = x.new_empty(batch, steps, hidden), x.new_empty(batch, hidden)
    c = torch.empty_like(h) if call.kind == "lstm" else None
    _library().scan_forward(call.plan, (*given, *call.masks, y, h, c, *kept, call.codes), *call.strides(x), call.zone)
    return (y, h) if c is None else (y, h, c)


def _room(call: _Call, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """What is kept of each real step."""
    plan = call.plan
    return like.new_empty(plan.instants, plan.row), like.new_empty(plan.instants, plan.units) if call.kind == "lstm" else None


class _Scan(torch.autograd.Function):
    """The scan as torch differentiates it: once, for gradients of gradients would need the gradient of the kernels."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *learnt: Tensor | None) -> tuple[Tensor, ...]:
        given = ready(learnt)
        assert given[0] is not None
        kept = _room(call, given[0])
        y, *after = forward(call, given, kept)
        ctx.call, ctx.used = call, False
        ctx.save_for_backward(y, *kept, *learnt, *call.masks, call.codes)  # torch tells whether one has changed since
        ctx.set_materialize_grads(False)
        return y, *after

    @staticmethod
    @once
    def backward(ctx: Any, *arriving: Tensor | None) -> tuple[Tensor | None, ...]:
        y, gates, cells, *saved = ctx.saved_tensors
        given, call = ready(tuple(saved[:LEARNT])), ctx.call
        x = given[0]
        assert x is not None
        if ctx.used:  # the graph was retained, and the first time has overwritten what was kept
            gates, cells = _room(call, x)
            forward(call, given, (gates, cells))
        ctx.used = True
        of_y, of_h, of_c = (*arriving, None)[:3]
        of_y = of_y if of_y is None or of_y.stride(2) == 1 else of_y.contiguous()
        of_h, of_c = (tensor if tensor is None else tensor.contiguous() for tensor in (of_h, of_c))
        wanted = [
            torch.empty_like(tensor, memory_format=torch.contiguous_format) if tensor is not None and asked else None
            for tensor, asked in zip(given, ctx.needs_input_grad[1:], strict=True)
        ]
        if call.codes is not None and wanted[0] is not None:
            wanted[0].zero_()  # what stands nowhere is added to nowhere
        strides = (0, 0) if of_y is None else of_y.stride()[:2]
        tensors = (*given, *call.masks, y, None, None, gates, cells, call.codes)
        _library().scan_backward(call.plan, tensors, *call.strides(x), call.zone, (of_y, of_h, of_c, *wanted), *strides)
        return None, *wanted
