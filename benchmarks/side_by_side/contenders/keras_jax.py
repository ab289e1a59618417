"""Keras 3's layers on JAX, under jit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from side_by_side.cases import Arrays, Cannot, Case, Prepared
from side_by_side.contenders import keras_layers


def prepare(case: Case) -> Prepared:
    if case.streaming:
        raise Cannot("steps from Python are measured with executors made for them")
    layer = keras_layers.built(case)
    x, cotangent = jnp.asarray(case.inputs_array()), jnp.asarray(case.cotangent())
    call = compiled(layer, case)
    kept = {"others": [variable.value for variable in layer.non_trainable_variables]}
    weights = [variable.value for variable in layer.trainable_variables]

    def run() -> object:
        if not case.training:
            return jax.block_until_ready(call(weights, kept["others"], x))
        (_, (y, kept["others"])), gradients = call(weights, kept["others"], x, cotangent)
        return jax.block_until_ready((y, gradients))

    def answers() -> Arrays:
        if not case.training:
            return {"y": np.asarray(call(weights, kept["others"], x))}
        if not case.dropout:
            return named_answers(call(weights, kept["others"], x, cotangent), case)
        fixed = keras_layers.built(case)
        keras_layers.fix_mask(fixed, case)
        others = [variable.value for variable in fixed.non_trainable_variables]
        return named_answers(compiled(fixed, case)(weights, others, x, cotangent), case)

    return Prepared(run, answers)


def compiled(layer: keras.Layer, case: Case) -> Callable[..., Any]:
    """The jitted forward, or forward and backward."""
    mask = jnp.asarray(case.real() > 0) if case.varied else None

    def infer(weights: list[Any], others: list[Any], x: Any) -> Any:
        return layer.stateless_call(weights, others, x, mask=mask, training=False)[0]

    def loss(weights: list[Any], x: Any, others: list[Any], cotangent: Any) -> Any:
        y, others = layer.stateless_call(weights, others, x, mask=mask, training=True)
        return (y * cotangent).sum(), (y, others)

    def train(weights: list[Any], others: list[Any], x: Any, cotangent: Any) -> Any:
        return jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(weights, x, others, cotangent)

    return jax.jit(train if case.training else infer)


def named_answers(found: Any, case: Case) -> Arrays:
    (_, (y, _)), (weights, dx) = found
    return {"y": np.asarray(y), "x": np.asarray(dx), **keras_layers.from_keras([np.asarray(weight) for weight in weights], case)}
