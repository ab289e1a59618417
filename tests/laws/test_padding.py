"""Padding is inert: any content, any amount, in outputs, states and gradients; lengths that do not fit are refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unspool.layers import Layer, State, flatten_state, map_state

from .subjects import INPUTS, everything, numbers, ready, same, warm_state


def weighed(y: Tensor, state: State, rows: slice) -> Tensor:
    """A scalar that every output and every part of the state enters with a weight of its own."""
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(9, 64, y.shape[2], generator=generator, dtype=y.dtype)
    total = (weight[rows, : y.shape[1]] * y).sum()
    for tensor in flatten_state(state).values():
        weight = torch.randn(9, *tensor.shape[1:], generator=generator, dtype=y.dtype)
        total = total + (weight[rows] * tensor).sum()
    return total


def row_by_row(layer: Layer, x: Tensor, start: State, lengths: Tensor) -> tuple[list[Tensor], list[State], Tensor, list[Tensor | None]]:
    """Outputs, states and gradients without any padding: every row scanned alone."""
    x = x.clone().requires_grad_()
    outputs, ends, total = [], [], x.new_zeros(())
    for row, length in enumerate(lengths.tolist()):
        y, end = layer.scan(x[row : row + 1, :length], map_state(lambda leaf, row=row: leaf[row : row + 1], start))
        total = total + weighed(y, end, slice(row, row + 1))
        outputs.append(y[0])
        ends.append(end)
    return outputs, ends, *_gradients(total, layer, x)


def _gradients(total: Tensor, layer: Layer, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    places = [x, *layer.parameters()]
    of_x, *of_parameters = torch.autograd.grad(total + 0 * x.nan_to_num(0, 0, 0).sum(), places, allow_unused=True)
    return of_x, [torch.zeros_like(place) if one is None else one for one, place in zip(of_parameters, places[1:], strict=True)]


def padding_is_inert(layer: Layer, x: Tensor, start: State, lengths: Tensor, padding: float, more: int) -> None:
    real = torch.arange(x.shape[1]) < lengths[:, None]
    wanted, ends, of_x, of_parameters = row_by_row(layer, x, start, lengths)
    padded = x.masked_fill(~real.unsqueeze(-1), padding)
    padded = torch.cat([padded, padded.new_full((len(x), more, x.shape[2]), padding)], dim=1).requires_grad_()
    y, end = layer.scan(padded, start, lengths)
    assert y.shape[1] == padded.shape[1] // layer.stride
    for row, length in enumerate((lengths // layer.stride).tolist()):
        same(y[row, :length], wanted[row])
        assert not y[row, length:].any(), "an output of padding is not zero"
        same(map_state(lambda leaf, row=row: leaf[row : row + 1], end), ends[row])
    of_padded, of_these_parameters = _gradients(weighed(y, end, slice(0, len(x))), layer, padded)
    same(of_padded[:, : x.shape[1]], of_x)
    assert not of_padded[:, x.shape[1] :].any() and not of_padded[:, : x.shape[1]][~real].any(), "padding has a gradient"
    same(of_these_parameters, of_parameters)


@pytest.mark.parametrize("padding", [0.0, -1e30, math.nan, math.inf], ids=["zeros", "large", "nan", "inf"])
@everything
def test_padding_is_inert(build, padding):
    layer = ready(build)
    steps = 3 * layer.stride + 1
    lengths = torch.tensor([layer.stride, 0, steps, steps - 2, 1])
    x = numbers(5, steps, INPUTS)
    padding_is_inert(layer, x, warm_state(layer, 5), lengths, padding, more=0)
    padding_is_inert(layer, x, layer.initial_state(5), lengths.int(), padding, more=2 * layer.stride + 1)


@everything
def test_padding_is_inert_in_training_too(build):
    layer = ready(build).train()
    steps = 3 * layer.stride
    lengths = torch.tensor([steps, 0, steps - 1])
    real = (torch.arange(steps) < lengths[:, None]).unsqueeze(-1)
    x, results = numbers(3, steps, INPUTS), []
    for padding in (0.0, math.nan, math.inf):
        torch.manual_seed(3)
        padded = x.masked_fill(~real, padding).requires_grad_()
        y, end = layer.scan(padded, None, lengths)
        results.append((y, end, *_gradients(weighed(y, end, slice(0, 3)), layer, padded)))
        assert all(not y[row, length // layer.stride :].any() for row, length in enumerate(lengths.tolist()))
    same(results[1], results[0])
    same(results[2], results[0])


@everything
def test_full_lengths_are_no_lengths(build):
    layer = ready(build)
    steps = 3 * layer.stride + layer.stride - 1
    x = numbers(2, steps, INPUTS)
    same(layer.scan(x, None, torch.tensor([steps, steps])), layer.scan(x))


WRONG_LENGTHS = {
    "one-too-many": torch.tensor([1, 1, 1]),
    "one-for-all": torch.tensor([1]),
    "a-column": torch.tensor([[1], [1]]),
    "floats": torch.tensor([1.0, 1.0]),
    "booleans": torch.tensor([True, False]),
    "negative": torch.tensor([-1, 1]),
    "beyond-the-end": torch.tensor([1, 999]),
}


@everything
def test_lengths_that_do_not_fit_are_refused_with_what_was_wanted(build):
    layer = ready(build)
    x = numbers(2, 2 * layer.stride, INPUTS)
    for name, lengths in WRONG_LENGTHS.items():
        wanted = f"wanted 0 to {x.shape[1]}" if name in ("negative", "beyond-the-end") else r"wanted \(2,\) integers"
        with pytest.raises(ValueError, match=f"^lengths .*{wanted}"):
            layer.scan(x, None, lengths)


@everything
def test_an_input_without_a_batch_axis_is_refused_with_what_was_wanted(build):
    layer = ready(build)
    with pytest.raises(ValueError, match=r"x has shape \(6, 3\), wanted \(batch, time, features\); add a batch axis"):
        layer.scan(numbers(6, INPUTS))
    with pytest.raises(ValueError, match=r"x: got ndarray, wanted a tensor \(batch, time, features\)"):
        layer.scan(numbers(2, 6, INPUTS).numpy())
