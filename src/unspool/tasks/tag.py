"""Tag: one tag a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unspool.answers import tag as answers
from unspool.data.facts import Facts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import Batching
from unspool.errors import DataError
from unspool.models.chain import ChainHead
from unspool.models.heads import Categorical, Head
from unspool.models.spec import CategoricalHead, CRFHead, ModelSpec
from unspool.spec import Spec, knob
from unspool.tasks.records import inputs, whole_records
from unspool.tasks.task import Decision, Examples
from unspool.types import Batch, Cut, Part, Prepared, Record, Tags


class TagSpec(Spec):
    """The tag of every word of a sentence: names, parts of speech, chunks."""

    kind: Literal["tag"] = "tag"
    metric: Literal["auto", "span_f1", "accuracy"] = knob(
        "auto", "decides which weights are best, on the validation part; auto is span_f1 where tags name spans, else accuracy"
    )

    def build(self, model: ModelSpec, batching: Batching | None, seed: int) -> Tag:
        assert isinstance(model.head, CategoricalHead | CRFHead) and batching is not None
        return Tag(self, model.head, batching.size, batching.buckets, seed)


@dataclass(frozen=True)
class Tag:
    """The tag task: what `tasks.task.Task` asks for."""

    spec: TagSpec
    head_spec: CategoricalHead | CRFHead
    size: int
    buckets: bool
    seed: int

    def facts(self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]) -> TagFacts:
        if preparation.labels is None:
            raise DataError(f"{records[0].where}: no record has tags, and tag learns from tags; give a source of kind tagged")
        if isinstance(self.head_spec, CRFHead) and not self.head_spec.constrained and preparation.scheme is None:
            raise DataError(
                f"{records[0].where}: the tags ({', '.join(preparation.labels[:5])} ...) name no spans, so any may follow any other, "
                "and model.head.constrained cannot take effect; drop it"
            )
        counts = np.zeros(len(preparation.labels), np.int64)
        for index in train[:, 0]:
            tags = prepared[index].tags
            assert tags is not None
            counts += np.bincount(tags, minlength=len(counts))
        return TagFacts(counts=tuple(counts.tolist()))

    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        return Sentences(self, tuple(prepared), spans, shuffled=part == "train")

    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        return self.examples(prepared, spans, "validation")

    def head(self, facts: Facts, width: int) -> Head:
        assert isinstance(facts.task, TagFacts)
        if isinstance(self.head_spec, CRFHead):
            return ChainHead(self.head_spec, width, facts.preparation.labels or (), facts.preparation.scheme)
        return Categorical(self.head_spec, width, facts.task.counts)

    def decides(self, facts: Facts) -> Decision:
        metric = self.spec.metric
        if metric == "auto":
            metric = "accuracy" if facts.preparation.scheme is None else "span_f1"
        return Decision(metric, lower_is_better=False, then=Decision("accuracy", lower_is_better=False))

    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Tags:
        where = np.concatenate([cut.record for cut in cuts])
        read = [row for batch, weights in zip(batches, raw, strict=True) for row in answers.read(facts, weights, batch.lengths)]
        order = np.argsort(where, kind="stable")
        chosen = [records[index] for index in where[order]]
        offsets = [answers.words(facts, record) for record in chosen]
        told = [answers.first_words(read[index], len(places)) for index, places in zip(order, offsets, strict=True)]
        truth = tuple(None if record.tags is None else tuple(facts.preparation.tags_read(record.tags)) for record in chosen)
        return Tags(
            names=tuple(record.name for record in chosen),
            texts=tuple(record.text or "" for record in chosen),
            offsets=tuple(offsets),
            labels=facts.preparation.labels or (),
            scheme=facts.preparation.scheme,
            best=tuple(reading.best for reading in told),
            confidence=tuple(reading.confidence for reading in told),
            spans=tuple(reading.spans for reading in told),
            truth=truth,
            left_out=sum(len(record.tags or ()) - len(tags or ()) for record, tags in zip(chosen, truth, strict=True)),
        )


@dataclass(frozen=True)
class Sentences:
    """Whole sentences in batches of like length; every word is asked for."""

    task: Tag
    prepared: tuple[Prepared, ...]
    spans: NDArray[np.int64]
    shuffled: bool

    def plan(self, epoch: int) -> list[Cut]:
        task = self.task
        return whole_records(self.prepared, self.spans, None, task.size, task.buckets, (task.seed, epoch) if self.shuffled else None)

    def batch(self, cut: Cut) -> Batch:
        values, codes, lengths = inputs(self.prepared, cut)
        truth = np.full(codes.shape[:2], -1, np.int64)
        for row, record in enumerate(cut.record):
            tags = self.prepared[record].tags
            if tags is not None:
                truth[row, : lengths[row]] = tags
        steps = np.arange(codes.shape[1])
        inside = steps < lengths[:, None]
        return Batch(
            values=values, codes=codes, lengths=lengths, carry=cut.carry, asked=np.where(inside, steps, 0),
            weights=inside.astype(np.float32), truth=truth,
        )
