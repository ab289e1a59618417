"""RNN, LSTM and GRU as torch.nn has them, with lengths in place of packing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, Self

import torch
from torch import Tensor, nn

from unspool.cells import Cell, GRUCell, LSTMCell, RNNCell
from unspool.kernels import Coded
from unspool.layers.bidirectional import Bidirectional
from unspool.layers.layer import Layer, State
from unspool.layers.recurrent import Recurrent
from unspool.layers.wrappers import Dropout, Norm, Residual, Stack


def recurrent_stack(
    cell: Callable[[int], Cell],
    inputs: int,
    layers: int = 1,
    *,
    bidirectional: bool = False,
    residual: bool = False,
    norm: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    zoneout: float = 0.0,
    weight_drop: float = 0.0,
    locked: bool = False,
) -> Stack:
    """Recurrent layers one above the other.

    cell      makes the cell of a layer from the number of its inputs
    residual  adds a layer's input to its output where the widths agree
    norm      layer norm after each layer
    dropout   between layers; `locked` keeps one mask for all steps of a sequence
    recurrent_dropout, zoneout, weight_drop  within each layer, as `Recurrent` has them
    """
    if layers < 1:
        raise ValueError(f"layers: got {layers}, wanted at least 1")
    if dropout and layers == 1:
        raise ValueError(f"dropout: {dropout} acts between layers, and there is one layer; raise layers or drop it")
    made: list[Layer] = []
    width = inputs
    for depth in range(layers):
        if depth and dropout:
            made.append(Dropout(width, dropout, locked))
        layer: Layer = Recurrent(cell(width), dropout=recurrent_dropout, zoneout=zoneout, weight_drop=weight_drop)
        if bidirectional:
            back = Recurrent(cell(width), dropout=recurrent_dropout, zoneout=zoneout, weight_drop=weight_drop, reverse=True)
            layer = Bidirectional(layer, back)
        if residual and layer.width == width:
            layer = Residual(layer, width)
        width = layer.width
        made.append(layer)
        if norm:
            made.append(Norm(width))
    if residual and not any(isinstance(layer, Residual) for layer in made):
        raise ValueError(f"residual: no layer gives back the width that it reads ({inputs} in, {width} out); raise layers or drop it")
    return Stack(made, inputs)


class _Network(Layer):
    """A stack of one kind of cell."""

    def __init__(self, stack: Stack):
        super().__init__()
        self.stack = stack
        self.width = stack.width
        self.lookahead = stack.lookahead

    def initial_state(self, batch: int) -> State:
        return self.stack.initial_state(batch)

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self.stack.scan(x, state, lengths)

    def scan_coded(self, x: Coded, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self.stack.scan_coded(x, state, lengths)

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self.stack.end(x, state, lengths)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self.stack.step(x, state)

    def _copy_weights(self, source: nn.RNNBase) -> Self:
        """Take the weights of a torch.nn network of the same form."""
        self.to(next(source.parameters()))
        cells = [module for module in self.modules() if isinstance(module, Cell)]
        suffixes = [f"l{depth}{end}" for depth in range(source.num_layers) for end in (("", "_reverse") if source.bidirectional else ("",))]
        with torch.no_grad():
            for cell, suffix in zip(cells, suffixes, strict=True):
                for linear, name in ((cell.from_input, "ih"), (cell.from_state, "hh")):
                    assert isinstance(linear, nn.Linear)
                    linear.weight.copy_(getattr(source, f"weight_{name}_{suffix}"))
                    if source.bias:
                        linear.bias.copy_(getattr(source, f"bias_{name}_{suffix}"))
        return self.train(source.training)


class RNN(_Network):
    """Simple recurrent layers (Elman 1990); weights, order and outputs as in torch.nn.RNN."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        *,
        activation: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        residual: bool = False,
        norm: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        locked: bool = False,
    ):
        cell = partial(RNNCell, hidden=hidden, activation=activation, bias=bias)
        super().__init__(
            recurrent_stack(
                cell, inputs, layers, bidirectional=bidirectional, residual=residual, norm=norm,
                dropout=dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout, weight_drop=weight_drop, locked=locked,
            )
        )

    @classmethod
    def from_torch(cls, source: nn.RNN) -> Self:
        """The same network, with copies of its weights."""
        activation: Literal["tanh", "relu"] = "relu" if source.nonlinearity == "relu" else "tanh"
        made = cls(
            source.input_size, source.hidden_size, source.num_layers, source.bidirectional,
            activation=activation, bias=source.bias, dropout=_between(source),
        )
        return made._copy_weights(source)


class LSTM(_Network):
    """Long short-term memory layers (Hochreiter and Schmidhuber 1997); weights, order and outputs as in torch.nn.LSTM."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        *,
        bias: bool = True,
        residual: bool = False,
        norm: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        locked: bool = False,
    ):
        cell = partial(LSTMCell, hidden=hidden, bias=bias)
        super().__init__(
            recurrent_stack(
                cell, inputs, layers, bidirectional=bidirectional, residual=residual, norm=norm,
                dropout=dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout, weight_drop=weight_drop, locked=locked,
            )
        )

    @classmethod
    def from_torch(cls, source: nn.LSTM) -> Self:
        """The same network, with copies of its weights; raises ValueError for a projected state (proj_size)."""
        if source.proj_size:
            raise ValueError(f"proj_size: got {source.proj_size}, wanted 0; projections of an LSTM's state are not supported")
        made = cls(
            source.input_size, source.hidden_size, source.num_layers, source.bidirectional, bias=source.bias, dropout=_between(source)
        )
        return made._copy_weights(source)


class GRU(_Network):
    """Gated recurrent layers (Cho et al. 2014); weights, order and outputs as in torch.nn.GRU where `reset` is "after"."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        *,
        reset: Literal["after", "before"] = "after",
        bias: bool = True,
        residual: bool = False,
        norm: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        locked: bool = False,
    ):
        cell = partial(GRUCell, hidden=hidden, reset=reset, bias=bias)
        super().__init__(
            recurrent_stack(
                cell, inputs, layers, bidirectional=bidirectional, residual=residual, norm=norm,
                dropout=dropout, recurrent_dropout=recurrent_dropout, zoneout=zoneout, weight_drop=weight_drop, locked=locked,
            )
        )

    @classmethod
    def from_torch(cls, source: nn.GRU) -> Self:
        """The same network, with copies of its weights."""
        made = cls(
            source.input_size, source.hidden_size, source.num_layers, source.bidirectional, bias=source.bias, dropout=_between(source)
        )
        return made._copy_weights(source)


def _between(source: nn.RNNBase) -> float:
    """torch.nn's dropout, which has no place to act in a single layer."""
    return float(source.dropout) if source.num_layers > 1 else 0.0
