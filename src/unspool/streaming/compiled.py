"""A step program handed to the native executor, once: buffers placed, weights packed, every instruction checked there."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from unspool.streaming import arena
from unspool.streaming.lowering import Lowering
from unspool.streaming.packing import Packing
from unspool.streaming.program import Program
from unspool.streaming.views import Buffer


def compiled(program: Program, library: ModuleType) -> Any:
    """The program as a StepProgram of the library; any number of runners may share it, in any number of threads.

    Raises LiveError where a constant of the program cannot be worked out.
    """
    made = library.StepProgram()
    lowered = Lowering(program, made.lanes)
    inside = sorted((buffer for buffer in lowered.buffers if buffer.place == "arena"), key=lambda buffer: buffer.first)
    begins = {id(buffer): begin for buffer, begin in zip(inside, arena.places(inside), strict=True)}
    numbers = {id(buffer): _add_buffer(made, buffer, begins.get(id(buffer), buffer.index)) for buffer in lowered.buffers}
    for index, one in enumerate(lowered.instructions):
        if index == lowered.for_state:
            made.end_of_state()
        operands = [(numbers[id(view.buffer)], view.start, strides) for view, strides in zip(one.views, one.strides, strict=True)]
        weights = [_add_weights(made, packing) for packing in one.weights]
        made.add(one.code, one.sizes, operands, list(one.shape), list(one.numbers), weights)
    if lowered.for_state == len(lowered.instructions):
        made.end_of_state()
    return made


def _add_buffer(made: Any, buffer: Buffer, index: int) -> int:
    outside = buffer.place not in ("arena", "constant")  # an array whose first axis is that of the streams
    shape = buffer.shape[1:] if outside else buffer.shape
    return int(made.buffer(buffer.kind, buffer.place, index, list(shape), buffer.constant))


def _add_weights(made: Any, packing: Packing | None) -> int:
    if packing is None:
        return -1
    rows, depth = packing.matrix.shape
    return int(made.weights(packing.matrix, rows, depth, list(packing.order), packing.vectors))
