"""The one contract: everything that remembers is a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import inf
from typing import Union

import torch
from torch import Tensor, nn

from unspool.kernels import Choice, Coded
from unspool.kernels.rows import last_steps

State = Mapping[str, Union[Tensor, "State"]]
"""A named tree of tensors, each (B, ...), owned by the caller. A layer that remembers nothing has the empty tree."""

_REMEDY = "give what initial_state gives for as many rows as x has, or the state that the scan before gave"


class Layer(nn.Module, ABC):
    """Whole sequences by `scan`, one instant by `step`, with equal outputs; the state comes in and goes out, and is never kept.

    width      features out
    stride     inputs consumed for one output; a step of such a layer is given (B, stride, C)
    lookahead  future inputs that an output needs; infinite for a layer that reads from the end
    """

    width: int
    stride: int = 1
    lookahead: float = 0

    @abstractmethod
    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Whole sequences: (B, T, C) -> (B, T // stride, width).

        lengths  (B,) real steps of each row; what lies beyond is padding, which changes nothing and whose outputs are zero
        """

    def scan_coded(self, x: Coded, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """As `scan` of the inputs that `x` has the table and the codes of: a recurrent layer reads them without a product for each of them."""
        return self.scan(x.values(), state, lengths)

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """What `scan` gives last in each row, (B, width), zero in a row that has no output, and its state: for who asks for nothing before it."""
        y, state = self.scan(x, state, lengths)
        return last_steps(y, None if lengths is None else lengths // self.stride), state

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One instant: (B, C) -> (B, width); where stride is not 1, (B, stride, C) -> (B, width)."""

    @abstractmethod
    def initial_state(self, batch: int) -> State:
        """The state before the first input."""

    def forward(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self.scan(x, state, lengths)

    def first_state(self, x: Tensor, state: State | None) -> State:
        """What a scan of `x` (B, ...) begins with: the state that is given, ValueError where it does not fit, or the one before the first input."""
        initial = self.initial_state(x.shape[0])
        if state is None:
            return initial
        check_state(state, initial)
        return state

    def engine(self, x: Tensor) -> Choice | dict[str, Choice]:
        """Which engine would scan inputs of the type and place of `x` (B, T, C) in each recurrent layer within, by its name, and why."""
        told = ((name, module.engine(x)) for name, module in self.named_modules() if module is not self and isinstance(module, Layer))
        return {name: choice for name, choice in told if isinstance(choice, Choice)}

    @property
    def causal(self) -> bool:
        return self.lookahead != inf


def check_lengths(x: Tensor, lengths: Tensor | None) -> None:
    """Raise ValueError where `lengths` do not fit `x` (B, T, C)."""
    if not isinstance(x, Tensor):
        raise ValueError(f"x: got {type(x).__name__}, wanted a tensor (batch, time, features); give torch.as_tensor(x)")
    if x.dim() != 3:
        raise ValueError(f"x has shape {tuple(x.shape)}, wanted (batch, time, features); add a batch axis with x[None]")
    if lengths is None:
        return
    if not isinstance(lengths, Tensor):
        raise ValueError(f"lengths: got {type(lengths).__name__}, wanted a tensor of {x.shape[0]} integers, one a row; give torch.tensor(lengths)")
    if lengths.shape != x.shape[:1] or lengths.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"lengths has shape {tuple(lengths.shape)} and type {lengths.dtype}, wanted ({x.shape[0]},) integers of 32 or 64 bits, one a row"
        )
    if not len(lengths):
        return
    least, most = map(int, lengths.aminmax())
    if least < 0 or most > x.shape[1]:
        raise ValueError(f"lengths run from {least} to {most}, wanted 0 to {x.shape[1]}, the steps of x")


def map_state(change: Callable[[Tensor], Tensor], state: State) -> State:
    """The tree with every tensor changed."""
    return {name: change(leaf) if isinstance(leaf, Tensor) else map_state(change, leaf) for name, leaf in state.items()}


def join_states(change: Callable[[Tensor, Tensor], Tensor], left: State, right: State) -> State:
    """The tree whose tensors are made of those at the same place in two trees."""
    joined: dict[str, Tensor | State] = {}
    for name, leaf in left.items():
        other = right[name]
        if isinstance(leaf, Tensor) and isinstance(other, Tensor):
            joined[name] = change(leaf, other)
        elif not isinstance(leaf, Tensor) and not isinstance(other, Tensor):
            joined[name] = join_states(change, leaf, other)
        else:
            raise ValueError(f"two states differ at {name!r}: one has a tensor there, the other a tree")
    return joined


def flatten_state(state: State, prefix: str = "") -> dict[str, Tensor]:
    """The tree as one level, names joined by dots."""
    flat: dict[str, Tensor] = {}
    for name, leaf in state.items():
        flat |= {prefix + name: leaf} if isinstance(leaf, Tensor) else flatten_state(leaf, f"{prefix}{name}.")
    return flat


def unflatten_state(like: State, flat: Mapping[str, Tensor], prefix: str = "") -> State:
    """The inverse of `flatten_state`, for a state of the form of `like`."""
    return {
        name: flat[prefix + name] if isinstance(leaf, Tensor) else unflatten_state(leaf, flat, f"{prefix}{name}.")
        for name, leaf in like.items()
    }


def branch(state: State, name: str) -> State:
    """The subtree `name`."""
    inner = _at(state, name)
    if isinstance(inner, Tensor):
        raise ValueError(f"state: {name!r} is a tensor, wanted a tree; {_REMEDY}")
    return inner


def leaf(state: State, name: str) -> Tensor:
    """The tensor `name`."""
    tensor = _at(state, name)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"state: {name!r} is {type(tensor).__name__}, wanted a tensor; {_REMEDY}")
    return tensor


def check_state(state: State, wanted: State) -> None:
    """Raise ValueError where a state has not the tensors of another, by name and shape."""
    for name, like in wanted.items():
        if not isinstance(like, Tensor):
            check_state(branch(state, name), like)
        elif leaf(state, name).shape != like.shape:
            raise ValueError(f"state: {name!r} has shape {tuple(leaf(state, name).shape)}, wanted {tuple(like.shape)}; {_REMEDY}")
    beyond = state.keys() - wanted.keys()
    if beyond:
        raise ValueError(f"state: {min(beyond)!r} is no part of this layer's, which has {', '.join(wanted)}; {_REMEDY}")


def _at(state: State, name: str) -> Tensor | State:
    if not isinstance(state, Mapping):
        raise ValueError(f"state: got {type(state).__name__}, wanted a tree of tensors by name; {_REMEDY}")
    if name not in state:
        raise ValueError(f"state: {name!r} is missing, there is {', '.join(state) or 'nothing'}; {_REMEDY}")
    return state[name]
