"""A causal convolution over time, with a stride, as a front end."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor, nn

from unspool.kernels.rows import without_padding
from unspool.layers.layer import Layer, State, check_lengths, leaf
from unspool.spec import Spec, knob


class ConvolutionSpec(Spec):
    """A causal convolution: output j sees the `kernel` inputs that end with input (j + 1) * stride - 1."""

    channels: int = knob(32, "features out", ge=1, search=[16, 128])
    kernel: int = knob(8, "inputs seen by one output", ge=1, search=[3, 16])
    stride: int = knob(1, "inputs consumed by one output", ge=1)
    activation: Literal["relu", "tanh", "none"] = knob("relu", "applied to the output")
    norm: bool = knob(False, "layer norm of each output, before the activation")

    @model_validator(mode="after")
    def _nothing_skipped(self) -> ConvolutionSpec:
        if self.kernel < self.stride:
            raise ValueError(f"kernel {self.kernel} is smaller than stride {self.stride}, so inputs would never be seen; raise the kernel")
        return self

    def build(self, inputs: int) -> CausalConvolution:
        return CausalConvolution(inputs, self.channels, self.kernel, self.stride, self.activation, self.norm)


class CausalConvolution(Layer):
    """A convolution that never sees the future; its state is the last `kernel - stride` inputs.

    An input that does not fill a stride at the end of a row is dropped: a row of n steps gives n // stride outputs.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, stride: int = 1, activation: str = "relu", norm: bool = False):
        super().__init__()
        self.inputs = inputs
        self.width = channels
        self.stride = stride
        self.memory = kernel - stride
        self.kernel = kernel
        self.activation = activation
        self.linear = nn.Linear(kernel * inputs, channels)
        self.norm = nn.LayerNorm(channels) if norm else nn.Identity()

    def initial_state(self, batch: int) -> State:
        return {"past": self.linear.weight.new_zeros(batch, self.memory, self.inputs)} if self.memory else {}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        state = self.first_state(x, state)
        x = without_padding(x, lengths)
        seen = torch.cat([leaf(state, "past"), x], dim=1) if self.memory else x
        outputs = x.shape[1] // self.stride
        if not outputs:
            y = x.new_zeros(x.shape[0], 0, self.width)
        else:
            frames = seen.unfold(1, self.kernel, self.stride)[:, :outputs].transpose(2, 3)  # (B, T', kernel, C)
            y = self._frame(frames.flatten(2))
        return without_padding(y, None if lengths is None else lengths // self.stride), self._after(seen, x.shape[1], lengths)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = x.unsqueeze(1) if self.stride == 1 else x
        seen = torch.cat([leaf(state, "past"), x], dim=1) if self.memory else x
        after = {"past": seen[:, self.stride :]} if self.memory else {}
        return self._frame(seen.flatten(1)), after

    def _frame(self, frame: Tensor) -> Tensor:  # (..., kernel * C) -> (..., width)
        y = self.norm(self.linear(frame))
        return torch.relu(y) if self.activation == "relu" else torch.tanh(y) if self.activation == "tanh" else y

    def _after(self, seen: Tensor, steps: int, lengths: Tensor | None) -> State:
        """The last inputs of each row that filled a stride."""
        if not self.memory:
            return {}
        if lengths is None:
            end = steps // self.stride * self.stride
            return {"past": seen[:, end : end + self.memory]}
        first = lengths // self.stride * self.stride
        index = first[:, None] + torch.arange(self.memory, device=seen.device)
        return {"past": seen.gather(1, index.unsqueeze(-1).expand(-1, -1, seen.shape[2]))}
