"""Which engine runs a scan, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from unspool import native
from unspool.kernels import cudnn
from unspool.kernels.recurrence import Recurrence, State, Zoned

Engine = Literal["native", "cudnn", "eager"]

NOT_NAMED = "the cell does not say which equations it computes (Cell.recurrence), or something on it has been changed"
NAMES = {"native": "native", "cudnn": "cuDNN", "eager": "eager"}

_forced: ContextVar[Engine | None] = ContextVar("unspool_engine", default=None)


@dataclass(frozen=True)
class Choice:
    """An engine, and in words why it and none that is faster."""

    engine: Engine
    reason: str


NATIVE = Choice("native", "float32 on cpu")
COMPILING = Choice("eager", "torch is compiling, and sees plain operations alone")


@contextmanager
def using(engine: Engine) -> Iterator[None]:
    """Run every scan within by this engine; a scan that it cannot run raises ValueError.

    eager runs anything; cudnn runs off CUDA too, through the same functions of torch. What torch.compile or torch.export traces is eager always.
    """
    if engine not in NAMES:
        raise ValueError(f"engine: got {engine!r}, wanted one of {', '.join(NAMES)}")
    before = _forced.set(engine)
    try:
        yield
    finally:
        _forced.reset(before)


def choose(
    recurrence: Recurrence | None, x: Tensor, keep: Tensor | None = None, zoned: Zoned | None = None, state: State | None = None
) -> Choice:
    """The engine that is to run a scan of `x` (B, T, C); raises ValueError where `using` asks for one that cannot."""
    if torch.compiler.is_compiling():
        return COMPILING
    forced = _forced.get()
    if forced is not None:
        problem = _why_not(forced, recurrence, x, keep, zoned, state)
        if problem:
            raise ValueError(f"engine {forced}: was asked for and cannot run this scan: {problem}; use another engine or change that")
        return Choice(forced, "asked for")
    wanted: Engine = "cudnn" if x.device.type == "cuda" else "native"
    problem = _why_not(wanted, recurrence, x, keep, zoned, state)
    if not problem and wanted == "native":
        return NATIVE
    return Choice("eager", problem) if problem else Choice(wanted, f"on {x.device.type}")


def choose_for(tensors: Sequence[Tensor], better: str = "") -> Choice:
    """The engine that is to run what has no recurrence: native or eager; raises ValueError where `using` asks for native and it cannot.

    better  why eager is the better choice where nothing is asked for; empty where it is not
    """
    if torch.compiler.is_compiling():
        return COMPILING
    forced = _forced.get()
    if forced in ("eager", "cudnn"):
        return Choice("eager", "asked for")
    problem = _why_watched(tensors) or _why_not_native(tensors)
    if problem and forced:
        raise ValueError(f"engine {forced}: was asked for and cannot run this: {problem}; use another engine or change that")
    problem = problem or ("" if forced else better)
    return Choice("eager", problem) if problem else NATIVE


def _why_not(engine: Engine, recurrence: Recurrence | None, x: Tensor, keep: Tensor | None, zoned: Zoned | None, state: State | None) -> str:
    """Why an engine cannot run a scan; empty where it can."""
    if engine == "eager":
        return ""
    if recurrence is None:
        return NOT_NAMED
    tensors = [x, *recurrence.weights(), *state.values()] if state else [x, *recurrence.weights()]
    problem = _why_watched(tensors)
    if problem or engine == "cudnn":
        return problem or cudnn.why_not(recurrence, keep, zoned)
    return _why_not_native(tensors)


def _why_not_native(tensors: Sequence[Tensor]) -> str:
    for tensor in tensors:
        if not tensor.is_cpu or tensor.dtype is not torch.float32:
            got = f"{tensor.dtype} on {tensor.device.type}".replace("torch.", "")
            return f"the native engine computes in float32 on the CPU, and there is {got}"
    if torch.is_autocast_enabled("cpu"):
        return "autocast changes the precision of what torch computes, which the native engine is not part of"
    return why_no_library()


def why_no_library() -> str:
    """Why the native engine is not there at all; empty where it is."""
    return native.why_not()


def _why_watched(tensors: Sequence[Tensor]) -> str:
    """Why torch must see every operation of a scan by itself; empty where it need not."""
    if torch._C._are_functorch_transforms_active():
        return "a transform of torch.func is at work"
    if forward_ad._current_level >= 0:
        return "forward-mode derivatives are asked for"
    if torch._C._len_torch_dispatch_stack():
        return "a dispatch mode watches every operation"
    if torch._C._get_tracing_state() is not None:
        return "torch is tracing"
    for tensor in tensors:
        if type(tensor) is not Tensor and type(tensor) is not nn.Parameter:
            return f"a tensor is a {type(tensor).__name__}, which has operations of its own"
        if tensor.layout is not torch.strided or tensor.is_meta:
            return "a tensor has no numbers in rows"
    return ""


def available() -> dict[Engine, str]:
    """Each engine, and why it is not to be had on this machine; empty where it is."""
    return {"native": why_no_library(), "cudnn": "" if torch.cuda.is_available() else "there is no CUDA device", "eager": ""}
