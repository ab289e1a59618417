"""Small untrained models of every task, with the records that they read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from unspool.cells import GRUSpec, LSTMSpec
from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import ArraysSource, Columns, DataSpec, TableSource, TextSource, TimeAxis, Tokens
from unspool.export.trace import trace
from unspool.layers import POOLS, ConvolutionSpec
from unspool.models.embed import Embed
from unspool.models.heads import Categorical, Head, Point, Quantile
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, LearnedEmbedding, PointHead, QuantileHead
from unspool.streaming import Program, Session
from unspool.types import Record

HORIZON, LAG, STEPS = 4, 6, 80
CARRIED, WINDOWED = MemoryFacts(kind="carried"), MemoryFacts(kind="windowed", context=8)
HALVING = (ConvolutionSpec(channels=4, kernel=3, stride=2),)


@dataclass(frozen=True)
class Made:
    """A model with records that fit it."""

    network: SequenceModel
    facts: Facts
    program: Program
    records: list[Record]

    def session(self) -> Session:
        return Session(self.program, self.facts)

    @property
    def prepared(self) -> list[Any]:
        return [self.facts.preparation.prepare(record) for record in self.records]

    def rows(self, index: int = 0) -> list[dict[str, Any]]:
        """The record as JSON lines have it."""
        record, preparation = self.records[index], self.facts.preparation
        read = (*preparation.targets, *preparation.past, *preparation.known)
        columns = {name: record.columns[name].tolist() for name in read}
        rows = []
        for step in range(record.steps):
            row: dict[str, Any] = {name: values[step] for name, values in columns.items()}
            if record.times is not None:
                row["time"] = f"{record.times[step]}Z"
            if preparation.known and step + HORIZON < record.steps:
                row["future"] = {name: columns[name][step + 1 : step + 1 + HORIZON] for name in preparation.known}
            rows.append(row)
        return rows


def assemble(facts: Facts, backbone: Backbone, pool: str, head: Head) -> tuple[SequenceModel, Program]:
    """A network that reads what `facts` prepare, at rest, and its program."""
    preparation = facts.preparation
    embed = Embed(LearnedEmbedding(width=3), len(preparation.value_names), preparation.code_sizes)
    layers = build_backbone(backbone, embed.width)
    network = SequenceModel(embed, layers, POOLS[pool](layers.width), head).eval()
    forecast = facts.task if isinstance(facts.task, ForecastFacts) else None
    features = len(preparation.known_names) + len(preparation.targets) * len(forecast.lags) if forecast else 0
    sizes = len(preparation.value_names), len(preparation.code_names)
    return network, trace(network, forecast.horizon if forecast else None, features, *sizes)


@cache
def forecast(
    memory: MemoryFacts = CARRIED,
    *,
    lags: tuple[int, ...] = (LAG,),
    known: bool = True,
    timed: bool = True,
    gaps: str = "error",
    missing: str = "error",
    frequency: str = "1h",
    quantiles: bool = True,
    front: tuple[ConvolutionSpec, ...] = (),
) -> Made:
    torch.manual_seed(0)
    record = table(timed, frequency)
    columns = Columns(
        time="stamp" if timed else None,
        target=("load",),
        past=("wind",),
        known=("heat", "kind") if known else (),
        categories=("kind",) if known else (),
    )
    axis = (
        TimeAxis(frequency=frequency, timezone="Europe/Berlin", calendar=("hour_of_day", "day_of_week"), gaps=gaps)
        if timed
        else TimeAxis()
    )
    spec = DataSpec(source=TableSource(), columns=columns, time=axis, missing=missing)
    preparation = Preparation.fit(spec, [record], np.array([[0, 0, 50]]))
    levels = (0.1, 0.5, 0.9) if quantiles else ()
    stride = int(np.prod([one.stride for one in front], dtype=int))
    task = ForecastFacts(horizon=HORIZON, lags=lags, levels=levels)
    facts = Facts(task=task, preparation=preparation, memory=memory, stride=stride)
    features = len(preparation.known_names) + len(lags)
    kind = (
        Quantile(QuantileHead(levels=levels, hidden=5), 6, features, HORIZON, 1)
        if quantiles
        else Point(PointHead(hidden=5), 6, features, HORIZON, 1)
    )
    network, program = assemble(facts, Backbone(cell=GRUSpec(hidden=6), front=front), "last", kind)
    return Made(network, facts, program, [record])


def table(timed: bool, frequency: str) -> Record:
    draw = np.random.default_rng(3)
    step = np.timedelta64(1, "D") if frequency == "1d" else np.timedelta64(1, "h")
    times = np.datetime64("2024-03-29T23:00:00", "us") + np.arange(STEPS) * step
    columns = {
        "load": 500 + 80 * draw.normal(size=STEPS),
        "wind": draw.normal(size=STEPS),
        "heat": 15 + draw.normal(size=STEPS),
        "kind": np.array([("work", "rest", "feast")[index % 3] for index in range(STEPS)], dtype=object),
    }
    return Record("demand", "demand.csv", columns=columns, times=times if timed else None)


@cache
def series(memory: MemoryFacts = CARRIED, pool: str = "attention", front: tuple[ConvolutionSpec, ...] = ()) -> Made:
    torch.manual_seed(1)
    draw = np.random.default_rng(4)
    records = [
        Record(
            str(index),
            "a.npz",
            columns={"x": draw.normal(size=20 + index), "y": 9 * draw.normal(size=20 + index)},
            label="ab"[index % 2],
        )
        for index in range(4)
    ]
    spec = DataSpec(source=ArraysSource(channels=("x", "y")))
    preparation = Preparation.fit(spec, records, np.array([[index, 0, 20] for index in range(4)]))
    stride = int(np.prod([one.stride for one in front], dtype=int))
    facts = Facts(task=ClassifyFacts(counts=(2, 2)), preparation=preparation, memory=memory, stride=stride)
    network, program = assemble(
        facts, Backbone(cell=LSTMSpec(hidden=5), front=front), pool, Categorical(CategoricalHead(), 5, [2, 2])
    )
    return Made(network, facts, program, records)


TEXTS = (
    "The sea, the sea!",
    "a stone does not float",
    "don't wait for the sea   to freeze",
    "a boat",
    "stones and boats and seas, all of them",
)


@cache
def text(
    memory: MemoryFacts = CARRIED,
    longest: int | None = None,
    keep: str = "head",
    unit: str = "words",
    front: tuple[ConvolutionSpec, ...] = (),
) -> Made:
    torch.manual_seed(2)
    records = [Record(str(index), "t.txt", text=words, label="xyz"[index % 3]) for index, words in enumerate(TEXTS)]
    spec = DataSpec(source=TextSource(), tokens=Tokens(unit=unit, longest=longest, keep=keep))
    preparation = Preparation.fit(spec, records, np.array([[index, 0, 1] for index in range(5)]))
    stride = int(np.prod([one.stride for one in front], dtype=int))
    facts = Facts(task=ClassifyFacts(counts=(2, 2, 1)), preparation=preparation, memory=memory, stride=stride)
    head = Categorical(CategoricalHead(), 4, [2, 2, 1])
    network, program = assemble(facts, Backbone(cell=GRUSpec(hidden=4), front=front), "mean", head)
    return Made(network, facts, program, records)
