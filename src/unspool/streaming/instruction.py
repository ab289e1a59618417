"""What the native executor is told to do: one thing, of parts of buffers, for every stream alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from unspool.streaming.packing import Packing
from unspool.streaming.views import View


@dataclass(frozen=True, slots=True)
class Instruction:
    """As native/executor_plan.hpp has it; the first of `views` is written, and `strides` are theirs along axes of `sizes`."""

    code: str
    views: list[View]
    sizes: list[int] = field(default_factory=lambda: [1])
    strides: list[list[int]] = field(default_factory=list)
    shape: Sequence[int] = ()
    numbers: Sequence[float] = ()
    weights: Sequence[Packing | None] = ()
