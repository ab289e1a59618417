"""Options of a language model that contradict each other or cannot take effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unspool.data.spec import TimeSplit
from unspool.models.spec import Carried, LearnedEmbedding, SoftmaxHead, Windowed
from unspool.tasks.generate import GenerateSpec

if TYPE_CHECKING:
    from unspool.run.spec import RunSpec


def language_model(spec: RunSpec) -> Iterator[str]:
    """Of the task generate: running text, whose state is carried."""
    if not isinstance(spec.task, GenerateSpec):
        return
    yield from _text(spec)
    yield from _network(spec)


def _text(spec: RunSpec) -> Iterator[str]:
    data = spec.data
    if data.tokens is not None and data.tokens.longest is not None:
        yield "data.tokens.longest: a language model reads its texts from end to end; drop it"
    if data.batching is not None:
        yield "data.batching: a language model has as many rows as streams; set model.memory.streams instead"
    if isinstance(data.split, TimeSplit):
        for name in ("validation", "test"):
            if not isinstance(getattr(data.split, name), float):
                yield f"data.split.{name}: {getattr(data.split, name)} rows or a time, and a text has characters; give a fraction, e.g. 0.1"
        if data.split.embargo:
            yield "data.split.embargo: is of rows, and a text has none; drop it"


def _network(spec: RunSpec) -> Iterator[str]:
    model, head = spec.model, spec.model.head
    if isinstance(model.memory, Windowed):
        yield "model.memory.kind: windowed reads a context anew for every token, and a language model reads each token once; use carried"
    if model.backbone.bidirectional:
        yield "model.backbone.bidirectional: would show a language model the token that it is asked for; set it to false"
    if any(convolution.stride > 1 for convolution in model.backbone.front):
        yield "model.backbone.front: every token is foreseen from the one before it, so its stride must be 1"
    unit = "words" if spec.data.tokens is None else spec.data.tokens.unit
    if isinstance(head, SoftmaxHead) and head.adaptive and unit in ("bytes", "subwords"):
        yield f"model.head.adaptive: asks for codes in the order of their counts, and those of {unit} are in none; drop it"
    if isinstance(head, SoftmaxHead) and head.temporal and isinstance(model.memory, Carried) and model.memory.truncate == 1:
        yield "model.head.temporal: weighs changes from step to step, and a cut of one step has none; raise model.memory.truncate or drop it"
    if isinstance(head, SoftmaxHead | None) and (head is None or head.tied) and not isinstance(model.embed, LearnedEmbedding | None):
        yield f"model.head.tied: shares the vectors of a learned embedding, and model.embed.kind is {model.embed.kind}; use that, or tied: false"
