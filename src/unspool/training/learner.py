"""What a step of training changes: weights, the optimizer's memory, the carried state, the random numbers. It knows no data and no epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor

from unspool.layers import State, flatten_state, map_state, unflatten_state
from unspool.models.batch import TensorBatch
from unspool.models.sequence_model import SequenceModel
from unspool.training.average import Averaging
from unspool.training.optimize import build_optimizer, clip_gradient, optimizer_tensors, restore_optimizer, set_rate
from unspool.training.randomness import TRAINING, Randomness
from unspool.training.spec import TrainSpec
from unspool.types import Batch


class Learner:
    """A network with all that is needed to take its next step.

    weights  of the network, in its order
    state  what the batch before left behind, cut from its gradient, or None
    best   copies of the weights that were best so far, by name; empty before the first judgement
    average  of the weights, where the spec asks for one
    """

    def __init__(self, network: SequenceModel, spec: TrainSpec, device: torch.device):
        self.network = network.to(device)
        self.weights = tuple(network.parameters())  # to gather them at every step is felt by a small network
        self.device = device
        self.clip = spec.clip
        self.optimizer = build_optimizer(spec.optimizer, network)
        self.randomness = Randomness(device, spec.seed, TRAINING)
        self.state: State | None = None
        self.best: dict[str, Tensor] = {}
        self.average = None if spec.average is None else Averaging(spec.average, network)

    def loss(self, batch: Batch) -> Tensor:
        """The batch's loss, going on from the state of the batch before where a row carries."""
        state = self.state if batch.carry.any() else None
        with self.randomness.drawing():
            loss, after = self.network.loss(TensorBatch.of(batch, self.device), state)
        self.state = map_state(Tensor.detach, after)
        return loss

    def gradient(self, loss: Tensor) -> float:
        """Fill in the gradients and clip them; returns their norm before that."""
        for weight in self.weights:  # as zero_grad, without its bookkeeping
            weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        return clip_gradient(self.weights, self.clip)

    def step(self, rate: float) -> None:
        """Change the weights."""
        set_rate(self.optimizer, rate)
        self.optimizer.step()
        if self.average is not None:
            self.average.stepped()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the network has the weights that are judged: their averages, where there are any."""
        with nullcontext() if self.average is None else self.average.inside():
            yield

    def keep_best(self) -> None:
        """The weights that were judged become the best."""
        with self.averaged():
            self.best = {name: weight.detach().clone() for name, weight in self.network.state_dict().items()}

    def restore_best(self) -> None:
        if self.best:
            self.network.load_state_dict(self.best)

    def tensors(self) -> dict[str, Tensor]:
        """Everything above as named tensors."""
        rooms: dict[str, Mapping[str, Tensor]] = {
            "weights": self.network.state_dict(),
            "best": self.best,
            "optimizer": optimizer_tensors(self.optimizer, self.network),
            "carried": {} if self.state is None else flatten_state(self.state),
            "random": self.randomness.states,
            "average": {} if self.average is None else self.average.tensors(),
        }
        return {f"{room}/{name}": tensor for room, named in rooms.items() for name, tensor in named.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`, bit for bit, for a network of the same form."""
        self.network.load_state_dict(_room(tensors, "weights"))
        self.best = {name: weight.to(self.device) for name, weight in _room(tensors, "best").items()}
        restore_optimizer(self.optimizer, self.network, _room(tensors, "optimizer"))
        self.randomness.restore(_room(tensors, "random"))
        if self.average is not None:
            self.average.restore(_room(tensors, "average"), self.device)
        carried = {name: leaf.to(self.device) for name, leaf in _room(tensors, "carried").items()}
        # A state without tensors remembers nothing, which is what None stands for.
        self.state = unflatten_state(self.network.initial_state(1), carried) if carried else None


def _room(tensors: Mapping[str, Tensor], room: str) -> dict[str, Tensor]:
    start = room + "/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def answers_that_count(batch: Batch) -> float:
    """What a batch weighs in an epoch's mean loss: its answers, each with its weight."""
    weights = batch.weights.astype(np.float64)
    return float(weights.sum() if batch.known_truth is None else (weights[..., None, None] * batch.known_truth).sum())
