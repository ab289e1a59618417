"""The steps so far as one vector: at every step, so that a live model can answer at every step."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from unspool.kernels.rows import real_steps, without_padding
from unspool.layers.layer import Layer, State, check_lengths, leaf


class LastPool(Layer):
    """The step itself."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = inputs

    def initial_state(self, batch: int) -> State:
        return {}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        return without_padding(x, lengths), {}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, {}


class MaxPool(Layer):
    """The largest value of every feature so far."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = inputs
        self.register_buffer("least", torch.tensor(torch.finfo(torch.float32).min), persistent=False)

    def initial_state(self, batch: int) -> State:
        assert isinstance(self.least, Tensor)
        return {"largest": self.least.expand(batch, self.width).clone()}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        before = leaf(self.initial_state(x.shape[0]) if state is None else state, "largest").to(x.dtype)
        if lengths is not None:
            assert isinstance(self.least, Tensor)
            x = torch.where(real_steps(lengths, x.shape[1]).unsqueeze(-1), x, self.least.to(x.dtype))
        running = torch.cat([before.unsqueeze(1), x], dim=1).cummax(dim=1).values[:, 1:]
        after = running[:, -1] if x.shape[1] else before
        return without_padding(running, lengths), {"largest": after}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        largest = torch.maximum(leaf(state, "largest"), x)
        return largest, {"largest": largest}


class WeightedPool(Layer):
    """A mean of the steps so far, each with a weight of its own: sum(w h) / sum(w)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = inputs

    @abstractmethod
    def weight(self, x: Tensor) -> Tensor:
        """(..., H) -> (..., 1), positive."""

    @abstractmethod
    def like(self) -> Tensor:
        """Any tensor of the type and device of the state."""

    def initial_state(self, batch: int) -> State:
        return {"sum": self.like().new_zeros(batch, self.width), "weight": self.like().new_zeros(batch, 1)}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.initial_state(x.shape[0]) if state is None else state
        x = without_padding(x, lengths)
        weight = without_padding(self.weight(x), lengths)
        total = leaf(state, "sum").unsqueeze(1) + (weight * x).cumsum(dim=1)
        weights = leaf(state, "weight").unsqueeze(1) + weight.cumsum(dim=1)
        after = {"sum": total[:, -1], "weight": weights[:, -1]} if x.shape[1] else state
        return without_padding(total / weights.clamp_min(torch.finfo(x.dtype).tiny), lengths), after

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        weight = self.weight(x)
        total, weights = leaf(state, "sum") + weight * x, leaf(state, "weight") + weight
        return total / weights, {"sum": total, "weight": weights}


class MeanPool(WeightedPool):
    """The mean of the steps so far."""

    def __init__(self, inputs: int):
        super().__init__(inputs)
        self.register_buffer("one", torch.ones(()), persistent=False)

    def like(self) -> Tensor:
        assert isinstance(self.one, Tensor)
        return self.one

    def weight(self, x: Tensor) -> Tensor:
        return torch.ones_like(x[..., :1])


class AttentionPool(WeightedPool):
    """A mean weighted by learnt attention, exp(v tanh(W h)) (Yang et al. 2016), with scores held within 20 so that sums stay in range."""

    bound = 20.0

    def __init__(self, inputs: int):
        super().__init__(inputs)
        self.key = nn.Linear(inputs, inputs)
        self.score = nn.Linear(inputs, 1, bias=False)

    def like(self) -> Tensor:
        return self.score.weight

    def weight(self, x: Tensor) -> Tensor:
        score = self.score(torch.tanh(self.key(x)))
        return torch.exp(self.bound * torch.tanh(score / self.bound))


POOLS: dict[str, type[LastPool] | type[MaxPool] | type[MeanPool] | type[AttentionPool]] = {
    "last": LastPool,
    "mean": MeanPool,
    "max": MaxPool,
    "attention": AttentionPool,
}
