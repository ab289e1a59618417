"""Options of how texts are read that contradict each other or cannot take effect, and what of them cannot be done live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unspool.data.spec import Tokens
from unspool.models.spec import Windowed
from unspool.tasks.classify import ClassifySpec

if TYPE_CHECKING:
    from unspool.run.spec import RunSpec


def not_live(tokens: Tokens) -> str:
    """Why a model that reads its texts so cannot answer live; nothing where it can."""
    if tokens.windows is not None:
        return (
            "the windows of a text answer together, once all of it is there, so the model cannot answer live; "
            "ask it for whole texts by predict, or train it without data.tokens.windows"
        )
    if tokens.keep == "both" and tokens.longest is not None:
        return (
            f"the model reads the first and the last of {tokens.longest} tokens of a text, and where the last begin is not known live; "
            "train it with data.tokens.keep: head"
        )
    return ""


def reading(spec: RunSpec) -> Iterator[str]:
    """Sub-words, both ends of long texts, and windows."""
    tokens = spec.data.tokens
    if tokens is None:
        return
    yield from _subwords(spec, tokens)
    if tokens.windows is not None:
        yield from _windows(spec, tokens)
    memory = spec.model.memory
    if tokens.keep == "both" and tokens.longest is not None and isinstance(memory, Windowed) and memory.context < tokens.longest:
        yield (
            f"model.memory.context: reads the last {memory.context} of the {tokens.longest} steps that data.tokens.keep: both keeps, "
            "and never the first; use keep: tail, or as much context"
        )
    if spec.live is not None and not_live(tokens):
        yield f"live.memory: {not_live(tokens)}"


def _subwords(spec: RunSpec, tokens: Tokens) -> Iterator[str]:
    if tokens.unit != "subwords":
        if tokens.subwords is not None:
            yield f"data.tokens.subwords: takes effect with data.tokens.unit: subwords alone, and it is {tokens.unit}; set that or drop it"
        return
    for name in ("minimum_count", "largest"):
        if getattr(tokens, name) != Tokens.model_fields[name].default:
            yield f"data.tokens.{name}: cannot take effect on sub-words, of which there are as many as data.tokens.subwords.size; set that"


def _windows(spec: RunSpec, tokens: Tokens) -> Iterator[str]:
    windows, model = tokens.windows, spec.model
    assert windows is not None
    if not isinstance(spec.task, ClassifySpec):
        yield f"data.tokens.windows: takes effect in classify alone, and the task is {spec.task.kind}; drop it"
        return
    if tokens.longest is not None and tokens.longest <= windows.size:
        yield f"data.tokens.windows.size: {windows.size} holds all of data.tokens.longest, {tokens.longest}; lower it or drop data.tokens.windows"
    if isinstance(model.memory, Windowed):
        yield "model.memory.kind: windowed reads the last steps of a text alone, and data.tokens.windows all of it; use carried, or drop those"
    if model.hierarchy is not None:
        yield "data.tokens.windows: begin anywhere, and model.hierarchy reads whole sentences; drop one of them"
    stride = 1
    for convolution in model.backbone.front:
        stride *= convolution.stride
    if stride > windows.size:
        yield f"data.tokens.windows.size: {windows.size} is less than the front's stride {stride}, and a window has no output; use {stride} or more"
