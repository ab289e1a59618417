"""Pieces of records on which ways of running a model are compared, and the steps at which each is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import Facts, ForecastFacts
from unspool.data.future import future_features
from unspool.data.preparation import Preparation
from unspool.types import Prepared, Record

LONGEST = 400
"""Steps of one record whose answers are compared where the state is carried."""
WINDOWED_STEPS = 4000
"""Steps scanned over all records where each answer scans a window anew."""


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of a record.

    values (T, C), codes (T, N)  what the network reads
    future  (T, L, F) for the head, zero where it is not known; None where the head reads none
    asked   (A,)  the steps at which answers are compared, with everything known that the head reads
    live    (step, record) to be sent to a session, one a step or, of a text, one a piece
    """

    values: NDArray[np.float32]
    codes: NDArray[np.int64]
    future: NDArray[np.float32] | None
    asked: NDArray[np.int64]
    live: tuple[tuple[int, dict[str, Any]], ...]

    @property
    def steps(self) -> int:
        return len(self.values)


def window_of(facts: Facts) -> int | None:
    """Steps that are scanned anew for each answer; None where the state is carried."""
    tokens, context = facts.preparation.tokens, facts.memory.context
    tail = tokens.longest if tokens is not None and tokens.keep == "tail" else None
    return context if context is None or tail is None else min(context, tail)


def cases(
    facts: Facts, prepared: Sequence[Prepared], records: Sequence[Record], draw: np.random.Generator
) -> Iterator[Case]:
    """One case a record, as far as the record has a step that can be asked."""
    window = window_of(facts)
    asks = LONGEST if window is None else int(np.clip(WINDOWED_STEPS // (window * max(len(records), 1)), 2, 24))
    for item, record in zip(prepared, records, strict=True):
        case = (
            _text(facts, record, draw) if facts.preparation.tokens is not None else _columns(facts, item, record, asks)
        )
        if len(case.asked):
            yield case


def _columns(facts: Facts, item: Prepared, record: Record, asks: int) -> Case:
    task, window = facts.task, window_of(facts)
    forecast = task if isinstance(task, ForecastFacts) else None
    lags = forecast.lags if forecast else ()
    horizon = forecast.horizon if forecast else 0
    need = max([1, *lags, window or 1]) + (horizon if facts.preparation.known_names else 0)
    start = max(0, item.steps - need - asks)
    values, codes = item.values[start:], item.codes[start:]
    able = _able(facts, len(values))
    future = None
    if forecast and (lags or item.known.shape[1]):
        everywhere = np.arange(len(values))
        future, complete = future_features(item.known[start:], item.targets[start:], everywhere, horizon, lags)
        able &= complete
    asked = np.flatnonzero(able)[-asks:]
    live = _rows(facts.preparation, record, start, int(asked[-1]) + 1 if len(asked) else 0, horizon)
    return Case(values, codes, future, asked, live)


def _able(facts: Facts, steps: int) -> NDArray[np.bool_]:
    """(T,) where a model of these facts gives an answer, as far as its memory goes."""
    window, seen = window_of(facts), np.arange(1, steps + 1)
    least = window if window is not None and isinstance(facts.task, ForecastFacts) else facts.stride
    return np.asarray(seen % facts.stride == 0 if window is None else seen >= least)


def _rows(
    preparation: Preparation, record: Record, start: int, count: int, horizon: int
) -> tuple[tuple[int, dict[str, Any]], ...]:
    """Raw rows as JSON has them, with the known columns of the horizon where they reach that far."""
    names = (*preparation.targets, *preparation.past, *preparation.known)
    columns = {name: record.columns[name].tolist() for name in names}
    timed = preparation.frequency_seconds is not None or preparation.calendar
    rows = []
    for step in range(count):
        at = start + step
        row: dict[str, Any] = {name: column[at] for name, column in columns.items()}
        if timed and record.times is not None:
            row["time"] = f"{record.times[at]}Z"
        if preparation.known and horizon and at + horizon < record.steps:
            row["future"] = {name: columns[name][at + 1 : at + 1 + horizon] for name in preparation.known}
        rows.append((step, row))
    return tuple(rows)


def _text(facts: Facts, record: Record, draw: np.random.Generator) -> Case:
    """The beginning of a text, sent in pieces that end between words."""
    preparation = facts.preparation
    words = re.findall(r"\s*\S+", _read(facts, record.text or ""))[:LONGEST]
    edges = sorted({0, len(words), *draw.integers(0, len(words) + 1, 6).tolist()})
    pieces = ["".join(words[left:right]) for left, right in pairwise(edges)]
    whole = "".join(pieces)
    codes = preparation.encode_text(whole)
    live: list[tuple[int, dict[str, Any]]] = []
    ends = []
    if preparation.tokens is not None and preparation.tokens.keep == "tail":
        preparation = preparation.model_copy(update={"tokens": preparation.tokens.model_copy(update={"longest": None})})
        codes = preparation.encode_text(whole)
    seen = 0
    if facts.task.kind == "generate":  # a session reads what stands before a text by itself
        assert preparation.tokens is not None
        codes, seen = np.concatenate([preparation.tokens.before[None], codes]), 1
    for piece in pieces:
        seen = min(len(codes), seen + len(preparation.encode_text(piece)))
        live.append((seen - 1, {"text": piece}))
        ends.append(seen - 1)
    if facts.task.kind == "tag" and pieces:  # every word is answered, not the last of a piece alone
        ends = list(range(len(codes)))
    whole_strides = [end for end in ends if _able(facts, len(codes))[end]]
    return Case(
        np.zeros((len(codes), 0), np.float32), codes, None, np.unique(np.array(whole_strides, np.int64)), tuple(live)
    )


def _read(facts: Facts, text: str) -> str:
    """The text as far as a tagger reads it, which live takes no longer sentence; all of it for others."""
    tokens = facts.preparation.tokens
    if facts.task.kind != "tag" or tokens is None:
        return text
    offsets = tokens.cut(text)[1]
    return text[: int(offsets[-1, 1])] if len(offsets) else text
