"""What the kernels write, where it is much, is asked for in large pages: the system tells it of the memory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from unspool import native
from unspool.kernels.cross_entropy import cross_entropy
from unspool.kernels.dropout import dropped
from unspool.layers import RNN

MAPPED = Path("/proc/self/smaps")
MUCH = 10_000_000
"""Numbers that have a mapping of their own: malloc takes 32 MB from its heap at most."""


def wanted(tensor: torch.Tensor) -> bool:
    """Whether the mapping that has the middle of a tensor is one for large pages ("hg")."""
    middle = tensor.data_ptr() + tensor.nbytes // 2
    for mapping in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", MAPPED.read_text()):
        if (span := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", mapping)) and int(span[1], 16) <= middle < int(span[2], 16):
            return " hg" in mapping[mapping.index("VmFlags:") :]
    raise AssertionError("memory of no mapping")


LARGE = Path("/sys/kernel/mm/transparent_hugepage")
pytestmark = pytest.mark.skipif(
    native.library() is None or not LARGE.exists() or not MAPPED.exists(), reason="needs kernels, and large pages of the system"
)


def test_memory_is_not_for_large_pages_unless_it_is_asked():
    assert not wanted(torch.empty(MUCH))


def test_outputs_and_gradients_of_a_scan_are():
    x = torch.zeros(MUCH // 8, 1, 8, requires_grad=True)
    y = RNN(8, 8)(x)[0]
    (of_x,) = torch.autograd.grad(y, x, torch.zeros_like(y))
    assert wanted(y) and wanted(of_x)


def test_gradients_of_weights_are():
    layer = RNN(3200, 3200)
    weights = [weight for weight in layer.parameters() if weight.dim() == 2]
    assert all(map(wanted, torch.autograd.grad(layer(torch.zeros(2, 1, 3200))[0].sum(), weights)))


def test_gradients_of_a_vocabulary_are():
    weight, states = torch.zeros(40_000, 256, requires_grad=True), torch.zeros(4, 256)
    loss = cross_entropy(states, weight, torch.zeros(40_000), torch.zeros(4, dtype=torch.int64), torch.full((4,), 0.25))
    assert wanted(torch.autograd.grad(loss.sum(), weight)[0])


def test_what_dropout_leaves_is():
    assert wanted(dropped(torch.ones(MUCH), 0.5))
