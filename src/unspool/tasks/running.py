"""Running text: the tokens of many records end to end, each to be foreseen from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unspool.types import Batch, Cut, Prepared

SHORT, SHORTER, SPREAD, LEAST = 0.05, 0.5, 5.0, 5
"""Of AWD-LSTM (Merity et al. 2018): how often a truncation is shorter, by which factor, and, in steps, how lengths spread and the least of them."""

SCANNED_TOKENS = 1 << 13
"""Tokens, over all rows, of one cut where a part is judged; bounds memory, and changes no answer."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Running:
    """N tokens, each beside the one before it. The first has the end of a line before it, and so has the first of each record that is by itself.

    inputs (N, columns), truth (N,)  codes           source (N,)  the record of each token
    bounds (R, 2)                    where the texts begin and end: one, or each record's
    """

    inputs: Counts
    truth: Counts
    source: Counts
    bounds: Counts

    @classmethod
    def of(cls, prepared: Sequence[Prepared], chosen: Counts, joined: bool) -> Running:
        records = [prepared[index] for index in chosen.tolist()]
        codes = np.concatenate([record.codes for record in records])
        ends = np.cumsum([record.steps for record in records])
        begins = np.concatenate([[0], ends[:-1]])
        inputs = np.empty_like(codes)
        inputs[1:] = codes[:-1]
        fresh = begins[:1] if joined else begins
        assert records[0].before is not None
        inputs[fresh] = records[0].before
        bounds = np.array([[0, len(codes)]]) if joined else np.stack([begins, ends], axis=1)
        return cls(inputs, codes[:, 0].copy(), np.repeat(chosen, ends - begins), bounds.astype(np.int64))

    def batch(self, cut: Cut, first: Counts) -> Batch:
        """The batch of a cut, which counts from the start of the text; what stands before `first` (B,) is read and not judged."""
        lengths = cut.stop - cut.start
        steps = np.arange(int(lengths.max(initial=0)))
        at = np.minimum(cut.start[:, None] + steps, len(self.truth) - 1)
        inside = steps < lengths[:, None]
        counted = inside & (at >= first[:, None])
        return Batch(
            values=np.zeros((*at.shape, 0), np.float32),
            codes=np.where(inside[..., None], self.inputs[at], 0),
            lengths=lengths,
            carry=cut.carry,
            asked=np.tile(steps, (cut.rows, 1)),
            weights=counted.astype(np.float32),
            truth=np.where(inside, self.truth[at], 0),
            source=self.source[at],
        )


@dataclass(frozen=True)
class Trained:
    """The text in as many equally long rows as `streams`, whose states go on from batch to batch, cut anew in every epoch.

    All rows are cut at the same steps. The lengths of cuts are drawn about `truncate`, so that gradients end elsewhere in every epoch; the rate of a
    step is in proportion to the length of its cut, so that every token moves the weights alike (Merity et al. 2018, section 5). Every epoch has as
    many cuts.
    """

    text: Running
    streams: int
    truncate: int
    seed: int

    def plan(self, epoch: int) -> list[Cut]:
        tokens = len(self.text.truth)
        rows = min(self.streams, max(tokens // self.truncate, 1))
        edges = np.arange(rows + 1) * tokens // rows
        begins, ends = edges[:-1], edges[1:]
        cuts, before = [], 0
        for length in self._lengths(int((ends - begins).max()), epoch).tolist():
            start, stop = np.minimum(begins + before, ends), np.minimum(begins + before + length, ends)
            carry = np.full(rows, before > 0)
            cuts.append(Cut(np.arange(rows), start, stop, carry, pace=float((stop - start).mean()) / self.truncate))
            before += length
        return cuts

    def batch(self, cut: Cut) -> Batch:
        return self.text.batch(cut, cut.start)

    def _lengths(self, steps: int, epoch: int) -> Counts:
        """(K,) steps of the cuts of an epoch, which sum to `steps`."""
        count = min(max(round(steps / (self.truncate * (1 - SHORT * SHORTER))), 1), steps)
        draw = np.random.default_rng([self.seed, epoch])
        means = np.where(draw.random(count) < SHORT, SHORTER, 1.0) * self.truncate
        wanted = np.maximum(draw.normal(means, min(SPREAD, self.truncate / 10)), min(LEAST, self.truncate))
        # Every cut has a step, and the others are shared out as they were drawn, so that all of the text is read.
        reached = np.round(np.cumsum(wanted) / wanted.sum() * (steps - count)).astype(np.int64)
        lengths: Counts = np.diff(reached, prepend=0) + 1
        return lengths


@dataclass(frozen=True)
class Judged:
    """Rows of text, scanned in order, in groups that go side by side.

    begins, firsts, ends (R,)  of every row: where it is read from, where it is judged from, and where it ends; `Cut.record` counts rows
    groups                     the rows of each group
    """

    text: Running
    begins: Counts
    firsts: Counts
    ends: Counts
    groups: tuple[Counts, ...]

    @classmethod
    def in_one_scan(cls, text: Running) -> Judged:
        """All of the text as one row."""
        start, end = text.bounds[:, 0], text.bounds[:, 1]
        return cls(text, start, start, end, (np.arange(1),))

    @classmethod
    def side_by_side(cls, text: Running, rows: int, warmup: int) -> Judged:
        """The text as several rows, each read from `warmup` tokens before what is judged in it: nearly as in one scan, in a fraction of the time."""
        tokens = len(text.truth)
        rows = min(rows, max(tokens // max(warmup, 1), 1))
        edges = np.arange(rows + 1) * tokens // rows
        return cls(text, np.maximum(edges[:-1] - warmup, 0), edges[:-1], edges[1:], (np.arange(rows),))

    @classmethod
    def apart(cls, text: Running, rows: int) -> Judged:
        """Every record as a row, those of like length side by side."""
        start, end = text.bounds[:, 0], text.bounds[:, 1]
        order = np.argsort(end - start, kind="stable")
        return cls(text, start, start, end, tuple(order[first : first + rows] for first in range(0, len(order), rows)))

    def plan(self, epoch: int) -> list[Cut]:
        cuts: list[Cut] = []
        for group in self.groups:
            begins, ends = self.begins[group], self.ends[group]
            chunk = max(SCANNED_TOKENS // len(group), 1)
            for before in range(0, int((ends - begins).max()), chunk):
                start, stop = np.minimum(begins + before, ends), np.minimum(begins + before + chunk, ends)
                cuts.append(Cut(group, start, stop, np.full(len(group), before > 0)))
        return cuts

    def batch(self, cut: Cut) -> Batch:
        return self.text.batch(cut, self.firsts[cut.record])
