"""Cells that a step program runs as one operation: while a network is traced, their steps are operations of torch that export keeps whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import SymInt, Tensor, nn

from unspool.cells import Cell, State
from unspool.export.translate import Translator, Value

WEIGHTS = "Tensor input_weight, Tensor state_weight, Tensor? input_bias, Tensor? state_bias"

torch.library.define("unspool::rnn_step", f"(Tensor x, Tensor h, {WEIGHTS}, str activation) -> Tensor")
torch.library.define("unspool::gru_step", f"(Tensor x, Tensor h, {WEIGHTS}, str reset) -> Tensor")
torch.library.define("unspool::lstm_step", f"(Tensor x, Tensor h, Tensor c, {WEIGHTS}) -> Tensor")


@torch.library.register_fake("unspool::rnn_step")  # type: ignore[untyped-decorator]
def _(x: Tensor, h: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(h)


@torch.library.register_fake("unspool::gru_step")  # type: ignore[untyped-decorator]
def _(x: Tensor, h: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(h)


@torch.library.register_fake("unspool::lstm_step")  # type: ignore[untyped-decorator]
def _(x: Tensor, h: Tensor, *_: Any) -> Tensor:
    return h.new_empty(h.shape[0], 2, h.shape[1])


@contextmanager
def fused_cells(network: nn.Module) -> Iterator[None]:
    """Within, the step of every cell that says what it computes is one operation. The network is left as it was."""
    cells = [module for module in network.modules() if isinstance(module, Cell) and _may_be_fused(module)]
    for cell in cells:
        cell.step = _step_of(cell)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for cell in cells:
            del cell.step


def _may_be_fused(cell: Cell) -> bool:
    return type(cell).step is Cell.step and "step" not in vars(cell) and not cell._forward_hooks and cell.recurrence() is not None


def _step_of(cell: Cell) -> Any:
    def step(x: Tensor, state: State) -> tuple[Tensor, State]:
        recurrence = cell.recurrence()  # anew, for its weights are traced ones now
        streams = all(tensor.dim() == 2 and isinstance(tensor.shape[0], SymInt) for tensor in (x, *state.values()))
        if recurrence is None or not streams:
            return Cell.step(cell, x, state)
        weights = (recurrence.input_weight, recurrence.state_weight, recurrence.input_bias, recurrence.state_bias)
        operations = torch.ops.unspool
        if recurrence.kind == "lstm":
            h, c = operations.lstm_step(x, state["h"], state["c"], *weights).unbind(1)
            return h, {"h": h, "c": c}
        family, form = recurrence.kind.split("_", 1)
        step = operations.rnn_step if family == "rnn" else operations.gru_step
        h = step(x, state["h"], *weights, form.removeprefix("reset_"))
        return h, {"h": h}

    return step


def rnn_step(to: Translator, x: Any, h: Any, *rest: Any) -> Value:
    *weights, activation = rest
    return to.emit("rnn", x, h, *_weights(*weights), activation=activation)


def gru_step(to: Translator, x: Any, h: Any, *rest: Any) -> Value:
    *weights, reset = rest
    return to.emit("gru", x, h, *_weights(*weights), reset=reset)


def lstm_step(to: Translator, x: Any, h: Any, c: Any, *weights: Any) -> Value:
    return to.emit("lstm", x, h, c, *_weights(*weights))


def _weights(into: Tensor, held: Tensor, bias_in: Tensor | None, bias_held: Tensor | None) -> tuple[Tensor, ...]:
    """Both biases or none; one alone gets zeros beside it."""
    if bias_in is None and bias_held is None:
        return into, held
    zeros = into.new_zeros(len(into))
    return into, held, zeros if bias_in is None else bias_in, zeros if bias_held is None else bias_held
