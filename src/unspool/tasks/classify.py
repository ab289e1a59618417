"""Classify: one class a record, or any number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unspool.answers import classify as answers
from unspool.answers.windows import pooled
from unspool.data.facts import ClassifyFacts, Facts
from unspool.data.preparation import Preparation
from unspool.data.spec import Batching
from unspool.errors import DataError
from unspool.models.heads import Categorical, Head, Multilabel
from unspool.models.spec import CategoricalHead, Memory, ModelSpec, MultilabelHead, Windowed
from unspool.spec import Spec, knob
from unspool.tasks.records import inputs, whole_records
from unspool.tasks.task import Decision, Examples
from unspool.types import Batch, Classes, Cut, LabelSets, Part, Prepared, Record

LOWER_IS_BETTER = {"log_loss", "hamming_loss"}
OF_ONE_CLASS = ("accuracy", "balanced_accuracy")
OF_LABELS = ("subset_accuracy", "f1_micro", "f1_samples", "hamming_loss", "mean_average_precision", "roc_auc")
"""Metrics of any number of labels; `f1_macro` and `log_loss` are of both kinds."""

Metric = Literal[
    "auto", "accuracy", "balanced_accuracy", "f1_macro", "log_loss",
    "subset_accuracy", "f1_micro", "f1_samples", "hamming_loss", "mean_average_precision", "roc_auc",
]


class ClassifySpec(Spec):
    """The class of a whole record, or which of several labels it has."""

    kind: Literal["classify"] = "classify"
    metric: Metric = knob(
        "auto", "decides which weights are best, on the validation part; auto is accuracy, or f1_micro of any number of labels"
    )

    def build(self, model: ModelSpec, batching: Batching | None, seed: int) -> Classify:
        assert isinstance(model.head, CategoricalHead | MultilabelHead) and batching is not None
        return Classify(self, model.memory, model.head, batching.size, batching.buckets, seed)


@dataclass(frozen=True)
class Classify:
    """The classify task: what `tasks.task.Task` asks for."""

    spec: ClassifySpec
    memory: Memory
    head_spec: CategoricalHead | MultilabelHead
    size: int
    buckets: bool
    seed: int

    def facts(
        self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]
    ) -> ClassifyFacts:
        if preparation.labels is None:
            raise DataError(f"{records[0].where}: no record has a class, and classify learns from classes; give every record its label")
        if preparation.several != isinstance(self.head_spec, MultilabelHead):
            raise DataError(_unlike(records[0].where, preparation.several))
        if isinstance(self.head_spec, MultilabelHead):
            having = np.sum([prepared[index].labels for index in train[:, 0]], axis=0)
            return ClassifyFacts(counts=tuple(having.tolist()), thresholds=(self.head_spec.threshold,) * len(preparation.labels))
        counts = np.bincount([prepared[index].label for index in train[:, 0]], minlength=len(preparation.labels))
        return ClassifyFacts(counts=tuple(int(count) for count in counts))

    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        return Items(self, tuple(prepared), spans, shuffled=part == "train")

    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        return self.examples(prepared, spans, "validation")

    def head(self, facts: Facts, width: int) -> Head:
        assert isinstance(facts.task, ClassifyFacts)
        if isinstance(self.head_spec, MultilabelHead):
            return Multilabel(self.head_spec, width, len(facts.task.counts))
        return Categorical(self.head_spec, width, facts.task.counts)

    def decides(self, facts: Facts) -> Decision:
        metric: str = self.spec.metric
        if metric == "auto":
            metric = "accuracy" if answers.thresholds_of(facts) is None else "f1_micro"
        return Decision(metric, metric in LOWER_IS_BETTER, then=Decision("log_loss", lower_is_better=True))

    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Classes | LabelSets:
        where = np.concatenate([cut.record for cut in cuts])
        truth = np.concatenate([batch.truth[:, 0] for batch in batches]).astype(np.int64)
        probabilities = answers.read(facts, np.concatenate([answer[:, 0] for answer in raw]))
        thresholds, tokens = answers.thresholds_of(facts), facts.preparation.tokens
        if tokens is not None and tokens.windows is not None:
            probabilities = pooled(where, probabilities, tokens.windows.pool, one_class=thresholds is None)
            where, firsts = np.unique(where, return_index=True)
            truth = truth[firsts]
        order = np.argsort(where, kind="stable")
        names, labels = tuple(records[index].name for index in where[order]), tuple(facts.preparation.labels or ())
        if thresholds is None:
            return Classes(names=names, labels=labels, probabilities=probabilities[order], truth=truth[order])
        return LabelSets(names=names, labels=labels, probabilities=probabilities[order], thresholds=thresholds, truth=truth[order])


def _unlike(where: str, several: bool) -> str:
    if several:
        return f"{where}: records have any number of labels, and model.head.kind categorical answers one class; use multilabel"
    return f"{where}: records have one class, and model.head.kind multilabel answers any number of labels; set label_separator"


@dataclass(frozen=True)
class Items:
    """Whole records, their windows, or the last steps of each where the memory is windowed, in batches of like length."""

    task: Classify
    prepared: tuple[Prepared, ...]
    spans: NDArray[np.int64]
    shuffled: bool

    def plan(self, epoch: int) -> list[Cut]:
        task, memory = self.task, self.task.memory
        context = memory.context if isinstance(memory, Windowed) else None
        return whole_records(self.prepared, self.spans, context, task.size, task.buckets, (task.seed, epoch) if self.shuffled else None)

    def batch(self, cut: Cut) -> Batch:
        values, codes, lengths = inputs(self.prepared, cut)
        truth, weights = self._truth(cut)
        return Batch(
            values=values, codes=codes, lengths=lengths, carry=cut.carry, asked=(lengths - 1)[:, None], weights=weights, truth=truth,
        )

    def _truth(self, cut: Cut) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Classes (B, 1) or labels (B, 1, K), and the weights (B, 1): 0 where nothing is said of labels."""
        given = [self.prepared[record] for record in cut.record]
        if not isinstance(self.task.head_spec, MultilabelHead):
            return np.array([[one.label] for one in given], np.int64), np.ones((len(given), 1), np.float32)
        truth = np.stack([one.labels for one in given if one.labels is not None])[:, None]
        return truth, np.asarray((truth >= 0).all(axis=-1), np.float32)
