"""What a task is: a value that says what is cut from the data, what is asked of the network, which metric decides and what a person reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, GenerateFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.models.heads import Head
from unspool.types import Batch, Cut, Part, Predictions, Prepared, Record


class Examples(Protocol):
    """The batches of one part of the data. `plan` is a pure function of the epoch, so that training can go on in the middle of one."""

    def plan(self, epoch: int) -> list[Cut]:
        """What every batch of an epoch is made of, in order."""

    def batch(self, cut: Cut) -> Batch:
        """One batch, assembled."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The metric by which training keeps the best weights and stops early.

    then  what decides between equals, such as the first epochs of a tagger that finds no span yet
    """

    metric: str
    lower_is_better: bool
    then: Decision | None = None

    def better(self, new: float, best: float) -> bool:
        return new < best if self.lower_is_better else new > best


class Task(Protocol):
    """The four answers. `facts` are those of the run, `prepared` its records as the network meets them, `spans` (n, 3) the part's steps."""

    @abstractmethod
    def facts(
        self, preparation: Preparation, records: Sequence[Record], prepared: Sequence[Prepared], train: NDArray[np.int64]
    ) -> ForecastFacts | ClassifyFacts | TagFacts | GenerateFacts:
        """What must be known to read the answers, learnt from the train spans; DataError where they do not give it."""

    @abstractmethod
    def examples(self, prepared: Sequence[Prepared], spans: NDArray[np.int64], part: Part) -> Examples:
        """What is cut from the data; the train part is shuffled, the others are in order."""

    @abstractmethod
    def watched(self, prepared: Sequence[Prepared], spans: NDArray[np.int64]) -> Examples:
        """The validation part as it is looked at after each epoch."""

    @abstractmethod
    def head(self, facts: Facts, width: int) -> Head:
        """What is asked of the network."""

    @abstractmethod
    def decides(self, facts: Facts) -> Decision:
        """Which of the metrics decides."""

    @abstractmethod
    def predictions(
        self, facts: Facts, records: Sequence[Record], cuts: Sequence[Cut], batches: Sequence[Batch], raw: Sequence[NDArray[np.float32]]
    ) -> Predictions:
        """Raw answers, one array a batch, as predictions in original units."""
