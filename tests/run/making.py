"""Small specs and data: what trains in a second or two."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unspool.run.spec import RunSpec, make_spec

Raw = dict[str, Any]
GRU = {"kind": "gru", "hidden": 4}
FIRST = datetime(2024, 1, 1)

TABLE: Raw = {
    "task": {"kind": "forecast", "horizon": 3},
    "data": {
        "source": {"kind": "table"},
        "columns": {"time": "time", "target": ["y"]},
        "split": {"kind": "time", "validation": 40, "test": 40},
    },
    "model": {"memory": {"kind": "carried", "truncate": 20, "streams": 4}, "backbone": {"cell": GRU}, "head": {"kind": "quantile", "hidden": 4}},
    "train": {"epochs": 1},
}
WINDOWED: Raw = {**TABLE, "model": {**TABLE["model"], "memory": {"kind": "windowed", "context": 8}}}
ARRAYS: Raw = {
    "task": {"kind": "classify"},
    "data": {"source": {"kind": "arrays"}, "batching": {"size": 8}, "split": {"kind": "random", "validation": 0.2, "test": 0.2}},
    "model": {"backbone": {"cell": GRU}},
    "train": {"epochs": 1},
}
TEXT: Raw = {**ARRAYS, "data": {**ARRAYS["data"], "source": {"kind": "text"}}}
SERIES: Raw = {**ARRAYS, "data": {**ARRAYS["data"], "source": {"kind": "table"}, "columns": {"series": "s", "label": "c", "past": ["y"]}}}


def changed(raw: Raw, **changes: Any) -> Raw:
    """The spec with dotted places, `__` for each dot, set to values; None takes a key out."""
    made = deepcopy(raw)
    for place, value in changes.items():
        *parents, last = place.split("__")
        node = made
        for name in parents:
            node = node.setdefault(name, {})
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    return made


def resolved(raw: Raw) -> RunSpec:
    return make_spec(deepcopy(raw), Path("/"))


def hourly(steps: int = 240, series: tuple[str, ...] = (), seed: int = 0) -> pl.DataFrame:
    """time, y, w (past), h (known number) and k (known category), of one series or of several in a column s."""
    frames = []
    for number, name in enumerate(series or ("",)):
        draw = np.random.default_rng(seed + number)
        wave = np.sin(np.arange(steps) / 4 + number) + 0.1 * draw.standard_normal(steps)
        columns = {
            "time": [FIRST + timedelta(hours=hour) for hour in range(steps)],
            "y": 5 + wave,
            "w": draw.standard_normal(steps),
            "h": draw.standard_normal(steps),
            "k": draw.choice(["red", "green"], steps).tolist(),
        }
        frames.append(pl.DataFrame(columns | ({"s": [name] * steps} if series else {})))
    return pl.concat(frames)


def arrays(records: int = 40, shortest: int = 4, longest: int = 9, channels: int = 2, seed: int = 0) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    rows = [draw.standard_normal((int(steps), channels)) for steps in draw.integers(shortest, longest + 1, records)]
    return {"values": rows, "labels": ["up" if row[0, 0] > 0 else "down" for row in rows]}


def pairs(count: int = 40, seed: int = 0) -> list[tuple[str, str]]:
    draw = np.random.default_rng(seed)
    return [(("good", "bad")[index % 2], " ".join([("fine", "poor")[index % 2], *draw.choice(["a", "b", "c"], 4)])) for index in range(count)]


def same(left: Any, right: Any, tolerance: float = 1e-5) -> None:
    """Two trees of plain JSON, numbers within a tolerance."""
    assert type(left) is type(right)
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            same(left[name], right[name], tolerance)
    elif isinstance(left, list | tuple):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            same(one, other, tolerance)
    elif isinstance(left, float):
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)
    else:
        assert left == right
