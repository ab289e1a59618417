"""Unspool's layers, and its executor of step programs."""

from __future__ import annotations

from unittest import mock

import torch
from torch import Tensor

from side_by_side.cases import DROPOUT, Arrays, Case, Prepared
from side_by_side.contenders import torch_nn
from unspool.layers import GRU, LSTM, RNN, Recurrent

LAYERS = {"rnn": RNN, "gru": GRU, "lstm": LSTM}


def prepare(case: Case) -> Prepared:
    if case.streaming:
        from side_by_side.contenders import executor

        return executor.prepare(case)
    torch_nn.use_threads()
    layer = LAYERS[case.kind](case.inputs, case.hidden, recurrent_dropout=DROPOUT if case.dropout else 0.0)
    layer._copy_weights(torch_nn.network(case))
    layer.train(case.training)
    (inner,) = [module for module in layer.modules() if isinstance(module, Recurrent)]
    x = torch.from_numpy(case.inputs_array()).requires_grad_(case.training)
    lengths = torch.from_numpy(case.lengths()) if case.varied else None
    cotangent = torch.from_numpy(case.cotangent())
    linears = (inner.cell.from_input, inner.cell.from_state)
    wanted = [x, *(linear.weight for linear in linears), *(linear.bias for linear in linears)]

    def infer() -> Tensor:
        with torch.inference_mode():
            return layer(x, lengths=lengths)[0]

    def train() -> tuple[Tensor, tuple[Tensor, ...]]:
        y = layer(x, lengths=lengths)[0]
        return y.detach(), torch.autograd.grad(y, wanted, cotangent)

    def answers() -> Arrays:
        if not case.training:
            return {"y": infer().numpy()}
        with mock.patch("unspool.layers.recurrent.kept_units", return_value=torch.from_numpy(case.keep())):
            y, gradients = train()
        return torch_nn.named_answers(y, gradients)

    return Prepared(train if case.training else infer, answers, variant=inner.engine(x).engine)
