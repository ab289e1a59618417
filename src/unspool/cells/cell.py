"""What every cell is: one step of time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeGuard, TypeVar

from torch import Tensor, nn

from unspool.kernels.recurrence import Kind, Recurrence, State

Choice = TypeVar("Choice")

STATE_WEIGHT = "from_state.weight"
"""The parameter through which a cell reads its state, where it has one: what weight drop acts on."""


class Cell(nn.Module, ABC):
    """One step of time: reads an instant and the state before it, gives an output and the state after it.

    A cell is written as `project`, the part of a step that needs no state and is therefore done for all steps at once, and `advance`, the rest.
    The tensor of the state that the next step reads through weights is named "h"; `keep` is a variational dropout mask over it. The linear layer that
    reads it is `from_state`.
    """

    hidden: int

    def project(self, x: Tensor) -> Tensor:
        """The part of a step that needs no state: (..., C) -> (..., P)."""
        return x

    @abstractmethod
    def advance(self, projected: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        """The rest of a step: (B, P) -> (B, H). `keep` (B, H) multiplies the state where weights read it."""

    @abstractmethod
    def initial_state(self, batch: int) -> State:
        """The state before the first step, named tensors of (B, ...)."""

    @abstractmethod
    def initialize(self, recurrent: str, inputs: str, forget_bias: float | None) -> None:
        """Set the weights as `models.spec.Initialization` says."""

    def recurrence(self) -> Recurrence | None:
        """The cell's equations and weights in the terms of the fast engines; None where only the eager engine can run it."""
        return None

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One instant: (B, C) -> (B, H)."""
        return self.advance(self.project(x), state)

    def forward(self, projected: Tensor, state: State, keep: Tensor | None = None) -> tuple[Tensor, State]:
        return self.advance(projected, state, keep)


def one_of(name: str, value: Choice, choices: Sequence[Choice]) -> Choice:
    """The value, where it is among the choices; else ValueError."""
    if value not in choices:
        raise ValueError(f"{name}: got {value!r}, wanted one of {', '.join(map(str, choices))}")
    return value


def recurrence_of(cell: Cell, written: type[Cell], kind: Kind) -> Recurrence | None:
    """What a cell computes with its linear layers `from_input` and `from_state`, if it is what the class `written` says: with no method replaced, no
    hook set and no other module in a linear's place."""
    own = vars(cell)
    if not _is_as_written(type(cell), written) or "project" in own or "advance" in own:
        return None
    modules = own["_modules"]  # looked up here, as every call of a layer does: by attribute it takes ten times as long
    from_input, from_state = modules.get("from_input"), modules.get("from_state")
    if not is_plain_linear(from_input) or not is_plain_linear(from_state):
        return None
    return Recurrence(
        kind, _parameter(from_input, "weight"), _parameter(from_state, "weight"), _parameter(from_input, "bias"), _parameter(from_state, "bias")
    )


def _parameter(module: nn.Module, name: str) -> Any:
    """A parameter, or what a parametrization gives in its place."""
    held = vars(module)["_parameters"]
    return held[name] if name in held else getattr(module, name)


@cache
def _is_as_written(kind: type[Cell], written: type[Cell]) -> bool:
    return kind.project is written.project and kind.advance is written.advance


def is_plain_linear(module: nn.Module | None) -> TypeGuard[nn.Linear]:
    """Whether a call of the module is x W' + b and nothing else. A parametrized weight is a weight; a hook could do anything."""
    if not isinstance(module, nn.Linear) or type(module).forward is not nn.Linear.forward or "forward" in vars(module):
        return False
    return not (module._forward_pre_hooks or module._forward_hooks or module._backward_pre_hooks or module._backward_hooks)


def initialize_gates(from_input: nn.Linear, from_state: nn.Linear, gates: int, recurrent: str, inputs: str) -> None:
    """Set weights gate by gate, so that each of the `gates` blocks of H rows has the scale that it would have alone; biases start at zero.

    orthogonal  Saxe et al. 2014        xavier  Glorot and Bengio 2010        uniform  torch.nn's, biases included
    """
    width = from_state.in_features**-0.5
    for linear in (from_input, from_state):
        if linear.bias is not None:
            nn.init.zeros_(linear.bias) if recurrent == "orthogonal" else nn.init.uniform_(linear.bias, -width, width)
    for block in from_input.weight.chunk(gates):
        nn.init.xavier_uniform_(block) if inputs == "xavier" else nn.init.uniform_(block, -width, width)
    for block in from_state.weight.chunk(gates):
        nn.init.orthogonal_(block) if recurrent == "orthogonal" else nn.init.uniform_(block, -width, width)
