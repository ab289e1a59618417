"""Where in a network an operation was written: torch.export keeps the lines of `forward` alone, and a step is none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

TORCH = str(Path(torch.__file__).parent)


def place_of(operation: str, network: nn.Module, step: Callable[[], object]) -> str:
    """File, line and module of the first call of an operation (e.g. flip) while `step` runs; empty where none is."""
    watch = _Watch(operation)
    with torch.no_grad(), watch:
        step()
    if watch.frame is None:
        return ""
    where = f"{Path(watch.frame.f_code.co_filename).name}:{watch.frame.f_lineno}"
    module = watch.frame.f_locals.get("self")
    names = [name for name, one in network.named_modules() if one is module and name]
    return f"{where}, module {names[0]}" if names else where


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps the frame that first called an operation."""

    def __init__(self, operation: str):
        super().__init__()  # type: ignore[no-untyped-call]
        self.operation = operation
        self.frame: FrameType | None = None

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.frame is None and str(function).split(".")[1] == self.operation:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and frame.f_code.co_filename.startswith(TORCH):
                frame = frame.f_back
            self.frame = frame
        return function(*args, **(kwargs or {}))
