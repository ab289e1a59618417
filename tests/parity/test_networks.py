"""RNN, LSTM and GRU against torch.nn: outputs, states and gradients, with packed sequences on the other side."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unspool.cells import Cell
from unspool.kernels import using
from unspool.kernels.engine import why_no_library
from unspool.layers import GRU, LSTM, RNN, Layer, State
from unspool.layers.layer import flatten_state, unflatten_state

KINDS = {
    "rnn-tanh": (RNN, nn.RNN, {"nonlinearity": "tanh"}),
    "rnn-relu": (RNN, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTM, nn.LSTM, {}),
    "gru": (GRU, nn.GRU, {}),
}
FORMS = {
    f"{kind}-{layers}-layers-{'both-ways' if both else 'forward'}-{'with' if bias else 'without'}-bias": (kind, layers, both, bias)
    for kind, layers, both, bias in product(KINDS, (1, 2, 3), (False, True), (True, False))
}
every_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)

FAST = [pytest.param("native", marks=pytest.mark.skipif(bool(why_no_library()), reason="the native engine is not there")), "cudnn"]

TorchState = tuple[Tensor, ...]


def twins(form, inputs: int, hidden: int, **options) -> tuple[Layer, nn.RNNBase]:
    kind, layers, both, bias = form
    ours, theirs, own = KINDS[kind]
    source = theirs(inputs, hidden, layers, bias=bias, bidirectional=both, batch_first=True, **own, **options).double()
    return ours.from_torch(source), source


def as_ours(theirs: TorchState, like: State) -> State:
    """torch.nn's (h,) or (h, c), each (layers * directions, B, H), as a state of the form of `like`."""
    taken: dict[str, int] = {}
    flat = {}
    for name in flatten_state(like):
        last = name.rsplit(".", 1)[-1]
        flat[name] = theirs["hc".index(last)][taken.setdefault(last, 0)]
        taken[last] += 1
    assert all(count == len(theirs[0]) for count in taken.values()) and len(taken) == len(theirs)
    return unflatten_state(like, flat)


def their_names(source: nn.RNNBase) -> list[str]:
    """The names of torch.nn's parameters in the order of our cells and their linears."""
    ends = ("", "_reverse") if source.bidirectional else ("",)
    parts = [f"{part}_{way}" for way in ("ih", "hh") for part in (("weight", "bias") if source.bias else ("weight",))]
    return [f"{part}_l{depth}{end}" for depth in range(source.num_layers) for end in ends for part in parts]


def our_parameters(layer: Layer) -> list[Tensor]:
    cells = [module for module in layer.modules() if isinstance(module, Cell)]
    return [parameter for cell in cells for linear in (cell.from_input, cell.from_state) for parameter in linear.parameters()]


def their_scan(source: nn.RNNBase, x: Tensor, start: TorchState | None, lengths: Tensor | None) -> tuple[Tensor, TorchState]:
    given_start = None if start is None else start if isinstance(source, nn.LSTM) else start[0]
    if lengths is None:
        y, end = source(x, given_start)
    else:
        packed, end = source(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False), given_start)
        y, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
    return y, end if isinstance(end, tuple) else (end,)


def weighed(tensors: list[Tensor]) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return sum((torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor) * tensor).sum() for tensor in tensors)


def compare(ours: Layer, source: nn.RNNBase, x: Tensor, start: TorchState | None, lengths: Tensor | None, tolerance: float = 1e-12) -> None:
    """Outputs, states and the gradients of inputs, initial states and parameters are equal."""
    form, leaves = ours.initial_state(len(x)), [] if start is None else list(start)
    x, leaves = x.detach().requires_grad_(), [leaf.detach().requires_grad_() for leaf in leaves]
    wanted, wanted_end = their_scan(source, x, None if start is None else tuple(leaves), lengths)
    y, end = ours.scan(x, None if start is None else as_ours(tuple(leaves), form), lengths)
    close = {"rtol": tolerance, "atol": tolerance}
    torch.testing.assert_close(y, wanted, **close)
    expected_end = flatten_state(as_ours(wanted_end, form))
    torch.testing.assert_close(flatten_state(end), expected_end, **close)
    theirs_wrt = [x, *leaves, *(getattr(source, name) for name in their_names(source))]
    wanted_gradients = torch.autograd.grad(weighed([wanted, *expected_end.values()]), theirs_wrt)
    gradients = torch.autograd.grad(weighed([y, *flatten_state(end).values()]), [x, *leaves, *our_parameters(ours)])
    scale = max(1.0, *(float(gradient.abs().max()) for gradient in wanted_gradients))
    torch.testing.assert_close(list(gradients), list(wanted_gradients), rtol=tolerance, atol=tolerance * scale)


def torch_state(source: nn.RNNBase, batch: int) -> TorchState:
    shape = (source.num_layers * (1 + source.bidirectional), batch, source.hidden_size)
    return tuple(torch.randn(shape, dtype=source.weight_ih_l0.dtype) for _ in range(1 + isinstance(source, nn.LSTM)))


@every_form
@pytest.mark.parametrize("started", [False, True], ids=["from-zeros", "from-a-given-state"])
def test_whole_sequences_are_as_in_torch(form, started):
    ours, source = twins(form, inputs=3, hidden=5)
    compare(ours, source, torch.randn(2, 6, 3).double(), torch_state(source, 2) if started else None, None)


@every_form
@pytest.mark.parametrize("started", [False, True], ids=["from-zeros", "from-a-given-state"])
def test_lengths_are_as_packed_sequences_unsorted(form, started):
    ours, source = twins(form, inputs=3, hidden=5)
    lengths = torch.tensor([3, 6, 1, 4])
    compare(ours, source, torch.randn(4, 7, 3).double(), torch_state(source, 4) if started else None, lengths)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    form=st.sampled_from(sorted(FORMS)), inputs=st.integers(1, 4), hidden=st.integers(1, 5), extra=st.integers(0, 3),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), started=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_shape_and_any_lengths_are_as_in_torch(form, inputs, hidden, extra, lengths, started, seed):
    torch.manual_seed(seed)
    ours, source = twins(FORMS[form], inputs, hidden)
    x = torch.randn(len(lengths), max(lengths) + extra, inputs).double()
    compare(ours, source, x, torch_state(source, len(x)) if started else None, torch.tensor(lengths))


@every_form
def test_single_precision_is_as_in_torch(form):
    ours, source = twins(form, inputs=3, hidden=5)
    ours, source = ours.float(), source.float()
    with using("eager"):
        compare(ours, source, torch.randn(3, 6, 3), torch_state(source, 3), torch.tensor([2, 6, 5]), tolerance=1e-6)


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("hidden", [5, 33])
@every_form
def test_every_engine_is_as_torch_in_single_precision(form, hidden, engine):
    ours, source = twins(form, inputs=3, hidden=hidden)
    ours, source = ours.float(), source.float()
    with using(engine):
        compare(ours, source, torch.randn(5, 6, 3), torch_state(source, 5), torch.tensor([2, 6, 5, 1, 6]), tolerance=2e-5)
        compare(ours, source, torch.randn(2, 6, 3), None, None, tolerance=2e-5)


# from_torch


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_from_torch_keeps_type_mode_and_form_and_owns_its_weights(kind):
    _, theirs, own = KINDS[kind]
    source = theirs(3, 4, 2, dropout=0.3, bidirectional=True, **own)
    for made, training, dtype in (
        (KINDS[kind][0].from_torch(source), True, torch.float32),
        (KINDS[kind][0].from_torch(source.eval().double()), False, torch.float64),
    ):
        assert made.training is training and {parameter.dtype for parameter in made.parameters()} == {dtype}
        assert [getattr(module, "share", None) for module in made.modules() if hasattr(module, "share")] == [0.3]
        assert made.width == 8 and not made.causal
        kept = [parameter.clone() for parameter in source.parameters()]
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.zero_()
        assert all(torch.equal(parameter, before) for parameter, before in zip(source.parameters(), kept, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_sequence_first_networks_are_read_batch_first(kind):
    ours_kind, theirs, own = KINDS[kind]
    source = theirs(3, 4, **own).double()
    x = torch.randn(2, 5, 3).double()
    torch.testing.assert_close(ours_kind.from_torch(source).scan(x)[0], source(x.transpose(0, 1))[0].transpose(0, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:dropout option adds dropout after all but last")
@pytest.mark.parametrize("kind", KINDS)
def test_the_dropout_of_a_single_layer_acts_nowhere_in_torch_and_is_left_out(kind):
    ours_kind, theirs, own = KINDS[kind]
    made = ours_kind.from_torch(theirs(3, 4, 1, dropout=0.5, **own)).train()
    x = torch.ones(2, 3, 3)
    assert torch.equal(made.scan(x)[0], made.scan(x)[0])


def test_an_lstm_with_a_projected_state_is_refused_by_name():
    with pytest.raises(ValueError, match="proj_size: got 2, wanted 0; projections of an LSTM's state are not supported"):
        LSTM.from_torch(nn.LSTM(3, 4, proj_size=2))


# Dropout between layers, which cannot be equal number by number


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_has_the_mean_and_spread_of_torch_s(kind):
    ours, source = twins((kind, 2, False, True), 3, 4, dropout=0.5)
    rows = 20000
    x = torch.randn(1, 3, 3).double().expand(rows, -1, -1)
    with torch.no_grad():
        mine, theirs, at_rest = ours.train().scan(x)[0], source.train()(x)[0], ours.eval().scan(x[:1])[0]
    error = (mine.var(dim=0) + theirs.var(dim=0)).div(rows).sqrt() + 1e-12
    assert ((mine.mean(dim=0) - theirs.mean(dim=0)).abs() < 5 * error).all()
    torch.testing.assert_close(mine.std(dim=0), theirs.std(dim=0), rtol=0.05, atol=1e-3)
    assert mine.std(dim=0).max() > 0.01 and not torch.allclose(mine.mean(dim=0), at_rest[0], atol=1e-5)
    correlations = [torch.corrcoef(y.flatten(1)[:, y.flatten(1).std(dim=0) > 1e-9].T) for y in (mine, theirs)]
    torch.testing.assert_close(*correlations, rtol=0, atol=0.05)
