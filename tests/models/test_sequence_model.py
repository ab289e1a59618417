"""Laws of the whole model: whole = steps, rows keep to themselves, padding is inert, a state is the caller's."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
import torch

from unspool.cells import CELLS
from unspool.layers import POOLS, flatten_state, map_state

from .making import FRONTS, batch_of, gradients, model_of

KINDS = pytest.mark.parametrize("forecast", [True, False], ids=["forecast", "classify"])


def stepped(model, batch):
    """Raw answers at every output of every row, one step at a time: (B, T // stride, ...)."""
    rows, steps = batch.values.shape[:2]
    state, answers = model.initial_state(rows), []
    for start in range(0, steps // model.stride * model.stride, model.stride):
        frame = slice(start, start + model.stride) if model.stride > 1 else start
        future = None if batch.future is None else batch.future[:, 0]
        answer, state = model.step(batch.values[:, frame], batch.codes[:, frame], future, state)
        answers.append(answer)
    return torch.stack(answers, dim=1), state


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("front", FRONTS)
@KINDS
def test_the_answers_at_asked_steps_are_those_of_single_steps(cell, pool, front, forecast):
    model = model_of(cell, pool, front, forecast)
    stride = model.stride
    asked = [stride - 1, 2 * stride - 1, 3 * stride - 1, 3 * stride - 1]
    batch = batch_of([3 * stride, 3 * stride], [asked, asked[::-1]], forecast)
    if forecast:  # steps are given the future of the first asked step, so all are given that one
        batch = replace(batch, future=batch.future[:, :1].expand_as(batch.future))
    raw, state = model(batch)
    steps, after = stepped(model, batch)
    wanted = torch.stack([steps[0, [0, 1, 2, 2]], steps[1, [2, 2, 1, 0]]])
    torch.testing.assert_close(raw, wanted)
    torch.testing.assert_close(flatten_state(state), flatten_state(after))


@pytest.mark.parametrize("pool", POOLS)
@KINDS
def test_two_layers_both_wrapped_step_as_they_scan(pool, forecast):
    model = model_of("lstm", pool, "front", forecast, layers=2, residual=True, norm=True)
    batch = batch_of([5, 5], [[4], [4]], forecast)
    torch.testing.assert_close(model(batch)[0][:, 0], stepped(model, batch)[0][:, 4])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_record_in_two_batches_is_the_record_in_one(cell, pool, cut):
    model = model_of(cell, pool, "front")
    whole = batch_of([7, 7], [[6], [6]])
    first = replace(whole, values=whole.values[:, :cut], codes=whole.codes[:, :cut], lengths=None, asked=torch.zeros(2, 1, dtype=torch.int64))
    second = replace(
        whole, values=whole.values[:, cut:], codes=whole.codes[:, cut:], lengths=None, asked=whole.asked - cut, carry=torch.tensor([True, True])
    )
    _, state = model(first)
    joined, end = model(second, state)
    wanted, after = model(whole)
    torch.testing.assert_close(joined, wanted)
    torch.testing.assert_close(flatten_state(end), flatten_state(after))


@pytest.mark.parametrize("pool", POOLS)
def test_only_the_rows_that_do_not_carry_start_anew(pool):
    model = model_of("lstm", pool)
    _, before = model(batch_of([4, 4, 4], [[3]] * 3, seed=1))
    batch = batch_of([5, 5, 5], [[4]] * 3, carry=[True, False, True])
    mixed, _ = model(batch, before)
    going_on, _ = model(replace(batch, carry=torch.tensor([True] * 3)), before)
    anew, _ = model(batch)
    torch.testing.assert_close(mixed[[0, 2]], going_on[[0, 2]])
    torch.testing.assert_close(mixed[1], anew[1])
    assert not torch.allclose(going_on[1], anew[1])


def test_a_carried_state_is_cut_from_its_gradient():
    model = model_of("gru", "attention")
    _, before = model(batch_of([4, 4], [[3]] * 2, seed=1))
    assert all(leaf.requires_grad for leaf in flatten_state(before).values())
    carried = model.carried(before, torch.tensor([True, False]))
    assert not any(leaf.requires_grad for leaf in flatten_state(carried).values())
    batch = batch_of([4, 4], [[3]] * 2, carry=[True, True])
    with_graph, _ = model.loss(batch, before)
    without, _ = model.loss(batch, map_state(torch.Tensor.detach, before))
    torch.testing.assert_close(gradients(model, with_graph), gradients(model, without))


def test_the_state_that_comes_in_is_left_as_it_is():
    model = model_of("lstm", "mean")
    _, before = model(batch_of([4, 4], [[3]] * 2, seed=1))
    kept = {name: leaf.clone() for name, leaf in flatten_state(before).items()}
    model(batch_of([4, 4], [[3]] * 2, carry=[True, False]), before)
    torch.testing.assert_close(flatten_state(before), kept, rtol=0, atol=0)


@pytest.mark.parametrize("padding", [0.0, 1e30, torch.nan, torch.inf], ids=str)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("front", FRONTS)
@KINDS
def test_padding_changes_neither_loss_nor_gradient(padding, pool, front, forecast):
    model = model_of("gru", pool, front, forecast)
    lengths, asked = [12, 5, 7], [[3, 11], [3, 4], [4, 6]]
    batch = batch_of(lengths, asked, forecast)
    loss, state = model.loss(batch)
    wanted, ends = gradients(model, loss), flatten_state(state)
    values = torch.cat([batch.values, torch.zeros(3, 4, 2)], dim=1)
    codes = torch.cat([batch.codes, torch.zeros(3, 4, 1, dtype=torch.int64)], dim=1)
    for row, length in enumerate(lengths):
        values[row, length:] = padding
        codes[row, length:] = 4
    padded_loss, padded_state = model.loss(replace(batch, values=values, codes=codes))
    torch.testing.assert_close(padded_loss, loss)
    torch.testing.assert_close(gradients(model, padded_loss), wanted)
    torch.testing.assert_close(flatten_state(padded_state), ends)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_rows_do_not_see_each_other(bidirectional):
    model = model_of("lstm", "max", forecast=False, bidirectional=bidirectional)
    batch = batch_of([6, 3, 4], [[5], [2], [3]], forecast=False)
    raw, _ = model(batch)
    for row, length in enumerate([6, 3, 4]):
        alone = replace(
            batch,
            values=batch.values[row : row + 1, :length],
            codes=batch.codes[row : row + 1, :length],
            lengths=None,
            asked=batch.asked[row : row + 1],
        )
        torch.testing.assert_close(model(alone)[0][0], raw[row])


@pytest.mark.parametrize("pool", POOLS)
@KINDS
def test_the_loss_of_the_model_has_the_gradient_that_it_claims(pool, forecast):
    model = model_of("lstm", pool, "strided front", forecast)
    batch = batch_of([6, 5], [[3, 5], [1, 4]], forecast)
    names = ["embed.tables.0.weight", "backbone.layers.0.linear.weight", "head.answer.bias"]
    weights = dict(model.named_parameters())

    def loss(*chosen):
        return torch.func.functional_call(_Loss(model), {f"model.{name}": weight for name, weight in zip(names, chosen, strict=True)}, (batch,))

    assert torch.autograd.gradcheck(loss, tuple(weights[name].detach().clone().requires_grad_() for name in names), fast_mode=True)


class _Loss(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        return self.model.loss(batch)[0]


def test_no_answer_reads_what_comes_after_it():
    for pool in POOLS:
        model, batch = model_of("gru", pool, "front"), batch_of([6, 6], [[2], [3]])
        raw, _ = model(batch)
        values, codes = batch.values.clone(), batch.codes.clone()
        for row, step in enumerate((2, 3)):
            values[row, step + 1 :] += 10
            codes[row, step + 1 :] = 0
        torch.testing.assert_close(model(replace(batch, values=values, codes=codes))[0], raw)


def test_stride_and_lookahead_are_those_of_the_whole_model():
    assert [model_of(front=front).stride for front in FRONTS] == [1, 1, 2, 4]
    assert model_of().lookahead == 0
    assert model_of(bidirectional=True).lookahead == inf
    with pytest.raises(ValueError, match="needs the whole future"):
        stepped(model_of(bidirectional=True), batch_of([2, 2], [[1], [1]]))


def test_steps_that_do_not_fill_a_stride_wait_for_their_answer():
    """Asked at any step, a strided model answers as at the last output before it."""
    model = model_of("gru", "mean", "two strides")
    batch = batch_of([8], [[3, 4, 5, 6, 7]])
    batch = replace(batch, future=batch.future[:, :1].expand_as(batch.future))
    raw, _ = model(batch)
    torch.testing.assert_close(raw[0, 1:4], raw[0, :1].expand(3, -1, -1, -1))
    assert not torch.allclose(raw[0, 4], raw[0, 0])
