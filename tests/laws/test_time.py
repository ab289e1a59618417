"""The whole is its steps and its chunks; the future is not seen; a layer declares what is measured."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from unspool.layers import Layer, State, flatten_state

from .subjects import BUILDERS, INPUTS, all_causal, all_non_causal, everything, final_layers, numbers, ready, same, warm_state


@pytest.mark.parametrize("kind", sorted(final_layers(), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_layer_stands_before_the_laws(kind):
    assert BUILDERS.get(kind), f"{kind.__module__}.{kind.__name__} is a layer that no law is held against; add a builder to tests/laws/subjects.py"
    assert all(type(build()) is kind for build in BUILDERS[kind].values())


def whole_is_steps(layer: Layer, x: Tensor, start: State) -> None:
    whole, end = layer.scan(x, start)
    outputs, state = [], start
    for t in range(0, x.shape[1] - layer.stride + 1, layer.stride):
        y, state = layer.step(x[:, t] if layer.stride == 1 else x[:, t : t + layer.stride], state)
        outputs.append(y)
    same(torch.stack(outputs, dim=1), whole)
    same(state, end)


def whole_is_chunks(layer: Layer, x: Tensor, start: State, lengths: Tensor | None, chunk: int) -> None:
    whole, end = layer.scan(x, start, lengths)
    outputs, state = [], start
    for t in range(0, x.shape[1], chunk * layer.stride):
        part = x[:, t : t + chunk * layer.stride]
        y, state = layer.scan(part, state, None if lengths is None else (lengths - t).clamp(0, part.shape[1]))
        outputs.append(y)
    same(torch.cat(outputs, dim=1), whole)
    same(state, end)


@pytest.mark.parametrize("warm", [False, True], ids=["from-the-initial-state", "from-a-later-state"])
@all_causal
def test_the_whole_is_its_steps(build, warm):
    layer = ready(build)
    start = warm_state(layer, 2) if warm else layer.initial_state(2)
    whole_is_steps(layer, numbers(2, 5 * layer.stride + layer.stride - 1, INPUTS), start)


@pytest.mark.parametrize("chunk", [1, 2, 4])
@all_causal
def test_the_whole_is_its_chunks(build, chunk):
    layer = ready(build)
    steps = 6 * layer.stride + layer.stride - 1
    x = numbers(4, steps, INPUTS)
    for start in (layer.initial_state(4), warm_state(layer, 4)):
        for lengths in (None, torch.tensor([steps, 0, layer.stride + 1, steps // 2])):
            whole_is_chunks(layer, x, start, lengths, chunk)


@everything
def test_no_state_means_the_initial_state(build):
    layer = ready(build)
    x, lengths = numbers(3, 2 * layer.stride, INPUTS), torch.tensor([2 * layer.stride, 0, 1])
    same(layer.scan(x, None, lengths), layer.scan(x, layer.initial_state(3), lengths))
    same(layer(x, None, lengths), layer.scan(x, None, lengths))


@everything
def test_a_later_state_is_read_and_another_gives_other_outputs(build):
    layer = ready(build)
    if not flatten_state(layer.initial_state(1)):
        return
    x = numbers(2, 2 * layer.stride, INPUTS) - 1.0  # lower than what came before, so that a maximum remembers
    assert not torch.equal(layer.scan(x, warm_state(layer, 2))[0], layer.scan(x)[0])


@everything
@pytest.mark.parametrize("batch", [0, 3])
def test_no_steps_or_no_rows_change_nothing(build, batch):
    layer = ready(build)
    start = warm_state(layer, 3) if batch else layer.initial_state(0)
    for steps in (0, layer.stride - 1) if batch else (0, layer.stride):
        for lengths in (None, torch.zeros(batch, dtype=torch.int64)):
            y, end = layer.scan(numbers(batch, steps, INPUTS), start, lengths)
            assert y.shape == (batch, steps // layer.stride, layer.width)
            same(end, start)


def measured_reach(layer: Layer, x: Tensor) -> list[int]:
    """Of each output, the last input that changes it by more than rounding; -1 where none does."""
    y, _ = layer.scan(x)
    last = [-1] * y.shape[1]
    for t in range(x.shape[1]):
        changed = x.clone()
        changed[:, t] += 1 + numbers(*x[:, t].shape).abs()
        differs = ((layer.scan(changed)[0] - y).abs() > 1e-12).any(dim=-1).any(dim=0)
        last = [t if differs[j] else before for j, before in enumerate(last)]
    return last


def declares_what_is_measured(layer: Layer, x: Tensor) -> None:
    outputs = [layer.scan(x[:, :steps])[0].shape for steps in range(x.shape[1] + 1)]
    stride = next(steps for steps, shape in enumerate(outputs) if shape[1] == 1)
    assert layer.stride == stride
    assert [shape[1] for shape in outputs] == [steps // stride for steps in range(x.shape[1] + 1)]
    assert {shape[2] for shape in outputs} == {layer.width}
    reach = measured_reach(layer, x)
    if layer.causal:
        assert layer.lookahead == max(last - ((j + 1) * stride - 1) for j, last in enumerate(reach))
    else:
        assert layer.lookahead == math.inf and reach[0] >= len(reach) * stride - 1


@everything
def test_width_stride_and_lookahead_are_as_declared(build):
    layer = ready(build)
    declares_what_is_measured(layer, numbers(6, 4 * layer.stride, INPUTS))


@all_causal
def test_the_future_changes_no_output_before_it(build):
    layer = ready(build)
    x = numbers(2, 4 * layer.stride, INPUTS)
    for t in range(layer.stride, x.shape[1], layer.stride):
        other = torch.cat([x[:, :t], 50 * numbers(2, x.shape[1] - t, INPUTS)], dim=1)
        same(layer.scan(other)[0][:, : t // layer.stride], layer.scan(x)[0][:, : t // layer.stride])


@all_causal
def test_a_causal_layer_needs_no_future(build):
    assert build().lookahead == 0


@all_non_causal
def test_a_layer_that_reads_from_the_end_has_no_step_and_says_what_to_use(build):
    layer = ready(build)
    assert layer.lookahead == math.inf
    x = numbers(2, INPUTS) if layer.stride == 1 else numbers(2, layer.stride, INPUTS)
    with pytest.raises(ValueError, match="no step: its output needs the whole future; use a "):
        layer.step(x, layer.initial_state(2))
