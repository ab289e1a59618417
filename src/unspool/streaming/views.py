"""Values of a step program as the native executor sees them, for one stream: part of a buffer, or a constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

import numpy as np

from unspool.streaming.program import Array
from unspool.streaming.shapes import BATCH, Kind

Place = Literal["arena", "constant", "input", "before", "after", "answer"]


@dataclass(slots=True, eq=False)
class Buffer:
    """Memory of `size` elements for every stream, or of a constant.

    shape        for one stream
    index        of an input, or of a tensor of the state
    first, last  instructions that write and read it
    """

    kind: Kind
    shape: tuple[int, ...]
    place: Place = "arena"
    index: int = 0
    constant: Array | None = None
    first: int = -1
    last: int = -1

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class View:
    """A value that is computed: where its numbers are in a buffer. Streams are an axis of length 1."""

    buffer: Buffer
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def kind(self) -> Kind:
        return self.buffer.kind

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def in_order(self) -> bool:
        """Whether the numbers stand one after the other."""
        wanted = strides_of(self.shape)
        return all(size == 1 or got == want for size, got, want in zip(self.shape, self.strides, wanted, strict=True))

    @property
    def whole(self) -> bool:
        """Whether it is its buffer, from beginning to end."""
        return self.in_order and self.start == 0 and self.size == self.buffer.size

    def cut(self, axis: int, start: int, stop: int, step: int) -> View:
        """start:stop:step along an axis."""
        shape, strides = list(self.shape), list(self.strides)
        shape[axis] = len(range(start, stop, step))
        strides[axis] *= step
        return replace(self, start=self.start + start * self.strides[axis], shape=tuple(shape), strides=tuple(strides))

    def select(self, axis: int, index: int) -> View:
        """One place of an axis, which goes."""
        axis %= len(self.shape)
        return View(self.buffer, self.start + index * self.strides[axis], _without(self.shape, axis), _without(self.strides, axis))

    def permute(self, order: Sequence[int]) -> View:
        return replace(self, shape=tuple(self.shape[axis] for axis in order), strides=tuple(self.strides[axis] for axis in order))

    def expand(self, shape: tuple[int, ...]) -> View:
        """Spread over axes that it lacks, or has with length 1."""
        added = len(shape) - len(self.shape)
        kept = zip(self.shape, self.strides, shape[added:], strict=True)
        strides = (*(0,) * added, *(0 if have == 1 and want != 1 else stride for have, stride, want in kept))
        return View(self.buffer, self.start, shape, strides)

    def reshape(self, shape: tuple[int, ...]) -> View:
        """Of a value in order."""
        assert self.in_order
        return View(self.buffer, self.start, shape, strides_of(shape))


Value = View | np.ndarray
"""A value of a program; an array where it is the same for all streams and steps, its axis of the streams then of length 1."""


def whole(buffer: Buffer, shape: tuple[int, ...] | None = None) -> View:
    """All of a buffer."""
    shape = buffer.shape if shape is None else shape
    return View(buffer, 0, shape, strides_of(shape))


def constant_view(array: Array, kind: Kind) -> View:
    """A constant as a buffer, without what is only repeated in it."""
    short = array[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in array.strides)] if array.size else array
    buffer = Buffer(kind, short.shape, "constant", constant=np.ascontiguousarray(short).reshape(short.shape))
    return whole(buffer).expand(array.shape)


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """In elements, of an array in C order."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def for_one(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape of the program with one stream."""
    return tuple(1 if size == BATCH else size for size in shape)


def collapsed(views: Sequence[View]) -> tuple[list[int], list[list[int]]]:
    """Sizes of as few axes as there can be, at least one, and the strides of each view along them; all are of one shape."""
    sizes: list[int] = []
    strides: list[list[int]] = [[] for _ in views]
    for axis, size in enumerate(views[0].shape):
        steps = [view.strides[axis] for view in views]
        if size == 1:
            continue
        if sizes and all(before[-1] == step * size for before, step in zip(strides, steps, strict=True)):
            sizes[-1] *= size
            for before, step in zip(strides, steps, strict=True):
                before[-1] = step
            continue
        sizes.append(size)
        for before, step in zip(strides, steps, strict=True):
            before.append(step)
    return (sizes, strides) if sizes else ([1], [[0] for _ in views])


def _without(sizes: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return sizes[:axis] + sizes[axis + 1 :]
