"""What a run folder holds, read and checked. Every part may be absent, none may be damaged."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unspool.bundle import read_tensors
from unspool.data.facts import Facts
from unspool.errors import BundleError, SpecError
from unspool.report.predictions import ClassRun, ForecastRun, LabelRun, Run, TagRun, TokenRun, read_predictions
from unspool.spec import parse_yaml

SPEC, FACTS, HISTORY, METRICS = "spec.yaml", "facts.json", "history.jsonl", "metrics.json"
PREDICTIONS, TENSORS = "predictions.json", "predictions.safetensors"
LARGEST_TEXT_BYTES = 256 << 20
LARGEST_TENSORS_BYTES = 2 << 30

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """A run, as its folder tells it.

    spec, spec_text  the resolved spec, parsed and as it stands; empty where there is none
    history          one mapping an epoch, in order
    metrics          `metrics.json`; empty where there is none
    """

    spec: Json = field(default_factory=dict)
    spec_text: str = ""
    facts: Facts | None = None
    history: tuple[Json, ...] = ()
    metrics: Json = field(default_factory=dict)
    predictions: Run | None = None

    @property
    def kind(self) -> str:
        """`forecast`, `classify`, `tag`, `generate`, or empty where nothing tells."""
        if self.facts is not None:
            return self.facts.task.kind
        if self.predictions is not None:
            return {ForecastRun: "forecast", ClassRun: "classify", LabelRun: "classify", TagRun: "tag", TokenRun: "generate"}[type(self.predictions)]
        return str(self.part_of_spec("task").get("kind", ""))

    @property
    def several(self) -> bool:
        """Whether a record may have any number of labels."""
        if self.facts is not None:
            return self.facts.preparation.several
        return isinstance(self.predictions, LabelRun) or self.part_of_spec("model", "head").get("kind") == "multilabel"

    def part_of_spec(self, *keys: str) -> Json:
        """The mapping at `keys` of the spec; empty where it has none."""
        node: Any = self.spec
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def figures(self, *keys: str) -> Json:
        """The mapping at `keys` of the metrics; empty where they have none."""
        node: Any = self.metrics
        for key in keys:
            node = node.get(key) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}


def read(folder: Path) -> Contents:
    """The contents of a run folder; raises BundleError where it is no run folder, or where a file in it is damaged."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such run folder; give the folder that `unspool train` wrote")
    if not any((folder / name).is_file() for name in (SPEC, FACTS, HISTORY, METRICS, PREDICTIONS)):
        raise BundleError(
            f"{folder}: holds none of {SPEC}, {FACTS}, {HISTORY}, {METRICS}, {PREDICTIONS}; give the folder that `unspool train` wrote"
        )
    spec_text = _text(folder / SPEC) or ""
    return Contents(
        spec=_spec(folder / SPEC, spec_text),
        spec_text=spec_text,
        facts=_facts(folder / FACTS),
        history=_history(folder / HISTORY),
        metrics=_metrics(folder / METRICS),
        predictions=_predictions(folder),
    )


def _text(path: Path) -> str | None:
    """The text of a file, None where there is none."""
    if not os.path.lexists(path):
        return None
    refuse_large(path, LARGEST_TEXT_BYTES)
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from None


def refuse_large(path: Path, limit: int) -> None:
    """Raises BundleError for what is no plain file of at most `limit` bytes, before any of it is read."""
    if path.is_symlink() or not path.is_file():
        raise damaged(path, "is no plain file")
    if path.stat().st_size > limit:
        raise damaged(path, f"{path.stat().st_size:,} bytes, wanted at most {limit:,}")


def damaged(path: Path, what: str) -> BundleError:
    return BundleError(f"{path}: {what}; the run folder is damaged: restore it from a copy, or train again")


def _json(path: Path, text: str, where: str = "") -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"{where}not valid JSON: {error}") from None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _mapping(path: Path) -> Json | None:
    text = _text(path)
    if text is None:
        return None
    value = _json(path, text)
    if not isinstance(value, dict):
        raise damaged(path, f"holds {type(value).__name__}, wanted a mapping")
    return value


def _spec(path: Path, text: str) -> Json:
    try:
        return parse_yaml(text, str(path)) if text else {}
    except SpecError as error:
        raise BundleError(f"{error}; the run folder is damaged: restore it from a copy, or train again") from None


def _facts(path: Path) -> Facts | None:
    value = _mapping(path)
    try:
        return None if value is None else Facts.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, f"{'.'.join(map(str, first['loc'])) or 'facts'}: {first['msg']}") from None


def _history(path: Path) -> tuple[Json, ...]:
    """Epochs in order, their metrics flat beside epoch, steps, loss, rate and gradient norm."""
    lines = []
    for number, text in enumerate((_text(path) or "").splitlines(), start=1):
        value = _json(path, text, f"line {number}: ")
        epoch = value.get("epoch") if isinstance(value, dict) else None
        if not isinstance(epoch, int):
            raise damaged(path, f"line {number}: wanted a mapping with a whole number `epoch`")
        inner = value.pop("validation", None)
        lines.append(value | inner if isinstance(inner, dict) else value)
    return tuple(lines)


def _metrics(path: Path) -> Json:
    value = _mapping(path) or {}
    for name in ("validation", "test", "baselines", "data", "training", "verify"):
        if not isinstance(value.get(name, {}), Mapping | None):
            raise damaged(path, f"{name}: holds {type(value[name]).__name__}, wanted a mapping")
    return value


def _predictions(folder: Path) -> Run | None:
    described = _mapping(folder / PREDICTIONS)
    if described is None or not os.path.lexists(folder / TENSORS):
        return None
    refuse_large(folder / TENSORS, LARGEST_TENSORS_BYTES)
    try:
        return read_predictions(described, read_tensors((folder / TENSORS).read_bytes(), str(folder / TENSORS)))
    except ValueError as error:
        raise damaged(folder / TENSORS, str(error)) from None


def finite(value: Any) -> float | None:
    """`value` where it is a finite number, else None; a truth value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None
