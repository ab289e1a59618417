"""When a contender may train: it waits for its turn before every epoch, and tells what the epoch took after it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TextIO


class Turns:
    """Answers one request a line: {"do": "ready"} once the network stands, then {"do": "epoch"} for each epoch."""

    def __init__(self, out: TextIO):
        self.out = out
        self.started = 0.0
        self.seconds: float | None = None
        self._waited = False

    def begin(self) -> None:
        """Wait for the turn; the clock runs from here. Ends the process where no more is asked."""
        if not self._waited:
            self._asked()
            self._answer({})
            self._waited = True
        self._asked()
        self.seconds = None
        self.started = perf_counter()

    def trained(self) -> None:
        """Read the clock: judging is no part of an epoch. The last reading of a turn counts, for who cannot tell which step is the last."""
        self.seconds = perf_counter() - self.started

    def end(self, loss: Callable[[], float]) -> None:
        """Tell the epoch's seconds and the validation loss."""
        assert self.seconds is not None, "the clock was not read in this epoch, and the reading of another would be told"
        self._answer({"seconds": self.seconds, "loss": loss()})

    def _asked(self) -> None:
        if not sys.stdin.readline():
            raise SystemExit

    def _answer(self, answer: Mapping[str, float]) -> None:
        print(json.dumps(answer), file=self.out, flush=True)
