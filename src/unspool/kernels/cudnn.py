"""The recurrent scan by torch's own functions, which on CUDA are cuDNN's. Lengths go through packing; no mask can act inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unspool.kernels.recurrence import Kind, Recurrence, State
from unspool.kernels.rows import reversed_rows, where_rows, without_padding

FUNCTIONS: dict[Kind, Callable[..., Any]] = {
    "rnn_tanh": torch.rnn_tanh,
    "rnn_relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru_reset_after": torch.gru,
}


def why_not(recurrence: Recurrence, keep: Tensor | None, zoned: object) -> str:
    """Why these functions cannot run such a scan; empty where they can."""
    if recurrence.kind not in FUNCTIONS:
        return "cuDNN's GRU resets the state after its product with the weights, and this one before"
    if keep is not None:
        return "cuDNN has no dropout of the state that weights read"
    if zoned is not None:
        return "cuDNN has no zoneout"
    if not recurrence.inputs or not recurrence.hidden:
        return "cuDNN reads at least one input and has at least one unit"
    return ""


def scan(recurrence: Recurrence, x: Tensor, state: State, lengths: Tensor | None = None, reverse: bool = False) -> tuple[Tensor, State]:
    """As `eager.scan`: (B, T, C) -> (B, T, H) and the state after each row's last real step."""
    if not x.shape[0] or not x.shape[1]:
        return x.new_zeros(*x.shape[:2], recurrence.hidden), state
    if lengths is not None:
        x = without_padding(x, lengths)
    if reverse:
        x = reversed_rows(x, lengths)
    y, after = _dense(recurrence, x, state) if lengths is None else _packed(recurrence, x, state, lengths)
    return (reversed_rows(y, lengths) if reverse else y), after


def _dense(recurrence: Recurrence, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, *after = FUNCTIONS[recurrence.kind](x, _given(recurrence, state), *_options(recurrence), True)
    return y, _named(after)


def _packed(recurrence: Recurrence, x: Tensor, state: State, lengths: Tensor) -> tuple[Tensor, State]:
    """A row of no steps is packed as one step, which packing asks for, and what comes of it is thrown away."""
    packed = pack_padded_sequence(x, lengths.cpu().clamp_min(1), batch_first=True, enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    assert order is not None and back is not None
    start = {name: tensor[order] for name, tensor in state.items()}
    data, *after = FUNCTIONS[recurrence.kind](packed.data, packed.batch_sizes, _given(recurrence, start), *_options(recurrence))
    y, _ = pad_packed_sequence(PackedSequence(data, packed.batch_sizes, order, back), batch_first=True, total_length=x.shape[1])
    some = (lengths > 0).unsqueeze(-1)
    ends = _named([tensor[:, back] for tensor in after])
    return without_padding(y, lengths), {name: where_rows(some, end, state[name]) for name, end in ends.items()}


def _given(recurrence: Recurrence, state: State) -> Tensor | list[Tensor]:
    """The state in the form in which torch's functions take it, with an axis of layers."""
    if recurrence.kind == "lstm":
        return [state["h"].unsqueeze(0).contiguous(), state["c"].unsqueeze(0).contiguous()]
    return state["h"].unsqueeze(0).contiguous()


def _named(after: list[Tensor]) -> State:
    return {name: tensor.squeeze(0) for name, tensor in zip(("h", "c"), after, strict=False)}


def _options(recurrence: Recurrence) -> tuple[list[Tensor], bool, int, float, bool, bool]:
    """Weights, whether there are biases, layers, dropout between them, whether gradients will be asked for, both directions."""
    return _flat(recurrence), len(recurrence.weights()) > 2, 1, 0.0, torch.is_grad_enabled(), False


def _flat(recurrence: Recurrence) -> list[Tensor]:
    """The weights one after the other in one piece of memory, in the order in which cuDNN reads them: else it copies them, and warns of it."""
    weights = recurrence.weights()
    if len(weights) == 3:  # cuDNN has both biases or none
        there = recurrence.input_bias if recurrence.state_bias is None else recurrence.state_bias
        assert there is not None
        none = torch.zeros_like(there)
        weights = [*weights[:2], none if recurrence.input_bias is None else there, none if recurrence.state_bias is None else there]
    pieces = torch.split(torch.cat([weight.reshape(-1) for weight in weights]), [weight.numel() for weight in weights])
    return [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]
