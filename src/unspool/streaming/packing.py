"""In which order the native executor wants the rows of a weight matrix: which row is each column of its panels, -1 for zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unspool.streaming.program import Array

WIDE = 3
"""Vectors in a panel where no gates must stand side by side."""
LARGEST_PANEL = 48
"""Columns of the widest panel of any processor; what is kept between two products is padded to whole ones."""


@dataclass(frozen=True, slots=True)
class Packing:
    """A matrix (rows, depth), and how it is packed: `order` has the row of each column, `vectors` is the width of a panel."""

    matrix: Array
    order: Sequence[int]
    vectors: int


def plain(matrix: Array, lanes: int, whole_panels: bool = False) -> Packing:
    """Rows in order, the last vector filled up; the last panel too, where `whole_panels`."""
    multiple = WIDE * lanes if whole_panels else lanes
    return Packing(matrix, _filled(np.arange(len(matrix)), multiple), WIDE)


def by_gates(matrix: Array, hidden: int, gates: Sequence[int], lanes: int) -> Packing:
    """The gates of as many units as a vector has lanes, side by side in a panel; gates in the order given."""
    units = np.asarray(_filled(np.arange(hidden), lanes)).reshape(-1, 1, lanes)
    rows = np.where(units < 0, -1, units + hidden * np.asarray(gates).reshape(1, -1, 1))
    return Packing(matrix, rows.ravel().tolist(), len(gates))


def column(bias: Array) -> Array:
    """A bias as a matrix of depth 1."""
    return np.ascontiguousarray(bias.reshape(-1, 1), np.float32)


def padded(hidden: int) -> int:
    return -(-hidden // LARGEST_PANEL) * LARGEST_PANEL


def rnn(weights: Sequence[Array], lanes: int) -> list[Packing]:
    """Of the weights that an `rnn` operation reads."""
    into, held, bias_in, bias_held = _with_biases(weights)
    bias = column(bias_in + bias_held)
    return [plain(into, lanes, True), plain(held, lanes, True), plain(bias, lanes, True)]


def lstm(weights: Sequence[Array], lanes: int) -> list[Packing]:
    into, held, bias_in, bias_held = _with_biases(weights)
    hidden = held.shape[1]
    return [by_gates(one, hidden, range(4), lanes) for one in (into, held, column(bias_in + bias_held))]


def gru_reset_after(weights: Sequence[Array], lanes: int) -> list[Packing]:
    """The candidate's sums are two, of input and state: one before the gates, one after them."""
    into, held, bias_in, bias_held = _with_biases(weights)
    hidden = held.shape[1]
    gates = slice(None, 2 * hidden), slice(2 * hidden, None)
    bias = np.concatenate([bias_in[gates[1]], bias_in[gates[0]] + bias_held[gates[0]], bias_held[gates[1]]])
    return [
        by_gates(into, hidden, (2, 0, 1), lanes),
        by_gates(held, hidden, (0, 1, 2), lanes),
        by_gates(column(bias), hidden, range(4), lanes),
    ]


def gru_reset_before(weights: Sequence[Array], lanes: int) -> list[Packing]:
    """The candidate's weights over the state come last, for they wait for the reset gate."""
    into, held, bias_in, bias_held = _with_biases(weights)
    hidden = held.shape[1]
    return [
        by_gates(into, hidden, (2, 0, 1), lanes),
        by_gates(held, hidden, (0, 1), lanes),
        by_gates(column(bias_in + bias_held), hidden, (2, 0, 1), lanes),
        plain(held[2 * hidden :], lanes, True),
    ]


def _with_biases(weights: Sequence[Array]) -> tuple[Array, Array, Array, Array]:
    into, held, *biases = weights
    zeros = np.zeros(len(held), np.float32)
    bias_in, bias_held = biases or (zeros, zeros)
    return into, held, bias_in, bias_held


def _filled(rows: Array, multiple: int) -> list[int]:
    return [*rows.tolist(), *[-1] * (-len(rows) % multiple)]
