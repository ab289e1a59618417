"""Classify: one class a record."""

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
from unspool.models.heads import Categorical, Head
from unspool.models.spec import CategoricalHead, Memory, ModelSpec, Windowed
from unspool.spec import Spec, knob
from unspool.tasks.records import inputs, whole_records
from unspool.tasks.task import Decision, Examples
from unspool.types import Batch, Classes, Cut, Part, Prepared, Record

LOWER_IS_BETTER = {"log_loss"}


class ClassifySpec(Spec):
    """The class of a whole record."""

    kind: Literal["classify"] = "classify"
    metric: Literal["accuracy", "balanced_accuracy", "f1_macro", "log_loss"] = knob(
        "accuracy", "decides which weights are best, on the validation part"
    )

    def build(self, model: ModelSpec, batching: Batching | None, seed: int) -> Classify:
        assert isinstance(model.head, CategoricalHead) and batching is not None
        return Classify(self, model.memory, model.head, batching.size, batching.buckets, seed)


@dataclass(frozen=True)
class Classify:
    """The classify task: what `tasks.task.Task` asks for."""

    spec: ClassifySpec
    memory: Memory
    head_spec: CategoricalHead
    size: int
    buckets: bool
    seed: int

    def facts(
        self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]
    ) -> ClassifyFacts:
        if preparation.labels is None:
            raise DataError(f"{records[0].where}: no record has a class, and classify learns from classes; give every record its label")
        counts = np.bincount([prepared[index].label for index in train[:, 0]], minlength=len(preparation.labels))
        return ClassifyFacts(counts=tuple(int(count) for count in counts))

    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        return Items(self, tuple(prepared), spans, shuffled=part == "train")

    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        return self.examples(prepared, spans, "validation")

    def head(self, facts: Facts, width: int) -> Head:
        assert isinstance(facts.task, ClassifyFacts)
        return Categorical(self.head_spec, width, facts.task.counts)

    def decides(self, facts: Facts) -> Decision:
        return Decision(self.spec.metric, self.spec.metric in LOWER_IS_BETTER)

    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Classes:
        where = np.concatenate([cut.record for cut in cuts])
        truth = np.concatenate([batch.truth[:, 0] for batch in batches]).astype(np.int64)
        probabilities = answers.read(facts, np.concatenate([answer[:, 0] for answer in raw]))
        tokens = facts.preparation.tokens
        if tokens is not None and tokens.windows is not None:
            probabilities = pooled(where, probabilities, tokens.windows.pool, one_class=True)
            where, firsts = np.unique(where, return_index=True)
            truth = truth[firsts]
        order = np.argsort(where, kind="stable")
        return Classes(
            names=tuple(records[index].name for index in where[order]),
            labels=tuple(facts.preparation.labels or ()),
            probabilities=probabilities[order],
            truth=truth[order],
        )


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
        truth = np.array([[self.prepared[record].label] for record in cut.record], dtype=np.int64)
        return Batch(
            values=values, codes=codes, lengths=lengths, carry=cut.carry, asked=(lengths - 1)[:, None],
            weights=np.ones(truth.shape, np.float32), truth=truth,
        )
