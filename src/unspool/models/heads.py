"""A head binds projection, loss and decoding: these three must agree on what the numbers mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from unspool.data.facts import Facts
from unspool.layers.masks import NumberDropout
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.spec import CategoricalHead, MultilabelHead, PointHead, QuantileHead


class Head(nn.Module, ABC):
    """From pooled states to raw answers, and from raw answers and the truth to a loss.

    Raw answers are what the step program gives: scaled numbers of a forecast, logits of a class. `unspool.answers` reads them.
    """

    @abstractmethod
    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:
        """(..., H), and of a forecast (..., L, F), to raw answers."""

    @abstractmethod
    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """The mean loss of a batch over what counts in it; a scalar, zero where nothing counts."""


    def join(self, embed: Embed) -> None:
        """Told once, before anything else, what the network reads with: a head may share its table."""

    def loss_of(self, states: Tensor, batch: TensorBatch) -> Tensor:
        """The loss from the states (B, O, H) at the asked steps: for a head that need not hold all of its raw answers to know it."""
        return self.loss(self(states, batch.future), batch)

    def kept(self, states: Tensor, batch: TensorBatch) -> Tensor:
        """What is kept of the answers, (B, O, ...), where a part is judged: the raw ones, unless they are too many."""
        answers: Tensor = self(states, batch.future)
        return answers

    def settled(self, facts: Facts) -> Facts:
        """The facts with what this head has learnt that is needed to read its raw answers."""
        return facts


class _ForecastHead(Head):
    """Joins the state with what is known of each step of the horizon: relu(U h + V f + p), p learnt for each step; then further layers."""

    def __init__(self, spec: PointHead | QuantileHead, width: int, features: int, horizon: int, answers: tuple[int, ...]):
        super().__init__()
        hidden = spec.hidden
        self.answers = answers
        self.from_state = nn.Linear(width, hidden)
        self.from_future = nn.Linear(features, hidden, bias=False) if features else None
        self.from_step = nn.Parameter(torch.randn(horizon, hidden) / sqrt(hidden))
        self.deeper = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(spec.depth - 1))
        self.dropout = NumberDropout(spec.dropout)
        size = 1
        for axis in answers:
            size *= axis
        self.answer = nn.Linear(hidden, size)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H), (..., L, F) -> (..., L, *answers)
        joined = self.from_state(state).unsqueeze(-2) + self.from_step
        if self.from_future is not None:
            assert future is not None
            joined = joined + self.from_future(future)
        joined = self.dropout(torch.relu(joined))
        for layer in self.deeper:
            joined = self.dropout(torch.relu(layer(joined)))
        return self.answer(joined).unflatten(-1, self.answers)


class Point(_ForecastHead):
    """One number a step and target: raw answers (..., L, D)."""

    def __init__(self, spec: PointHead, width: int, features: int, horizon: int, targets: int):
        super().__init__(spec, width, features, horizon, (targets,))
        self.spec = spec

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        truth = batch.truth
        if self.spec.loss == "mse":
            error = (raw - truth) ** 2
        elif self.spec.loss == "mae":
            error = (raw - truth).abs()
        else:
            error = nn.functional.huber_loss(raw, truth, reduction="none", delta=self.spec.huber)
        return _mean_known(error, batch)


class Quantile(_ForecastHead):
    """Quantiles of every step and target: raw answers (..., L, D, Q), ascending along Q.

    The median is free; each further level adds a positive distance to its neighbour, so that quantiles cannot cross.
    """

    def __init__(self, spec: QuantileHead, width: int, features: int, horizon: int, targets: int):
        super().__init__(spec, width, features, horizon, (targets, len(spec.levels)))
        self.register_buffer("levels", torch.tensor(spec.levels), persistent=False)
        self.median = spec.levels.index(0.5)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:
        free = super().forward(state, future)
        distance = nn.functional.softplus(free)
        quantiles = [free[..., self.median]]
        for index in range(self.median + 1, free.shape[-1]):
            quantiles.append(quantiles[-1] + distance[..., index])
        for index in reversed(range(self.median)):
            quantiles.insert(0, quantiles[0] - distance[..., index])
        return torch.stack(quantiles, dim=-1)

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """The pinball loss, summed over levels."""
        assert isinstance(self.levels, Tensor)
        error = batch.truth.unsqueeze(-1) - raw
        pinball = torch.maximum(self.levels * error, (self.levels - 1) * error).sum(dim=-1)
        return _mean_known(pinball, batch)


class Categorical(Head):
    """One logit a class: raw answers (..., K)."""

    def __init__(self, spec: CategoricalHead, width: int, counts: Sequence[int]):
        super().__init__()
        self.smoothing = spec.smoothing
        self.dropout = NumberDropout(spec.dropout)
        self.answer = nn.Linear(width, len(counts))
        total = torch.tensor(counts, dtype=torch.float32)
        balanced = total.sum() / (len(counts) * total) if spec.class_weights == "balanced" else None
        self.register_buffer("class_weights", balanced, persistent=False)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H) -> (..., K)
        return self.answer(self.dropout(state))

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """Cross-entropy; each row counts with its class's weight, as in scikit-learn and torch."""
        weights = self.class_weights
        assert weights is None or isinstance(weights, Tensor)
        truth = batch.truth.clamp_min(0).flatten()
        error = nn.functional.cross_entropy(raw.flatten(0, -2), truth, weight=weights, label_smoothing=self.smoothing, reduction="none")
        counted = (batch.weights * (batch.truth >= 0)).flatten().to(error.dtype)
        total = counted.sum() if weights is None else torch.dot(weights[truth], counted)
        return torch.dot(error, counted) / total.clamp_min(1e-12)


class Multilabel(Head):
    """One logit a label, each by itself: raw answers (..., K); the truth is (B, O, K), 1 or 0."""

    def __init__(self, spec: MultilabelHead, width: int, labels: int):
        super().__init__()
        self.dropout = NumberDropout(spec.dropout)
        self.answer = nn.Linear(width, labels)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H) -> (..., K)
        return self.answer(self.dropout(state))

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """Binary cross-entropy, the mean over labels and over the rows that count."""
        error = nn.functional.binary_cross_entropy_with_logits(raw, batch.truth.clamp_min(0).to(raw.dtype), reduction="none").mean(dim=-1)
        return (error * batch.weights).sum() / batch.weights.sum().clamp_min(1e-12)


def _mean_known(error: Tensor, batch: TensorBatch) -> Tensor:
    """The mean of (B, O, L, D) over the asked steps that count and the future that is known."""
    assert batch.known_truth is not None
    counted = batch.weights[..., None, None] * batch.known_truth
    return (error * counted).sum() / counted.sum().clamp_min(1e-12)
