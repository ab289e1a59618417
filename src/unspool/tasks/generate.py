"""Generate: the next token of a text, at every token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import Facts, GenerateFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import Batching
from unspool.errors import DataError
from unspool.models.heads import Head
from unspool.models.softmax import build_softmax
from unspool.models.spec import Carried, ModelSpec, SoftmaxHead
from unspool.spec import Spec, knob
from unspool.tasks.running import Judged, Running, Trained
from unspool.tasks.task import Decision, Examples
from unspool.types import Batch, Cut, Part, Prepared, Record, Tokens

WATCHED_ROWS, WARMUP = 16, 4
"""While training, the validation part is read as so many rows side by side, each from so many truncations before what is judged in it."""

ALONE_ROWS = 32
"""Texts that are judged side by side where each is a text by itself."""


class GenerateSpec(Spec):
    """The next word, character or byte of a text, from all before it: a language model."""

    kind: Literal["generate"] = "generate"
    metric: Literal["perplexity", "bits_per_character"] = knob(
        "perplexity", "decides which weights are best, on the validation part: of each word of the original text, or of each character"
    )

    def build(self, model: ModelSpec, batching: Batching | None, seed: int) -> Generate:
        assert isinstance(model.head, SoftmaxHead) and isinstance(model.memory, Carried)
        return Generate(self, model.memory, model.head, seed)


@dataclass(frozen=True)
class Generate:
    """The generate task: what `tasks.task.Task` asks for. The records of a part are one running text, in their order."""

    spec: GenerateSpec
    memory: Carried
    head_spec: SoftmaxHead
    seed: int

    def facts(self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]) -> GenerateFacts:
        cutoffs, tokens = self.head_spec.adaptive, preparation.tokens
        assert tokens is not None
        if cutoffs and cutoffs[-1] >= tokens.vocabulary.size:
            raise DataError(
                f"model.head.adaptive: a cluster begins at code {cutoffs[-1]}, and there are {tokens.vocabulary.size}, with that of what is unknown; "
                "lower it or drop it"
            )
        return GenerateFacts(tokens=sum(prepared[index].steps for index in train[:, 0]))

    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        text = Running.of(prepared, spans[:, 0], joined=True)
        if part != "train":
            return Judged.in_one_scan(text)
        memory = self.memory
        assert memory.truncate is not None and memory.streams is not None
        return Trained(text, memory.streams, memory.truncate, self.seed)

    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        assert self.memory.truncate is not None
        return Judged.side_by_side(Running.of(prepared, spans[:, 0], joined=True), WATCHED_ROWS, WARMUP * self.memory.truncate)

    def alone(self, prepared: Sequence[Prepared]) -> Examples:
        """Every record as a text by itself."""
        return Judged.apart(Running.of(prepared, np.arange(len(prepared)), joined=False), ALONE_ROWS)

    def head(self, facts: Facts, width: int) -> Head:
        assert facts.preparation.tokens is not None
        return build_softmax(self.head_spec, width, facts.preparation.tokens.vocabulary.size)

    def decides(self, facts: Facts) -> Decision:
        return Decision(self.spec.metric, lower_is_better=True)

    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Tokens:
        tokens = facts.preparation.tokens
        assert tokens is not None
        judged = [batch.weights > 0 for batch in batches]
        places = [cut.start[:, None] + batch.asked for cut, batch in zip(cuts, batches, strict=True)]
        order = np.argsort(np.concatenate([place[counts] for place, counts in zip(places, judged, strict=True)]), kind="stable")
        source = np.concatenate([batch.source[counts] for batch, counts in zip(batches, judged, strict=True) if batch.source is not None])[order]
        chosen, first, lengths = np.unique(source, return_index=True, return_counts=True)
        in_order = np.argsort(first)
        extents = np.array([tokens.extent(records[index].text or "") for index in chosen[in_order]], np.int64).reshape(-1, 2)
        return Tokens(
            names=tuple(records[index].name for index in chosen[in_order]),
            lengths=lengths[in_order].astype(np.int64),
            codes=np.concatenate([batch.truth[counts] for batch, counts in zip(batches, judged, strict=True)])[order].astype(np.int64),
            log_probabilities=np.concatenate([found[counts] for found, counts in zip(raw, judged, strict=True)])[order].astype(np.float64),
            words=extents[:, 0],
            characters=extents[:, 1],
        )
