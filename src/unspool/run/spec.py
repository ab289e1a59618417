"""One YAML file is one run: task, data, model, train. Reading it, and settling what it leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from unspool.data.source import Source, TaggedSource, TextSource, has_parts
from unspool.data.spec import (
    CHARACTERS,
    TEXT_SOURCES,
    Batching,
    Contextual,
    DataSpec,
    GivenSplit,
    RandomSplit,
    Subwords,
    TimeSplit,
    Tokens,
    VectorFile,
)
from unspool.errors import SpecError
from unspool.models.spec import (
    SPAN,
    STREAMS,
    TRUNCATE,
    Carried,
    CategoricalHead,
    CRFHead,
    Head,
    LearnedEmbedding,
    ModelSpec,
    MultilabelHead,
    QuantileHead,
    SoftmaxHead,
    VectorEmbedding,
)
from unspool.run.classifying import has_several
from unspool.run.conflicts import conflicts
from unspool.spec import Spec, knob, override, parse, parse_yaml, placed, read_yaml
from unspool.tasks import ForecastSpec, GenerateSpec, TagSpec, TaskSpec
from unspool.training.spec import TrainSpec


class LiveSpec(Spec):
    """What the model must be able to do live; `check` and `train` refuse a spec that cannot."""

    memory: Literal["carried", "windowed"] = knob(help="how the live session remembers; must be how the model is trained")


class RunSpec(Spec):
    """A whole run."""

    task: TaskSpec = knob(help="what is asked")
    data: DataSpec = knob(help="from raw files to batches")
    model: ModelSpec = knob(ModelSpec(), "the network")
    train: TrainSpec = knob(TrainSpec(), "how the weights are learnt")
    live: LiveSpec | None = knob(None, "what the model must be able to do live")


def load_spec(path: Path, overrides: Sequence[str] = (), seed: int | None = None) -> RunSpec:
    """The spec in a YAML file, with `a.b=c` overrides, its data paths made absolute; SpecError says what is wrong and on which line."""
    raw = read_yaml(path)
    text = path.read_text(encoding="utf-8-sig")
    return make_spec(raw, path.parent, overrides, seed, where=str(path), text=text)


def make_spec(
    raw: dict[str, Any], folder: Path, overrides: Sequence[str] = (), seed: int | None = None, where: str = "spec", text: str | None = None
) -> RunSpec:
    """The spec that a mapping holds; relative data paths start at `folder`."""
    changes = [*overrides, *([] if seed is None else [f"train.seed={seed}"])]
    spec = parse(RunSpec, override(raw, changes), where, text)
    return resolve(_with_absolute_path(spec, folder), where, text)


def spec_from_text(text: str, where: str) -> RunSpec:
    """The spec in YAML text, as a run folder keeps it."""
    return make_spec(parse_yaml(text, where), Path(), where=where, text=text)


def _with_absolute_path(spec: RunSpec, folder: Path) -> RunSpec:
    source = spec.data.source
    absolute = source.model_copy(update=_absolute(source, folder))
    changes: dict[str, Any] = {"source": absolute}
    if spec.data.vectors is not None:
        changes["vectors"] = spec.data.vectors.model_copy(update=_absolute_file(spec.data.vectors, folder))
    if spec.data.contextual is not None:
        changes["contextual"] = spec.data.contextual.model_copy(update=_absolute_folders(spec.data.contextual, folder))
    return spec.model_copy(update={"data": spec.data.model_copy(update=changes)})


def _absolute_file(vectors: VectorFile, folder: Path) -> dict[str, str]:
    named = {"path": vectors.path} | ({} if vectors.index is None else {"index": vectors.index})
    return {key: str((folder / path).absolute()) for key, path in named.items()}


def _absolute_folders(contextual: Contextual, folder: Path) -> dict[str, str]:
    named = {"path": contextual.path} | ({} if contextual.cache is None else {"cache": contextual.cache})
    return {key: str((folder / path).absolute()) for key, path in named.items()}


def _absolute(source: Source, folder: Path) -> dict[str, Any]:
    """The keys of a source that hold paths, absolute."""
    changes: dict[str, Any] = {} if source.path is None else {"path": str((folder / source.path).absolute())}
    if isinstance(source, TextSource | TaggedSource) and source.parts is not None:
        paths: dict[str, Any] = {part: str((folder / path).absolute()) for part, path in source.places if part is not None}
        changes["parts"] = source.parts.model_copy(update=paths)
    return changes


def resolve(spec: RunSpec, where: str, text: str | None = None) -> RunSpec:
    """The spec with everything settled that it left open; options that cannot take effect are a SpecError, and stay unset where not given.

    text  the YAML that the spec came from, so that messages can name lines
    """
    found = conflicts(spec)
    if found:
        raise SpecError("\n".join(placed(where, text, line) for line in found))
    return spec.model_copy(update={"data": _resolved_data(spec), "model": _resolved_model(spec)})


def _resolved_data(spec: RunSpec) -> DataSpec:
    data = spec.data
    forecast, generate = isinstance(spec.task, ForecastSpec), isinstance(spec.task, GenerateSpec)
    in_order = forecast or generate
    changes: dict[str, Any] = {}
    if data.split is None:
        changes["split"] = GivenSplit() if has_parts(data.source) else TimeSplit() if in_order else RandomSplit()
    if data.source.kind in TEXT_SOURCES:
        tokens = _resolved_tokens(data.tokens or Tokens(), spec.model)
        changes["tokens"] = tokens.model_copy(update={"line_ends": True}) if generate and tokens.line_ends is None else tokens
    if data.batching is None and not (in_order and isinstance(spec.model.memory, Carried)):
        changes["batching"] = Batching()
    return data.model_copy(update=changes)


def _resolved_tokens(tokens: Tokens, model: ModelSpec) -> Tokens:
    reads = isinstance(model.embed, LearnedEmbedding | VectorEmbedding) and model.embed.characters is not None
    tokens = tokens.model_copy(update={"characters": tokens.characters or CHARACTERS}) if reads else tokens
    tokens = tokens.model_copy(update={"subwords": tokens.subwords or Subwords()}) if tokens.unit == "subwords" else tokens
    return tokens.model_copy(update={"sentences": True}) if model.hierarchy is not None else tokens


def _resolved_model(spec: RunSpec) -> ModelSpec:
    model = spec.model
    forecast = isinstance(spec.task, ForecastSpec)
    changes: dict[str, Any] = {}
    if isinstance(spec.task, GenerateSpec) and isinstance(model.memory, Carried):
        memory = model.memory
        changes["memory"] = Carried(truncate=memory.truncate or SPAN, streams=memory.streams or STREAMS)
    if model.head is None:
        changes["head"] = _default_head(spec)
    alone = spec.data.contextual is not None and spec.data.vectors is None  # words are then known by their vectors in context
    if model.embed is None and not alone and (spec.data.source.kind in TEXT_SOURCES or spec.data.columns.categories):
        changes["embed"] = LearnedEmbedding() if spec.data.vectors is None else VectorEmbedding()
    if forecast and isinstance(model.memory, Carried):
        memory = model.memory
        changes["memory"] = Carried(truncate=memory.truncate or TRUNCATE, streams=memory.streams or STREAMS)
    return model.model_copy(update=changes)


def _default_head(spec: RunSpec) -> Head:
    if isinstance(spec.task, ForecastSpec):
        return QuantileHead()
    if isinstance(spec.task, TagSpec):
        return CRFHead()
    if isinstance(spec.task, GenerateSpec):
        return SoftmaxHead()
    return MultilabelHead() if has_several(spec) else CategoricalHead()
