"""JAX: lax.scan under jit, the products of the inputs before it; rows that have ended keep their state and their outputs are masked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, repeat
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from side_by_side.cases import DROPOUT, Arrays, Cannot, Case, Prepared
from side_by_side.worker import best_of

State = tuple[Array, ...]
NAMES = ("input_weight", "state_weight", "input_bias", "state_bias")
UNROLLS = (1, 4)
"""Steps written out in the loop's body; the faster counts."""


def rnn(projected: Array, from_state: Array, state: State) -> State:
    return (jnp.tanh(projected + from_state),)


def gru(projected: Array, from_state: Array, state: State) -> State:
    xr, xu, xn = jnp.split(projected, 3, -1)
    hr, hu, hn = jnp.split(from_state, 3, -1)
    update = jax.nn.sigmoid(xu + hu)
    new = jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn)
    return (new + update * (state[0] - new),)


def lstm(projected: Array, from_state: Array, state: State) -> State:
    i, f, g, o = jnp.split(projected + from_state, 4, -1)
    c = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


CELLS: dict[str, Callable[[Array, Array, State], State]] = {"rnn": rnn, "gru": gru, "lstm": lstm}


def prepare(case: Case) -> Prepared:
    if case.streaming:
        raise Cannot("steps from Python are measured with executors made for them")
    return min((unrolled(case, unroll) for unroll in UNROLLS), key=_seconds)


def _seconds(prepared: Prepared) -> float:
    prepared.run()
    return best_of(prepared.run)


def unrolled(case: Case, unroll: int) -> Prepared:
    weights = {name: jnp.asarray(array) for name, array in case.weights().items()}
    x = jnp.asarray(case.inputs_array().transpose(1, 0, 2).copy())
    cotangent = jnp.asarray(case.cotangent().transpose(1, 0, 2).copy())
    fixed = jnp.asarray(case.keep()) if case.dropout else None
    forward, train = compiled(case, unroll)
    seeds = map(np.uint32, count()) if case.dropout else repeat(None)

    def run() -> object:
        if not case.training:
            return jax.block_until_ready(forward(x, weights))
        return jax.block_until_ready(train(x, weights, cotangent, None, next(seeds)))

    def answers() -> Arrays:
        if not case.training:
            return {"y": np.asarray(forward(x, weights)).transpose(1, 0, 2)}
        y, (dx, gradients) = train(x, weights, cotangent, fixed, None)
        found = {name: np.asarray(gradients[name]) for name in NAMES[:3]}
        return {"y": np.asarray(y).transpose(1, 0, 2), "x": np.asarray(dx).transpose(1, 0, 2), **found}

    return Prepared(run, answers, variant=f"unroll={unroll}")


def compiled(case: Case, unroll: int) -> tuple[Callable[..., Array], Callable[..., Any]]:
    """The jitted forward, and forward and backward."""
    lengths = jnp.asarray(case.lengths(), jnp.int32) if case.varied else None

    def outputs(x: Array, weights: dict[str, Array], keep: Array | None = None) -> Array:
        return scan(CELLS[case.kind], 2 if case.kind == "lstm" else 1, x, weights, lengths, keep, unroll)

    def loss(x: Array, weights: dict[str, Array], cotangent: Array, keep: Array | None) -> tuple[Array, Array]:
        y = outputs(x, weights, keep)
        return (y * cotangent).sum(), y

    def train(x: Array, weights: dict[str, Array], cotangent: Array, keep: Array | None, seed: Array | None) -> Any:
        if seed is not None:
            keep = jax.random.bernoulli(jax.random.key(seed), 1 - DROPOUT, (case.rows, case.hidden)) / jnp.float32(1 - DROPOUT)
        (_, y), gradients = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(x, weights, cotangent, keep)
        return y, gradients

    return jax.jit(outputs), jax.jit(train)


def scan(
    cell: Callable[[Array, Array, State], State],
    states: int,
    x: Array,
    weights: dict[str, Array],
    lengths: Array | None,
    keep: Array | None,
    unroll: int,
) -> Array:
    """(T, B, C) to (T, B, H)."""
    projected = x @ weights["input_weight"].T + weights["input_bias"]
    state_weight, bias = weights["state_weight"].T, weights["state_bias"]
    start = tuple(jnp.zeros((x.shape[1], state_weight.shape[0]), x.dtype) for _ in range(states))

    def step(state: State, instant: tuple[Array, Array]) -> tuple[State, Array]:
        t, at = instant
        read = state[0] if keep is None else state[0] * keep
        after = cell(at, read @ state_weight + bias, state)
        if lengths is None:
            return after, after[0]
        real = (t < lengths)[:, None]
        return tuple(jnp.where(real, new, old) for new, old in zip(after, state, strict=True)), jnp.where(real, after[0], 0)

    _, y = lax.scan(step, start, (jnp.arange(len(x)), projected), unroll=unroll)
    return y
