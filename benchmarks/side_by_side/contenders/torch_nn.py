"""torch.nn as one uses it for speed: time first, packed where lengths differ; for dropout of the state, which it lacks, the fastest of some loops."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from side_by_side.cases import Arrays, Case, Prepared
from side_by_side.worker import best_of

NETWORKS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GRADIENTS = ("x", "input_weight", "state_weight", "input_bias")


def prepare(case: Case, variant: str | None = None) -> Prepared:
    """`variant` names the loop for dropout of the state; the fastest where it is None."""
    use_threads()
    if case.streaming:
        return _step(case)
    if case.dropout:
        from side_by_side.contenders import torch_loops

        if variant is not None:
            return torch_loops.prepare(case, variant)
        return min((torch_loops.prepare(case, each) for each in torch_loops.VARIANTS[case.kind]), key=_seconds)
    layer = network(case).train(case.training)
    x = torch.from_numpy(case.inputs_array()).transpose(0, 1).contiguous().requires_grad_(case.training)
    lengths = torch.from_numpy(case.lengths()) if case.varied else None
    cotangent = torch.from_numpy(case.cotangent()).transpose(0, 1).contiguous()

    def forward() -> Tensor:
        if lengths is None:
            return layer(x)[0]
        packed, _ = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(packed)[0]

    def infer() -> Tensor:
        with torch.inference_mode():
            return forward()

    def train() -> tuple[Tensor, tuple[Tensor, ...]]:
        y = forward()
        return y.detach(), torch.autograd.grad(y, [x, *layer.parameters()], cotangent)

    def answers() -> Arrays:
        if not case.training:
            return {"y": infer().transpose(0, 1).numpy()}
        y, (dx, *weights) = train()
        return named_answers(y.transpose(0, 1), (dx.transpose(0, 1), *weights))

    return Prepared(train if case.training else infer, answers, variant="packed" if case.varied else "")


def use_threads() -> None:
    """As many threads as this process has processors."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def network(case: Case) -> nn.RNNBase:
    """torch.nn's layer with the case's weights, time first."""
    made = NETWORKS[case.kind](case.inputs, case.hidden)
    weights = {name: torch.from_numpy(array) for name, array in case.weights().items()}
    with torch.no_grad():
        for name, parameter in zip(("input_weight", "state_weight", "input_bias", "state_bias"), made.parameters(), strict=True):
            parameter.copy_(weights[name])
    return made


def named_answers(y: Tensor, gradients: Sequence[Tensor]) -> Arrays:
    return {"y": y.numpy()} | {name: gradient.numpy() for name, gradient in zip(GRADIENTS, gradients, strict=False)}


def _seconds(prepared: Prepared) -> float:
    prepared.run()
    prepared.run()  # torch.jit looks at the first runs before it settles
    return best_of(prepared.run)


def _step(case: Case) -> Prepared:
    """One step of torch.nn.GRUCell, the state carried."""
    cell = nn.GRUCell(case.inputs, case.hidden)
    with torch.no_grad():
        for parameter, array in zip(cell.parameters(), case.weights().values(), strict=True):
            parameter.copy_(torch.from_numpy(array))
    x, kept = torch.from_numpy(case.inputs_array()[:, 0]), {"h": torch.zeros(case.rows, case.hidden)}

    def run() -> Tensor:
        with torch.inference_mode():
            kept["h"] = cell(x, kept["h"])
        return kept["h"]

    def answers() -> Arrays:
        from side_by_side.cases import STEP_CALLS

        kept["h"] = torch.zeros(case.rows, case.hidden)
        for _ in range(STEP_CALLS):
            run()
        return {"y": kept["h"].numpy()}

    return Prepared(run, answers)
