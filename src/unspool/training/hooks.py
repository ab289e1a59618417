"""Who is told how training goes. The library prints nothing: what a person sees is a hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Ending = Literal["finished", "early", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far training is.

    epoch, epochs  the epoch that runs, from 1, and the most there will be
    step, steps    batches of this epoch that are done, and all of them
    loss           the mean loss of this epoch so far
    metrics        the newest validation metrics; empty before the first
    seconds        spent training, over all sessions
    remaining      seconds that the epochs left will take if none is saved by stopping early; None where not known yet
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    rate: float
    metrics: Mapping[str, int | float | None]
    seconds: float
    remaining: float | None


@dataclass(frozen=True, slots=True)
class Encoding:
    """How many texts the contextual encoder has read.

    done, texts  those that are read, and all that were not read before
    remaining    seconds that the others will take; None where not known yet
    ended        nothing more comes: all are read, or something went wrong
    """

    done: int
    texts: int
    seconds: float
    remaining: float | None
    ended: bool


class Hook:
    """Told in order: encoding, where there are texts to encode; started, then for every epoch stepped (each batch) and judged, at last stopped;
    checkpointed at any time between.

    What a hook draws at random, and how long it takes, changes nothing in the result. What it raises ends training.
    """

    def encoding(self, progress: Encoding) -> None:
        """After a batch of texts went through the contextual encoder, and once more when that ends, whatever ended it."""

    def started(self, progress: Progress, notes: Sequence[str]) -> None:
        """Before the first batch of this session; `notes` are sentences for the user, about resuming and about what cannot take effect."""

    def stepped(self, progress: Progress) -> None:
        """After a batch."""

    def judged(self, progress: Progress) -> None:
        """After an epoch's validation; `progress` is that of the whole epoch."""

    def checkpointed(self, checkpoint: Path) -> None:
        """After a checkpoint is on the disk."""

    def stopped(self, progress: Progress, ending: Ending) -> None:
        """At the end, whatever ended it."""
