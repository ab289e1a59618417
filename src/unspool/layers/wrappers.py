"""What is put between recurrent layers: sequence, residual, layer norm, dropout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from unspool.kernels import Coded
from unspool.kernels.dropout import dropped
from unspool.kernels.rows import without_padding
from unspool.layers.layer import Layer, State, branch, check_lengths
from unspool.layers.masks import kept_units, share_of


class Stack(Layer):
    """Layers one above the other. Strides multiply; lookaheads add, each counted in the stack's inputs.

    Inputs that do not fill the whole stride at the end of a row are dropped before any layer reads them, so that all states end at one instant.
    """

    def __init__(self, layers: Iterable[Layer], inputs: int):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.width = inputs
        self.lookahead = 0
        self.stride = 1
        for layer in self._layers():
            self.width = layer.width
            self.lookahead += layer.lookahead * self.stride
            self.stride *= layer.stride

    def _layers(self) -> list[Layer]:
        return cast(list[Layer], list(self.layers))

    def initial_state(self, batch: int) -> State:
        return {str(index): layer.initial_state(batch) for index, layer in enumerate(self._layers())}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        layers = self._layers()
        x, lengths, after = self._through(layers, x, state, lengths)
        return x if layers else without_padding(x, lengths), after

    def scan_coded(self, x: Coded, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        layers = self._layers()
        if not layers or self.stride > 1:
            return self.scan(x.values(), state, lengths)
        y, after = layers[0].scan_coded(x, None if state is None else branch(state, "0"), lengths)
        y, _, above = self._through(layers[1:], y, state, lengths, first=1)
        return y, {"0": after, **above}

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        layers = self._layers()
        if not layers:
            return super().end(x, state, lengths)
        *below, last = layers
        x, lengths, after = self._through(below, x, state, lengths)
        y, after[str(len(below))] = last.end(x, None if state is None else branch(state, str(len(below))), lengths)
        return y, after

    def _through(
        self, layers: list[Layer], x: Tensor, state: State | None, lengths: Tensor | None, first: int = 0
    ) -> tuple[Tensor, Tensor | None, dict[str, State]]:
        """The outputs of `layers`, from number `first` on, of as many inputs as fill the whole stride; how many are real; and their states."""
        check_lengths(x, lengths)
        if self.stride > 1:
            lengths = lengths if lengths is None else lengths // self.stride * self.stride
            x = x[:, : x.shape[1] // self.stride * self.stride]
        after: dict[str, State] = {}
        for index, layer in enumerate(layers, first):
            x, after[str(index)] = layer.scan(x, None if state is None else branch(state, str(index)), lengths)
            lengths = lengths if lengths is None or layer.stride == 1 else lengths // layer.stride
        return x, lengths, after

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after: dict[str, State] = {}
        remaining = self.stride
        for index, layer in enumerate(self._layers()):
            remaining //= layer.stride
            x, after[str(index)] = _several_steps(layer, x, branch(state, str(index)), remaining)
        return x, after


def _several_steps(layer: Layer, x: Tensor, state: State, steps: int) -> tuple[Tensor, State]:
    """`steps` steps of a layer at once, for the strided layers above it: (B, steps * stride, C) -> (B, steps, width), or (B, width) for one."""
    if steps == 1:
        return layer.step(x, state)
    outputs = []
    for t in range(steps):
        taken = x[:, t * layer.stride : (t + 1) * layer.stride] if layer.stride > 1 else x[:, t]
        y, state = layer.step(taken, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


class Residual(Layer):
    """A layer whose input is added to its output (He et al. 2016); widths must agree and the stride must be 1."""

    def __init__(self, layer: Layer, inputs: int):
        super().__init__()
        if layer.stride != 1 or layer.width != inputs:
            raise ValueError(f"a residual needs equal widths and stride 1, got {inputs} in, {layer.width} out, stride {layer.stride}")
        self.layer = layer
        self.width = layer.width
        self.lookahead = layer.lookahead

    def initial_state(self, batch: int) -> State:
        return self.layer.initial_state(batch)

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        y, state = self.layer.scan(x, state, lengths)
        return y + without_padding(x, lengths), state

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self.layer.step(x, state)
        return y + x, state


class Norm(Layer):
    """Layer norm of every step by itself (Ba et al. 2016)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = inputs
        self.norm = nn.LayerNorm(inputs)

    def initial_state(self, batch: int) -> State:
        return {}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        return without_padding(self.norm(without_padding(x, lengths)), lengths), {}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.norm(x), {}


class Dropout(Layer):
    """Numbers left out in training, anew at every step, or the same at all steps of a sequence where `locked`. At rest it does nothing."""

    def __init__(self, inputs: int, share: float, locked: bool = False):
        super().__init__()
        self.width = inputs
        self.share = share_of("dropout", share)
        self.locked = locked

    def initial_state(self, batch: int) -> State:
        return {}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        x = without_padding(x, lengths)
        if not self.training or not self.share:
            return x, {}
        return x * kept_units(x, self.width, self.share).unsqueeze(1) if self.locked else dropped(x, self.share), {}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, {}
