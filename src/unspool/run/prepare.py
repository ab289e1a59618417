"""From a spec and its data to everything that training needs: records, parts, facts, the network and its examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.answers.blend import Blend
from unspool.data import pretrained, sources
from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, GenerateFacts, MemoryFacts, TagFacts
from unspool.data.passages import in_parts
from unspool.data.preparation import Preparation
from unspool.data.source import named
from unspool.data.spec import ArraysSource, GivenSplit, TimeSplit
from unspool.data.splits import split
from unspool.errors import DataError
from unspool.layers import LastPool, build_pool
from unspool.models.embed import Embed
from unspool.models.encoder import Encoder
from unspool.models.levels import MarkedEmbed, in_levels
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Hierarchy, VectorEmbedding, Windowed
from unspool.run import contextual
from unspool.run.reading import not_live
from unspool.run.room import refuse_no_room
from unspool.run.spec import RunSpec
from unspool.tasks import ForecastSpec, GenerateSpec
from unspool.tasks.task import Task
from unspool.training.hooks import Hook
from unspool.types import Part, Prepared, Record

Spans = NDArray[np.int64]



@dataclass(frozen=True)
class Setup:
    """A run before training. `spans` (n, 3) of each part; `records` and `prepared` go together; `vectors` (V, width) stand for codes at first.

    encoder  gives words their vectors in their context, which `prepared` lacks as long as it is there
    blend    the n-grams beside a trained language model
    """

    spec: RunSpec
    records: tuple[Record, ...]
    prepared: tuple[Prepared, ...]
    spans: dict[Part, Spans]
    facts: Facts
    task: Task
    vectors: NDArray[np.float32] | None = None
    encoder: Encoder | None = None
    blend: Blend | None = None


def set_up(spec: RunSpec, data: object | None = None) -> Setup:
    """Read, split, fit on the train part and prepare. Raises DataError where the data does not fit the spec."""
    records = tuple(sources.read(spec.data, Path(), data))
    if not records:
        raise DataError(f"{named(spec.data.source)}: holds no records; give at least one")
    spec = with_channels(spec, records)
    assert spec.data.split is not None
    if isinstance(spec.task, GenerateSpec) and isinstance(spec.data.split, TimeSplit):
        records = tuple(in_parts(records, spec.data.split))
        spans = split(records, GivenSplit(), spec.train.seed)
    else:
        spans = split(records, spec.data.split, spec.train.seed)
    if isinstance(spec.task, ForecastSpec):
        refuse_no_room(spec.task, spec.model.memory, records, spans)
    preparation, vectors = with_vectors(spec, Preparation.fit(spec.data, records, spans["train"]))
    encoder = contextual.open_encoder(spec.data.contextual)
    preparation = contextual.knowing(preparation, encoder)
    prepared = tuple(preparation.prepare(record) for record in records)
    task = make_task(spec)
    facts = make_facts(spec, preparation, task.facts(preparation, records, prepared, spans["train"]))
    refuse_short(prepared, records, facts)
    return Setup(spec, records, prepared, spans, facts, task, vectors, encoder)


def with_vectors(spec: RunSpec, preparation: Preparation) -> tuple[Preparation, NDArray[np.float32] | None]:
    """The preparation that knows the words of `data.vectors`, and their vectors by code; as it is where the spec names none."""
    if spec.data.vectors is None:
        return preparation, None
    assert isinstance(spec.model.embed, VectorEmbedding)
    return pretrained.join(preparation, spec.data.vectors, spec.model.embed.tuned, Path())


def in_context(setup: Setup, device: torch.device, cache: Path | None = None, hooks: Sequence[Hook] = ()) -> Setup:
    """The setup whose words have their vectors, which a long text's may take a while to compute; it lets go of the encoder."""
    if setup.encoder is None or setup.spec.data.contextual is None:
        return setup
    prepared = contextual.in_context(setup.prepared, setup.records, setup.encoder, setup.spec.data.contextual, device, cache, hooks)
    return replace(setup, prepared=prepared, encoder=None)


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


def make_facts(spec: RunSpec, preparation: Preparation, task: ForecastFacts | ClassifyFacts | TagFacts | GenerateFacts) -> Facts:
    """What must be known to run the model and read its answers."""
    memory, backbone = spec.model.memory, spec.model.backbone
    why_not = _why_not_live(spec)
    stride = 1
    for convolution in backbone.front:
        stride *= convolution.stride
    return Facts(
        task=task,
        preparation=preparation,
        memory=MemoryFacts(kind=memory.kind, context=memory.context if isinstance(memory, Windowed) else None),
        stride=stride,
        live=not why_not,
        why_not_live=why_not,
    )


def _why_not_live(spec: RunSpec) -> str:
    hierarchy = spec.model.hierarchy
    if spec.model.backbone.bidirectional or (hierarchy is not None and hierarchy.backbone.bidirectional):
        return (
            "the model is bidirectional: each answer needs the whole future of its record, so it cannot answer live; "
            f"train it with {'model.backbone' if spec.model.backbone.bidirectional else 'model.hierarchy.backbone'}.bidirectional: false"
        )
    if spec.data.contextual is not None:
        return (
            "the encoder of data.contextual reads the whole text before it gives a word its vector, so the model cannot answer live; "
            "ask it for whole texts by predict, or train it with data.vectors, or with model.embed alone"
        )
    tokens = spec.data.tokens
    if tokens is not None and tokens.keep == "tail" and tokens.longest is not None and not isinstance(spec.model.memory, Windowed):
        return (
            f"the model reads the last {tokens.longest} tokens of a text from their beginning, which is not known live; "
            f"train it with data.tokens.keep: head, or with model.memory kind windowed and context {tokens.longest}"
        )
    return "" if tokens is None else not_live(tokens)


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
    return spec.task.build(spec.model, spec.data.batching, spec.train.seed)


def build_network(spec: RunSpec, facts: Facts, task: Task, vectors: NDArray[np.float32] | None = None) -> SequenceModel:
    """The network, its weights drawn by the run's seed, or taken from `vectors` where others have trained them."""
    assert spec.model.head is not None
    torch.manual_seed(spec.train.seed)
    preparation = facts.preparation
    known = None if preparation.tokens is None else preparation.tokens.vectors
    sizes = () if spec.model.embed is None else preparation.code_sizes  # words may be known by their vectors in context alone
    embed = Embed(spec.model.embed, len(preparation.value_names), sizes if spec.model.hierarchy is None else sizes[:-1], known)
    if vectors is not None:
        embed.begin_with(vectors)
    if spec.model.hierarchy is not None:
        return _in_levels(spec, spec.model.hierarchy, facts, task, embed)
    backbone = build_backbone(spec.model.backbone, embed.width)
    pool = build_pool(spec.model.head.pool, backbone.width)
    return SequenceModel(embed, backbone, pool, task.head(facts, pool.width))


def _in_levels(spec: RunSpec, hierarchy: Hierarchy, facts: Facts, task: Task, embed: Embed) -> SequenceModel:
    """The network that reads the words of a sentence, then sentences; the head's pool is one of sentences."""
    assert spec.model.head is not None
    words = build_backbone(hierarchy.backbone, embed.width)
    word_pool = build_pool(hierarchy.pool, words.width)
    sentences = build_backbone(spec.model.backbone, word_pool.width)
    levels = in_levels(words, word_pool, sentences, build_pool(spec.model.head.pool, sentences.width), embed)
    return SequenceModel(MarkedEmbed(embed), levels, LastPool(levels.width), task.head(facts, levels.width))


