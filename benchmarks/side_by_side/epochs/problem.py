"""What all contenders of a task are given: the same records, prepared by Unspool once, and the same settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parents[3] / "examples"
BATCH = 32
TAGGED_BATCH = 16
CONTEXT, HORIZON, EVERY, HIDDEN, DECODER = 336, 48, 8, 96, 128
FORECAST = (
    "task={kind: forecast, horizon: 48, every: 8}",
    "data.columns={time: Time, target: [Demand]}",
    "data.time={timezone: Australia/Melbourne}",
    "data.batching={size: 32}",
    "model.backbone={cell: {kind: lstm, hidden: 96}}",
    "model.head={kind: point, loss: mae, hidden: 128}",
    "train.optimizer={kind: adamw, rate: 0.001}",
    "train.schedule={kind: constant}",
)
"""The example's forecast as the peers can state it: the demand alone, an LSTM and a decoder of equal sizes, the mean absolute error."""

WINDOWED = ("model.memory={kind: windowed, context: 336}",)
CARRIED = ("model.memory={kind: carried, truncate: 64, streams: 4}", "data.batching=null")


@dataclass(frozen=True)
class Settings:
    """rate, decay, clip of AdamW; warmup in epochs, after it half a cosine to zero; classes, vocabulary of a classification; spread in MW, windows,
    train_end, validation_end of a forecast, in steps."""

    task: str
    epochs: int
    seed: int
    rate: float
    decay: float
    clip: float
    warmup: float = 0.0
    classes: int = 0
    vocabulary: int = 0
    windows: int = 0
    train_end: int = 0
    validation_end: int = 0
    spread: float = 1.0


def overrides(task: str, contender: str, epochs: int) -> list[str]:
    """What is changed in the example's spec."""
    common = [f"train.epochs={epochs}", "train.patience=null"]
    if task != "vic_elec":
        return common
    return [*FORECAST, *(CARRIED if contender == "ours-carried" else WINDOWED), *common]


def export(task: str, epochs: int, seed: int, folder: Path) -> None:
    """Write the task's records (.npz) and settings (.json) to `folder`."""
    from unspool.run.prepare import set_up
    from unspool.run.training import as_spec

    spec = as_spec(EXAMPLES / f"{task}.yaml", overrides(task, "ours", epochs), seed)
    setup = set_up(spec)
    optimizer: Any = spec.train.optimizer
    given = {"task": task, "epochs": epochs, "seed": seed, "rate": optimizer.rate, "decay": optimizer.decay, "clip": spec.train.clip}
    arrays, told = EXPORTS.get(task, _classify)(setup)
    np.savez(folder / f"{task}.npz", allow_pickle=False, **arrays)
    warmup = getattr(spec.train.schedule, "warmup", 0.0)
    (folder / f"{task}.json").write_text(json.dumps(asdict(Settings(**given, **told, warmup=warmup))), encoding="utf-8")


def load(task: str, folder: Path) -> tuple[Settings, dict[str, np.ndarray]]:
    settings = Settings(**json.loads((folder / f"{task}.json").read_text(encoding="utf-8")))
    with np.load(folder / f"{task}.npz") as arrays:
        return settings, dict(arrays)


def _classify(setup: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Rows of values or codes, one after the other, with their lengths and labels."""
    arrays: dict[str, np.ndarray] = {}
    for part in ("train", "validation"):
        chosen = [setup.prepared[index] for index in setup.spans[part][:, 0]]
        arrays[f"{part}_values"] = np.concatenate([record.values for record in chosen])
        arrays[f"{part}_codes"] = np.concatenate([record.codes for record in chosen])
        arrays[f"{part}_lengths"] = np.array([record.steps for record in chosen])
        arrays[f"{part}_labels"] = np.array([record.label for record in chosen])
    sizes = setup.facts.preparation.code_sizes
    return arrays, {"classes": len(setup.facts.task.counts), "vocabulary": sizes[0] if sizes else 0}


def _forecast(setup: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The scaled series, where its parts end, and how many windows an epoch has."""
    (record,), (prepared,) = setup.records, setup.prepared
    plan = setup.task.examples(setup.prepared, setup.spans["train"], "train").plan(0)
    values = np.asarray(record.columns["Demand"], np.float64)
    told = {
        "windows": sum(cut.rows for cut in plan),
        "train_end": int(setup.spans["train"][0, 2]),
        "validation_end": int(setup.spans["validation"][0, 2]),
        "spread": float(values.std() / prepared.targets[:, 0].std()),
    }
    return {"series": prepared.targets[:, 0].astype(np.float32)}, told


def _tags(setup: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Codes of words and their characters, one after the other, with their tags and lengths; vectors of the words, and the tags' names."""
    arrays: dict[str, np.ndarray] = {"vectors": np.nan_to_num(setup.vectors), "labels": np.array(setup.facts.preparation.labels)}
    for part in ("train", "validation"):
        chosen = [setup.prepared[index] for index in setup.spans[part][:, 0]]
        arrays[f"{part}_codes"] = np.concatenate([record.codes for record in chosen])
        arrays[f"{part}_tags"] = np.concatenate([record.tags for record in chosen])
        arrays[f"{part}_lengths"] = np.array([record.steps for record in chosen])
    sizes = setup.facts.preparation.code_sizes
    arrays["characters"] = np.array(sizes[1])
    return arrays, {"classes": len(setup.facts.task.counts), "vocabulary": sizes[0]}


EXPORTS = {"vic_elec": _forecast, "conll2003": _tags}


def rows(flat: np.ndarray, lengths: Sequence[int]) -> list[np.ndarray]:
    """The records that stand one after the other."""
    return np.split(flat, np.cumsum(lengths)[:-1])


def rate_factor(step: int, steps: int, warmup: int) -> float:
    """Of the first rate: a straight rise, then half a cosine to zero."""
    if warmup == 0:
        return 1.0
    done = min(max(step - warmup, 0) / max(steps - warmup, 1), 1.0)
    return min(1.0, (step + 1) / warmup) * (1 + np.cos(np.pi * done)) / 2


def validation_windows(series: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Every forecast whose horizon lies in the validation part: contexts (M, CONTEXT) and truths (M, HORIZON)."""
    whole = np.lib.stride_tricks.sliding_window_view(series, CONTEXT + HORIZON)
    chosen = whole[settings.train_end - CONTEXT : settings.validation_end - CONTEXT - HORIZON + 1]
    return chosen[:, :CONTEXT], chosen[:, CONTEXT:]
