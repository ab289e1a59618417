"""What every cell is: one step of time."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

State = dict[str, Tensor]


class Cell(nn.Module, ABC):
    """One step of time: reads an instant and the state before it, gives an output and the state after it.

    A cell is written as `project`, the part of a step that needs no state and is therefore done for all steps at once, and `advance`, the rest.
    The tensor of the state that the next step reads through weights is named "h"; `keep` is a variational dropout mask over it.
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

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One instant: (B, C) -> (B, H)."""
        return self.advance(self.project(x), state)


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
