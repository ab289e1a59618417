"""Numbers below the smallest normal one end in the kernels, where they would take a hundred times as long, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from unspool.kernels import using
from unspool.kernels.cross_entropy import cross_entropy
from unspool.kernels.subnormals import subnormals_are_zeros
from unspool.layers import GRU, LSTM, RNN, Layer

from ..laws.scans import needs_native

pytestmark = needs_native

LEAST = torch.finfo(torch.float32).tiny
THREADS = (1, 2)
WORDS = 130


@pytest.fixture(params=THREADS, autouse=True)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def subnormal(found: Tensor) -> bool:
    return bool(((found != 0) & (found.abs() < LEAST)).any())


def vanishing(layer: Layer, engine: str) -> Tensor:
    """The gradient of inputs that the last step remembers ever less of."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(0.1 * torch.randn(weight.shape, generator=draw))
    x = torch.randn(4, 180, 3, generator=draw).requires_grad_()
    with using(engine):
        layer(x)[0][:, -1].sum().backward()
    assert x.grad is not None
    return x.grad


def ruled_out(engine: str) -> list[Tensor]:
    """Gradients where no state may answer with the last word, and the others fill whole vectors of no instruction set."""
    draw = torch.Generator().manual_seed(0)
    states, weight, bias = (torch.randn(shape, generator=draw) for shape in ((40, 8), (WORDS, 8), (WORDS,)))
    bias[-1] = -torch.inf
    leaves = [leaf.requires_grad_() for leaf in (states, weight, bias)]
    with using(engine):
        cross_entropy(*leaves, torch.randint(0, WORDS - 1, (40,), generator=draw), torch.full((40,), 1 / 40)).backward()
    return [leaf.grad for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_gradients_that_vanish_end(kind):
    assert subnormal(vanishing(kind(3, 5), "eager"))
    gradient = vanishing(kind(3, 5), "native")
    assert gradient[:, -1].any() and not subnormal(gradient)


def test_words_that_are_ruled_out_have_no_gradient():
    for mine, torchs in zip(ruled_out("native"), ruled_out("eager"), strict=True):
        assert not subnormal(mine)
        torch.testing.assert_close(mine, torchs)
    assert not ruled_out("native")[1][-1].any()


def test_afterwards_torch_has_them_as_before():
    """By every thread of the pool, whose mode a kernel must leave as it was."""
    vanishing(LSTM(3, 5), "native")
    ruled_out("native")
    assert has_them()


def test_within_training_they_are_zeros_to_every_thread_of_torch():
    with subnormals_are_zeros():
        vanishing(LSTM(3, 5), "native")
        within = small()
        with subnormals_are_zeros():
            pass
        still = small()
    assert not within.any() and not still.any() and has_them()


def test_an_error_within_leaves_torch_as_before():
    with pytest.raises(ZeroDivisionError), subnormals_are_zeros():
        _ = 1 / 0
    assert has_them()


def small() -> Tensor:
    """Subnormal numbers, as the threads of torch's pool make them together."""
    return torch.full((1 << 20,), 4 * LEAST) * 0.1


def has_them() -> bool:
    found = small()
    return bool((found != 0).all() and (found < LEAST).all())
