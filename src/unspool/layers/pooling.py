"""The steps so far as one vector: at every step, so that a live model can answer at every step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from unspool.kernels.rows import last_steps, real_steps, where_begun, without_padding
from unspool.layers.layer import Layer, State, branch, check_lengths, leaf
from unspool.spec import Spec, knob

BOUND = 20.0
"""Scores are held within so much of zero, so that sums of their exponentials stay in range."""


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
        all_of, before = self._from_before(x, state, lengths)
        running = all_of.cummax(dim=1).values[:, 1:]
        after = running[:, -1] if x.shape[1] else before
        return without_padding(running, lengths), {"largest": after}

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        largest = self._from_before(x, state, lengths)[0].max(dim=1).values
        return where_begun(largest, x.shape[1], lengths), {"largest": largest}

    def _from_before(self, x: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """The largest value before the first step, with every step after it, (B, 1 + T, C), and by itself."""
        check_lengths(x, lengths)
        before = leaf(self.first_state(x, state), "largest").to(x.dtype)
        if lengths is not None:
            assert isinstance(self.least, Tensor)
            x = torch.where(real_steps(lengths, x.shape[1]).unsqueeze(-1), x, self.least.to(x.dtype))
        return torch.cat([before.unsqueeze(1), x], dim=1), before

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
        state = self.first_state(x, state)
        x, weight = _weighed(x, self.weight, lengths)
        total = leaf(state, "sum").unsqueeze(1) + (weight * x).cumsum(dim=1)
        weights = leaf(state, "weight").unsqueeze(1) + weight.cumsum(dim=1)
        after = {"sum": total[:, -1], "weight": weights[:, -1]} if x.shape[1] else state
        return without_padding(total / weights.clamp_min(torch.finfo(x.dtype).tiny), lengths), after

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        x, weight = _weighed(x, self.weight, lengths)
        total, weights = leaf(state, "sum") + (weight.mT @ x).squeeze(1), leaf(state, "weight") + weight.sum(dim=1)
        mean = total / weights.clamp_min(torch.finfo(x.dtype).tiny)
        return where_begun(mean, x.shape[1], lengths), {"sum": total, "weight": weights}

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
    """A mean weighted by learnt attention, exp(v tanh(W h)) (Yang et al. 2016)."""

    def __init__(self, inputs: int):
        super().__init__(inputs)
        self.key = nn.Linear(inputs, inputs)
        self.score = nn.Linear(inputs, 1, bias=False)

    def like(self) -> Tensor:
        return self.score.weight

    def weight(self, x: Tensor) -> Tensor:
        return _weights(self.score(torch.tanh(self.key(x))))


class SelfAttentionSpec(Spec):
    """Structured self-attention: several means, each with a learnt attention of its own, side by side (Lin et al. 2017)."""

    kind: Literal["self_attention"] = "self_attention"
    hops: int = knob(4, "means side by side", ge=1, le=64, search=[2, 8])
    width: int = knob(64, "units of the layer that scores a step", ge=1, search=[32, 256])

    def build(self, inputs: int) -> SelfAttentionPool:
        return SelfAttentionPool(inputs, self.hops, self.width)


class SelfAttentionPool(Layer):
    """R means of the steps so far, end to end, the weights of all being exp(V tanh(W h)) (Lin et al. 2017, eq. 6), without biases as there."""

    def __init__(self, inputs: int, hops: int, width: int):
        super().__init__()
        self.inputs = inputs
        self.hops = hops
        self.width = hops * inputs
        self.key = nn.Linear(inputs, width, bias=False)
        self.score = nn.Linear(width, hops, bias=False)

    def initial_state(self, batch: int) -> State:
        like = self.score.weight
        return {"sum": like.new_zeros(batch, self.hops, self.inputs), "weight": like.new_zeros(batch, self.hops)}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        x, weight = _weighed(x, self._weight, lengths)
        total = leaf(state, "sum").unsqueeze(1) + (weight.unsqueeze(-1) * x.unsqueeze(2)).cumsum(dim=1)  # (B, T, R, H)
        weights = leaf(state, "weight").unsqueeze(1) + weight.cumsum(dim=1)
        after = {"sum": total[:, -1], "weight": weights[:, -1]} if x.shape[1] else state
        means = total / weights.clamp_min(torch.finfo(x.dtype).tiny).unsqueeze(-1)
        return without_padding(means.flatten(2), lengths), after

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        x, weight = _weighed(x, self._weight, lengths)
        total, weights = leaf(state, "sum") + weight.mT @ x, leaf(state, "weight") + weight.sum(dim=1)
        means = total / weights.clamp_min(torch.finfo(x.dtype).tiny).unsqueeze(-1)
        return where_begun(means.flatten(1), x.shape[1], lengths), {"sum": total, "weight": weights}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        weight = self._weight(x)  # (B, R)
        total, weights = leaf(state, "sum") + weight.unsqueeze(-1) * x.unsqueeze(1), leaf(state, "weight") + weight
        return (total / weights.unsqueeze(-1)).flatten(1), {"sum": total, "weight": weights}

    def _weight(self, x: Tensor) -> Tensor:  # (..., H) -> (..., R), positive
        return _weights(self.score(torch.tanh(self.key(x))))


class ConcatPool(Layer):
    """The step itself, the largest value and the mean of the steps so far, side by side (Howard and Ruder 2018)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = 3 * inputs
        self.max = MaxPool(inputs)
        self.mean = MeanPool(inputs)

    def initial_state(self, batch: int) -> State:
        return {"max": self.max.initial_state(batch), "mean": self.mean.initial_state(batch)}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x.shape[0]) if state is None else state
        largest, after_max = self.max.scan(x, branch(state, "max"), lengths)
        mean, after_mean = self.mean.scan(x, branch(state, "mean"), lengths)
        return torch.cat([without_padding(x, lengths), largest, mean], dim=-1), {"max": after_max, "mean": after_mean}

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x.shape[0]) if state is None else state
        largest, after_max = self.max.end(x, branch(state, "max"), lengths)
        mean, after_mean = self.mean.end(x, branch(state, "mean"), lengths)
        last = last_steps(without_padding(x, lengths), lengths)
        return torch.cat([last, largest, mean], dim=-1), {"max": after_max, "mean": after_mean}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        largest, after_max = self.max.step(x, branch(state, "max"))
        mean, after_mean = self.mean.step(x, branch(state, "mean"))
        return torch.cat([x, largest, mean], dim=-1), {"max": after_max, "mean": after_mean}


def _weighed(x: Tensor, weight: Callable[[Tensor], Tensor], lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The steps (B, T, H) and their weights (B, T, 1) or, of R hops, (B, T, R); both zero in padding."""
    x = without_padding(x, lengths)
    return x, without_padding(weight(x), lengths)


def _weights(score: Tensor) -> Tensor:
    """Attention that is not yet divided by its sum."""
    return torch.exp(BOUND * torch.tanh(score / BOUND))


POOLS: dict[str, Callable[[int], Layer]] = {
    "last": LastPool,
    "mean": MeanPool,
    "max": MaxPool,
    "attention": AttentionPool,
    "concat": ConcatPool,
    "self_attention": lambda inputs: SelfAttentionSpec().build(inputs),
}

PoolName = Literal["last", "mean", "max", "attention", "concat", "self_attention"]


def build_pool(pool: PoolName | SelfAttentionSpec, inputs: int) -> Layer:
    """The layer that a spec asks for, by its name alone or with its choices."""
    return POOLS[pool](inputs) if isinstance(pool, str) else pool.build(inputs)
