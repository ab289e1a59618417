"""Optimizers: which weights decay, clipping, and a memory that survives as named tensors, bit for bit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import BundleError
from unspool.training.optimize import build_optimizer, clip_gradient, optimizer_tensors, restore_optimizer, set_rate
from unspool.training.spec import SGD, Adam, AdamW, RMSprop

OPTIMIZERS = [SGD(), SGD(momentum=0.0), SGD(nesterov=True, l2=0.1), RMSprop(), RMSprop(momentum=0.5, l2=0.1), Adam(l2=0.1), AdamW()]


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 2))


def steps(made, optimizer, first, count):
    for index in range(first, first + count):
        x = torch.randn(6, 4, generator=torch.Generator().manual_seed(index))
        optimizer.zero_grad()
        made(x).square().mean().backward()
        set_rate(optimizer, 0.01 * (index + 1))
        optimizer.step()


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=str)
def test_a_restored_optimizer_goes_on_bit_for_bit(spec):
    straight, resumed = network(), network()
    optimizer = build_optimizer(spec, straight)
    steps(straight, optimizer, 0, 3)
    resumed.load_state_dict(straight.state_dict())
    kept = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer, straight).items()}
    steps(straight, optimizer, 3, 3)
    again = build_optimizer(spec, resumed)
    restore_optimizer(again, resumed, kept)
    steps(resumed, again, 3, 3)
    for left, right in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(left, right)
    assert all(torch.equal(tensor, optimizer_tensors(again, resumed)[name]) for name, tensor in optimizer_tensors(optimizer, straight).items())


@pytest.mark.parametrize("spec", OPTIMIZERS[2:], ids=str)
def test_an_optimizer_that_is_not_restored_goes_another_way(spec):
    straight, resumed = network(), network()
    optimizer = build_optimizer(spec, straight)
    steps(straight, optimizer, 0, 3)
    resumed.load_state_dict(straight.state_dict())
    steps(straight, optimizer, 3, 1)
    steps(resumed, build_optimizer(spec, resumed), 3, 1)
    assert any(not torch.equal(left, right) for left, right in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_memory_of_a_weight_that_is_not_there_is_refused():
    made = network()
    with pytest.raises(BundleError, match="'gone/exp_avg', and the network has no such weight"):
        restore_optimizer(build_optimizer(Adam(), made), made, {"gone/exp_avg": torch.zeros(1)})


def test_adamw_decays_matrices_alone():
    made = network()
    before = {name: weight.clone() for name, weight in made.named_parameters()}
    optimizer = build_optimizer(AdamW(rate=0.5, decay=0.1), made)
    for weight in made.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for name, weight in made.named_parameters():
        torch.testing.assert_close(weight, before[name] * (0.95 if weight.dim() == 2 else 1.0))


@pytest.mark.parametrize(
    "spec, theirs",
    [
        (SGD(rate=0.1, momentum=0.8, l2=0.01), lambda w: torch.optim.SGD(w, 0.1, momentum=0.8, weight_decay=0.01, fused=True)),
        (RMSprop(rate=0.1, smoothing=0.9), lambda w: torch.optim.RMSprop(w, 0.1, alpha=0.9)),
        (Adam(rate=0.1, betas=(0.8, 0.9)), lambda w: torch.optim.Adam(w, 0.1, betas=(0.8, 0.9), fused=True)),
    ],
    ids=["sgd", "rmsprop", "adam"],
)
def test_every_choice_of_a_spec_reaches_torch(spec, theirs):
    left, right = network(), network()
    one, two = build_optimizer(spec, left), theirs(right.parameters())
    steps(left, one, 0, 4)
    steps(right, two, 0, 4)
    assert all(torch.equal(a, b) for a, b in zip(left.parameters(), right.parameters(), strict=True))


def test_weights_that_do_not_learn_are_left_out():
    made = network()
    made[0].weight.requires_grad_(False)
    optimizer = build_optimizer(AdamW(), made)
    assert not any(weight is made[0].weight for group in optimizer.param_groups for weight in group["params"])


@given(st.floats(0.01, 100), st.floats(0.001, 1000))
def test_clipping_bounds_the_norm_and_keeps_the_direction(limit, scale):
    weights = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2, 2)), torch.nn.Parameter(torch.zeros(1))]
    generator = torch.Generator().manual_seed(0)
    for weight in weights[:2]:
        weight.grad = torch.randn(weight.shape, generator=generator) * scale
    before = torch.cat([weight.grad.flatten() for weight in weights[:2]])
    norm = clip_gradient(weights, limit)
    after = torch.cat([weight.grad.flatten() for weight in weights[:2]])
    assert norm == pytest.approx(float(before.norm()), rel=1e-5)
    assert float(after.norm()) == pytest.approx(min(norm, limit), rel=1e-5)
    torch.testing.assert_close(after / after.norm(), before / before.norm())


@pytest.mark.parametrize("limit", [None, 1.0])
def test_a_norm_that_is_not_finite_is_told_and_nothing_is_scaled(limit):
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.grad = torch.tensor([1.0, float("inf"), 2.0])
    assert clip_gradient([weight], limit) == float("inf")
    assert weight.grad.tolist() == [1.0, float("inf"), 2.0]


def test_no_clipping_leaves_the_gradient():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([30.0, 40.0])
    assert clip_gradient([weight], None) == 50
    assert weight.grad.tolist() == [30.0, 40.0]
