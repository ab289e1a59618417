"""Each task learns its synthetic problem in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import unspool
from unspool.data.synthetic import first_token, seasonal_series

GRU = {"kind": "gru", "hidden": 16}


MEMORIES = {"carried": {"kind": "carried", "truncate": 30, "streams": 4}, "windowed": {"kind": "windowed", "context": 12}}


@pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
def test_a_forecast_of_a_wave_beats_the_seasonal_naive_one(memory):
    """It learns the wave from the hour, and leaves out the noise that the naive forecast repeats."""
    stamps = [datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(1200)]
    spec = {
        "task": {"kind": "forecast", "horizon": 4, "seasons": [24], "every": 2},
        "data": {
            "source": {"kind": "table"},
            "columns": {"time": "time", "target": ["y"]},
            "time": {"calendar": ["hour_of_day"]},
            "split": {"kind": "time", "validation": 150, "test": 150},
        },
        "model": {"memory": memory, "backbone": {"cell": {"kind": "gru", "hidden": 8}}, "head": {"kind": "quantile", "hidden": 16}},
        "train": {"epochs": 12 if memory["kind"] == "carried" else 7, "optimizer": {"kind": "adamw", "rate": 0.02}},
    }
    data = pl.DataFrame({"time": stamps, "y": seasonal_series(1200, 24, seed=1, noise=0.5)})
    model = unspool.train(spec, data=data)
    scores, baselines = model.metrics["test"], model.metrics["baselines"]
    assert scores["mae"] < 0.95 * baselines["seasonal_naive_24"]["mae"]
    assert scores["pinball"] < 0.9 * baselines["seasonal_naive_24"]["pinball"]
    assert 0.65 < scores["coverage_80"] < 0.95


def test_records_of_unlike_length_are_told_apart_by_their_first_step():
    rows, labels = first_token(300, 4, 15, 3, seed=2)
    spec = {
        "task": {"kind": "classify"},
        "data": {"source": {"kind": "arrays"}, "batching": {"size": 16}, "split": {"kind": "random", "validation": 0.2, "test": 0.3}},
        "model": {"backbone": {"cell": GRU}},
        "train": {"epochs": 20, "patience": 8, "optimizer": {"kind": "adamw", "rate": 0.02}},
    }
    model = unspool.train(spec, data={"values": rows, "labels": labels})
    assert model.metrics["test"]["accuracy"] >= 0.95


def test_texts_are_told_apart_by_one_word():
    draw = np.random.default_rng(3)
    plain, pairs = ["the", "film", "was", "a", "story", "of", "people", "and", "night"], []
    for _ in range(200):
        good, words = bool(draw.integers(2)), draw.choice(plain, draw.integers(3, 9)).tolist()
        words.insert(int(draw.integers(len(words) + 1)), "great" if good else "dull")
        pairs.append(("good" if good else "bad", " ".join(words)))
    spec = {
        "task": {"kind": "classify"},
        "data": {"source": {"kind": "text"}, "batching": {"size": 16}, "split": {"kind": "random", "validation": 0.2, "test": 0.3}},
        "model": {"embed": {"kind": "learned", "width": 8}, "backbone": {"cell": GRU}, "head": {"kind": "categorical", "pool": "max"}},
        "train": {"epochs": 8, "optimizer": {"kind": "adamw", "rate": 0.02}},
    }
    model = unspool.train(spec, data=pairs)
    assert model.metrics["test"]["accuracy"] >= 0.95
    assert [answer["label"] for answer in model.predict(["a great night", "the dull film"])] == ["good", "bad"]
