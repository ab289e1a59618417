"""An average of the weights along training: what is judged and kept in their place once it has begun."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from unspool.tasks.task import Decision
from unspool.training.spec import Average, ExponentialAverage, PolyakAverage

COUNT = "count"


class Averaging:
    """The mean of every weight that learns, over steps; nothing before it begins.

    count    steps that are in the means
    weights  the means, by the names of the weights; empty before it begins
    """

    def __init__(self, spec: Average, network: nn.Module):
        self.spec = spec
        self.network = network
        self.count = 0
        self.weights: dict[str, Tensor] = {}
        if isinstance(spec, ExponentialAverage) or spec.begin == 0:
            self.begin()

    def begin(self) -> None:
        """From the weights as they are, which the next step's take the place of."""
        self.weights = {name: weight.detach().clone() for name, weight in self._learning()}

    @torch.no_grad()
    def stepped(self) -> None:
        """Take in the weights after a step."""
        if not self.weights:
            return
        self.count += 1
        share = 1 / self.count
        if isinstance(self.spec, ExponentialAverage):  # the first steps weigh more, so that where training began is soon forgotten
            share = 1 - min(self.spec.decay, self.count / (9 + self.count))
        for name, weight in self._learning():
            self.weights[name].lerp_(weight, share)

    def judged(self, values: Sequence[float], decision: Decision) -> None:
        """An epoch is over: begin, if it is time.

        values  of the deciding metric, one an epoch so far
        """
        if not self.weights and isinstance(self.spec, PolyakAverage) and begins(self.spec, values, decision):
            self.begin()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within, the network has the means for weights, where there are any."""
        held = {name: weight.detach().clone() for name, weight in self._learning()} if self.count else {}
        self._put(self.weights if self.count else {})
        try:
            yield
        finally:
            self._put(held)

    def settle(self) -> None:
        """The means become the weights, where there are any."""
        if self.count:
            self._put(self.weights)

    def tensors(self) -> dict[str, Tensor]:
        return {COUNT: torch.tensor(self.count)} | {f"weights/{name}": weight for name, weight in self.weights.items()}

    def restore(self, tensors: Mapping[str, Tensor], device: torch.device) -> None:
        """The inverse of `tensors`."""
        self.count = int(tensors[COUNT])
        start = "weights/"
        self.weights = {name.removeprefix(start): weight.to(device) for name, weight in tensors.items() if name.startswith(start)}

    def _learning(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, weight) for name, weight in self.network.named_parameters() if weight.requires_grad]

    @torch.no_grad()
    def _put(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in self._learning():
            if name in weights:
                weight.copy_(weights[name])


def begins(spec: PolyakAverage, values: Sequence[float], decision: Decision) -> bool:
    """Whether averaging begins after the last of these epochs: the one that is named or, by the non-monotone trigger of AWD-LSTM (Merity et al. 2018,
    algorithm 1), one whose metric is worse than the best of more than `patience` epochs before it."""
    if spec.begin is not None:
        return len(values) >= spec.begin
    earlier = values[:-1][: -spec.patience]
    if not earlier:
        return False
    best = min(earlier) if decision.lower_is_better else max(earlier)
    return decision.better(best, values[-1])
