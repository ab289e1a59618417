"""Sums over all tags that a linear chain can run through: forward and backward (Rabiner 1989, equations 19 to 27).

Sentences are packed, so that padding is never read: the real steps of a batch, first those at time 0, longest sentence first, then those at
time 1, ... Of N steps the first n_t are at time 0, and the next n_(t+1) <= n_t go on from the first of the n_t before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from unspool.types import Floats

Doubles = NDArray[np.float64]
Places = NDArray[np.int64]

SOUND = 1e100  # far from where float64 ends; see `lattice`


@dataclass(frozen=True, slots=True)
class Packed:
    """Where the real steps of a batch stand.

    place   (N,)  of each packed step, row * T + time, in the batch
    rank    (N,)  which sentence it is of, 0 for the longest
    order   (M,)  the row of each sentence; rows without steps have none
    last    (M,)  the packed step with which each sentence ends
    before  (N - M,)  the packed step before each but the first M
    blocks        the first packed step of each time, and one past the end
    """

    place: Places
    rank: Places
    order: Places
    last: Places
    before: Places
    blocks: tuple[int, ...]

    @classmethod
    def of(cls, lengths: Places, steps: int) -> Packed:
        """lengths (B,), 0 to `steps`."""
        order = np.argsort(-lengths, kind="stable")
        order = order[: np.count_nonzero(lengths)]
        held = lengths[order]
        assert not len(held) or (held[-1] > 0 and held[0] <= steps), "lengths go from 0 to the steps"
        running = np.arange(held[0] if len(held) else 0)[:, None] < held  # (T, M)
        blocks = (0, *accumulate(running.sum(axis=1).tolist()))
        time, rank = np.nonzero(running)
        start = np.array(blocks, np.int64)
        return cls(
            place=order[rank] * steps + time,
            rank=rank,
            order=order,
            last=start[held - 1] + np.arange(len(held)),
            before=start[time[len(held) :] - 1] + rank[len(held) :],
            blocks=blocks,
        )

    @property
    def sentences(self) -> int:
        return len(self.order)

    def by_row(self, values: Doubles, rows: int) -> Doubles:
        """(M,) of sentences to (B,) of rows, 0 for one without steps."""
        spread = np.zeros(rows)
        spread[self.order] = values
        return spread


@dataclass(frozen=True, slots=True)
class Lattice:
    """What is summed over all tags of each sentence; where `logarithmic`, `alpha`, `beta`, `onward` and `going` are logarithms.

    alpha          (N, K)  the share of each tag at a step, given all emissions up to it
    beta           (N, K)  what the rest of the sentence makes of that share: alpha * beta is the marginal probability
    onward         (N, K)  weight of each tag at the step after: alpha[i] * going[i, j] * onward[j] is the probability of i and then j; 0 at the end
    going          (K, K)  exp(transitions)
    norm           (N,)    log weight that a step adds, or 0 where that is none
    log_partition  (M,)    log of the summed weights; -inf where the chain permits nothing of this length
    """

    packed: Packed
    alpha: Doubles
    beta: Doubles
    onward: Doubles
    going: Doubles
    norm: Doubles
    log_partition: Doubles
    logarithmic: bool

    def marginals(self) -> Doubles:
        """(N, K) probabilities."""
        share: Doubles = np.exp(self.alpha + self.beta) if self.logarithmic else self.alpha * self.beta
        return share

    def logarithms(self) -> tuple[Doubles, Doubles]:
        """alpha and beta."""
        if self.logarithmic:
            return self.alpha, self.beta
        with np.errstate(divide="ignore"):
            return np.log(self.alpha), np.log(self.beta)


def lattice(emissions: Floats, start: Doubles, end: Doubles, transitions: Doubles, packed: Packed) -> Lattice:
    """Forward and backward over packed emissions (N, K); weights (K,), (K,), (K, K) [from, to] are logarithms, -inf where forbidden.

    Products of probabilities are fast, and lose what lies 700 nats below the likeliest. That is harmless unless the rest of a sentence
    raises it again, which would show in `beta`: then all is done anew in logarithms.
    """
    with np.errstate(all="ignore"):
        fast = _products(emissions, start, end, transitions, packed)
        return _logarithms(emissions.astype(np.float64), start, end, transitions, packed) if fast is None else fast


def _products(emissions: Floats, start: Doubles, end: Doubles, transitions: Doubles, packed: Packed) -> Lattice | None:
    """Each step scaled so that its alpha sums to one; None where float64 may have lost too much."""
    blocks, first = packed.blocks, packed.sentences
    if not first:
        return None
    peak, most, most_start, most_end = (_finite(weights.max(keepdims=True)).item() for weights in (emissions, transitions, start, end))
    seen = np.subtract(emissions, peak, dtype=np.float64)
    np.exp(seen, out=seen)
    going, ending = np.exp(transitions - most), np.exp(end - most_end)
    alpha, scale = np.empty_like(seen), np.empty(len(seen))
    np.multiply(seen[:first], np.exp(start - most_start), out=alpha[:first])
    for t in range(len(blocks) - 1):
        low, high = blocks[t], blocks[t + 1]
        now, total = alpha[low:high], scale[low:high]
        if t:
            np.matmul(alpha[blocks[t - 1] : blocks[t - 1] + high - low], going, out=now)
            now *= seen[low:high]
        np.add.reduce(now, axis=1, out=total)
        now /= total[:, None]
    closing = alpha[packed.last] @ ending
    seen /= scale[:, None]
    beta, onward = np.empty_like(seen), np.empty_like(seen)
    beta[packed.last], onward[packed.last] = ending / closing[:, None], 0
    back = np.ascontiguousarray(going.T)
    for t in range(len(blocks) - 2, 0, -1):
        low, high = blocks[t], blocks[t + 1]
        rows = slice(blocks[t - 1], blocks[t - 1] + high - low)
        np.multiply(seen[low:high], beta[low:high], out=onward[rows])
        np.matmul(onward[rows], back, out=beta[rows])
    if not (beta.max() < SOUND and min(scale.min(), closing.min()) > 1 / SOUND):  # NaN too is not
        return None
    norm = np.log(scale) + (peak + most)
    norm[:first] += most_start - most
    log_partition = np.bincount(packed.rank, norm, first) + np.log(closing) + most_end
    return Lattice(packed, alpha, beta, onward, going, norm, log_partition, logarithmic=False)


def _logarithms(emissions: Doubles, start: Doubles, end: Doubles, transitions: Doubles, packed: Packed) -> Lattice:
    """As `_products`, exact however far apart the weights lie; what is forbidden stays -inf and makes no NaN."""
    blocks, first = packed.blocks, packed.sentences
    alpha, beta, onward, norm = np.empty_like(emissions), np.empty_like(emissions), np.empty_like(emissions), np.empty(len(emissions))
    alpha[:first] = start + emissions[:first]
    for t in range(len(blocks) - 1):
        low, high = blocks[t], blocks[t + 1]
        if t:
            before = alpha[blocks[t - 1] : blocks[t - 1] + high - low]
            alpha[low:high] = log_sum(before[:, :, None] + transitions, axis=1) + emissions[low:high]
        total = log_sum(alpha[low:high], axis=1)
        norm[low:high] = _finite(total)
        alpha[low:high] -= norm[low:high, None]
    closing = log_sum(alpha[packed.last] + end, axis=1)  # -inf too where a step before permitted nothing
    beta[packed.last], onward[packed.last] = end - _finite(closing)[:, None], -np.inf
    for t in range(len(blocks) - 2, 0, -1):
        low, high = blocks[t], blocks[t + 1]
        rows = slice(blocks[t - 1], blocks[t - 1] + high - low)
        onward[rows] = emissions[low:high] - norm[low:high, None] + beta[low:high]
        beta[rows] = log_sum(transitions + onward[rows, None, :], axis=2)
    log_partition = np.bincount(packed.rank, norm, first) + closing
    return Lattice(packed, alpha, beta, onward, transitions, norm, log_partition, logarithmic=True)


def log_sum(values: Doubles, axis: int) -> Doubles:
    """The logarithm of a sum of exponentials; -inf where all are."""
    top = _finite(values.max(axis=axis, keepdims=True))
    total: Doubles = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def _finite(values: Floats) -> Floats:
    """0 for -inf, so that it can be subtracted from -inf."""
    return np.where(np.isneginf(values), 0.0, values)
