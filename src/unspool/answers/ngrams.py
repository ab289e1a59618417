"""What the last few codes say of the next one: n-grams under interpolated modified Kneser-Ney smoothing.

Every order gives a share of its mass to the next shorter one, down to single codes, and these to all codes alike. The longest order counts
occurrences; a shorter one counts in how many ways its n-grams go on to the left, for that is what it is asked about (Kneser and Ney 1995;
the three discounts are those of Chen and Goodman 1999, equation 26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.errors import DataError
from unspool.types import Booleans

Codes = NDArray[np.int64]
Doubles = NDArray[np.float64]

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where the counts say nothing, as they do of few or of artificial n-grams; the choice of KenLM (Heafield et al. 2013)."""

ABSENT = -1

ORDERS = {"words": 5, "spaces": 5, "subwords": 6, "characters": 8, "bytes": 8}
"""Tokens of the longest n-grams: with longer ones, modified Kneser-Ney gains next to nothing on corpora that a person waits for."""


@dataclass(frozen=True, slots=True)
class KneserNey:
    """An n-gram model of streams of codes below `size`; every stream begins with a mark that no code has.

    orders  of single codes first; fewer than were asked for where no stream is as long
    """

    size: int
    orders: tuple[_Order, ...]

    @classmethod
    def fit(cls, codes: ArrayLike, size: int, order: int, starts: ArrayLike = (), least: int = 1) -> KneserNey:
        """The n-grams of 1 to `order` codes in one or several streams.

        codes   (N,) streams, one after the other, of codes 0 to `size` - 1
        starts  where a stream begins that does not go on from the codes before it; the first of all need not be named
        least   n-grams of more than half of `order` codes that occur less often are left out, and their share goes to shorter ones
        raises  DataError where a code or a start is none, or where there is nothing to learn from
        """
        if size < 1 or order < 1:
            raise DataError(f"an n-gram model of {size} codes and order {order} is none; wanted 1 or more of both")
        stream, real = _marked(codes, size, starts)
        if not real.any():
            raise DataError("an n-gram model has 0 codes to learn from; wanted at least one")
        assert len(stream) * (size + 1) < 2**62, "an n-gram must fit into 64 bits"
        keys, places, contexts = np.arange(size + 1), stream, 1
        orders: list[_Order] = []
        counted: list[Codes] = []
        for length in range(1, order + 1):
            longer = _following(places, stream, real, size)
            counted.append(_occurrences(places[real], len(keys)))
            if length == order or not (longer >= 0).any():
                orders.append(_Order.of(keys, counted[-1], contexts, size))
                break
            longer_keys, longer_places, counts = _extended(places, longer, real, len(keys))
            orders.append(_Order.of(keys, counts, contexts, size))
            contexts, keys, places = len(keys), longer_keys, longer_places
        return cls(size, tuple(orders if least <= 1 else _without_rare(orders, counted, max(1, order // 2), least)))

    def log_probabilities(self, codes: ArrayLike, starts: ArrayLike = ()) -> Doubles:
        """(M,) natural logarithms: of each code, given those before it in its stream.

        codes, starts  as in `fit`; a code that was never seen has its share too
        raises         DataError where a code or a start is none
        """
        stream, real = _marked(codes, self.size, starts)
        share = np.full(len(stream), 1 / self.size)
        contexts = np.zeros(len(stream), np.int64)
        for order in self.orders:
            known = np.flatnonzero(contexts >= 0)
            places = np.full(len(stream), ABSENT)
            places[known], share[known] = order.judge(contexts[known], stream[known], share[known])
            contexts[1:] = places[:-1]  # nothing reaches over a mark: no n-gram of two codes or more ends with one
        found: Doubles = np.log(share[real])
        return found

    def next_probabilities(self, recent: ArrayLike) -> Doubles:
        """(size,) of each code, that it comes next in a stream.

        recent  the last `reach` codes of it, or more; before the first of all stands `size`
        """
        stream = _integers("recent", recent)
        share = np.full(self.size + 1, 1 / self.size)
        contexts = np.zeros(len(stream) + 1, np.int64)
        for order in self.orders:
            now = contexts[-1]
            if now >= 0:
                first, last = order.keys.searchsorted((now * (self.size + 1), (now + 1) * (self.size + 1)))
                share *= order.left[now]
                share[order.keys[first:last] - now * (self.size + 1)] += order.shares[first:last]
            contexts[1:] = order.places(contexts[:-1], stream)  # what is absent goes on to nothing
            contexts[0] = ABSENT
        return share[: self.size]

    @property
    def reach(self) -> int:
        """Codes before a token that may matter to it."""
        return len(self.orders) - 1

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All there is, by name."""
        return {f"{name}.{length}": getattr(order, name) for length, order in enumerate(self.orders, 1) for name in ("keys", "shares", "left")}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]], size: int) -> KneserNey:
        """The inverse of `tensors`; nothing in them is trusted. Raises DataError."""
        orders: list[_Order] = []
        for length in range(1, len(tensors) // 3 + 1):
            parts = [tensors.get(f"{name}.{length}") for name in ("keys", "shares", "left")]
            keys, shares, left = parts
            contexts = len(orders[-1].keys) if orders else 1
            if keys is None or shares is None or left is None or not _sound(keys, shares, left, contexts, size):
                raise DataError(f"the n-grams of {length} codes of {size} are not those of an n-gram model; take them from the run anew")
            orders.append(_Order(keys, shares, left, size))
        if not orders or len(tensors) != 3 * len(orders):
            raise DataError(f"{len(tensors)} arrays are no n-gram model, which has three for each length; take them from the run anew")
        return cls(size, tuple(orders))


@dataclass(frozen=True, slots=True)
class _Order:
    """The n-grams of one length, each its context's place in the order below, times the codes there are, plus its last code.

    keys (G,)      ascending
    shares (G,)    the count after its discount, as a share of all that was counted in the n-gram's context
    left (P,)      what each n-gram of the order below, as a context, leaves to shorter contexts; 1 where nothing follows it
    """

    keys: Codes
    shares: Doubles
    left: Doubles
    size: int

    @classmethod
    def of(cls, keys: Codes, counts: Codes, contexts: int, size: int) -> _Order:
        context = keys // (size + 1)
        discount = np.array([0.0, *discounts(counts)])[np.minimum(counts, 3)]
        total = np.bincount(context, counts, contexts)
        kept = np.divide(np.bincount(context, discount, contexts), total, out=np.ones(contexts), where=total > 0)
        return cls(keys, (counts - discount) / total[context], kept, size)

    def judge(self, contexts: Codes, codes: Codes, shorter: Doubles) -> tuple[Codes, Doubles]:
        """Places of N n-grams, ABSENT where there is none, and the probabilities of their last codes, given those of shorter contexts."""
        places = self.places(contexts, codes)
        return places, np.where(places >= 0, self.shares[places], 0) + self.left[contexts] * shorter

    def places(self, contexts: Codes, codes: Codes) -> Codes:
        """Places of N n-grams, ABSENT where there is none."""
        wanted = contexts * (self.size + 1) + codes
        places = np.minimum(self.keys.searchsorted(wanted), len(self.keys) - 1)
        return np.where(self.keys[places] == wanted, places, ABSENT)


def _without_rare(orders: Sequence[_Order], counted: Sequence[Codes], common: int, least: int) -> list[_Order]:
    """The orders without n-grams of more than `common` codes that occur less often than `least`, and so without all that goes on from them."""
    kept: list[_Order] = []
    moved = np.zeros(1, np.int64)  # of each n-gram of the order below, its new place
    for length, (order, counts) in enumerate(zip(orders, counted, strict=True), 1):
        context = moved[order.keys // (order.size + 1)]
        stays = (context >= 0) & ((counts >= least) | (length <= common))
        if not stays.any():
            break
        context, shares = context[stays], order.shares[stays]
        contexts = len(kept[-1].keys) if kept else 1
        left = np.maximum(0, 1 - np.bincount(context, shares, contexts))
        keys: Codes = context * (order.size + 1) + order.keys[stays] % (order.size + 1)
        kept.append(_Order(keys, shares, left, order.size))
        moved = np.where(stays, np.cumsum(stays) - 1, ABSENT)
    return kept


def _sound(keys: NDArray[Any], shares: NDArray[Any], left: NDArray[Any], contexts: int, size: int) -> bool:
    """Whether arrays are those of an order, above one of so many n-grams."""
    return (
        keys.dtype == np.int64
        and shares.dtype == left.dtype == np.float64
        and keys.ndim == 1
        and shares.shape == keys.shape
        and left.shape == (contexts,)
        and len(keys) > 0
        and bool((np.diff(keys) > 0).all())
        and 0 <= keys[0] <= keys[-1] < contexts * (size + 1)
        and all(bool(((part >= 0) & (part <= 1)).all()) for part in (shares, left))
    )


def discounts(counts: Codes) -> tuple[float, float, float]:
    """What is taken off n-grams that count 1, 2, and 3 or more, each above 0 and at most what it is taken off.

    counts (G,) of n-grams; those of 0 are left out
    """
    ones, *others = np.bincount(np.minimum(counts, 5), minlength=5)[1:5].tolist()
    found = list(FALLBACK)
    for index, (fewer, more) in enumerate(zip([ones, *others], others, strict=False)):
        if fewer and more and ones:
            estimate = index + 1 - (index + 2) * ones / (ones + 2 * others[0]) * more / fewer
            found[index] = estimate if estimate > 0 else FALLBACK[index]
    return found[0], found[1], found[2]


def _marked(codes: ArrayLike, size: int, starts: ArrayLike) -> tuple[Codes, Booleans]:
    """The streams with code `size` before each, (E,), and True where an element is one of the codes."""
    stream, begin = _integers("codes", codes), np.union1d(_integers("starts", starts), [0])
    if stream.size and not 0 <= stream.min() <= stream.max() < size:
        raise DataError(f"codes go from {stream.min()} to {stream.max()}; wanted 0 to {size - 1}; encode them with the vocabulary that was fitted")
    if begin[0] < 0 or begin[-1] >= max(len(stream), 1):
        raise DataError(f"starts go from {begin[0]} to {begin[-1]}; wanted places of the {len(stream)} codes, from 0")
    real = np.ones(len(stream) + len(begin), bool)
    real[begin + np.arange(len(begin))] = False
    marked = np.full(len(real), size)
    marked[real] = stream
    return marked, real


def _integers(name: str, values: ArrayLike) -> Codes:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise DataError(f"{name} have shape {array.shape} and type {array.dtype}; wanted one axis of integers")
    return array.astype(np.int64)


def _following(places: Codes, stream: Codes, real: Booleans, size: int) -> Codes:
    """Keys (E,) of the n-grams that are one longer than those ending at each element, ABSENT where a stream is not that long."""
    context = np.concatenate([[ABSENT], places[:-1]])
    return np.where((context >= 0) & real, context * (size + 1) + stream, ABSENT)


def _extended(places: Codes, longer: Codes, real: Booleans, grams: int) -> tuple[Codes, Codes, Codes]:
    """Keys (G,) and places (E,) of the longer n-grams, and in how many ways those of `places` go on to the left, (grams,).

    One that begins with the mark cannot go on: each time that it stands there counts as a way of its own, as in KenLM. The mark itself,
    which is where `real` is False, follows nothing and counts for nothing.
    """
    ends = np.flatnonzero(longer >= 0)
    keys, first, inverse = np.unique(longer[ends], return_index=True, return_inverse=True)
    counts = _occurrences(places[ends[first]], grams) + _occurrences(places[real & (longer < 0)], grams)
    extended = np.full(len(places), ABSENT)
    extended[ends] = inverse
    return keys, extended, counts


def _occurrences(places: Codes, grams: int) -> Codes:
    return np.bincount(places[places >= 0], minlength=grams).astype(np.int64)
