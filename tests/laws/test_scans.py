"""Every engine computes what the eager one defines: outputs, states and gradients, for whatever a scan can be given."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from unspool.cells import RNNCell
from unspool.kernels import Recurrence, cudnn, native
from unspool.kernels.recurrence import GATES
from unspool.layers import Recurrent

from .scans import ENGINES, FAST, NATIVE, NATIVE_IS_EXPECTED, PLACES, Case, agree, cases, needs_native, scan, scanned, tensors_of

SINGLE, DOUBLE = 3e-5, 1e-11
drawn = settings(max_examples=120, deadline=None, derandomize=True, database=None)
every_kind = pytest.mark.parametrize("kind", GATES)
every_engine = pytest.mark.parametrize("engine", ENGINES)
NATIVE_THREADS = [pytest.param("native", threads, marks=needs_native) for threads in (1, 2)]
LENGTHS = (4, 0, 6, 1, 6, 3)


def runs(engine: str, case: Case) -> bool:
    """Whether an engine can run a case at all."""
    return engine != "cudnn" or (case.kind in cudnn.FUNCTIONS and not case.keep and case.zoned == "none")


@pytest.mark.skipif(not NATIVE_IS_EXPECTED, reason="no compiler is here, or UNSPOOL_NATIVE is off")
def test_the_native_engine_is_there():
    assert not NATIVE


@needs_native
@drawn
@given(case=cases())
def test_the_native_engine_is_its_twin_in_double_precision(case):
    agree(scanned("native", case, torch.float32), scanned("eager", case, torch.float64), SINGLE)


@drawn
@given(case=cases(regularized=False))
def test_torch_s_functions_are_the_eager_engine(case):
    agree(scanned("cudnn", case, torch.float64), scanned("eager", case, torch.float64), DOUBLE)


@settings(drawn, max_examples=30)
@given(case=cases())
def test_the_eager_engine_in_single_precision_is_its_twin_in_double(case):
    agree(scanned("eager", case, torch.float32), scanned("eager", case, torch.float64), SINGLE)


@every_kind
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("zoned", ["none", "masks", "mean"])
@pytest.mark.parametrize("keep", [False, True], ids=["whole", "masked"])
def test_gradients_of_the_twin_are_those_of_finite_differences(kind, reverse, zoned, keep):
    """What the other engines are held against stands on differences itself."""
    case = Case(kind, 3, 4, 2, 3, (4, 0, 3), reverse, keep, zoned)
    drawn = tensors_of(case)
    names = [name for name in drawn if name != "keep"]

    def results(*tensors):
        y, state = scan("eager", case, drawn | dict(zip(names, tensors, strict=True)))
        return y, *state.values()

    assert torch.autograd.gradcheck(results, tuple(drawn[name].requires_grad_() for name in names), fast_mode=True)


@every_engine
@every_kind
@pytest.mark.parametrize("hidden", [8, 33, 130, 310])
def test_long_scans_of_many_rows_stay_close(engine, kind, hidden):
    """Sums over many rows and steps, in the order of each engine; the weights of 310 units fit no near cache, and the native engine asks for them."""
    case = Case(kind, 37, 40, 17, hidden, tuple(range(4, 41)), seed=3)
    if runs(engine, case):
        agree(scanned(engine, case, torch.float32), scanned("eager", case, torch.float64), 1e-4)


def results(engine: str, case: Case, **changed: torch.Tensor) -> list[torch.Tensor]:
    result = scanned(engine, case, torch.float32, **changed)
    return [result.y, *result.state.values(), *result.gradients.values()]


@pytest.mark.parametrize("engine, threads", [("cudnn", 1), ("eager", 1), *NATIVE_THREADS])
@every_kind
def test_the_same_call_gives_the_same_bits(engine, kind, threads):
    torch.set_num_threads(threads)
    for reverse in (False, True):
        case = Case(kind, 6, 6, 9, 33, LENGTHS, reverse, keep=engine != "cudnn", zoned="none" if engine == "cudnn" else "masks")
        if runs(engine, case):
            first = results(engine, case)
            assert all(torch.equal(one, other) for _ in range(2) for one, other in zip(first, results(engine, case), strict=True))


@needs_native
@pytest.mark.parametrize("kind", ["lstm", "gru_reset_after", "gru_reset_before"])
@pytest.mark.parametrize("keep", [False, True], ids=["plain", "masked"])
def test_whichever_thread_takes_which_units_the_bits_are_the_same(kind, keep):
    """More threads than cores are not equally fast, and take from each other where a step is long."""
    torch.set_num_threads(5)
    case = Case(kind, 40, 16, 9, 310, keep=keep)
    plan = native._plan(kind, 40, 16, 9, 310, False, 5, None)
    assert plan.lends_units and plan.lends_sums
    first = results("native", case)
    assert all(torch.equal(one, other) for _ in range(5) for one, other in zip(first, results("native", case), strict=True))
    agree(scanned("native", case, torch.float32), scanned("eager", case, torch.float64), 1e-4)


@needs_native
@pytest.mark.parametrize("hidden", range(200, 264, 8))
def test_threads_whose_parts_are_of_different_sizes_go_the_same_way(hidden):
    """With so many inputs the weights of the smaller part would fit a near cache, and those of the larger would not."""
    torch.set_num_threads(2)
    for inputs in (140, 170, 200):
        case = Case("lstm", 24, 3, inputs, hidden)
        agree(scanned("native", case, torch.float32), scanned("eager", case, torch.float64), 1e-4)


@needs_native
@every_kind
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_rows_of_the_native_engine_do_not_see_each_other_in_a_single_bit(kind, reverse):
    case = Case(kind, 6, 6, 9, 33, LENGTHS, reverse, keep=True, learnt=("x", "h"))
    x = tensors_of(case)["x"]
    wanted = scanned("native", case, torch.float32)
    for row in (0, 2, 5):
        other = x.clone()
        other[row] = 100 * torch.randn_like(other[row])
        found = scanned("native", case, torch.float32, x=other)
        others = [one for one in range(6) if one != row]
        assert torch.equal(found.y[others], wanted.y[others]) and not torch.equal(found.y[row], wanted.y[row])
        for name in wanted.state:
            assert torch.equal(found.state[name][others], wanted.state[name][others])
        for name in wanted.gradients:
            assert torch.equal(found.gradients[name][others], wanted.gradients[name][others])


@every_engine
@every_kind
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_padding_is_inert_bit_by_bit_whatever_it_holds(engine, kind, reverse):
    case = Case(kind, 6, 6, 9, 33, LENGTHS, reverse)
    if not runs(engine, case):
        return
    x, real = tensors_of(case)["x"], torch.arange(6) < torch.tensor(LENGTHS)[:, None]
    wanted = results(engine, case, x=x.masked_fill(~real.unsqueeze(-1), 0))
    for padding in (torch.nan, torch.inf, -1e30):
        found = results(engine, case, x=x.masked_fill(~real.unsqueeze(-1), padding))
        assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert not wanted[0][~real].any(), "an output of padding is not zero"


@every_engine
@every_kind
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_a_number_that_is_none_reaches_the_later_steps_of_its_row_alone(engine, kind, reverse):
    case = Case(kind, 6, 6, 9, 33, LENGTHS, reverse, learnt=())
    if not runs(engine, case):
        return
    x = tensors_of(case)["x"]
    x[2, 3, 5] = torch.nan
    result = scanned(engine, case, torch.float32, x=x)
    lost = torch.zeros(6, 6, dtype=torch.bool)
    lost[2, slice(0, 4) if reverse else slice(3, 6)] = True
    assert result.y[lost].isnan().all() and result.y[~lost].isfinite().all()
    for tensor in result.state.values():
        assert tensor[2].isnan().all() and tensor[[0, 1, 3, 4, 5]].isfinite().all()


@every_engine
@pytest.mark.parametrize("learnt", [(name,) for name in PLACES], ids=PLACES)
def test_each_tensor_alone_may_want_its_gradient(engine, learnt):
    case = Case("lstm", 6, 6, 4, 9, LENGTHS, learnt=learnt)
    agree(scanned(engine, case, torch.float32), scanned("eager", case, torch.float64), SINGLE)


@every_engine
@every_kind
def test_what_is_given_is_left_as_it_was(engine, kind):
    case = Case(kind, 6, 6, 9, 33, LENGTHS)
    if not runs(engine, case):
        return
    mine = {name: tensor.float() for name, tensor in tensors_of(case).items()}
    kept = {name: tensor.clone() for name, tensor in mine.items()}
    scanned(engine, case, torch.float32, **mine)
    assert all(torch.equal(mine[name].detach(), tensor) for name, tensor in kept.items())


@pytest.mark.parametrize("engine", FAST)
def test_a_state_may_name_its_tensors_in_any_order(engine):
    """As a state does that was read from a file."""
    case = Case("lstm", learnt=())
    weights = tensors_of(case)
    recurrence = Recurrence("lstm", *(weights[name].float() for name in PLACES[1:5]))
    x, state = weights["x"].float(), {name: weights[name].float() for name in ("c", "h")}
    if engine == "cudnn":
        y, after = cudnn.scan(recurrence, x, state)
    else:
        from unspool.kernels import native

        y, after = native.scan(recurrence, x, state, None, None, None, False)
    wanted = scanned("eager", case, torch.float64)
    torch.testing.assert_close(y.double(), wanted.y, rtol=SINGLE, atol=SINGLE)
    torch.testing.assert_close({name: tensor.double() for name, tensor in after.items()}, dict(wanted.state), rtol=SINGLE, atol=SINGLE)


@needs_native
@pytest.mark.parametrize("kind", ["rnn_tanh", "gru_reset_after", "gru_reset_before"])
def test_where_a_unit_saturates_no_gradient_is_left(kind):
    """One input far from all others must not decide a step of training."""
    recurrence = Recurrence(kind, torch.eye(4).repeat(GATES[kind], 1), torch.zeros(4 * GATES[kind], 4), None, None)
    x = torch.tensor([1e5, -1e5, 50.0, -50.0]).view(1, 1, 4).requires_grad_()
    weight = recurrence.input_weight.requires_grad_()
    if kind != "rnn_tanh":
        with torch.no_grad():
            weight[4:8].zero_()  # the update gate is half open
    y, _ = native.scan(recurrence, x)
    (gradient,) = torch.autograd.grad(y.sum(), weight)
    candidate = gradient[-4:]
    assert (candidate == 0).all()


@needs_native
def test_a_plan_of_very_many_steps_is_not_kept():
    x = torch.zeros(1, (1 << 16) + 1, 1)
    before = native._plan_of_whole_rows.cache_info().currsize
    Recurrent(RNNCell(1, 1)).scan(x)
    assert native._plan_of_whole_rows.cache_info().currsize == before


@needs_native
def test_a_view_that_is_negated_lazily_is_read_as_what_it_is():
    layer, x = Recurrent(RNNCell(3, 4)), torch._neg_view(torch.randn(2, 5, 3))
    torch.testing.assert_close(layer.scan(x)[0], layer.scan(x.clone())[0])
