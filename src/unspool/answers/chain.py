"""The tags of a sentence read together: a linear chain over them (Lafferty et al. 2001), in numpy, a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from unspool.answers.lattice import Doubles, Lattice, Packed, Places, lattice, log_sum
from unspool.types import Floats, Integers

PADDING = -1


@dataclass(frozen=True, slots=True)
class Chain:
    """Log weights of beginning with a tag (K,), of ending with one (K,), and of going [from, to] (K, K); -inf where that is forbidden.

    A sentence's tags weigh the sum of these and of their emissions (B, T, K), any real numbers. Lengths are (B,), 0 to T; what stands in
    the padding is never read.

    raises  ValueError where shapes disagree
    """

    start: Doubles
    end: Doubles
    transitions: Doubles

    def __post_init__(self) -> None:
        for name in ("start", "end", "transitions"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        tags = self.tags
        if tags < 1 or self.start.shape != (tags,) or self.end.shape != (tags,) or self.transitions.shape != (tags, tags):
            shapes = f"start {self.start.shape}, end {self.end.shape}, transitions {self.transitions.shape}"
            raise ValueError(f"a chain has {shapes}; wanted (K,), (K,) and (K, K), of one tag or more")

    @property
    def tags(self) -> int:
        """K, the number of tags."""
        return self.start.size

    @np.errstate(invalid="ignore")
    def viterbi(self, emissions: Floats, lengths: Integers) -> tuple[Places, Doubles]:
        """The weightiest tags (B, T) int64, -1 in padding, and their log weights (B,); of equals the tag of the lowest number (Viterbi 1967).

        A weight is -inf where the chain permits nothing of that length; the tags then mean nothing. A row without steps weighs 0.
        """
        weight, packed = self._pack(emissions, lengths)  # becomes that of the best tags up to a step that end in each tag
        blocks, first = packed.blocks, packed.sentences
        weight[:first] += self.start
        for t in range(1, len(blocks) - 1):
            low, high = blocks[t], blocks[t + 1]
            before = weight[blocks[t - 1] : blocks[t - 1] + high - low]
            weight[low:high] += (before[:, :, None] + self.transitions).max(axis=1)
        whole = weight[packed.last] + self.end
        paths = np.full(emissions.shape[:2], PADDING, np.int64)
        paths.reshape(-1)[packed.place] = self._traced(packed, weight, whole.argmax(axis=1))
        return paths, packed.by_row(whole.max(axis=1), len(emissions))

    def marginals(self, emissions: Floats, lengths: Integers) -> Doubles:
        """(B, T, K) the probability of each tag at each step, given the whole sentence; 0 in padding, and where the chain permits nothing at all."""
        scores, packed = self._pack(emissions, lengths)
        spread = np.zeros(emissions.shape)
        spread.reshape(-1, self.tags)[packed.place] = self._lattice(scores, packed).marginals()
        return spread

    def log_partition(self, emissions: Floats, lengths: Integers) -> Doubles:
        """(B,) the logarithm of the summed weights of all tags a row can have; 0 for a row without steps."""
        scores, packed = self._pack(emissions, lengths)
        return packed.by_row(self._lattice(scores, packed).log_partition, len(emissions))

    @np.errstate(invalid="ignore")
    def confidence(self, emissions: Floats, lengths: Integers, paths: Integers, spans: ArrayLike) -> Doubles:
        """(S,) the probability that all steps of a span carry exactly the tags that `paths` (B, T) gives them, whatever stands around it.

        spans  (S, 3)  row, start and stop of each, start < stop, within the row's length
        """
        rows, starts, stops = np.asarray(spans, np.int64).reshape(-1, 3).T
        scores, packed = self._pack(emissions, lengths)
        inside = (rows >= 0) & (rows < len(emissions)) & (starts >= 0) & (starts < stops)
        if not (inside & (stops <= np.asarray(lengths)[np.where(inside, rows, 0)])).all():
            raise ValueError("a span is not within its row; wanted (row, start, stop) with start < stop, stop at most the row's length")
        found = self._lattice(scores, packed)
        alpha, beta = found.logarithms()
        tags, first = np.asarray(paths, np.int64).reshape(-1)[packed.place], packed.sentences
        gain = np.take_along_axis(scores, tags[:, None], axis=1)[:, 0] - found.norm
        gain[first:] += self.transitions[tags[packed.before], tags[first:]]
        cells = emissions.shape[0] * emissions.shape[1]
        number, gains = np.zeros(cells, np.int64), np.zeros(cells + 1)  # one more, for a span that ends with the batch
        number[packed.place], gains[packed.place] = np.arange(len(tags)), gain
        opens, closes = (rows * emissions.shape[1] + steps for steps in (starts, stops - 1))
        later = np.add.reduceat(gains, np.stack([opens + 1, closes + 1], axis=1).ravel())[::2]  # of all steps but the first
        opening, closing = number[opens], number[closes]
        weight = alpha[opening, tags[opening]] + np.where(opens < closes, later, 0) + beta[closing, tags[closing]]
        return np.minimum(np.exp(weight), 1)

    def filtered(self, alpha: Doubles | None, emission: Floats) -> Doubles:
        """One step of a live sentence: log probabilities (..., K) of its tag, given all emissions so far, from those of the step before.

        alpha     (..., K)  what the step before gave; None before the first
        emission  (..., K)  of this step
        returns   (..., K)  its exponentials sum to one; all -inf once the chain permits nothing
        """
        with np.errstate(all="ignore"):
            before = self.start if alpha is None else log_sum(alpha[..., :, None] + self.transitions, axis=-2)
            weight = before + np.asarray(emission, np.float64)
            total = log_sum(weight, axis=-1)[..., None]
            return np.where(np.isneginf(weight), -np.inf, weight - total)

    def prefixes(self, emissions: Floats) -> Doubles:
        """(..., T, K) the probability of each tag at each step, given the emissions (..., T, K) up to it: what `filtered` gives, of all steps."""
        shares, alpha = np.zeros(emissions.shape), None
        for t in range(emissions.shape[-2]):
            alpha = self.filtered(alpha, emissions[..., t, :])
            shares[..., t, :] = np.exp(alpha)
        return shares

    def _traced(self, packed: Packed, weight: Doubles, ends: Places) -> Places:
        """(N,) tags, from the last of each sentence (M,) back to the first."""
        blocks, tags = packed.blocks, np.empty(len(weight), np.int64)
        tags[packed.last] = ends
        for t in range(len(blocks) - 2, 0, -1):
            low, high = blocks[t], blocks[t + 1]
            before = slice(blocks[t - 1], blocks[t - 1] + high - low)
            tags[before] = (weight[before] + self.transitions.T[tags[low:high]]).argmax(axis=1)
        return tags

    def _lattice(self, scores: Doubles, packed: Packed) -> Lattice:
        return lattice(scores, self.start, self.end, self.transitions, packed)

    def _pack(self, emissions: Floats, lengths: Integers) -> tuple[Doubles, Packed]:
        """(N, K) emissions of the real steps."""
        held = np.asarray(lengths, np.int64)
        if emissions.ndim != 3 or emissions.shape[2] != self.tags or held.shape != emissions.shape[:1]:
            raise ValueError(f"emissions have shape {emissions.shape}, lengths {held.shape}; wanted (B, T, {self.tags}) and (B,)")
        if held.size and not 0 <= held.min() <= held.max() <= emissions.shape[1]:
            raise ValueError(f"lengths go from {held.min()} to {held.max()}; wanted 0 to {emissions.shape[1]}, the steps of the emissions")
        packed = Packed.of(held, emissions.shape[1])
        return emissions.reshape(-1, self.tags)[packed.place].astype(np.float64), packed
