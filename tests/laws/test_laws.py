"""What holds for all that remembers. Each law is one function, held against every layer in `subjects`."""

from __future__ import annotations

import copy
import json
import math

import pytest
import safetensors.numpy
import torch
from torch import Tensor

from unspool.layers import Layer, State, flatten_state, map_state, unflatten_state

from .subjects import BUILDERS, INPUTS, SUBJECTS, final_layers, numbers, ready, same, warm_state

pytestmark = pytest.mark.filterwarnings("error")
everything = pytest.mark.parametrize("build", SUBJECTS.values(), ids=SUBJECTS)
CAUSAL = {name: build for name, build in SUBJECTS.items() if build().causal}
all_causal = pytest.mark.parametrize("build", CAUSAL.values(), ids=CAUSAL)
NON_CAUSAL = {name: build for name, build in SUBJECTS.items() if name not in CAUSAL}
all_non_causal = pytest.mark.parametrize("build", NON_CAUSAL.values(), ids=NON_CAUSAL)


@pytest.mark.parametrize("kind", sorted(final_layers(), key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_every_layer_stands_before_the_laws(kind):
    assert BUILDERS.get(kind), f"{kind.__module__}.{kind.__name__} is a layer that no law is held against; add a builder to tests/laws/subjects.py"
    assert all(type(build()) is kind for build in BUILDERS[kind].values())


# The whole, its steps and its chunks


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


# Padding


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
        try:
            layer.scan(x, None, lengths)
        except ValueError as error:
            wanted = f"wanted 0 to {x.shape[1]}" if name in ("negative", "beyond-the-end") else "wanted (2,) integers"
            assert str(error).startswith("lengths") and wanted in str(error), f"{name}: {error}"
        else:
            pytest.fail(f"lengths {name} were taken")


@everything
def test_an_input_without_a_batch_axis_is_refused_with_what_was_wanted(build):
    layer = ready(build)
    with pytest.raises(ValueError, match=r"x has shape \(6, 3\), wanted \(batch, time, features\); add a batch axis"):
        layer.scan(numbers(6, INPUTS))


# Rows


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


# The state belongs to the caller


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


# What a layer declares


def measured_reach(layer: Layer, x: Tensor) -> list[int]:
    """Of each output, the last input that changes it; -1 where none does."""
    y, _ = layer.scan(x)
    last = [-1] * y.shape[1]
    for t in range(x.shape[1]):
        changed = x.clone()
        changed[:, t] += 1 + numbers(*x[:, t].shape).abs()
        differs = (layer.scan(changed)[0] != y).any(dim=-1).any(dim=0)
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


# Gradients


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


# Copies


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
