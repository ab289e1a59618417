"""Run folders made up from arithmetic, as a run leaves them, for the report to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

HOUR = 3_600_000_000
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
VERSIONS = {"unspool": "0.1.0", "python": "3.11.9", "numpy": "2.4.6", "torch": "2.13.0"}

FORECAST_SPEC = """\
task:
  kind: forecast
  horizon: 24
  metric: mae
data:
  source: {kind: table, path: demand.csv}
  columns: {time: Time, target: [Demand], known: [Temperature, Holiday]}
  split: {kind: time, validation: 0.1, test: 8w}
model:
  memory: {kind: carried}
  backbone:
    cell: {kind: gru, hidden: 64}
    layers: 2
  head: {kind: quantile, levels: [0.1, 0.25, 0.5, 0.75, 0.9]}
train:
  epochs: 20
  seed: 7
"""
CLASSIFY_SPEC = """\
task:
  kind: classify
  metric: accuracy
data:
  source: {kind: text, path: news.tsv}
  split: {kind: random, validation: 0.1, test: 0.2}
model:
  memory: {kind: carried}
  backbone:
    cell: {kind: lstm, hidden: 96}
    bidirectional: true
train:
  epochs: 12
  seed: 3
"""


def forecast_run(folder: Path, days: int = 56, baseline_noise: float = 420.0, horizon: int = 24) -> Path:
    """An hourly forecast of one target with two baselines."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    hours = days * 24
    steps = np.arange(hours + horizon)
    rhythm = 900 * np.sin((steps - 7) / 24 * 2 * np.pi) + 350 * np.sin(steps / 168 * 2 * np.pi)
    actual = 4700 + rhythm + rng.normal(0, 120, len(steps)).cumsum() * 0.15
    origin = np.arange(hours - 1)
    ahead = origin[:, None] + 1 + np.arange(horizon)
    truth = actual[ahead]
    spread = 70 + 9 * np.arange(horizon) ** 0.8
    point = truth + rng.normal(0, 1, truth.shape) * spread + 20
    gauss = np.array([-1.2816, -0.6745, 0.0, 0.6745, 1.2816])
    start = np.datetime64("2014-11-01T13:00", "us").astype(np.int64)
    arrays = {
        "record": np.zeros(len(origin), np.int64),
        "origin": origin + 9000,
        "times": start + ahead * HOUR,
        "point": point[..., None],
        "truth": truth[..., None],
        "quantiles": (point[..., None] + gauss * spread[:, None] * 0.92)[:, :, None, :],
        "baseline.seasonal_naive_24.point": (truth + rng.normal(60, baseline_noise, truth.shape))[..., None],
        "baseline.naive.point": np.repeat(actual[origin][:, None], horizon, axis=1)[..., None],
    }
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "predictions.safetensors")
    described = {"kind": "forecast", "names": ["victoria"], "targets": ["Demand"], "levels": LEVELS, "seasons": [24, 168]}
    _dump(folder, "predictions.json", described)
    errors = {name: arrays[key][..., 0] - truth for name, key in _forecasts().items()}
    figures = {name: _scores(error) for name, error in errors.items()}
    figures["model"] |= {"pinball": 41.27, "coverage_80": 0.7712}
    _dump(folder, "metrics.json", _metrics(figures, _forecast_data(), "unspool train demand.yaml --set train.seed=7"))
    _dump(folder, "facts.json", _forecast_facts(horizon))
    (folder / "spec.yaml").write_text(FORECAST_SPEC)
    _history(folder, 20, "mae", lambda epoch: 130 + 260 * 0.72**epoch + (0.8 * (epoch - 14) ** 2 if epoch > 14 else 0))
    return folder


def _scores(error: np.ndarray) -> dict[str, float]:
    mae = float(np.abs(error).mean())
    return {"origins": len(error), "mae": mae, "rmse": float(np.sqrt((error**2).mean())), "mase": mae / 310}


def _forecasts() -> dict[str, str]:
    return {"model": "point", "seasonal_naive_24": "baseline.seasonal_naive_24.point", "naive": "baseline.naive.point"}


def _metrics(figures: dict[str, Any], data: dict[str, Any], command: str, **more: Any) -> dict[str, Any]:
    model = figures["model"]
    training = {"seconds": 262.4, "epochs": 20, "best_epoch": 14, "parameters": 48_325, "seed": 7, "stopped_early": True, "versions": VERSIONS}
    verify = {"comparisons": {"whole = steps": 3.1e-7, "whole = chunks": 2.2e-7, "program = model": 4.8e-7}, "tolerance": 1e-5, "equal": True}
    return {
        "validation": {name: value * 0.96 for name, value in model.items()},
        "test": model,
        "baselines": {name: figure for name, figure in figures.items() if name != "model"},
        "data": data,
        "training": training,
        "verify": verify,
        "command": command,
    } | more


def _forecast_data() -> dict[str, Any]:
    return {
        "sha256": "9f" * 32,
        "rows": 10_368,
        "records": 1,
        "parts": {
            "train": {"records": 1, "steps": 7_900, "from": "2013-10-25T13:00:00.000000Z", "to": "2014-09-19T16:00:00.000000Z"},
            "validation": {"records": 1, "steps": 1_124, "from": "2014-09-19T17:00:00.000000Z", "to": "2014-11-05T12:00:00.000000Z"},
            "test": {"records": 1, "steps": 1_344, "from": "2014-11-05T13:00:00.000000Z", "to": "2014-12-31T12:00:00.000000Z"},
        },
        "survey": {
            "records": 1,
            "rows": 10_368,
            "start": "2013-10-25T13:00:00.000000Z",
            "end": "2014-12-31T12:00:00.000000Z",
            "frequency_seconds": 3600.0,
            "gaps_filled": 3,
            "missing": {"Demand": 0, "Temperature": 2, "Holiday": 0},
            "lengths": {"minimum": 10_368, "median": 10_368.0, "maximum": 10_368},
            "classes": {},
            "duplicates": {"records": 0, "examples": []},
            "parts": {"train": {"records": 1, "rows": 7_900, "classes": {}}},
            "leakage": {"identical": {"spans": 0, "examples": []}, "groups": {}},
        },
    }


def _forecast_facts(horizon: int) -> dict[str, Any]:
    scaler = {"kind": "standard", "center": 4665.0, "spread": 870.0}
    preparation = {"targets": ["Demand"], "scalers": {"Demand": scaler}, "timezone": "Australia/Melbourne", "frequency_seconds": 3600.0}
    task = {"kind": "forecast", "horizon": horizon, "levels": LEVELS, "seasons": [24, 168], "scales": {"Demand": 310.0}}
    return {"task": task, "preparation": preparation, "memory": {"kind": "carried"}}


def classify_run(folder: Path, labels: tuple[str, ...] = ("business", "entertainment", "politics", "sport", "technology"), rows: int = 900) -> Path:
    """A text classification that cannot run live, with two baselines."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    classes = len(labels)
    truth = rng.choice(classes, rows, p=_falling(classes))
    logits = rng.normal(0, 1, (rows, classes))
    logits[np.arange(rows), truth] += 3.2
    logits[truth == 0, 1] += 1.1
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    save_file({"probabilities": shares, "truth": truth.astype(np.int64)}, folder / "predictions.safetensors")
    words = np.array(["the", "council", "met", "to", "weigh", "a", "new", "stadium", "against", "lower", "rates", "for", "small", "shops"])
    examples = [" ".join(rng.permutation(words)).capitalize() + "." for _ in range(rows)]
    described = {"kind": "classify", "names": [str(i) for i in range(rows)], "labels": labels, "examples": examples}
    _dump(folder, "predictions.json", described)
    right = float((shares.argmax(axis=1) == truth).mean())
    figures = {
        "model": {"accuracy": right, "balanced_accuracy": right - 0.01, "f1_macro": right - 0.004, "log_loss": 0.3412, "roc_auc": 0.9712},
        "linear": {"accuracy": 0.7932, "balanced_accuracy": 0.781, "f1_macro": 0.785, "log_loss": 0.62, "roc_auc": 0.958},
        "majority": {"accuracy": 0.31, "balanced_accuracy": 1 / classes, "f1_macro": 0.09, "log_loss": 1.58, "roc_auc": 0.5},
    }
    data = {
        "sha256": "4c" * 32,
        "rows": 4_500,
        "records": 4_500,
        "parts": {"train": {"records": 3_150}, "validation": {"records": 450}, "test": {"records": rows}},
        "survey": {
            "lengths": {"minimum": 12, "median": 214.0, "maximum": 1_204},
            "classes": {label: 5 * int((truth == k).sum()) for k, label in enumerate(labels)},
            "duplicates": {"records": 2, "examples": [["news.tsv:17 (17)", "news.tsv:311 (311)"]]},
        },
    }
    reason = "it reads each record from both ends; train with bidirectional: false to run it live"
    _dump(folder, "metrics.json", _metrics(figures, data, "unspool train news.yaml", verify={"not_live": reason}))
    task = {"kind": "classify", "counts": [10] * classes}
    facts = {"task": task, "preparation": {"labels": labels}, "memory": {"kind": "carried"}, "live": False, "why_not_live": reason}
    _dump(folder, "facts.json", facts)
    (folder / "spec.yaml").write_text(CLASSIFY_SPEC)
    _history(folder, 20, "accuracy", lambda epoch: right - 0.5 * 0.7**epoch - (0.002 * (epoch - 14) if epoch > 14 else 0))
    return folder


def _falling(classes: int) -> np.ndarray:
    weights = 1 / (2 + np.arange(classes))
    return weights / weights.sum()


def _history(folder: Path, epochs: int, metric: str, value: Any) -> None:
    lines = []
    for e in range(1, epochs + 1):
        own = {"epoch": e, "steps": 120 * e, "loss": 0.08 + 0.6 * 0.78**e, "rate": 1e-3, "gradient_norm": 0.9}
        lines.append(own | {metric: float(value(e))})
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _dump(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(json.dumps(value))
