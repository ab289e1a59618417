"""Recurrent networks with dropout of the state, written in torch: the products of the inputs before the loop, the rest of a step in it.

Rows whose steps have ended are left out of a step, as in torch's packed sequences: rows go by falling length, and those still running come first.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from side_by_side.cases import DROPOUT, Arrays, Case, Prepared
from side_by_side.contenders.torch_nn import named_answers, network

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
Loop = Callable[[list[Tensor], Tensor, Tensor, Tensor], list[Tensor]]
"""Projected inputs of each step (running rows, G H), mask (B, H), state weight and bias, to outputs of each step (running rows, H)."""


def rnn_loop(projected: list[Tensor], keep: Tensor, weight: Tensor, bias: Tensor) -> list[Tensor]:
    h, outputs = torch.zeros_like(keep), []
    for instant in projected:
        running = len(instant)
        h = torch.tanh(torch.addmm(instant + bias, h[:running] * keep[:running], weight.t()))
        outputs.append(h)
    return outputs


def gru_loop(projected: list[Tensor], keep: Tensor, weight: Tensor, bias: Tensor) -> list[Tensor]:
    h, outputs = torch.zeros_like(keep), []
    for instant in projected:
        running = len(instant)
        h = h[:running]
        from_state = torch.addmm(bias, h * keep[:running], weight.t()).chunk(3, 1)
        from_input = instant.chunk(3, 1)
        reset = torch.sigmoid(from_input[0] + from_state[0])
        update = torch.sigmoid(from_input[1] + from_state[1])
        new = torch.tanh(torch.addcmul(from_input[2], reset, from_state[2]))
        h = torch.lerp(new, h, update)
        outputs.append(h)
    return outputs


def lstm_loop(projected: list[Tensor], keep: Tensor, weight: Tensor, bias: Tensor) -> list[Tensor]:
    h, c, outputs = torch.zeros_like(keep), torch.zeros_like(keep), []
    for instant in projected:
        running = len(instant)
        gates = torch.addmm(instant + bias, h[:running] * keep[:running], weight.t()).chunk(4, 1)
        c = torch.addcmul(torch.sigmoid(gates[1]) * c[:running], torch.sigmoid(gates[0]), torch.tanh(gates[2]))
        h = torch.sigmoid(gates[3]) * torch.tanh(c)
        outputs.append(h)
    return outputs


@cache
def scripted(loop: Loop) -> Loop:
    """The loop as torch.jit runs it, without Python; compiled once a process."""
    typed: Loop = torch.jit.script(loop)
    return typed


def rnn_cells(x: list[Tensor], keep: Tensor, weights: Weights) -> list[Tensor]:
    h, outputs = torch.zeros_like(keep), []
    for instant in x:
        running = len(instant)
        h = torch._VF.rnn_tanh_cell(instant, h[:running] * keep[:running], *weights)
        outputs.append(h)
    return outputs


def lstm_cells(x: list[Tensor], keep: Tensor, weights: Weights) -> list[Tensor]:
    h, c, outputs = torch.zeros_like(keep), torch.zeros_like(keep), []
    for instant in x:
        running = len(instant)
        h, c = torch._VF.lstm_cell(instant, (h[:running] * keep[:running], c[:running]), *weights)
        outputs.append(h)
    return outputs


LOOPS = {"rnn": rnn_loop, "gru": gru_loop, "lstm": lstm_loop}
CELLS = {"rnn": rnn_cells, "lstm": lstm_cells}
# torch's GRU cell cannot do it: it reads one state both for its weights, where the mask belongs, and for what is carried on, where it does not.
VARIANTS = {"rnn": ("loop", "scripted loop", "cells"), "gru": ("loop", "scripted loop"), "lstm": ("loop", "scripted loop", "cells")}


def prepare(case: Case, variant: str) -> Prepared:
    weights: Weights = tuple(network(case).parameters())
    x = torch.from_numpy(case.inputs_array()).transpose(0, 1).contiguous().requires_grad_()
    lengths = torch.from_numpy(case.lengths()) if case.varied else None
    cotangent = torch.from_numpy(case.cotangent()).transpose(0, 1).contiguous()
    scan = _scan(case.kind, variant, weights)
    whole = torch.full((case.steps,), case.rows)

    def forward(keep: Tensor) -> Tensor:
        if lengths is None:
            return torch.cat(scan(x.flatten(0, 1), whole, keep)).unflatten(0, (case.steps, case.rows))
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        data = torch.cat(scan(packed.data, packed.batch_sizes, keep[packed.sorted_indices]))
        return pad_packed_sequence(PackedSequence(data, *packed[1:]))[0]

    def train(keep: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        y = forward(keep)
        return y.detach(), torch.autograd.grad(y, [x, *weights], cotangent)

    def run() -> object:
        return train(torch.nn.functional.dropout(x.new_ones(case.rows, case.hidden), DROPOUT))

    def answers() -> Arrays:
        y, (dx, *others) = train(torch.from_numpy(case.keep()))
        return named_answers(y.transpose(0, 1), (dx.transpose(0, 1), *others))

    return Prepared(run, answers, variant)


def _scan(kind: str, variant: str, weights: Weights) -> Callable[[Tensor, Tensor, Tensor], list[Tensor]]:
    """From the real steps of all rows (N, C), by time, and how many rows run at each, to outputs by time."""
    input_weight, state_weight, input_bias, state_bias = weights
    if variant == "cells":
        return lambda data, sizes, keep: CELLS[kind](list(data.split(sizes.tolist())), keep, weights)
    loop: Loop = scripted(LOOPS[kind]) if variant == "scripted loop" else LOOPS[kind]

    def scan(data: Tensor, sizes: Tensor, keep: Tensor) -> list[Tensor]:
        projected = torch.nn.functional.linear(data, input_weight, input_bias)
        return loop(list(projected.split(sizes.tolist())), keep, state_weight, state_bias)

    return scan
