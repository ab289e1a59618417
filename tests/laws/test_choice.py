"""Which engine runs a scan: the fastest that can, and it says why; whatever it cannot run goes to the eager one."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode

from unspool import GRU
from unspool.cells import CELLS, GRUCell, LSTMCell, RNNCell
from unspool.kernels import Choice, using
from unspool.layers import Bidirectional, Norm, Recurrent, Residual, Stack

from .scans import needs_native
from .subjects import CELL_SPECS, HIDDEN, INPUTS, recurrent, single
from .test_changed_cells import Counting

every_cell = pytest.mark.parametrize("spec", CELL_SPECS.values(), ids=CELL_SPECS)


@needs_native
@every_cell
@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"dropout": 0.3, "zoneout": 0.3, "weight_drop": 0.3}], ids=["plain", "reverse", "all"])
def test_every_cell_that_we_ship_runs_natively_in_single_precision_on_a_cpu(spec, options, ran):
    for training in (False, True):
        layer = recurrent(spec, **options).train(training)
        assert layer.engine(single(2, 3, INPUTS)) == Choice("native", "float32 on cpu")
        y, _ = layer.scan(single(2, 3, INPUTS), None, torch.tensor([3, 0]))
        y.sum().backward()
    assert ran == ["native"] * 2


@needs_native
def test_every_layer_of_a_network_runs_natively(ran):
    made = GRU(INPUTS, 5, 3, bidirectional=True, norm=True, recurrent_dropout=0.1)
    told = made.engine(single(2, 3, INPUTS))
    assert len(told) == 6 and {choice.engine for choice in told.values()} == {"native"}
    assert all(isinstance(made.get_submodule(name), Recurrent) for name in told)
    made.scan(single(2, 3, INPUTS))
    assert ran == ["native"] * 6


def test_a_stack_tells_of_each_recurrent_layer_by_its_name():
    inner = Residual(Recurrent(GRUCell(INPUTS, INPUTS)), INPUTS)
    stack = Stack([Norm(INPUTS), inner, Bidirectional(Recurrent(RNNCell(INPUTS, 2)), Recurrent(LSTMCell(INPUTS, 2), reverse=True))], INPUTS).double()
    told = stack.engine(single(1, 2, INPUTS).double())
    assert sorted(told) == ["layers.1.layer", "layers.2.backward", "layers.2.onward"]
    assert {choice.engine for choice in told.values()} == {"eager"}


# What only the eager engine can run, and why


def test_other_precisions_and_autocast_are_eager():
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    for kind in (torch.float64, torch.bfloat16):
        told = layer.to(kind).engine(single(1, 2, INPUTS).to(kind))
        assert told == Choice("eager", f"the native engine computes in float32 on the CPU, and there is {kind} on cpu".replace("torch.", ""))
        assert layer.scan(single(1, 2, INPUTS).to(kind))[0].dtype == kind
    layer.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.engine(single(1, 2, INPUTS)).engine == "eager"
        layer.scan(single(1, 2, INPUTS))


def test_numbers_that_are_not_on_a_cpu_are_not_native():
    layer = Recurrent(GRUCell(INPUTS, HIDDEN)).to("meta")
    x = torch.empty(2, 3, INPUTS, device="meta")
    assert layer.engine(x).engine == "eager"
    assert layer.scan(x)[0].shape == (2, 3, HIDDEN)


def test_transforms_of_functions_see_every_operation(ran):
    """Gradients of a gradient, Jacobians and maps over weights are torch's own."""
    layer = Recurrent(LSTMCell(INPUTS, HIDDEN))
    x = single(2, 3, INPUTS)

    def loss(x):
        return layer.scan(x)[0].square().sum()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch loads its decompositions, deprecated calls and all
        per_row = torch.func.vmap(torch.func.grad(lambda row: loss(row[None])))(x)
        along = torch.func.jvp(loss, (x,), (torch.ones_like(x),))[1]
        hessian = torch.func.hessian(loss)(x)
    assert set(ran) == {"eager"}
    given = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(given), given)
    torch.testing.assert_close(per_row, gradient, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(along, gradient.sum(), rtol=1e-4, atol=1e-5)
    with using("eager"):
        torch.testing.assert_close(hessian, torch.autograd.functional.hessian(loss, x), rtol=1e-4, atol=1e-5)


@needs_native
def test_derivatives_of_derivatives_are_refused_by_the_native_engine_and_given_by_the_eager_one():
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    for engine in ("eager", "native"):
        with using(engine):
            x = single(1, 2, INPUTS).requires_grad_()
            (slope,) = torch.autograd.grad(layer.scan(x)[0].square().sum(), x, create_graph=True)
        if engine == "eager":
            slope.sum().backward()
            assert x.grad.any()
        else:
            with pytest.raises(RuntimeError, match="twice"):
                slope.sum().backward()


@needs_native
@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("loss", [Tensor.sum, lambda y: y.square().sum()], ids=["linear", "square"])
def test_a_penalty_of_a_gradient_is_refused_and_never_zero(loss, learns):
    """Also where the gradient that arrives at the outputs has none of its own."""
    layer = Recurrent(GRUCell(INPUTS, HIDDEN)).requires_grad_(learns)
    x = single(1, 2, INPUTS).requires_grad_()
    y = layer.scan(x.mT.contiguous().mT)[0]  # of another layout than the kernels read
    (slope,) = torch.autograd.grad(loss(y), x, create_graph=True)
    with pytest.raises(RuntimeError, match=r"cannot be differentiated twice; run layers within unspool.kernels.using\('eager'\)"):
        (y.sum() + slope.square().sum()).backward()


def test_forward_mode_derivatives_are_eager(ran):
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch loads its decompositions, deprecated calls and all
        with forward_ad.dual_level():
            y, _ = layer.scan(forward_ad.make_dual(single(1, 2, INPUTS), single(1, 2, INPUTS)))
            assert forward_ad.unpack_dual(y).tangent.any()
    assert ran == ["eager"]


def test_whatever_watches_operations_sees_them_all(ran):
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    with FlopCounterMode(display=False) as counted:
        layer.scan(single(2, 5, INPUTS))
    assert ran == ["eager"]
    assert counted.get_total_flops() == 2 * 2 * 5 * 3 * HIDDEN * (INPUTS + HIDDEN)


class Marked(torch.Tensor):
    """A tensor of somebody else's."""


def test_tensors_with_operations_of_their_own_are_eager():
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    told = layer.engine(single(1, 2, INPUTS).as_subclass(Marked))
    assert told == Choice("eager", "a tensor is a Marked, which has operations of its own")


@pytest.mark.parametrize("zoneout", [0.0, 0.2])
@pytest.mark.parametrize("kind", CELLS)
def test_what_torch_exports_is_made_of_its_own_operations(kind, zoneout):
    class Scan(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Recurrent(CELLS[kind](hidden=HIDDEN).build(INPUTS), zoneout=zoneout)

        def forward(self, x):
            return self.layer.scan(x)[0]

    made, x = Scan().eval(), single(2, 3, INPUTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(made, (x,), strict=False).module()
    torch.testing.assert_close(exported(x), made(x), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_torch_compiles_gives_the_same():
    layer, x = Recurrent(GRUCell(INPUTS, HIDDEN)), single(2, 3, INPUTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(lambda x: layer.scan(x)[0], backend="aot_eager")
        torch.testing.assert_close(compiled(x), layer.scan(x)[0], rtol=1e-4, atol=1e-5)


# An engine asked for


def test_an_engine_that_is_asked_for_runs_until_the_block_ends(ran):
    layer = Recurrent(GRUCell(INPUTS, HIDDEN)).double()
    x = single(1, 2, INPUTS).double()
    with using("cudnn"):
        assert layer.engine(x) == Choice("cudnn", "asked for")
        layer.scan(x)
        with using("eager"):
            layer.scan(x)
        layer.scan(x)
    layer.scan(x)
    assert ran == ["cudnn", "eager", "cudnn", "eager"]


CANNOT = {
    "reset-before": (lambda: Recurrent(GRUCell(INPUTS, HIDDEN, "before")), "and this one before"),
    "dropout": (lambda: Recurrent(GRUCell(INPUTS, HIDDEN), dropout=0.1), "cuDNN has no dropout of the state that weights read"),
    "zoneout": (lambda: Recurrent(LSTMCell(INPUTS, HIDDEN), zoneout=0.1), "cuDNN has no zoneout"),
    "own-cell": (lambda: Recurrent(Counting()), "does not say which equations"),
}


@pytest.mark.parametrize("build, reason", CANNOT.values(), ids=CANNOT)
def test_an_engine_that_cannot_run_a_scan_says_why_when_asked_for(build, reason):
    with using("cudnn"), pytest.raises(ValueError, match=f"engine cudnn: was asked for and cannot run this scan: .*{reason}.*; use another engine"):
        build().scan(single(1, 2, INPUTS))


def test_the_native_engine_refuses_another_precision_when_asked_for():
    with using("native"), pytest.raises(ValueError, match="engine native: .* there is float64 on cpu; use another engine or change that"):
        Recurrent(GRUCell(INPUTS, HIDDEN)).double().scan(single(1, 2, INPUTS).double())


def test_an_engine_of_no_known_name_is_refused():
    with pytest.raises(ValueError, match="engine: got 'fast', wanted one of native, cudnn, eager"), using("fast"):
        pass


def test_without_the_library_the_eager_engine_runs_and_the_reason_is_told(monkeypatch, ran):
    monkeypatch.setattr("unspool.kernels.engine.why_no_library", lambda: "UNSPOOL_NATIVE is off")
    layer = Recurrent(GRUCell(INPUTS, HIDDEN))
    assert layer.engine(single(1, 2, INPUTS)) == Choice("eager", "UNSPOOL_NATIVE is off")
    layer.scan(single(1, 2, INPUTS))
    assert ran == ["eager"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@every_cell
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_on_cuda_torch_s_functions_run_where_they_can_and_give_the_same(spec, reverse, ran):
    layer = recurrent(spec, reverse=reverse)
    x, lengths = single(4, 6, INPUTS), torch.tensor([3, 0, 6, 1])
    with using("eager"):
        y, end = layer.scan(x, None, lengths)
        wanted = [y, *end.values(), *torch.autograd.grad(y.square().sum(), list(layer.parameters()))]
    ran.clear()
    layer.cuda()
    y, end = layer.scan(x.cuda(), None, lengths.cuda())
    found = [y, *end.values(), *torch.autograd.grad(y.square().sum(), list(layer.parameters()))]
    assert ran == ["eager" if getattr(spec, "reset", None) == "before" else "cudnn"]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-2, atol=1e-3)  # cuDNN may round to TF32
