"""The random numbers of training, apart from all others.

Dropout draws from torch's global generators. While `drawing`, these stand where this stream of numbers left them; outside they stand where
everybody else left them. So nothing that a plan, a judge or a hook draws moves training, and training moves nothing of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

# Streams of one seed, kept apart from each other and from the draws that made the weights.
TRAINING, PLANNING, JUDGING = 1, 2, 3


class Randomness:
    """One stream of random numbers: the states of torch's generators on the CPU and, where it is used, on a CUDA device.

    key  what the stream starts from; streams of different keys have nothing in common
    """

    def __init__(self, device: torch.device, *key: int):
        self.device = device
        start = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
        self.states = {name: torch.Generator(place).manual_seed(start).get_state() for name, place in self._places().items()}

    def _places(self) -> dict[str, torch.device]:
        places = {"cpu": torch.device("cpu")}
        return places if self.device.type == "cpu" else places | {"cuda": self.device}

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """What is drawn within comes from this stream."""
        outside = self._read()
        self._write(self.states)
        try:
            yield
        finally:
            self.states = self._read()
            self._write(outside)

    def restore(self, states: Mapping[str, Tensor]) -> None:
        """Go on where `states`, uint8 tensors by name, were read."""
        self.states = {name: states[name].clone() for name in self._places()}

    def _read(self) -> dict[str, Tensor]:
        states = {"cpu": torch.get_rng_state()}
        return states if self.device.type == "cpu" else states | {"cuda": torch.cuda.get_rng_state(self.device)}

    def _write(self, states: Mapping[str, Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)
