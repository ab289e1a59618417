"""One step against torch.nn's cells, and the other layers against torch.nn, numpy or the equation by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from unspool.cells import GRUCell, LSTMCell, RNNCell
from unspool.layers import AttentionPool, CausalConvolution, LastPool, MaxPool, MeanPool, Norm, Recurrent

EXACT = {"rtol": 1e-12, "atol": 1e-12}
drawn = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def close(left: Tensor, right) -> None:
    torch.testing.assert_close(left, torch.as_tensor(right), **EXACT)


CELLS = {
    "rnn-tanh": (lambda bias: RNNCell(3, 4, "tanh", bias), lambda bias: nn.RNNCell(3, 4, bias, "tanh")),
    "rnn-relu": (lambda bias: RNNCell(3, 4, "relu", bias), lambda bias: nn.RNNCell(3, 4, bias, "relu")),
    "lstm": (lambda bias: LSTMCell(3, 4, bias), lambda bias: nn.LSTMCell(3, 4, bias)),
    "gru": (lambda bias: GRUCell(3, 4, "after", bias), lambda bias: nn.GRUCell(3, 4, bias)),
}


@pytest.mark.parametrize("bias", [True, False], ids=["with-bias", "without-bias"])
@pytest.mark.parametrize("ours, theirs", CELLS.values(), ids=CELLS)
def test_a_step_is_that_of_torch_s_cell(ours, theirs, bias):
    cell, peer = ours(bias).double(), theirs(bias).double()
    with torch.no_grad():
        for linear, way in ((cell.from_input, "ih"), (cell.from_state, "hh")):
            linear.weight.copy_(getattr(peer, f"weight_{way}"))
            if bias:
                linear.bias.copy_(getattr(peer, f"bias_{way}"))
    x, h, c = (torch.randn(5, width).double().requires_grad_() for width in (3, 4, 4))
    y, after = cell.step(x, {"h": h, "c": c} if "lstm" in peer.__class__.__name__.lower() else {"h": h})
    wanted = peer(x, (h, c)) if isinstance(peer, nn.LSTMCell) else (peer(x, h),)
    close(y, wanted[0])
    assert list(after) == ["h", "c"][: len(wanted)]
    for tensor, theirs_after in zip(after.values(), wanted, strict=True):
        close(tensor, theirs_after)
    leaves = [x, h, c][: 1 + len(wanted)]
    pairs = zip(torch.autograd.grad(after["h"].sum(), leaves, retain_graph=True), torch.autograd.grad(wanted[0].sum(), leaves), strict=True)
    for mine, expected in pairs:
        close(mine, expected)


@drawn
@given(batch=st.integers(1, 3), steps=st.integers(1, 5), inputs=st.integers(1, 4), hidden=st.integers(1, 4), bias=st.booleans())
def test_a_gru_that_resets_before_the_product_is_that_of_cho_et_al(batch, steps, inputs, hidden, bias):
    torch.manual_seed(batch + 10 * steps)
    cell = GRUCell(inputs, hidden, "before", bias).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_()
    x, h = torch.randn(batch, steps, inputs).double(), torch.randn(batch, hidden).double()
    w_r, w_z, w_n = np.split(cell.from_input.weight.detach().numpy(), 3)
    u_r, u_z, u_n = np.split(cell.from_state.weight.detach().numpy(), 3)
    total = cell.from_input.bias + cell.from_state.bias if bias else torch.zeros(3 * hidden).double()
    b_r, b_z, b_n = np.split(total.detach().numpy(), 3)
    y, _ = Recurrent(cell).scan(x, {"h": h})
    state = h.numpy()
    for t, instant in enumerate(x.numpy().swapaxes(0, 1)):
        r = 1 / (1 + np.exp(-(instant @ w_r.T + state @ u_r.T + b_r)))  # eq. 5
        z = 1 / (1 + np.exp(-(instant @ w_z.T + state @ u_z.T + b_z)))  # eq. 6
        candidate = np.tanh(instant @ w_n.T + (r * state) @ u_n.T + b_n)  # eq. 8
        state = z * state + (1 - z) * candidate  # eq. 7
        close(y[:, t].detach(), state)


def test_where_the_reset_stands_makes_a_difference():
    after, before = GRUCell(3, 4, "after").double(), GRUCell(3, 4, "before").double()
    before.load_state_dict(after.state_dict())
    x, state = torch.randn(2, 3).double(), {"h": torch.randn(2, 4).double()}
    assert not torch.allclose(after.step(x, state)[0], before.step(x, state)[0], atol=1e-3)


@drawn
@given(batch=st.integers(1, 3), steps=st.integers(1, 5), width=st.integers(2, 5))
def test_the_norm_is_that_of_torch_and_of_the_equation(batch, steps, width):
    torch.manual_seed(width)
    layer = Norm(width).double()
    nn.init.normal_(layer.norm.weight), nn.init.normal_(layer.norm.bias)
    x = torch.randn(batch, steps, width).double()
    y, _ = layer.scan(x)
    close(y, nn.functional.layer_norm(x, (width,), layer.norm.weight, layer.norm.bias))
    spread = (x.var(dim=-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    close(y, (x - x.mean(dim=-1, keepdim=True)) / spread * layer.norm.weight + layer.norm.bias)


@drawn
@given(
    batch=st.integers(1, 3), steps=st.integers(1, 13), inputs=st.integers(1, 3), channels=st.integers(1, 4), stride=st.integers(1, 3),
    more=st.integers(0, 4), activation=st.sampled_from(["relu", "tanh", "none"]), norm=st.booleans(),
)  # fmt: skip
def test_a_causal_convolution_is_torch_s_with_its_padding_on_the_left(batch, steps, inputs, channels, stride, more, activation, norm):
    torch.manual_seed(steps)
    kernel = stride + more
    layer = CausalConvolution(inputs, channels, kernel, stride, activation, norm).double()
    x = torch.randn(batch, steps, inputs).double().requires_grad_()
    y, _ = layer.scan(x)
    assert y.shape == (batch, steps // stride, channels)
    if steps < stride:
        return
    weight = layer.linear.weight.view(channels, kernel, inputs).transpose(1, 2)
    padded = nn.functional.pad(x.transpose(1, 2), (kernel - stride, 0))
    wanted = nn.functional.conv1d(padded, weight, layer.linear.bias, stride).transpose(1, 2)
    wanted = nn.functional.layer_norm(wanted, (channels,), layer.norm.weight, layer.norm.bias) if norm else wanted
    wanted = {"relu": torch.relu, "tanh": torch.tanh, "none": lambda same: same}[activation](wanted)
    close(y, wanted)
    places = [x, layer.linear.weight, layer.linear.bias]
    weights = torch.randn_like(y)
    for mine, expected in zip(
        torch.autograd.grad((weights * y).sum(), places), torch.autograd.grad((weights * wanted).sum(), places), strict=True
    ):
        torch.testing.assert_close(mine, expected, rtol=1e-10, atol=1e-10 if norm else 1e-12)


# Pools


def test_the_last_mean_and_largest_of_the_steps_so_far_are_numpy_s():
    x = torch.randn(2, 5, 3).double()
    close(LastPool(3).double().scan(x)[0], x)
    close(MeanPool(3).double().scan(x)[0], np.cumsum(x.numpy(), axis=1) / np.arange(1, 6)[:, None])
    close(MaxPool(3).double().scan(x)[0], np.maximum.accumulate(x.numpy(), axis=1))


def test_the_largest_so_far_may_be_as_small_as_numbers_go():
    x = torch.full((1, 2, 1), -1e30)
    assert torch.equal(MaxPool(1).scan(x)[0], x)


def softmax_so_far(pool: AttentionPool, x: Tensor) -> Tensor:
    """v tanh(W h), held within 20, then a softmax over the steps so far."""
    score = torch.tanh(x @ pool.key.weight.T + pool.key.bias) @ pool.score.weight.T
    score = 20 * torch.tanh(score / 20)
    return torch.stack([(torch.softmax(score[:, : t + 1], dim=1) * x[:, : t + 1]).sum(dim=1) for t in range(x.shape[1])], dim=1)


@drawn
@given(batch=st.integers(1, 3), steps=st.integers(1, 6), width=st.integers(1, 4), scale=st.sampled_from([0.1, 1.0, 100.0]))
def test_attention_is_a_softmax_over_the_steps_so_far(batch, steps, width, scale):
    torch.manual_seed(steps)
    pool = AttentionPool(width).double()
    nn.init.normal_(pool.score.weight, std=scale)
    x = torch.randn(batch, steps, width).double().requires_grad_()
    y, wanted = pool.scan(x)[0], softmax_so_far(pool, x)
    torch.testing.assert_close(y, wanted, rtol=1e-10, atol=1e-12)
    weights, places = torch.randn_like(y), [x, *pool.parameters()]
    mine, expected = (torch.autograd.grad((weights * one).sum(), places) for one in (y, wanted))
    torch.testing.assert_close(list(mine), list(expected), rtol=1e-8, atol=1e-10)


def test_scores_too_large_for_an_exponential_leave_attention_finite_in_single_precision():
    pool = AttentionPool(2)
    nn.init.constant_(pool.score.weight, 1e6)
    x = torch.randn(2, 1000, 2, requires_grad=True)
    y, _ = pool.scan(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert y.isfinite().all() and gradient.isfinite().all()
