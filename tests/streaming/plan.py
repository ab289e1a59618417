"""A program for the native executor, by hand."""

from __future__ import annotations

import numpy as np

from unspool import native

from .running import normal


class Plan:
    """A program of some buffers for one stream: numbers x, y and the answer (12,), codes (4,), a table (5, 3), a state of 4 numbers and so on."""

    def __init__(self):
        self.made = native.library().StepProgram()
        self.lanes = self.made.lanes
        self.x = self.made.buffer("float", "input", 0, [12], None)
        self.codes = self.made.buffer("int", "input", 1, [4], None)
        self.y = self.made.buffer("float", "arena", 0, [12], None)
        self.mask = self.made.buffer("bool", "arena", 64, [12], None)
        self.whole = self.made.buffer("int", "arena", 128, [12], None)
        self.table = self.made.buffer("float", "constant", 0, [5, 3], normal(5, 3))
        self.few = self.made.buffer("float", "arena", 256, [4], None)
        self.room = self.made.buffer("float", "arena", 512, [3 * 48], None)
        self.in_room = self.made.buffer("float", "arena", 640, [12], None)
        self.answer = self.made.buffer("float", "answer", 0, [12], None)
        self.before = self.made.buffer("float", "before", 0, [4], None)
        self.after = self.made.buffer("float", "after", 0, [4], None)
        self.wide = self.made.buffer("float", "input", 2, [160], None)
        self.some = self.packed(self.lanes, 2)
        self.less = self.packed(self.lanes, 0)
        self.plenty = self.packed(24 * self.lanes, 12)

    def packed(self, columns, depth):
        return self.made.weights(np.zeros((1, depth), np.float32), 1, depth, [-1] * columns, 3)

    def add(self, code, *operands, sizes=(1,), shape=(), numbers=(), weights=()):
        given = [one if isinstance(one, tuple) else (one, 0, [0] * len(sizes)) for one in operands]
        self.made.add(code, list(sizes), given, list(shape), list(numbers), list(weights))


def flat(buffer, start=0, stride=1):
    return (buffer, start, [stride])
