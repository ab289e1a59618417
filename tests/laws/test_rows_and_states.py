"""Rows do not see each other, the state belongs to the caller, gradients are right, copies are equal."""

from __future__ import annotations

import copy
import json

import pytest
import safetensors.numpy
import torch
from torch import Tensor

from unspool.layers import Layer, State, flatten_state, map_state, unflatten_state

from .subjects import INPUTS, everything, numbers, ready, same, warm_state


def rows_do_not_see_each_other(layer: Layer, x: Tensor, start: State, lengths: Tensor) -> None:
    y, end = layer.scan(x, start, lengths)
    other, others = x.clone(), torch.tensor([row for row in range(len(x)) if row != 1])
    other[1] = numbers(*x.shape[1:]) * 100
    shorter = lengths.clone()
    shorter[1] = 1
    changed, changed_end = layer.scan(other, start, shorter)
    same(changed[others], y[others])
    same(map_state(lambda leaf: leaf[others], changed_end), map_state(lambda leaf: leaf[others], end))
    order = torch.randperm(len(x))
    permuted, permuted_end = layer.scan(x[order], map_state(lambda leaf: leaf[order], start), lengths[order])
    same(permuted, y[order])
    same(permuted_end, map_state(lambda leaf: leaf[order], end))


@everything
def test_rows_do_not_see_each_other(build):
    layer = ready(build)
    steps = 3 * layer.stride
    lengths = torch.tensor([steps, steps - 1, 0, layer.stride])
    rows_do_not_see_each_other(layer, numbers(4, steps, INPUTS), warm_state(layer, 4), lengths)


@everything
def test_rows_do_not_see_each_other_in_training_either(build):
    layer = ready(build).train()
    x = numbers(3, 3 * layer.stride, INPUTS)
    torch.manual_seed(4)
    y, _ = layer.scan(x)
    x[1] = 100 * numbers(*x.shape[1:])
    torch.manual_seed(4)
    changed, _ = layer.scan(x)
    same(changed[[0, 2]], y[[0, 2]])


@everything
def test_a_saved_and_restored_state_changes_nothing(build):
    layer = ready(build)
    x, state = numbers(2, 3 * layer.stride, INPUTS), warm_state(layer, 2)
    arrays = {name: tensor.numpy() for name, tensor in flatten_state(state).items()}
    from_file = safetensors.numpy.load(safetensors.numpy.save(arrays))
    from_text = json.loads(json.dumps({name: array.tolist() for name, array in arrays.items()}))
    for saved in (from_file, from_text):
        flat = {name: torch.as_tensor(value, dtype=torch.float64).reshape(arrays[name].shape) for name, value in saved.items()}
        restored = unflatten_state(layer.initial_state(2), flat)
        y, end = layer.scan(x, restored)
        wanted, wanted_end = layer.scan(x, state)
        assert torch.equal(y, wanted)
        torch.testing.assert_close(end, wanted_end, rtol=0, atol=0)


@everything
def test_a_state_that_does_not_fit_is_refused_with_what_was_wanted(build):
    layer = ready(build)
    x, fitting = numbers(2, 3 * layer.stride, INPUTS), layer.initial_state(2)
    names = list(flatten_state(fitting))
    if not names:
        return
    with pytest.raises(ValueError, match=r"^state: '\w+' has shape \(1, .*\), wanted \(2, .*\); give what initial_state gives for"):
        layer.scan(x, layer.initial_state(1))
    with pytest.raises(ValueError, match="^state: got tuple, wanted a tree of tensors by name"):
        layer.scan(x, tuple(flatten_state(fitting).values()))
    for name in fitting:
        with pytest.raises(ValueError, match=f"^state: '{name}' is missing, there is "):
            layer.scan(x, {other: part for other, part in fitting.items() if other != name})
    for name in names:
        changed = with_an_axis(fitting, name)
        with pytest.raises(ValueError, match="^state: '.*' has shape "):
            layer.scan(x, changed)


def with_an_axis(state: State, name: str) -> State:
    """The state whose tensor `name` has one axis more."""
    flat = flatten_state(state)
    return unflatten_state(state, flat | {name: flat[name].unsqueeze(1)})


@everything
def test_a_state_has_one_row_for_each_row_of_the_batch_and_one_form(build):
    layer = ready(build)
    start = layer.initial_state(3)
    _, end = layer.scan(numbers(3, layer.stride, INPUTS), start)
    before, after = flatten_state(start), flatten_state(end)
    assert list(before) == list(after)
    for name, tensor in before.items():
        assert tensor.shape[0] == 3 and after[name].shape == tensor.shape and after[name].dtype == tensor.dtype == torch.float64, name
    same(unflatten_state(start, before), dict(start))


def owned(layer: Layer) -> list[dict[str, object]]:
    return [{name: value for name, value in vars(module).items() if not name.startswith("_")} for module in layer.modules()]


@pytest.mark.parametrize("training", [False, True], ids=["at-rest", "in-training"])
@everything
def test_scan_and_step_assign_nothing(build, training):
    layer = ready(build).train(training)
    weights = {name: tensor.clone() for name, tensor in [*layer.named_parameters(), *layer.named_buffers()]}
    names, values = [set(vars(module)) for module in layer.modules()], owned(layer)
    x, state = numbers(2, 3 * layer.stride, INPUTS), warm_state(layer, 2)
    given_x, given_state = x.clone(), map_state(torch.clone, state)
    layer.scan(x, state, torch.tensor([layer.stride, 0]))
    layer.scan(x, state)
    if layer.causal:
        layer.step(x[:, 0] if layer.stride == 1 else x[:, : layer.stride], state)
    assert torch.equal(x, given_x)
    torch.testing.assert_close(state, given_state, rtol=0, atol=0)
    assert [set(vars(module)) for module in layer.modules()] == names
    assert owned(layer) == values
    now = dict([*layer.named_parameters(), *layer.named_buffers()])
    assert now.keys() == weights.keys() and all(torch.equal(now[name], weights[name]) for name in weights)


@everything
def test_gradients_are_those_of_finite_differences(build):
    layer = ready(build)
    x = numbers(3, 3 * layer.stride, INPUTS).requires_grad_()
    lengths = torch.tensor([3 * layer.stride, 0, layer.stride])
    start = flatten_state(warm_state(layer, 3))
    names, form = [*start], layer.initial_state(3)
    parameters = list(layer.parameters())

    def scan(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        y, end = layer.scan(x, unflatten_state(form, dict(zip(names, rest, strict=False))), lengths)
        return y, *flatten_state(end).values()

    states = [tensor.clone().requires_grad_() for tensor in start.values()]
    assert torch.autograd.gradcheck(scan, (x, *states, *parameters), fast_mode=True)


@everything
def test_every_parameter_takes_part(build):
    layer = ready(build)
    y, _ = layer.scan(numbers(6, 4 * layer.stride, INPUTS))
    for name, parameter in layer.named_parameters():
        (gradient,) = torch.autograd.grad((y * numbers(*y.shape)).sum(), parameter, retain_graph=True, allow_unused=True)
        assert gradient is not None and gradient.any(), f"{name} has no gradient"


@everything
def test_copies_and_modes_keep_the_outputs(build):
    layer = ready(build)
    x, lengths = numbers(3, 3 * layer.stride, INPUTS), torch.tensor([3 * layer.stride, 0, layer.stride])
    wanted = layer.scan(x, None, lengths)
    for other in (copy.deepcopy(layer), layer.train().eval(), copy.deepcopy(layer).float().double()):
        rounded = other is not layer and not torch.equal(next(other.parameters(), x), next(layer.parameters(), x))
        torch.testing.assert_close(other.scan(x, None, lengths), wanted, rtol=1e-4 if rounded else 0, atol=1e-4 if rounded else 0)
    loaded = build().double().eval()
    loaded.load_state_dict(layer.state_dict())
    torch.testing.assert_close(loaded.scan(x, None, lengths), wanted, rtol=0, atol=0)


@everything
def test_single_precision_gives_the_same_in_single_precision(build):
    layer = ready(build)
    x, lengths = numbers(3, 3 * layer.stride, INPUTS), torch.tensor([3 * layer.stride, 0, layer.stride])
    y, end = layer.scan(x, None, lengths)
    single, single_end = layer.float().scan(x.float(), None, lengths)
    assert single.dtype == torch.float32 and all(leaf.dtype == torch.float32 for leaf in flatten_state(single_end).values())
    torch.testing.assert_close(single.double(), y, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(map_state(Tensor.double, single_end), dict(end), rtol=1e-4, atol=1e-5)
