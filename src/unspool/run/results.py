"""Judging a trained network, and what a run folder keeps of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from unspool.answers.blend import Blend
from unspool.data.facts import Facts
from unspool.evaluation.baselines import classify_baselines, forecast_baselines
from unspool.evaluation.evaluate import score
from unspool.evaluation.multilabel import multilabel_baselines
from unspool.evaluation.predict import predict
from unspool.evaluation.tags import lookup
from unspool.evaluation.tokens import kneser_ney
from unspool.models.sequence_model import SequenceModel
from unspool.run.prepare import Setup, Spans
from unspool.tasks.task import Task
from unspool.types import Classes, Forecasts, LabelSets, Part, Predictions, Prepared, Record, Tags, Tokens

KEPT_ORIGINS = 3000
KEPT_TOKENS = 1_000_000
KEPT_CHARACTERS = 300

ALONE = "network_alone"
"""Of a language model that is blended with n-grams, what stands beside it."""


@dataclass(frozen=True)
class Judgement:
    """Predictions of one part, their scores, and the baselines' on the very same steps."""

    predictions: Predictions
    scores: dict[str, Any]
    baselines: dict[str, Predictions]
    baseline_scores: dict[str, dict[str, Any]]


def predictions_of(
    network: SequenceModel,
    task: Task,
    facts: Facts,
    records: Sequence[Record],
    prepared: Sequence[Prepared],
    spans: Spans,
    part: Part,
    blend: Blend | None = None,
) -> Predictions:
    """What the network answers on a part, in original units, and where there is a `blend` what both do together."""
    cuts, batches, raw = predict(network, task.examples(prepared, spans, part), device_of(network))
    found = task.predictions(network.head.settled(facts), records, cuts, batches, raw)
    return found if blend is None else joint(found, blend)


def joint(found: Predictions, blend: Blend) -> Tokens:
    """What a network foresees, and n-grams with it."""
    assert isinstance(found, Tokens)
    return replace(found, log_probabilities=blend.joint(found.codes, found.log_probabilities))


def judge_part(network: SequenceModel, setup: Setup, part: Part) -> Judgement:
    """A part judged beside its baselines."""
    predictions = predictions_of(network, setup.task, setup.facts, setup.records, setup.prepared, setup.spans[part], part)
    baselines: Mapping[str, Predictions]
    if isinstance(predictions, Forecasts):
        baselines = forecast_baselines(setup.records, predictions, setup.facts, setup.spans["train"])
    elif isinstance(predictions, Classes):
        baselines = classify_baselines(setup.records, setup.prepared, setup.spans, setup.facts, part)
    elif isinstance(predictions, LabelSets):
        baselines = multilabel_baselines(setup.records, setup.prepared, setup.spans, setup.facts, part)
    elif isinstance(predictions, Tokens):
        baselines = kneser_ney(setup.prepared, predictions, setup.facts, setup.spans["train"])
        if setup.blend is not None:
            baselines, predictions = {ALONE: predictions, **baselines}, joint(predictions, setup.blend)
    else:
        baselines = {"lookup": lookup(setup.records, predictions, setup.facts, setup.spans["train"])}
    return Judgement(
        predictions=predictions,
        scores=score(predictions, setup.facts),
        baselines=dict(baselines),
        baseline_scores={name: score(baseline, setup.facts) for name, baseline in baselines.items()},
    )


def device_of(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device


def prediction_files(judgement: Judgement, records: Sequence[Record], facts: Facts, samples: Sequence[str] = ()) -> dict[str, bytes]:
    """`predictions.json` and `predictions.safetensors`, thinned evenly to a few thousand origins; `samples` are what a language model wrote."""
    predictions = judgement.predictions
    if isinstance(predictions, Classes):
        return _class_files(predictions, records)
    if isinstance(predictions, LabelSets):
        return _label_files(predictions, records)
    if isinstance(predictions, Tags):
        return _tag_files(predictions)
    if isinstance(predictions, Tokens):
        return _token_files(predictions, samples)
    return _forecast_files(predictions, judgement.baselines, facts)


def _forecast_files(forecasts: Forecasts, baselines: Mapping[str, Predictions], facts: Facts) -> dict[str, bytes]:
    kept = np.unique(np.linspace(0, len(forecasts.origin) - 1, min(KEPT_ORIGINS, len(forecasts.origin))).astype(np.int64))
    tensors: dict[str, np.ndarray] = {
        "record": forecasts.record[kept],
        "origin": forecasts.origin[kept],
        "point": forecasts.point[kept].astype(np.float32),
        "truth": forecasts.truth[kept].astype(np.float32),
    }
    if forecasts.times is not None:
        tensors["times"] = forecasts.times[kept].astype("datetime64[us]").astype(np.int64)
    if forecasts.quantiles is not None:
        tensors["quantiles"] = forecasts.quantiles[kept].astype(np.float32)
    for name, baseline in baselines.items():
        assert isinstance(baseline, Forecasts)
        tensors[f"baseline.{name}.point"] = baseline.point[kept].astype(np.float32)
    assert facts.task.kind == "forecast"
    described = {
        "kind": "forecast", "names": list(forecasts.names), "targets": list(forecasts.targets),
        "levels": list(forecasts.levels), "seasons": list(facts.task.seasons), "origins": len(forecasts.origin), "kept": len(kept),
    }
    return {"predictions.json": _json(described), "predictions.safetensors": _tensors(tensors)}


def _class_files(classes: Classes, records: Sequence[Record]) -> dict[str, bytes]:
    described = {
        "kind": "classify", "names": list(classes.names), "labels": list(classes.labels), "examples": _examples(classes.names, records),
    }
    tensors: dict[str, np.ndarray] = {"probabilities": classes.probabilities.astype(np.float32), "truth": classes.truth}
    return {"predictions.json": _json(described), "predictions.safetensors": _tensors(tensors)}


def _label_files(sets: LabelSets, records: Sequence[Record]) -> dict[str, bytes]:
    described = {
        "kind": "multilabel", "names": list(sets.names), "labels": list(sets.labels), "thresholds": list(sets.thresholds),
        "examples": _examples(sets.names, records),
    }
    tensors: dict[str, np.ndarray] = {"probabilities": sets.probabilities.astype(np.float32), "truth": sets.truth}
    return {"predictions.json": _json(described), "predictions.safetensors": _tensors(tensors)}


def _examples(names: Sequence[str], records: Sequence[Record]) -> list[str | None]:
    """The beginnings of texts."""
    texts = {record.name: record.text for record in records}
    return [(texts[name] or "")[:KEPT_CHARACTERS] or None for name in names]


def _tag_files(tags: Tags) -> dict[str, bytes]:
    """The words of all sentences end to end, each with its place in its text, the tag chosen and the true one, -1 where that is not known.

    Tags that training lacks come after those that it has.
    """
    labels = list(dict.fromkeys([*tags.labels, *(tag for true in tags.truth for tag in true or ())]))
    numbers = {tag: number for number, tag in enumerate(labels)}
    unknown = [np.full(len(best), -1) for best in tags.best]
    truth = [
        other if true is None else np.array([numbers[tag] for tag in true]) for true, other in zip(tags.truth, unknown, strict=True)
    ]
    described = {
        "kind": "tag", "names": list(tags.names), "labels": labels, "scheme": tags.scheme, "texts": list(tags.texts),
    }
    tensors: dict[str, np.ndarray] = {
        "lengths": np.array([len(best) for best in tags.best], np.int64),
        "offsets": np.concatenate(tags.offsets),
        "best": np.concatenate(tags.best),
        "confidence": np.concatenate(tags.confidence).astype(np.float32),
        "truth": np.concatenate(truth).astype(np.int64),
    }
    return {"predictions.json": _json(described), "predictions.safetensors": _tensors(tensors)}


def _token_files(tokens: Tokens, samples: Sequence[str]) -> dict[str, bytes]:
    """The first tokens of the part, each with the logarithm of its probability."""
    tensors: dict[str, np.ndarray] = {
        "codes": tokens.codes[:KEPT_TOKENS], "log_probabilities": tokens.log_probabilities[:KEPT_TOKENS].astype(np.float32),
    }
    described = {"kind": "generate", "samples": list(samples), "tokens": len(tokens.codes), "kept": len(tensors["codes"])}
    return {"predictions.json": _json(described), "predictions.safetensors": _tensors(tensors)}


def _tensors(tensors: dict[str, np.ndarray]) -> bytes:
    data: bytes = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()})
    return data


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
