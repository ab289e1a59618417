"""Predictions as flat rows, for CSV and JSON lines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.answers.forecast import plain, stamps
from unspool.types import Classes, Forecasts, LabelSets, Predictions, Tags, Tokens

Row = dict[str, Any]


def table(predictions: Predictions) -> list[Row]:
    """One row a forecast step, one a classified record, or one a tagged word; the same keys in every row, None where unknown.

    forecast  series, origin, step (1 to L), time where there are times; by target its point, `_truth` and `_<level>`
    classify  name, truth, label, probability, and `probability_<label>` of each label
              of any number of labels name, truth and labels, each JSON text of a list, and `probability_<label>` of each label
    tag       name, start, end, text, truth, tag, probability: one row a word
    generate  name, tokens, words, characters, log_probability: one row a text
    """
    columns = _columns(predictions)
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(predictions: Predictions) -> dict[str, list[Any]]:
    if isinstance(predictions, Tags):
        return _words(predictions)
    if isinstance(predictions, Tokens):
        return _texts(predictions)
    if isinstance(predictions, LabelSets):
        return _sets(predictions)
    return _steps(predictions) if isinstance(predictions, Forecasts) else _records(predictions)


def _sets(sets: LabelSets) -> dict[str, list[Any]]:
    known, finite = np.asarray((sets.truth >= 0).all(axis=1)), np.asarray(np.isfinite(sets.probabilities).all(axis=1))
    return {
        "name": list(sets.names),
        "truth": [_listed(sets.labels, row > 0) if sure else None for row, sure in zip(sets.truth, known, strict=True)],
        "labels": [_listed(sets.labels, row) if sure else None for row, sure in zip(sets.chosen, finite, strict=True)],
        **{f"probability_{label}": plain(sets.probabilities[:, k]) for k, label in enumerate(sets.labels)},
    }


def _listed(labels: tuple[str, ...], chosen: NDArray[np.bool_]) -> str:
    return json.dumps([labels[k] for k in np.flatnonzero(chosen)], ensure_ascii=False)


def _texts(tokens: Tokens) -> dict[str, list[Any]]:
    pieces = np.split(tokens.log_probabilities, np.cumsum(tokens.lengths)[:-1])
    return {
        "name": list(tokens.names),
        "tokens": tokens.lengths.tolist(),
        "words": tokens.words.tolist(),
        "characters": tokens.characters.tolist(),
        "log_probability": plain(np.array([piece.sum() for piece in pieces])),
    }


def _words(tags: Tags) -> dict[str, list[Any]]:
    offsets = [places.tolist() for places in tags.offsets]
    unknown = [(None,) * len(places) for places in offsets]
    return {
        "name": [name for name, places in zip(tags.names, offsets, strict=True) for _ in places],
        "start": [start for places in offsets for start, _ in places],
        "end": [end for places in offsets for _, end in places],
        "text": [text[start:end] for text, places in zip(tags.texts, offsets, strict=True) for start, end in places],
        "truth": [tag for truth, other in zip(tags.truth, unknown, strict=True) for tag in (other if truth is None else truth)],
        "tag": [tags.labels[number] for best in tags.best for number in best.tolist()],
        "probability": [share for shares in tags.confidence for share in plain(shares)],
    }


def _steps(forecasts: Forecasts) -> dict[str, list[Any]]:
    rows, steps = forecasts.point.shape[:2]
    columns: dict[str, list[Any]] = {
        "series": [forecasts.names[index] for index in forecasts.record.repeat(steps).tolist()],
        "origin": forecasts.origin.repeat(steps).tolist(),
        "step": np.tile(np.arange(1, steps + 1), rows).tolist(),
    }
    if forecasts.times is not None:
        columns["time"] = stamps(forecasts.times.ravel())
    for index, name in enumerate(forecasts.targets):
        columns[name] = plain(forecasts.point[..., index].ravel())
        columns[f"{name}_truth"] = plain(forecasts.truth[..., index].ravel())
        if forecasts.quantiles is not None:
            for q, level in enumerate(forecasts.levels):
                columns[f"{name}_{level}"] = plain(forecasts.quantiles[..., index, q].ravel())
    return columns


def _records(classes: Classes) -> dict[str, list[Any]]:
    labels = classes.labels
    known = [bool(np.isfinite(shares).all()) for shares in classes.probabilities]
    best = classes.probabilities.argmax(axis=1).tolist()
    shares = {f"probability_{label}": plain(classes.probabilities[:, k]) for k, label in enumerate(labels)}
    return {
        "name": list(classes.names),
        "truth": [labels[k] if k >= 0 else None for k in classes.truth.tolist()],
        "label": [labels[k] if sure else None for k, sure in zip(best, known, strict=True)],
        "probability": plain(classes.probabilities.max(axis=1)),
        **shares,
    }
