"""Keras 3's layers on torch."""

from __future__ import annotations

import keras
import torch
from torch import Tensor

from side_by_side.cases import Arrays, Cannot, Case, Prepared
from side_by_side.contenders import keras_layers, torch_nn


def prepare(case: Case) -> Prepared:
    if case.streaming:
        raise Cannot("steps from Python are measured with executors made for them")
    torch_nn.use_threads()
    layer = keras_layers.built(case)
    x = torch.from_numpy(case.inputs_array()).requires_grad_(case.training)
    mask = torch.from_numpy(case.real() > 0) if case.varied else None
    cotangent = torch.from_numpy(case.cotangent())

    def infer() -> Tensor:
        with torch.inference_mode():
            return layer(x, mask=mask, training=False)

    def train(layer: keras.Layer = layer) -> tuple[Tensor, tuple[Tensor, ...]]:
        y = layer(x, mask=mask, training=True)
        return y.detach(), torch.autograd.grad(y, [x, *(weight.value for weight in layer.trainable_weights)], cotangent)

    def answers() -> Arrays:
        if not case.training:
            return {"y": infer().numpy()}
        fixed = keras_layers.built(case)
        if case.dropout:
            keras_layers.fix_mask(fixed, case)
        y, (dx, *weights) = train(fixed)
        return {"y": y.numpy(), "x": dx.numpy(), **keras_layers.from_keras([weight.numpy() for weight in weights], case)}

    return Prepared(train if case.training else infer, answers)
