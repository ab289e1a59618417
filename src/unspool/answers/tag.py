"""A tagger's weights as tags, and as what a person reads: spans of the raw text with their types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.answers import classify
from unspool.answers.chain import Chain
from unspool.data.facts import ChainFacts, Facts, TagFacts
from unspool.data.schemes import spans
from unspool.types import Floats, Record, Tags

Doubles = NDArray[np.float64]


Told = tuple[str, int, int, float]
"""A span: its type, its first word, the word after its last, and its probability."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The tags of one sentence: those that go best together (T,), the probability of each (T,), and the spans that they name."""

    best: NDArray[np.int64]
    confidence: Doubles
    spans: tuple[Told, ...] = ()


def chain_of(facts: Facts) -> Chain | None:
    """What the model has learnt of the order of tags; None where each step is answered by itself."""
    assert isinstance(facts.task, TagFacts)
    learnt = facts.task.chain
    return None if learnt is None else _chain(learnt)


def read(facts: Facts, weights: Floats, lengths: NDArray[np.integer]) -> list[Reading]:
    """B sentences of (T, K) weights, of which `lengths` (B,) steps are real."""
    chain = chain_of(facts)
    if chain is None:
        shares = classify.read(facts, weights)
        best = shares.argmax(axis=-1)
    else:
        shares, best = chain.marginals(weights, lengths), chain.viterbi(weights, lengths)[0]
    confidence = np.take_along_axis(shares, np.maximum(best, 0)[..., None], axis=-1)[..., 0]
    rows = [Reading(best[row, :steps], confidence[row, :steps]) for row, steps in enumerate(lengths.tolist())]
    return rows if facts.preparation.scheme is None else _with_spans(facts, rows, weights, lengths, best)


def _with_spans(facts: Facts, rows: list[Reading], weights: Floats, lengths: NDArray[np.integer], best: NDArray[np.int64]) -> list[Reading]:
    """The spans of every sentence; one is as sure as all of its tags together."""
    labels, chain = facts.preparation.labels or (), chain_of(facts)
    found = [spans([labels[number] for number in reading.best.tolist()]) for reading in rows]
    if chain is None:
        sure = iter([float(reading.confidence[span.start : span.stop].prod()) for reading, of in zip(rows, found, strict=True) for span in of])
    else:
        places = [(row, span.start, span.stop) for row, of in enumerate(found) for span in of]
        sure = iter(chain.confidence(weights, lengths, best, np.array(places, np.int64).reshape(-1, 3)).tolist())
    return [replace(reading, spans=tuple((*span, next(sure)) for span in of)) for reading, of in zip(rows, found, strict=True)]


def so_far(facts: Facts, weights: Floats, first: int) -> Reading:
    """Of a sentence that goes on, weights (T, K): from step `first` on, the likeliest tag of each step given those up to it."""
    chain = chain_of(facts)
    shares = classify.read(facts, weights) if chain is None else chain.prefixes(weights)
    best = shares[first:].argmax(axis=-1)
    return Reading(best, np.take_along_axis(shares[first:], best[:, None], axis=-1)[:, 0])


def words(facts: Facts, record: Record) -> NDArray[np.int64]:
    """Where in the record's text the words stand that the model reads, (T, 2)."""
    tokens = facts.preparation.tokens
    assert tokens is not None and record.text is not None
    return tokens.cut(record.text, record.words)[1]


def first_words(reading: Reading, words: int) -> Reading:
    """What is read of so many words: of a text without any the network has read one step, and of that nothing is told."""
    assert words in (0, len(reading.best))
    return reading if words else Reading(reading.best[:0], reading.confidence[:0])


def by_text(tags: Tags) -> Tags:
    """One entry a text: sentences that follow one another and have one name were cut from one text, to which their offsets refer."""
    starts = [row for row, name in enumerate(tags.names) if row == 0 or name != tags.names[row - 1]]
    texts = [range(start, stop) for start, stop in pairwise([*starts, len(tags.names)])]
    return replace(
        tags,
        names=tuple(tags.names[text[0]] for text in texts),
        texts=tuple(tags.texts[text[0]] for text in texts),
        offsets=tuple(np.concatenate([tags.offsets[row] for row in text]) for text in texts),
        best=tuple(np.concatenate([tags.best[row] for row in text]) for text in texts),
        confidence=tuple(np.concatenate([tags.confidence[row] for row in text]) for text in texts),
        spans=tuple(_moved(tags, text) for text in texts),
        truth=tuple(_true(tags, text) for text in texts),
    )


def _moved(tags: Tags, rows: range) -> tuple[Told, ...]:
    """The spans of several sentences, by words of all of them."""
    before = np.cumsum([0, *(len(tags.best[row]) for row in rows)]).tolist()
    return tuple((kind, start + at, stop + at, sure) for at, row in zip(before, rows, strict=False) for kind, start, stop, sure in tags.spans[row])


def _true(tags: Tags, rows: range) -> tuple[str, ...] | None:
    known = [tags.truth[row] for row in rows]
    return None if any(truth is None for truth in known) else tuple(tag for truth in known for tag in truth or ())


def tell(facts: Facts, text: str, offsets: NDArray[np.int64], reading: Reading) -> dict[str, Any]:
    """One sentence as plain JSON: `words`, each with its place in the text, tag and probability, and, where tags name spans, `spans`."""
    labels = facts.preparation.labels
    assert labels is not None
    tags = [labels[number] for number in reading.best.tolist()]
    places = offsets.tolist()
    told: dict[str, Any] = {
        "words": [
            {"start": start, "end": end, "text": text[start:end], "tag": tag, "probability": share}
            for (start, end), tag, share in zip(places, tags, reading.confidence.tolist(), strict=True)
        ]
    }
    if facts.preparation.scheme is not None:
        told["spans"] = [_span(text, places, *span) for span in reading.spans]
    return told


def _span(text: str, places: Sequence[Sequence[int]], kind: str, start: int, stop: int, probability: float) -> dict[str, Any]:
    first, last = places[start][0], places[stop - 1][1]
    return {"start": first, "end": last, "text": text[first:last], "type": kind, "probability": probability}


def _chain(learnt: ChainFacts) -> Chain:
    return Chain(start=_weights(learnt.start), end=_weights(learnt.end), transitions=np.stack([_weights(row) for row in learnt.transitions]))


def _weights(row: Sequence[float | None]) -> Doubles:
    return np.array([-np.inf if weight is None else weight for weight in row], np.float64)
