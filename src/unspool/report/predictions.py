"""The predictions of a run folder, as arrays whose shapes agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.types import Classes, Forecasts, LabelSets

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """Forecasts over the test part, and what each baseline forecast there (M, L, D)."""

    forecasts: Forecasts
    baselines: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class ClassRun:
    """Class probabilities over the test part; `examples` (M,) are texts, cut short, or None."""

    classes: Classes
    examples: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class LabelRun:
    """Probabilities of labels over the test part, of which a record may have any number; `examples` (M,) are texts, cut short, or None."""

    sets: LabelSets
    examples: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Tagged:
    """One sentence of the test part: offsets (T, 2), the tags chosen (T,), how sure (T,), and the true tags (T,), -1 where the model knows none."""

    name: str
    text: str
    offsets: NDArray[np.int64]
    best: NDArray[np.int64]
    confidence: NDArray[np.float64]
    truth: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TagRun:
    """Tagged sentences; `spans` is true where tags name spans."""

    labels: tuple[str, ...]
    spans: bool
    sentences: tuple[Tagged, ...]


@dataclass(frozen=True, slots=True)
class TokenRun:
    """Tokens of the test part (N,), the natural logarithms of their probabilities (N,), and texts that the model wrote."""

    codes: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    samples: tuple[str, ...]


Run = ForecastRun | ClassRun | LabelRun | TagRun | TokenRun


def read_predictions(described: Mapping[str, Any], arrays: Arrays) -> Run:
    """Predictions from their description and their tensors; raises ValueError where the two do not fit."""
    kind = described.get("kind")
    if kind == "forecast":
        return _forecast(described, arrays)
    if kind == "classify":
        return _classify(described, arrays)
    if kind == "multilabel":
        return _multilabel(described, arrays)
    if kind == "tag":
        return _tag(described, arrays)
    if kind == "generate":
        return _generate(described, arrays)
    raise ValueError(f"its description has kind {kind!r}, wanted forecast, classify, multilabel, tag or generate")


def _forecast(described: Mapping[str, Any], arrays: Arrays) -> ForecastRun:
    names, targets = _names(described, "names"), _names(described, "targets")
    point = _array(arrays, "point", (None, None, len(targets)), "f")
    shape = point.shape
    levels = _numbers(described, "levels")
    record = _array(arrays, "record", shape[:1], "iu")
    if record.size and not 0 <= record.min() <= record.max() < len(names):
        raise ValueError(f"record: got {record.min()} to {record.max()}, wanted 0 to {len(names) - 1}, the records that are named")
    times = _array(arrays, "times", shape[:2], "iu") if "times" in arrays else None
    baselines = {key.split(".")[1]: _array(arrays, key, shape, "f") for key in sorted(arrays) if _is_baseline(key)}
    forecasts = Forecasts(
        names=names,
        targets=targets,
        record=record.astype(np.int64),
        origin=_array(arrays, "origin", shape[:1], "iu").astype(np.int64),
        point=point.astype(np.float64),
        truth=_array(arrays, "truth", shape, "f").astype(np.float64),
        levels=levels,
        quantiles=_quantiles(arrays, shape, len(levels)),
        times=None if times is None else times.astype("datetime64[us]"),
    )
    return ForecastRun(forecasts, {name: values.astype(np.float64) for name, values in baselines.items()})


def _quantiles(arrays: Arrays, shape: tuple[int, ...], levels: int) -> NDArray[np.float64] | None:
    return _array(arrays, "quantiles", (*shape, levels), "f").astype(np.float64) if "quantiles" in arrays and levels else None


def _is_baseline(key: str) -> bool:
    return key.startswith("baseline.") and key.endswith(".point") and key.count(".") == 2


def _classify(described: Mapping[str, Any], arrays: Arrays) -> ClassRun:
    names, labels = _names(described, "names"), _names(described, "labels")
    probabilities = _probabilities(arrays, len(names), len(labels))
    truth = _array(arrays, "truth", (len(names),), "iu").astype(np.int64)
    if truth.size and not -1 <= truth.min() <= truth.max() < len(labels):
        raise ValueError(f"truth: got classes {truth.min()} to {truth.max()}, wanted -1 to {len(labels) - 1}")
    return ClassRun(Classes(names=names, labels=labels, probabilities=probabilities, truth=truth), _examples(described, len(names)))


def _multilabel(described: Mapping[str, Any], arrays: Arrays) -> LabelRun:
    names, labels, thresholds = _names(described, "names"), _names(described, "labels"), _numbers(described, "thresholds")
    probabilities = _probabilities(arrays, len(names), len(labels))
    truth = _array(arrays, "truth", (len(names), len(labels)), "iu").astype(np.int64)
    if truth.size and not -1 <= truth.min() <= truth.max() <= 1:
        raise ValueError(f"truth: got {truth.min()} to {truth.max()}, wanted 0 or 1, or -1 where it is unknown")
    if len(thresholds) != len(labels):
        raise ValueError(f"its description has {len(thresholds)} thresholds, wanted {len(labels)}, one a label")
    return LabelRun(LabelSets(names, labels, probabilities, thresholds, truth), _examples(described, len(names)))


def _probabilities(arrays: Arrays, rows: int, labels: int) -> NDArray[np.float64]:
    probabilities = _array(arrays, "probabilities", (rows, labels), "f").astype(np.float64)
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities: some are NaN or infinite, wanted 0 to 1")
    return probabilities


def _examples(described: Mapping[str, Any], rows: int) -> tuple[str | None, ...]:
    examples = described.get("examples") or [None] * rows
    if not isinstance(examples, list) or len(examples) != rows:
        raise ValueError(f"its description has no list of {rows} examples, one a row")
    return tuple(None if text is None else str(text) for text in examples)


def _tag(described: Mapping[str, Any], arrays: Arrays) -> TagRun:
    names, texts, labels = _names(described, "names"), _names(described, "texts"), _names(described, "labels")
    lengths = _array(arrays, "lengths", (len(names),), "iu").astype(np.int64)
    steps = int(lengths.sum())
    if len(texts) != len(names) or (lengths < 0).any():
        raise ValueError(f"got {len(texts)} texts and lengths {lengths.min(initial=0)} and more, wanted one of each of {len(names)} records")
    best, truth = (_array(arrays, name, (steps,), "iu").astype(np.int64) for name in ("best", "truth"))
    for name, numbers, least in (("best", best, 0), ("truth", truth, -1)):
        if steps and not least <= numbers.min() <= numbers.max() < len(labels):
            raise ValueError(f"{name}: got tags {numbers.min()} to {numbers.max()}, wanted {least} to {len(labels) - 1}")
    places, confidence = _array(arrays, "offsets", (steps, 2), "iu").astype(np.int64), _array(arrays, "confidence", (steps,), "f").astype(np.float64)
    rows: tuple[NDArray[Any], ...] = (places, best, confidence, truth)
    pieces = zip(*(np.split(row, np.cumsum(lengths)[:-1]) for row in rows), strict=True) if names else ()
    if not np.isfinite(confidence).all():
        raise ValueError("confidence: some are NaN or infinite, wanted 0 to 1")
    sentences = tuple(Tagged(name, words, *piece) for name, words, piece in zip(names, texts, pieces, strict=True))
    for sentence in sentences:
        _within(sentence)
    return TagRun(labels, described.get("scheme") is not None, sentences)


def _within(sentence: Tagged) -> None:
    """ValueError unless every word stands in its text, after the word before it."""
    edges = sentence.offsets.ravel()
    if len(edges) and not (edges[0] >= 0 and (np.diff(edges) >= 0).all() and edges[-1] <= len(sentence.text)):
        raise ValueError(f"offsets: those of record {sentence.name!r} are no places in order within its {len(sentence.text)} characters")


def _generate(described: Mapping[str, Any], arrays: Arrays) -> TokenRun:
    codes = _array(arrays, "codes", (None,), "iu").astype(np.int64)
    found = _array(arrays, "log_probabilities", codes.shape, "f").astype(np.float64)
    if (codes < 0).any() or np.isnan(found).any() or (found > 1e-3).any():
        raise ValueError("codes, log_probabilities: some are below 0, or no logarithms of probabilities")
    return TokenRun(codes, found, _names(described, "samples"))


def _names(described: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = described.get(key)
    if not isinstance(value, list):
        raise ValueError(f"its description lacks {key}, a list of names")
    return tuple(map(str, value))


def _numbers(described: Mapping[str, Any], key: str) -> tuple[float, ...]:
    value = described.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, int | float) for one in value):
        raise ValueError(f"its description has {key} that are no list of numbers")
    return tuple(map(float, value))


def _array(arrays: Arrays, name: str, shape: tuple[int | None, ...], kinds: str) -> NDArray[Any]:
    """The array, where its type is of `kinds` and its shape is `shape`, None standing for any size."""
    if name not in arrays:
        raise ValueError(f"{name}: is missing")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(want in (None, got) for got, want in zip(array.shape, shape, strict=True))
    if not fits or array.dtype.kind not in kinds:
        wanted = tuple("any" if want is None else want for want in shape)
        raise ValueError(f"{name}: got shape {array.shape} and type {array.dtype}, wanted shape {wanted}")
    return array
