"""Reading from both ends (Schuster and Paliwal 1997)."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from unspool.kernels import Coded
from unspool.layers.layer import Layer, State, branch


class Bidirectional(Layer):
    """Two layers side by side, one of which reads from each row's own end; outputs are joined along features."""

    lookahead = inf

    def __init__(self, onward: Layer, backward: Layer):
        super().__init__()
        if onward.stride != backward.stride:
            raise ValueError(f"the two directions need equal strides, got {onward.stride} onward and {backward.stride} backward")
        self.onward = onward
        self.backward = backward
        self.width = onward.width + backward.width
        self.stride = onward.stride

    def initial_state(self, batch: int) -> State:
        return {"onward": self.onward.initial_state(batch), "backward": self.backward.initial_state(batch)}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x.shape[0]) if state is None else state
        ahead, onward = self.onward.scan(x, branch(state, "onward"), lengths)
        back, backward = self.backward.scan(x, branch(state, "backward"), lengths)
        return torch.cat([ahead, back], dim=-1), {"onward": onward, "backward": backward}

    def scan_coded(self, x: Coded, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x.codes.shape[0]) if state is None else state
        ahead, onward = self.onward.scan_coded(x, branch(state, "onward"), lengths)
        back, backward = self.backward.scan_coded(x, branch(state, "backward"), lengths)
        return torch.cat([ahead, back], dim=-1), {"onward": onward, "backward": backward}

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        state = self.initial_state(x.shape[0]) if state is None else state
        ahead, onward = self.onward.end(x, branch(state, "onward"), lengths)
        back, backward = self.backward.end(x, branch(state, "backward"), lengths)
        return torch.cat([ahead, back], dim=-1), {"onward": onward, "backward": backward}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        raise ValueError("a bidirectional layer has no step: its output needs the whole future; use a layer that reads forward only")
