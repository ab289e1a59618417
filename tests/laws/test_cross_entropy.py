"""Cross-entropy over a vocabulary: what torch gives from all logits, by every engine, whatever dropout has left of the states."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from unspool.kernels import cross_entropy as fused
from unspool.kernels import using
from unspool.kernels.cross_entropy import cross_entropy, log_probabilities

from .scans import needs_native

SIZE = 23
ENGINES = ["eager", pytest.param("native", marks=needs_native)]
every_engine = pytest.mark.parametrize("engine", ENGINES)

Problem = tuple[list[Tensor], Tensor, Tensor, Tensor | None]


def problem(rows: int, width: int, words: int, groups: int = 0, dtype: torch.dtype = torch.float32, seed: int = 0) -> Problem:
    """States, weight and bias; truth; shares, some of them nothing; what dropout has left of each group of rows."""
    draw = torch.Generator().manual_seed(seed)
    states, weight, bias = (torch.randn(*shape, generator=draw, dtype=dtype) for shape in ((rows, width), (words, width), (words,)))
    truth, shares = torch.randint(0, words, (rows,), generator=draw), torch.rand(rows, generator=draw, dtype=dtype)
    shares[torch.rand(rows, generator=draw) < 0.2] = 0
    kept = torch.rand(groups, width, generator=draw) > 0.4 if groups else None
    if kept is not None:
        states = (states.view(groups, -1, width) * kept[:, None]).reshape(rows, width)
    return [states, weight / width**0.5, bias], truth, shares, kept


def found(given: Problem, whole: bool = False) -> list[Tensor]:
    """The loss and all gradients; `whole`: from all logits."""
    tensors, truth, shares, kept = given
    states, weight, bias = leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    if whole:
        loss = (nn.functional.cross_entropy(states @ weight.T + bias, truth, reduction="none") * shares).sum()
    else:
        loss = cross_entropy(states, weight, bias, truth, shares, kept)
    (3 * loss).backward()
    gradients = [leaf.grad for leaf in leaves]
    if kept is not None:
        gradients[0] = (gradients[0].view(len(kept), -1, states.shape[1]) * kept[:, None]).flatten(0, 1) if whole else gradients[0]
    return [loss.detach(), *gradients]


def as_doubles(given: Problem) -> Problem:
    tensors, truth, shares, kept = given
    return [tensor.double() for tensor in tensors], truth, shares.double(), kept


def close(one: list[Tensor], other: list[Tensor]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine.double(), theirs.double(), rtol=2e-5, atol=2e-6 * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("block", [1, 50, 1 << 20])
def test_the_loss_by_blocks_and_its_gradient_are_torchs(block, monkeypatch):
    monkeypatch.setattr(fused, "BLOCK", block)
    for groups in (0, 3):
        given = problem(9, 5, SIZE, groups, torch.float64)
        torch.testing.assert_close(found(given), found(given, whole=True))
        tensors, truth, *_ = given
        logits = tensors[0] @ tensors[1].T + tensors[2]
        torch.testing.assert_close(log_probabilities(*tensors, truth), logits.log_softmax(1)[torch.arange(9), truth])


@needs_native
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 40), st.integers(0, 5), st.integers(1, 70), st.sampled_from([1, 2, 7, 8, 9, 23, 24, 25, 63, 64, 65, 200, 611]), st.integers(1, 3),
)  # fmt: skip
def test_the_native_engine_gives_what_torch_gives(height, groups, width, words, threads):
    torch.set_num_threads(threads)
    given = problem(height * max(groups, 1), width, words, groups)
    with using("native"):
        close(found(given), found(as_doubles(given), whole=True))
        tensors, truth, *_ = given
        logits = (tensors[0].double() @ tensors[1].double().T + tensors[2].double()).log_softmax(1)
        torch.testing.assert_close(log_probabilities(*tensors, truth).double(), logits.gather(1, truth[:, None])[:, 0], rtol=2e-5, atol=2e-5)


@needs_native
@pytest.mark.parametrize("groups", [0, 4])
@pytest.mark.parametrize("threads", [2, 5])
@pytest.mark.parametrize("rows, width, words", [(600, 300, 9001), (1400, 33, 5003), (212, 513, 3000)])
def test_the_native_engine_gives_it_for_more_than_it_holds_at_once(rows, width, words, groups, threads):
    given = problem(rows, width, words, groups)
    torch.set_num_threads(threads)
    with using("native"):
        once = found(given)
        close(once, found(as_doubles(given), whole=True))
        for _ in range(4):  # the same bits for the same thread count, whichever thread has taken which words
            assert all(torch.equal(*pair) for pair in zip(once, found(given), strict=True))


@every_engine
@pytest.mark.parametrize("rows", [0, 4])
def test_where_no_row_counts_the_gradient_is_zero(rows, engine, monkeypatch):
    monkeypatch.setattr(torch, "empty_like", lambda like: torch.full_like(like, math.nan))
    tensors, truth, shares, _ = problem(rows, 7, 300)
    with using(engine):
        loss, *gradients = found((tensors, truth, torch.zeros_like(shares), None))
    assert float(loss) == 0
    assert all(not gradient.any() for gradient in gradients)


@every_engine
def test_rows_without_a_share_and_dropped_features_are_inert(engine):
    (states, weight, bias), truth, shares, kept = given = problem(12, 20, SIZE, 3)
    assert kept is not None
    with using(engine):
        once = found(given)
        changed = states.clone()
        changed[shares == 0] = 7
        other = truth.clone()
        other[shares == 0] = 0
        again = found(([changed, weight, bias], other, shares, kept))
    dropped = ~kept.repeat_interleave(4, 0)
    assert (once[1][dropped] == 0).all()
    assert (once[1][shares == 0] == 0).all()
    for mine, theirs in zip(once, again, strict=True):
        torch.testing.assert_close(mine, theirs)


@every_engine
def test_nothing_is_worked_out_for_what_does_not_learn(engine):
    tensors, truth, shares, _ = problem(12, 20, SIZE)
    with using(engine):
        everything = found((tensors, truth, shares, None))
        for learning in ((0,), (1,), (2,), (0, 2), (1, 2), ()):
            leaves = [tensor.clone().requires_grad_(index in learning) for index, tensor in enumerate(tensors)]
            loss = cross_entropy(*leaves, truth, shares)
            torch.testing.assert_close(loss.detach(), everything[0])
            gradients = torch.autograd.grad(3 * loss, [leaves[index] for index in learning]) if learning else ()
            for index, gradient in zip(learning, gradients, strict=True):
                torch.testing.assert_close(gradient, everything[1 + index])


@every_engine
def test_the_same_loss_can_be_gone_back_through_twice(engine):
    with using(engine):
        states, weight = torch.randn(3, 4, requires_grad=True), torch.randn(5, 4)
        loss = cross_entropy(states, weight, torch.zeros(5), torch.tensor([1, 2, 3]), torch.ones(3))
        (first,) = torch.autograd.grad(loss, states, retain_graph=True)
        kept = first.clone()
        first.zero_()  # it is the caller's
        (second,) = torch.autograd.grad(loss, states)
        torch.testing.assert_close(kept, second)


@every_engine
def test_no_rows_have_no_loss(engine):
    with using(engine):
        leaves = [torch.randn(*shape).requires_grad_() for shape in ((0, 4), (5, 4), (5,))]
        loss = cross_entropy(*leaves, torch.zeros(0, dtype=torch.int64), torch.zeros(0))
        assert loss.item() == 0
        assert all((gradient == 0).all() for gradient in torch.autograd.grad(loss, leaves))
        unshared, truth = torch.randn(6, 4, requires_grad=True), torch.zeros(6, dtype=torch.int64)
        assert (torch.autograd.grad(cross_entropy(unshared, *leaves[1:], truth, torch.zeros(6)), [unshared, *leaves[1:]])[1] == 0).all()


@every_engine
def test_what_is_all_but_impossible_has_its_own_surprise(engine):
    states, weight, truth = torch.tensor([[200.0], [1.0], [60.0]]), torch.tensor([[1.0], [0.0]]), torch.ones(3, dtype=torch.int64)
    with using(engine):
        loss = cross_entropy(states, weight, torch.zeros(2), truth, torch.ones(3))
    torch.testing.assert_close(loss, nn.functional.cross_entropy(states @ weight.T, truth, reduction="sum"))


@needs_native
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("groups", [0, 4])
def test_truths_that_are_all_but_impossible_have_their_gradients(groups, threads):
    """Beside likely ones, in whole numbers, so that logits are exact; the likeliest words stand in blocks of their own, the first or the last."""
    torch.set_num_threads(threads)
    (states, weight, bias), truth, shares, kept = problem(160, 300, 2000, groups)
    weight.mul_(20).round_()
    states.round_()
    for row, word in ((3, 0), (60, 1999), (150, 1000)):
        weight[word] += 3 * states[row].sign()
    given = [states, weight, bias.round()], truth, shares, kept
    surprise = (given[0][0].double() @ weight.double().T + given[0][2]).log_softmax(1).gather(1, truth[:, None])
    assert (surprise > -20).any() and (surprise < -90).sum() > 2
    with using("native"):
        close(found(given), found(as_doubles(given), whole=True))


@every_engine
def test_nothing_is_more_than_certain(engine):
    (states, weight, bias), *_ = problem(200, 40, 300)
    states *= 20
    with using(engine):
        found = log_probabilities(states, weight, bias, (states @ weight.T + bias).argmax(1))
    assert (found <= 0).all() and (found == 0).any()


@every_engine
def test_a_truth_that_is_ruled_out_surprises_without_end(engine):
    tensors, truth, _, _ = problem(8, 20, 2000)
    tensors[2][:] = -math.inf  # a block of the native engine may have no other words
    tensors[2][5] = 0
    truth[:4], truth[4:] = 5, 1500
    with using(engine):
        assert log_probabilities(*tensors, truth).tolist() == [0] * 4 + [-math.inf] * 4


@every_engine
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("words", [3, 200])
def test_what_is_no_number_is_not_hidden(engine, value, words):
    tensors, truth, shares, _ = problem(12, 20, words)
    shares[:] = 1
    tensors[1][words // 2] = value
    with using(engine):
        assert not math.isfinite(found((tensors, truth, shares, None))[0])


def test_the_gradient_by_blocks_is_that_of_differences():
    tensors, truth, shares, _ = problem(4, 3, 7, dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in tensors]
    assert torch.autograd.gradcheck(lambda *read: cross_entropy(*read, truth, shares), leaves)


def test_what_does_not_fit_is_refused():
    (states, weight, bias), truth, shares, kept = problem(12, 20, SIZE, 3)
    refused = {
        "weight: got the shape": (states, weight[:, :3], bias, truth, shares),
        "bias: got the shape": (states, weight, bias[:3], truth, shares),
        "truth: got the shape": (states, weight, bias, truth[:3], shares),
        "shares: got the shape": (states, weight, bias, truth, shares[:3]),
        "kept: got the shape": (states, weight, bias, truth, shares, kept[:, :3]),
        "kept: got 5 groups": (states, weight, bias, truth, shares, kept[[0, 1, 2, 0, 1]]),
        "truth: got torch.int32": (states, weight, bias, truth.int(), shares),
    }
    for told, arguments in refused.items():
        with pytest.raises(RuntimeError, match=told):
            cross_entropy(*arguments)
    for wrong in (-1, SIZE):
        with pytest.raises(IndexError, match="wanted 0 to 22, the rows of the weight"):
            cross_entropy(states, weight, bias, torch.full((12,), wrong), shares)
    with using("native"), pytest.raises(ValueError, match="the native engine computes in float32"):
        cross_entropy(states.double(), weight.double(), bias.double(), truth, shares.double())


@needs_native
@pytest.mark.parametrize("words, native", [(fused.FEW - 1, False), (fused.FEW, True)])
def test_the_native_engine_runs_where_there_are_enough_words(words, native, monkeypatch):
    ran = []
    ours = fused._native
    monkeypatch.setattr(fused, "_native", lambda *read: ran.append(True) or ours(*read))
    tensors, truth, *_ = given = problem(12, 20, words)
    found(given)
    log_probabilities(*tensors, truth)
    assert len(ran) == (2 if native else 0)


@needs_native
def test_threads_find_the_same():
    given = problem(96, 64, 700, 4)
    results = []
    for threads in (1, 2, 3, 5):
        torch.set_num_threads(threads)
        with using("native"):
            results.append(found(given))
    for one in results[1:]:
        close(one, results[0])


@every_engine
def test_words_may_be_ruled_out(engine):
    """A thousand of them and more, so that a block of the native engine has nothing else."""
    (states, weight, bias), truth, shares, _ = problem(7, 256, 2000)
    bias[:1500] = -math.inf
    given = [states, weight, bias], truth % 500 + 1500, shares, None
    with using(engine):
        close(found(given), found(as_doubles(given), whole=True))


@every_engine
def test_states_without_features_have_the_biases_alone(engine):
    bias, truth = torch.zeros(200), torch.zeros(2, dtype=torch.int64)
    with using(engine):
        loss = cross_entropy(torch.zeros(2, 0), torch.zeros(200, 0), bias, truth, torch.ones(2))
    assert loss.item() == pytest.approx(2 * math.log(200))


@every_engine
def test_what_has_changed_since_is_told(engine):
    (states, weight, bias), truth, shares, _ = problem(7, 5, SIZE)
    with using(engine):
        loss = cross_entropy(states.requires_grad_(), weight, bias, truth, shares)
    loss.backward(retain_graph=True)
    shares.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every_engine
def test_its_gradient_is_not_differentiated_again(engine):
    (states, weight, bias), truth, shares, _ = problem(7, 5, SIZE)
    with using(engine):
        loss = cross_entropy(states.requires_grad_(), weight, bias, truth, shares)
    (slope,) = torch.autograd.grad(loss, states, create_graph=True)
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        slope.square().sum().backward()


@every_engine
def test_without_gradients_the_loss_is_the_same(engine):
    (states, weight, bias), truth, shares, kept = problem(6, 5, SIZE, groups=2)
    with using(engine):
        loss = cross_entropy(states.requires_grad_(), weight, bias, truth, shares, kept)
        with torch.no_grad():
            torch.testing.assert_close(cross_entropy(states, weight, bias, truth, shares, kept), loss.detach())


@pytest.mark.parametrize(("name", "dtype"), [("shares", torch.float64), ("kept", torch.uint8), ("kept", torch.float32), ("truth", torch.int32)])
def test_other_types_are_refused(name, dtype):
    tensors, truth, shares, kept = problem(6, 5, SIZE, groups=2)
    given = {"truth": truth, "shares": shares, "kept": kept}
    given[name] = given[name].to(dtype)
    with pytest.raises(RuntimeError, match=f"{name}: got {dtype}, wanted"):
        cross_entropy(*tensors, **given)
