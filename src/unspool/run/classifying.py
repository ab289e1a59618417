"""Options of classification that contradict each other: one class or several labels, and texts read in two levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unspool.data.spec import TEXT_SOURCES, TextSource
from unspool.models.spec import CategoricalHead, MultilabelHead
from unspool.tasks.classify import OF_LABELS, OF_ONE_CLASS, ClassifySpec

if TYPE_CHECKING:
    from unspool.run.spec import RunSpec


def has_several(spec: RunSpec) -> bool:
    """Whether a record may have any number of labels."""
    source = spec.data.source
    separator = source.label_separator if isinstance(source, TextSource) else spec.data.columns.label_separator
    return separator is not None


def labels(spec: RunSpec) -> Iterator[str]:
    """One class a record, or any number of labels: source, head and metric must agree."""
    task, head, several = spec.task, spec.model.head, has_several(spec)
    text = spec.data.source.kind in TEXT_SOURCES
    place = "data.source" if text else "data.columns"
    if not isinstance(task, ClassifySpec):
        if not text and several:
            yield f"data.columns.label_separator: takes effect in classify alone, and the task is {task.kind}; drop it"
        return
    if isinstance(head, CategoricalHead) and several:
        yield f"model.head.kind: categorical answers one class, and {place}.label_separator gives a record several; use multilabel, or drop that"
    if isinstance(head, MultilabelHead) and not several:
        yield f"model.head.kind: multilabel answers any number of labels, and a record has one; set {place}.label_separator, or use categorical"
    if task.metric in (OF_ONE_CLASS if several else OF_LABELS):
        other = "subset_accuracy, f1_micro or auto" if several else "accuracy, f1_macro or auto"
        of = "one class a record" if several else "any number of labels a record"
        yield f"task.metric: {task.metric} is of {of}; use {other}"


def levels(spec: RunSpec) -> Iterator[str]:
    """Sentence by sentence."""
    hierarchy, tokens = spec.model.hierarchy, spec.data.tokens
    if hierarchy is None:
        if tokens is not None and tokens.sentences:
            yield "data.tokens.sentences: takes effect where model.hierarchy is set; set that too or drop it"
        return
    if spec.data.source.kind not in TEXT_SOURCES or not isinstance(spec.task, ClassifySpec):
        yield "model.hierarchy: reads the sentences of a text to classify it; drop it, or use task kind classify with a text source"
    for place, backbone in (("model.hierarchy.backbone", hierarchy.backbone), ("model.backbone", spec.model.backbone)):
        if any(convolution.stride > 1 for convolution in backbone.front):
            yield f"{place}.front: a sentence may have one word, and a document one sentence, so its stride must be 1"
