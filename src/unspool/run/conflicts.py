"""Options that contradict each other or cannot take effect: each is an error that says why. No option is silently ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from unspool.data.source import TaggedSource, has_parts
from unspool.data.spec import TEXT_SOURCES, GivenSplit, GroupSplit, Policy, RandomSplit, Scaling, TableSource, TextSource, TimeSplit, Tokens
from unspool.models.spec import TRUNCATE, Carried, CategoricalHead, CRFHead, LearnedEmbedding, PointHead, VectorEmbedding, Windowed
from unspool.run import classifying
from unspool.run.language import language_model
from unspool.run.reading import reading
from unspool.tasks.forecast import ForecastSpec
from unspool.tasks.generate import GenerateSpec
from unspool.tasks.tag import TagSpec

if TYPE_CHECKING:
    from unspool.run.spec import RunSpec

HEADS = {"forecast": ("point", "quantile"), "classify": ("categorical", "multilabel"), "tag": ("crf", "categorical"), "generate": ("softmax",)}
SINGLE_FEATURES = ("weekend", "year_end")

DEFAULT_POLICY: Policy = "error"


def conflicts(spec: RunSpec) -> list[str]:
    """One line for each: the key, what is wrong, and how to mend it."""
    return [line for rule in RULES for line in rule(spec)]


def _source_and_columns(spec: RunSpec) -> Iterator[str]:
    source, columns = spec.data.source, spec.data.columns
    if source.kind in TEXT_SOURCES:
        given = [name for name in type(columns).model_fields if getattr(columns, name)]
        for name in given:
            yield f"data.columns.{name}: a text source has no columns; drop it"
        return
    if source.kind == "arrays":
        for name in ("time", "series", "label", "group", "part", "categories"):
            if getattr(columns, name):
                yield f"data.columns.{name}: arrays have channels only (labels, groups and parts are arrays of their own); drop it"
    if columns.series is None:
        for name in ("group", "part"):
            if source.kind == "table" and getattr(columns, name) and not isinstance(spec.task, ForecastSpec):
                yield f"data.columns.{name}: needs data.columns.series, which says which rows are one record; add it"


def _task_and_columns(spec: RunSpec) -> Iterator[str]:
    source, columns = spec.data.source, spec.data.columns
    if isinstance(spec.task, TagSpec) != (source.kind == "tagged"):
        yield f"data.source.kind: {source.kind} does not go with task kind {spec.task.kind}: tag, and tag alone, reads a source of kind tagged"
        return
    if isinstance(spec.task, GenerateSpec):
        if source.kind != "text":
            yield f"data.source.kind: {source.kind} holds no text, which generate reads; use a source of kind text"
        return
    if isinstance(spec.task, ForecastSpec):
        if source.kind in TEXT_SOURCES:
            yield "task.kind: a text cannot be forecast; use task kind classify, or a table or arrays source"
        elif not columns.target:
            yield "data.columns.target: a forecast needs at least one target column; add it"
        if columns.label:
            yield "data.columns.label: takes effect in classify alone; drop it"
        return
    if columns.target:
        yield "data.columns.target: takes effect in forecast alone; a class stands in data.columns.label"
    if columns.known:
        yield "data.columns.known: takes effect in forecast alone; put these inputs under data.columns.past"
    if source.kind == "table":
        for name in ("series", "label"):
            if getattr(columns, name) is None:
                yield f"data.columns.{name}: classify reads a table of many series, one class each; add it"
        if not columns.past:
            yield "data.columns.past: name at least one input column"


def _time(spec: RunSpec) -> Iterator[str]:
    time, columns = spec.data.time, spec.data.columns
    if columns.time is None:
        if time.gaps != DEFAULT_POLICY:
            yield f"data.time.gaps: {time.gaps} needs time stamps; add data.columns.time"
        if time.frequency != "auto":
            yield "data.time.frequency: needs time stamps; add data.columns.time"
        if time.timezone != "UTC":
            yield f"data.time.timezone: {time.timezone} needs time stamps; add data.columns.time"
    for name in time.harmonics:
        if name not in time.calendar or name in SINGLE_FEATURES:
            waves = [feature for feature in time.calendar if feature not in SINGLE_FEATURES]
            yield f"data.time.harmonics.{name}: is no wave of data.time.calendar; there are: {', '.join(waves) or 'none'}; drop it or add it there"
    if spec.data.source.kind in TEXT_SOURCES and spec.data.missing != DEFAULT_POLICY:
        yield f"data.missing: {spec.data.missing} cannot take effect on text; drop it"


def _tokens(spec: RunSpec) -> Iterator[str]:
    tokens = spec.data.tokens
    if tokens is None:
        return
    if tokens.keep != "head" and tokens.longest is None:
        yield f"data.tokens.keep: {tokens.keep} takes effect where texts are cut; set data.tokens.longest or drop it"
    if tokens.line_ends is not None and not isinstance(spec.task, GenerateSpec):
        yield f"data.tokens.line_ends: takes effect in generate alone, and the task is {spec.task.kind}; drop it"
    if tokens.unit == "bytes":
        for name in ("minimum_count", "largest"):
            if getattr(tokens, name) != Tokens.model_fields[name].default:
                yield f"data.tokens.{name}: cannot take effect on bytes, all 256 of which are kept; drop it"


def _file(spec: RunSpec) -> Iterator[str]:
    source = spec.data.source
    if isinstance(source, TextSource | TaggedSource):
        yield from _texts(source)
    if not isinstance(source, TableSource):
        return
    endings = (".parquet", ".pq")
    if source.format == "parquet" or (source.format == "auto" and (source.path or "").endswith(endings)):
        for name in ("delimiter", "encoding"):
            if getattr(source, name) != TableSource.model_fields[name].default:
                yield f"data.source.{name}: takes effect in a CSV alone, and the source is Parquet; drop it"


def _texts(source: TextSource | TaggedSource) -> Iterator[str]:
    """What the names of the files show; the rest is known when they are read."""
    forms = source.forms()
    for name in source.idle(forms):  # type: ignore[arg-type]
        yield f"data.source.{name}: cannot take effect where the source is {' and '.join(sorted(set(forms)))}; drop it, or set data.source.format"
    if isinstance(source, TextSource) and source.parts is not None and source.part is not None:
        yield "data.source.part: data.source.parts says already which part a text is in; drop one of them"


def _scaling(spec: RunSpec) -> Iterator[str]:
    scaling, columns = spec.data.scaling, spec.data.columns
    if spec.data.source.kind in TEXT_SOURCES:
        if scaling.columns:
            yield "data.scaling.columns: a text has no numbers to scale; drop it"
        if scaling.default != Scaling().default:
            yield "data.scaling.default: a text has no numbers to scale; drop it"
        return
    numeric = [name for name in (*columns.target, *columns.past, *columns.known) if name not in columns.categories]
    for name in scaling.columns:
        if numeric and name not in numeric:
            yield f"data.scaling.columns.{name}: is not a numeric input or target; wanted one of {', '.join(numeric)}"


def _split(spec: RunSpec) -> Iterator[str]:
    split, source, columns = spec.data.split, spec.data.source, spec.data.columns
    if isinstance(split, TimeSplit) and not isinstance(spec.task, ForecastSpec | GenerateSpec):
        yield f"data.split.kind: time cuts within a record, and {spec.task.kind} reads whole records; use random, group or given"
    if isinstance(split, GroupSplit):
        if isinstance(source, TextSource | TaggedSource):
            yield "data.split.kind: group needs groups, which a text source has not; use random"
        elif source.kind == "table" and columns.group is None:
            yield "data.split.kind: group needs data.columns.group; add it"
    if isinstance(split, GivenSplit):
        if isinstance(source, TextSource | TaggedSource) and not has_parts(source):
            yield "data.split.kind: given needs the owner's parts; name them in data.source.parts, or use random"
        elif source.kind == "table" and columns.part is None:
            yield "data.split.kind: given needs data.columns.part; add it"
    if isinstance(split, RandomSplit) and not split.stratify and spec.task.kind != "classify":
        yield f"data.split.stratify: takes effect in classify alone, since a {spec.task.kind} task has no classes of records; drop it"
    if has_parts(source) and not isinstance(split, GivenSplit | None):
        place = "part" if isinstance(source, TextSource) and source.part is not None else "parts"
        yield f"data.source.{place}: takes effect with data.split.kind: given alone, and it is {split.kind}; set that or drop it"
    if columns.group and not isinstance(split, GroupSplit):
        yield "data.columns.group: takes effect with data.split.kind: group alone; set that or drop it"
    if columns.part and not isinstance(split, GivenSplit):
        yield "data.columns.part: takes effect with data.split.kind: given alone; set that or drop it"
    if isinstance(spec.task, ForecastSpec) and source.kind == "table" and columns.series is None and not isinstance(split, TimeSplit | None):
        yield f"data.split.kind: {split.kind} splits by whole series, and there is one; use time, or name data.columns.series"


def _memory(spec: RunSpec) -> Iterator[str]:
    memory, backbone = spec.model.memory, spec.model.backbone
    forecast = isinstance(spec.task, ForecastSpec)
    if isinstance(memory, Carried) and not isinstance(spec.task, ForecastSpec | GenerateSpec):
        for name in ("truncate", "streams"):
            if getattr(memory, name) is not None:
                alone = "takes effect in forecast and generate alone"
                yield f"model.memory.{name}: {alone}, since {spec.task.kind} learns from each whole record; drop it"
    if isinstance(memory, Carried) and forecast:
        if backbone.bidirectional:
            yield (
                "model.backbone.bidirectional: a carried forecast must not read the record from its end, where the answers stand; "
                "set it to false, or use model.memory kind windowed"
            )
        truncate = memory.truncate or TRUNCATE
        if isinstance(spec.task, ForecastSpec) and spec.task.every > truncate:
            yield f"task.every: {spec.task.every} is more than model.memory.truncate, {truncate}, and every cut asks at least once; lower it"
        if spec.data.batching is not None:
            yield "data.batching: a carried forecast has as many rows as streams; set model.memory.streams instead"
        if any(convolution.stride > 1 for convolution in backbone.front):
            yield "model.backbone.front: a carried forecast answers at every step, so its stride must be 1; use model.memory kind windowed"
    if isinstance(memory, Windowed):
        stride = 1
        for convolution in backbone.front:
            stride *= convolution.stride
        if memory.context % stride:
            near = max(memory.context // stride, 1) * stride
            yield f"model.memory.context: {memory.context} is not a multiple of the front's stride {stride}; use {near}"
        if forecast and spec.data.batching is not None and not spec.data.batching.buckets:
            yield "data.batching.buckets: all windows are equally long, so it cannot take effect; drop it"


def _model(spec: RunSpec) -> Iterator[str]:
    model, head = spec.model, spec.model.head
    heads = HEADS[spec.task.kind]
    if head is not None and head.kind not in heads:
        yield f"model.head.kind: {head.kind} does not answer a {spec.task.kind}; use {' or '.join(heads)}"
    if isinstance(spec.task, TagSpec):
        yield from _tagger(spec)
    if isinstance(head, PointHead) and head.huber != 1.0 and head.loss != "huber":
        yield f"model.head.huber: takes effect with loss: huber alone, and the loss is {head.loss}; set that or drop it"
    if isinstance(spec.task, ForecastSpec) and spec.task.metric == "pinball" and isinstance(head, PointHead):
        yield "task.metric: pinball needs quantiles, and the head is point; use mae or rmse, or a quantile head"
    if model.embed is not None and spec.data.source.kind not in TEXT_SOURCES and not spec.data.columns.categories:
        yield "model.embed: there are no tokens or categories to embed; drop it, or name data.columns.categories"


def _tagger(spec: RunSpec) -> Iterator[str]:
    """A tag for every word, from all of its sentence."""
    model = spec.model
    if isinstance(model.memory, Windowed):
        yield "model.memory.kind: windowed sees the last steps of a record, and every word of a sentence is tagged; use carried"
    if isinstance(model.head, CategoricalHead) and model.head.pool != "last":
        yield f"model.head.pool: {model.head.pool} joins the steps of a record, and every word is tagged by itself; use last"
    if any(convolution.stride > 1 for convolution in model.backbone.front):
        yield "model.backbone.front: every word is tagged, so its stride must be 1"
    tokens = spec.data.tokens or Tokens()
    if tokens.unit != "words":
        yield f"data.tokens.unit: {tokens.unit}, but a tagged source cuts its texts into words itself; use words"
    if isinstance(model.head, CRFHead) and not model.head.constrained and tokens.scheme == "none":
        yield "model.head.constrained: where data.tokens.scheme is none any tag may follow any other; drop it"


def _characters(spec: RunSpec) -> Iterator[str]:
    tokens, embed, text = spec.data.tokens, spec.model.embed, spec.data.source.kind in TEXT_SOURCES
    reads = isinstance(embed, LearnedEmbedding | VectorEmbedding) and embed.characters is not None
    if reads and (not text or (tokens is not None and tokens.unit not in ("words", "spaces"))):
        yield "model.embed.characters: reads the characters of words, and the steps are no words; drop it, or use a text with data.tokens.unit: words"
    if isinstance(embed, LearnedEmbedding) and embed.ngrams is not None and not text:
        yield "model.embed.ngrams: reads the tokens of a text, and the source holds none; drop it"
    if tokens is not None and tokens.characters is not None and not reads:
        yield "data.tokens.characters: takes effect where model.embed.characters is set; set that too or drop it"
    if tokens is not None and tokens.scheme != "auto" and not isinstance(spec.task, TagSpec):
        yield f"data.tokens.scheme: takes effect in tag alone, and the task is {spec.task.kind}; drop it"


def _vectors(spec: RunSpec) -> Iterator[str]:
    vectors, embed, tokens = spec.data.vectors, spec.model.embed, spec.data.tokens or Tokens()
    if vectors is None:
        if isinstance(embed, VectorEmbedding):
            yield "model.embed.kind: vectors needs a file of them; name it in data.vectors.path, or use learned"
        return
    if spec.data.source.kind not in TEXT_SOURCES or tokens.unit != "words":
        yield "data.vectors: are of words, and the steps are none; drop it, or use a text with data.tokens.unit: words"
    if embed is not None and not isinstance(embed, VectorEmbedding):
        yield f"data.vectors: takes effect with model.embed.kind: vectors, and the kind is {embed.kind}; set that or drop it"


def _contextual(spec: RunSpec) -> Iterator[str]:
    if spec.data.contextual is None:
        return
    unit = (spec.data.tokens or Tokens()).unit
    if spec.data.source.kind not in TEXT_SOURCES or unit not in ("words", "spaces"):
        yield "data.contextual: gives words vectors, and the steps are none; drop it, or use a text with data.tokens.unit: words"
    elif spec.task.kind not in ("tag", "classify"):
        yield f"data.contextual: reads the whole text before its words have vectors, and {spec.task.kind} answers from what came so far; drop it"


def _live(spec: RunSpec) -> Iterator[str]:
    if spec.live is None:
        return
    if spec.data.contextual is not None:
        yield "live.memory: data.contextual reads a whole text before its words have vectors; drop one of them"
    if spec.live.memory != spec.model.memory.kind:
        yield (
            f"live.memory: {spec.live.memory}, but model.memory is {spec.model.memory.kind}: a live model remembers as it was trained; "
            f"set live.memory to {spec.model.memory.kind} or train the model {spec.live.memory}"
        )
    if spec.model.backbone.bidirectional:
        yield "live.memory: a bidirectional model needs the whole future before it answers; set model.backbone.bidirectional to false"
    if spec.model.hierarchy is not None and spec.model.hierarchy.backbone.bidirectional:
        yield "live.memory: sentences are read from both ends, which is not known live; set model.hierarchy.backbone.bidirectional to false"
    tokens = spec.data.tokens
    if tokens is not None and tokens.keep == "tail" and tokens.longest is not None and isinstance(spec.model.memory, Carried):
        yield (
            "live.memory: where the last data.tokens.longest steps of a text begin is not known live; "
            "set data.tokens.keep to head, or model.memory kind windowed"
        )


RULES: tuple[Callable[[RunSpec], Iterator[str]], ...] = (
    _source_and_columns, _file, _task_and_columns, _time, _tokens, _characters, _vectors, _contextual, _scaling, _split, _memory, _model,
    language_model, classifying.labels, classifying.levels, reading, _live,
)
