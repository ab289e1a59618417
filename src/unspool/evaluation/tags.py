"""How good tags are: word by word and, where they name spans, span by span; and what a tagger has to beat."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool import metrics
from unspool.data.facts import Facts
from unspool.data.schemes import spans
from unspool.errors import DataError
from unspool.evaluation.measures import Measures, measured
from unspool.types import Record, Tags


def scores(tags: Tags) -> dict[str, Any]:
    """Every metric; see `evaluate.score`."""
    values, undefined = measured(measures(tags))
    told: dict[str, Any] = {"records": len(tags.names), "words": sum(map(len, tags.best)), **values}
    if tags.left_out:
        told["words_left_out"] = tags.left_out
    if tags.scheme is not None and values["span_f1"] is not None:
        told["per_type"] = {name: dict(found) for name, found in _span_scores(tags)["per_type"].items()}
    return {**told, "undefined": undefined}


def measures(tags: Tags) -> Measures:
    """The metrics that are one number each."""
    found: dict[str, Callable[[], Any]] = {"accuracy": lambda: _accuracy(tags)}
    if tags.scheme is None:
        return found

    @cache
    def by_span() -> Mapping[str, Any]:
        return _span_scores(tags)

    return found | {f"span_{name}": lambda name=name: by_span()[name] for name in ("precision", "recall", "f1")}


def lookup(records: Sequence[Record], tags: Tags, facts: Facts, train: NDArray[np.int64]) -> Tags:
    """The baseline `lookup`: each word's commonest tag in the train part, whatever stands beside it; of an unknown word the commonest of all."""
    labels = {tag: number for number, tag in enumerate(tags.labels)}
    tokens = facts.preparation.tokens
    assert tokens is not None
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for index in train[:, 0].tolist():
        record = records[index]
        assert record.text is not None and record.tags is not None
        for unit, tag in zip(tokens.cut(record.text, record.words)[0], facts.preparation.tags_read(record.tags), strict=True):
            seen[unit][labels[tag]] += 1
    overall: Counter[int] = sum(seen.values(), Counter())
    commonest = {unit: _first(counts) for unit, counts in seen.items()}
    shares, unseen = {unit: counts[commonest[unit]] / counts.total() for unit, counts in seen.items()}, _first(overall)
    best, confidence = [], []
    for text, offsets in zip(tags.texts, tags.offsets, strict=True):
        units = tokens.cut(text, offsets)[0]
        best.append(np.array([commonest.get(unit, unseen) for unit in units], np.int64))
        confidence.append(np.array([shares.get(unit, overall[unseen] / overall.total()) for unit in units]))
    return replace(tags, best=tuple(best), confidence=tuple(confidence), spans=((),) * len(best))


def _first(counts: Counter[int]) -> int:
    """The commonest, of several the one with the least number."""
    return min(counts, key=lambda tag: (-counts[tag], tag))


def _known(tags: Tags) -> list[tuple[list[str], tuple[str, ...]]]:
    """What was chosen and the truth, of the records whose truth is known."""
    pairs = zip(tags.best, tags.truth, strict=True)
    return [([tags.labels[number] for number in best.tolist()], truth) for best, truth in pairs if truth is not None]


def _accuracy(tags: Tags) -> float:
    pairs = [(chosen, true) for best, truth in _known(tags) for chosen, true in zip(best, truth, strict=True)]
    if not pairs:
        raise DataError("no word has a true tag, so nothing can be judged; give tagged sentences")
    return sum(chosen == true for chosen, true in pairs) / len(pairs)


def _span_scores(tags: Tags) -> Mapping[str, Any]:
    known = _known(tags)
    return metrics.span_scores([spans(truth) for _, truth in known], [spans(best) for best, _ in known])
