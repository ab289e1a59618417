"""What is measured: a recurrent layer, its shape, and what is done with it. Numbers are drawn from the case's seed, alike in every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

KINDS = ("rnn", "gru", "lstm")
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
SHAPES = ((200, 16, 32, 64), (100, 32, 64, 128), (100, 64, 128, 256), (50, 32, 512, 512), (1000, 1, 64, 128), (64, 128, 300, 300), (28, 64, 28, 100))
DROPOUT = 0.25
STEP_SHAPE = (64, 128)
STEP_STREAMS = (1, 64)
STEP_CALLS = 200
"""Steps of one answer that is compared: enough that a state which is not carried shows."""

Arrays = Mapping[str, np.ndarray]


class Cannot(Exception):
    """A contender cannot do a case; the text says why."""


@dataclass(frozen=True)
class Case:
    """One cell of the table.

    steps, rows, inputs, hidden  T, B, C and H
    training  forward, and backward to inputs and weights; else inference
    varied    rows of T / 4 to T real steps, drawn uniformly; else all of T
    dropout   variational dropout of the state that the weights read, in training
    streaming one step of `rows` streams, the state carried by the caller
    """

    kind: str
    steps: int
    rows: int
    inputs: int
    hidden: int
    training: bool = False
    varied: bool = False
    dropout: bool = False
    streaming: bool = False
    seed: int = 0

    @property
    def gates(self) -> int:
        return GATES[self.kind]

    @property
    def name(self) -> str:
        if self.streaming:
            return f"{self.kind} step {self.inputs} -> {self.hidden}, {self.rows} stream{'s' * (self.rows > 1)}"
        words = [self.kind, str((self.steps, self.rows, self.inputs, self.hidden)), "training" if self.training else "inference"]
        return " ".join([*words, "varied" if self.varied else "dense", *(["dropout"] if self.dropout else [])])

    @property
    def real_steps(self) -> int:
        return int(self.lengths().sum())

    @property
    def flops(self) -> int:
        """Of one call: two for each weight and real step, and twice as many again for the way back."""
        return (3 if self.training else 1) * 2 * self.real_steps * (self.inputs + self.hidden) * self.gates * self.hidden

    def asdict(self) -> dict[str, Any]:
        return asdict(self)

    def lengths(self) -> np.ndarray:
        """(B,) real steps of each row; one row of the longest, so that T is reached."""
        if not self.varied:
            return np.full(self.rows, self.steps, np.int64)
        drawn = np.random.default_rng([self.seed, 1]).integers(self.steps // 4, self.steps + 1, self.rows)
        if self.rows > 1:
            drawn[self.rows // 2] = self.steps
        return drawn.astype(np.int64)

    def weights(self) -> dict[str, np.ndarray]:
        """input_weight (G H, C), state_weight (G H, H), input_bias and state_bias (G H), gates in torch's order."""
        random, tall = np.random.default_rng([self.seed, 2]), self.gates * self.hidden
        shapes = {"input_weight": (tall, self.inputs), "state_weight": (tall, self.hidden), "input_bias": (tall,), "state_bias": (tall,)}
        width = self.hidden**-0.5
        return {name: random.uniform(-width, width, shape).astype(np.float32) for name, shape in shapes.items()}

    def inputs_array(self) -> np.ndarray:
        """(B, T, C); zero where rows have ended."""
        drawn = np.random.default_rng([self.seed, 3]).standard_normal((self.rows, self.steps, self.inputs), np.float32)
        return drawn * self.real()[..., None]

    def cotangent(self) -> np.ndarray:
        """(B, T, H), what the outputs are weighed with in the loss; zero where rows have ended."""
        drawn = np.random.default_rng([self.seed, 4]).standard_normal((self.rows, self.steps, self.hidden), np.float32)
        return drawn * self.real()[..., None]

    def real(self) -> np.ndarray:
        """(B, T) float32, 1 where a step is real."""
        return (np.arange(self.steps) < self.lengths()[:, None]).astype(np.float32)

    def keep(self) -> np.ndarray:
        """(B, H) the dropout mask of the comparison; timed calls draw their own."""
        kept = np.random.default_rng([self.seed, 5]).random((self.rows, self.hidden)) >= DROPOUT
        return kept.astype(np.float32) / np.float32(1 - DROPOUT)


@dataclass(frozen=True)
class Prepared:
    """A case made ready by a contender.

    run      one call; returns when its numbers are there
    answers  y (B, T, H) and, of training, the gradients of x, input_weight, state_weight and input_bias, with the mask `Case.keep`
    variant  which of a contender's ways it is, where it has several
    """

    run: Callable[[], object]
    answers: Callable[[], Arrays]
    variant: str = ""


def layer_cases(seed: int = 0) -> Iterator[Case]:
    """Every cell: kinds x shapes x inference, training and training with dropout x dense and variable length; one row has no lengths to vary."""
    modes = ((False, False), (True, False), (True, True))
    for kind, shape, (training, dropout), varied in product(KINDS, SHAPES, modes, (False, True)):
        if not varied or shape[1] > 1:
            yield Case(kind, *shape, training=training, varied=varied, dropout=dropout, seed=seed)


def step_cases(seed: int = 0) -> Iterator[Case]:
    for streams in STEP_STREAMS:
        yield Case("gru", 1, streams, *STEP_SHAPE, streaming=True, seed=seed)
