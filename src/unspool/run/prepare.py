"""From a spec and its data to everything that training needs: records, parts, facts, the network and its examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data import sources
from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import ArraysSource
from unspool.data.splits import split
from unspool.errors import DataError
from unspool.layers import POOLS
from unspool.models.embed import Embed
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import CategoricalHead, PointHead, QuantileHead, Windowed
from unspool.run.room import refuse_no_room
from unspool.run.spec import RunSpec
from unspool.tasks.classify import Classify, ClassifySpec
from unspool.tasks.forecast import Forecast, ForecastSpec
from unspool.tasks.task import Task
from unspool.types import Part, Prepared, Record

Spans = NDArray[np.int64]

SECONDS = {"hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "year": 31_557_600.0}


@dataclass(frozen=True)
class Setup:
    """A run before training. `spans` (n, 3) of each part; `records` and `prepared` go together."""

    spec: RunSpec
    records: tuple[Record, ...]
    prepared: tuple[Prepared, ...]
    spans: dict[Part, Spans]
    facts: Facts
    task: Task


def set_up(spec: RunSpec, data: object | None = None) -> Setup:
    """Read, split, fit on the train part and prepare. Raises DataError where the data does not fit the spec."""
    records = tuple(sources.read(spec.data, Path(), data))
    if not records:
        raise DataError(f"{spec.data.source.path or 'data'}: holds no records; give at least one")
    spec = with_channels(spec, records)
    assert spec.data.split is not None
    spans = split(records, spec.data.split, spec.train.seed)
    if isinstance(spec.task, ForecastSpec):
        refuse_no_room(spec.task, spec.model.memory, records, spans)
    preparation = Preparation.fit(spec.data, records, spans["train"])
    prepared = tuple(preparation.prepare(record) for record in records)
    facts = make_facts(spec, preparation, records, prepared, spans["train"])
    refuse_short(prepared, records, facts)
    return Setup(spec, records, prepared, spans, facts, make_task(spec))


def with_channels(spec: RunSpec, records: Sequence[Record]) -> RunSpec:
    """Arrays that name no input channels mean all of them; a target that is no channel is an error."""
    if not isinstance(spec.data.source, ArraysSource):
        return spec
    channels, columns = tuple(records[0].columns), spec.data.columns
    for role in ("target", "past", "known"):
        for name in getattr(columns, role):
            if name not in channels:
                raise DataError(f"data.columns.{role}: {name!r} is no channel of the arrays; there are: {', '.join(channels)}")
    if columns.past or columns.target:
        return spec
    changed = spec.data.model_copy(update={"columns": columns.model_copy(update={"past": channels})})
    return spec.model_copy(update={"data": changed})


def make_facts(spec: RunSpec, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: Spans) -> Facts:
    """What must be known to run the model and read its answers."""
    memory, backbone = spec.model.memory, spec.model.backbone
    why_not = _why_not_live(spec)
    stride = 1
    for convolution in backbone.front:
        stride *= convolution.stride
    task: ForecastFacts | ClassifyFacts
    if isinstance(spec.task, ForecastSpec):
        task = _forecast_facts(spec, spec.task, preparation, records, train)
    else:
        if preparation.labels is None:
            raise DataError(f"{records[0].where}: no record has a class, and classify learns from classes; give every record its label")
        labels = [prepared[index].label for index in train[:, 0]]
        counts = np.bincount(labels, minlength=len(preparation.labels))
        task = ClassifyFacts(counts=tuple(int(count) for count in counts))
    return Facts(
        task=task,
        preparation=preparation,
        memory=MemoryFacts(kind=memory.kind, context=memory.context if isinstance(memory, Windowed) else None),
        stride=stride,
        live=not why_not,
        why_not_live=why_not,
    )


def _why_not_live(spec: RunSpec) -> str:
    if spec.model.backbone.bidirectional:
        return (
            "the model is bidirectional: each answer needs the whole future of its record, so it cannot answer live; "
            "train it with model.backbone.bidirectional: false"
        )
    tokens = spec.data.tokens
    if tokens is not None and tokens.keep == "tail" and tokens.longest is not None and not isinstance(spec.model.memory, Windowed):
        return (
            f"the model reads the last {tokens.longest} tokens of a text from their beginning, which is not known live; "
            f"train it with data.tokens.keep: head, or with model.memory kind windowed and context {tokens.longest}"
        )
    return ""


def _forecast_facts(spec: RunSpec, task: ForecastSpec, preparation: Preparation, records: Sequence[Record], train: Spans) -> ForecastFacts:
    head = spec.model.head
    longest = int((train[:, 2] - train[:, 1]).max())
    seasons = task.seasons or tuple(season for season in usual_seasons(preparation.frequency_seconds) if 2 * season < longest) or (1,)
    return ForecastFacts(
        horizon=task.horizon,
        lags=task.lags,
        levels=head.levels if isinstance(head, QuantileHead) else (),
        seasons=seasons,
        scales={name: _scale(name, records, train, seasons[0]) for name in preparation.targets},
    )


def _scale(target: str, records: Sequence[Record], train: Spans, season: int) -> float:
    """The train part's mean absolute seasonal difference, over all records long enough for one."""
    parts = [np.asarray(records[record].columns[target], dtype=np.float64)[start:stop] for record, start, stop in train]
    differences = [np.abs(part[season:] - part[:-season]) for part in parts if len(part) > season]
    found = np.concatenate(differences) if differences else np.zeros(0)
    if not len(found) or not np.nanmean(found) > 0:
        longest = max(len(part) for part in parts)
        raise DataError(
            f"{records[train[0, 0]].where}: task.seasons: {target!r} has no difference over {season} steps in the train part of at most "
            f"{longest} rows (it is too short, or repeats itself), so MASE has no scale; give another season, shorter than that"
        )
    return float(np.nanmean(found))


def usual_seasons(seconds: float | None) -> tuple[int, ...]:
    """The day and week, or the week, or the year, in steps of so many seconds; (1,) where nothing is known."""
    if seconds is None:
        return (1,)
    names = ("day", "week") if seconds <= SECONDS["hour"] * 6 else ("week",) if seconds <= SECONDS["day"] else ("year",)
    return tuple(dict.fromkeys(max(1, round(SECONDS[name] / seconds)) for name in names))


def refuse_short(prepared: Sequence[Prepared], records: Sequence[Record], facts: Facts) -> None:
    """Raise DataError where a record has too few steps for a single output."""
    for item, record in zip(prepared, records, strict=True):
        if item.steps < facts.stride:
            raise DataError(
                f"{record.where}: record {record.name!r} has {item.steps} steps, fewer than the {facts.stride} that the front end "
                "consumes for one output; lower model.backbone.front strides or leave the record out"
            )


def make_task(spec: RunSpec) -> Task:
    """The task's value."""
    batching, head = spec.data.batching, spec.model.head
    if isinstance(spec.task, ForecastSpec):
        assert isinstance(head, PointHead | QuantileHead)
        return Forecast(spec.task, spec.model.memory, head, batching.size if batching else 1, spec.train.seed)
    assert isinstance(spec.task, ClassifySpec) and isinstance(head, CategoricalHead) and batching is not None
    return Classify(spec.task, spec.model.memory, head, batching.size, batching.buckets, spec.train.seed)


def build_network(spec: RunSpec, facts: Facts, task: Task) -> SequenceModel:
    """The network, its weights drawn by the run's seed."""
    assert spec.model.head is not None
    torch.manual_seed(spec.train.seed)
    embed = Embed(spec.model.embed, len(facts.preparation.value_names), facts.preparation.code_sizes)
    backbone = build_backbone(spec.model.backbone, embed.width)
    pool = POOLS[spec.model.head.pool](backbone.width)
    return SequenceModel(embed, backbone, pool, task.head(facts, backbone.width))


