"""A traced program gives what the network's step gives, whatever the network is made of."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from unspool.cells import CELLS, Cell, GRUSpec
from unspool.errors import LiveError
from unspool.export.trace import trace
from unspool.layers import POOLS, ConvolutionSpec, Hierarchical, LastPool, Layer, Recurrent, Stack, flatten_state
from unspool.models.embed import Embed
from unspool.models.heads import Categorical, Point, Quantile
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, LearnedEmbedding, OneHot, PointHead, QuantileHead
from unspool.streaming import Executor, Interpreter, Program

SIZES = (4, 3)


def same(network, program, values, codes, horizon, features, streams):
    """The network's step and the program, by the interpreter and by the executor, side by side over four steps."""
    draw = np.random.default_rng(streams)
    front = (streams, network.stride) if network.stride > 1 else (streams,)
    state, held, interpreter = network.initial_state(streams), program.initial_state(streams), Interpreter(program)
    executor = Executor(program, streams)
    for _ in range(4):
        x = draw.normal(size=(*front, values)).astype(np.float32)
        c = (
            np.stack([draw.integers(0, size, front) for size in SIZES[:codes]], -1)
            if codes
            else np.zeros((*front, 0), np.int64)
        )
        f = draw.normal(size=(streams, horizon, features)).astype(np.float32) if features else None
        with torch.no_grad():
            wanted, state = network.step(
                torch.from_numpy(x), torch.from_numpy(c), None if f is None else torch.from_numpy(f), state
            )
        given = {"values": x, "codes": c} | ({} if f is None else {"future": f})
        got, held = interpreter.run({name: array for name, array in given.items() if name in program.inputs}, held)
        for answer in (np.array(got), executor.step(**given)):
            torch.testing.assert_close(torch.from_numpy(answer), wanted, rtol=1e-5, atol=1e-5)
        for name, tensor in flatten_state(state).items():
            for array in (np.array(held[name]), executor.state[name]):
                torch.testing.assert_close(torch.from_numpy(array), tensor, rtol=1e-5, atol=1e-5)


def holds(network, values, codes=0, horizon=None, features=0):
    program = Program.from_files(trace(network, horizon, features, values, codes).files())
    for streams in (1, 7):
        same(network, program, values, codes, horizon, features, streams)
    return program


def model(backbone, values, codes, pool, head, embedding):
    torch.manual_seed(0)
    embed = Embed(embedding, values, SIZES[:codes])
    layers = build_backbone(backbone, embed.width) if isinstance(backbone, Backbone) else backbone(embed.width)
    pooled = POOLS[pool](layers.width)
    network = SequenceModel(embed, layers, pooled, head(pooled.width)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def classes(width):
    return Categorical(CategoricalHead(), width, [1, 2, 3])


CELL_SPECS = [
    *(spec(hidden=5) for spec in CELLS.values()),
    GRUSpec(hidden=5, reset="before"),
    CELLS["rnn"](hidden=5, activation="relu"),
]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("cell", CELL_SPECS, ids=lambda spec: "-".join(map(str, spec.model_dump().values())))
def test_every_cell_and_pool_is_traced(cell, pool):
    holds(model(Backbone(cell=cell), 2, 0, pool, classes, LearnedEmbedding()), 2)


@settings(max_examples=8)
@given(st.data())
def test_any_model_is_traced(data):
    choose = lambda *options: data.draw(st.sampled_from(options))  # noqa: E731
    horizon, features = choose(1, 3), choose(0, 2)
    heads = {
        "point": lambda width: Point(PointHead(hidden=4, depth=2), width, features, horizon, 2),
        "quantile": lambda width: Quantile(
            QuantileHead(hidden=4, levels=(0.1, 0.4, 0.5, 0.9)), width, features, horizon, 1
        ),
        "classes": classes,
    }
    head = choose(*heads)
    values, codes = choose((0, 1), (0, 2), (2, 0), (1, 2))
    front = choose(
        (),
        (ConvolutionSpec(channels=3, kernel=2),),
        (ConvolutionSpec(channels=3, kernel=3, stride=2, norm=True, activation="tanh"),),
    )
    layers = choose(1, 2)
    backbone = Backbone(
        cell=choose(*CELL_SPECS), layers=layers, residual=layers > 1, norm=choose(True, False), front=front
    )
    network = model(backbone, values, codes, choose(*POOLS), heads[head], choose(LearnedEmbedding(width=3), OneHot()))
    program = holds(
        network, values, codes, None if head == "classes" else horizon, 0 if head == "classes" else features
    )
    assert set(program.inputs) == {
        *(["values"] if values else []),
        *(["codes"] if codes else []),
        *(["future"] if features and head != "classes" else []),
    }


class ExponentialGates(Cell):
    """An sLSTM (Beck et al. 2024) in plain torch."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden, self.read, self.recur = (
            hidden,
            nn.Linear(inputs, 4 * hidden),
            nn.Linear(hidden, 4 * hidden, bias=False),
        )

    def initialize(self, recurrent, inputs, forget_bias):
        pass

    def initial_state(self, batch):
        zeros = self.read.weight.new_zeros(batch, self.hidden)
        return {"h": zeros, "c": zeros.clone(), "n": zeros + 1, "m": zeros.clone()}

    def project(self, x):
        return self.read(x)

    def advance(self, projected, state, keep=None):
        z, i, f, o = (projected + self.recur(state["h"])).chunk(4, dim=-1)
        f = F.logsigmoid(f)
        m = torch.maximum(f + state["m"], i)
        into, forget = torch.exp(i - m), torch.exp(f + state["m"] - m)
        c, n = forget * state["c"] + into * torch.tanh(z), forget * state["n"] + into
        h = torch.sigmoid(o) * c / n
        return h, {"h": h, "c": c, "n": n, "m": m}


class Minimal(Cell):
    """A minGRU (Feng et al. 2024) in plain torch."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden, self.gates = hidden, nn.Linear(inputs, 2 * hidden)

    def initialize(self, recurrent, inputs, forget_bias):
        pass

    def initial_state(self, batch):
        return {"h": self.gates.weight.new_full((batch, self.hidden), 0.5)}

    def project(self, x):
        return self.gates(x)

    def advance(self, projected, state, keep=None):
        gate, new = projected.split(self.hidden, dim=-1)
        new = torch.where(new >= 0, new + 0.5, torch.sigmoid(new))
        h = torch.lerp(state["h"], new, torch.sigmoid(gate))
        return h, {"h": h}


@pytest.mark.parametrize("cell", [ExponentialGates, Minimal])
def test_a_cell_written_in_ten_lines_of_torch_is_traced(cell):
    program = holds(
        model(lambda width: Stack([Recurrent(cell(width, 4))], width), 2, 0, "last", classes, LearnedEmbedding()), 2
    )
    if cell is ExponentialGates:
        np.testing.assert_array_equal(program.state["backbone.0.n"], np.ones(4))


class Applied(Layer):
    """A layer that is one function of an instant."""

    def __init__(self, function, width):
        super().__init__()
        self.function, self.width = function, width
        self.weight = nn.Parameter(torch.randn(width, width))

    def initial_state(self, batch):
        return {}

    def scan(self, x, state=None, lengths=None):
        return self.function(x, self.weight), {}

    def step(self, x, state):
        return self.function(x, self.weight), {}


FUNCTIONS = {
    "gelu": lambda x, w: F.gelu(x),
    "gelu of tanh": lambda x, w: F.gelu(x, approximate="tanh"),
    "silu and elu": lambda x, w: F.silu(x) + F.elu(x, 0.7),
    "leaky relu": lambda x, w: F.leaky_relu(x, 0.2),
    "clamp": lambda x, w: x.clamp(-1, 1) + x.clamp_min(0.5) + x.clamp(max=0),
    "hard activations": lambda x, w: F.hardtanh(x) + F.hardsigmoid(x) + F.relu6(x) + F.hardswish(x),
    "mish and softsign": lambda x, w: F.mish(x) + F.softsign(x),
    "comparisons": lambda x, w: ((x > 0) & (x <= 1) | (x == 2) | (x >= 3) | ~(x < 1) | (x != x)).float() * x,
    "numbers before": lambda x, w: 1 - x + 2 / (x.square() + 1) + 0.5 * x,
    "powers": lambda x, w: x**2 + (x.abs() + 1) ** 0.5 + (x.abs() + 1) ** -1.5 + x.abs().rsqrt().clamp(max=9),
    "alpha": lambda x, w: torch.add(x, x.tanh(), alpha=3) - torch.sub(x, 1.0, alpha=0.5),
    "outer product and bmm": lambda x, w: torch.bmm(x.unsqueeze(2) * x.unsqueeze(1), x.unsqueeze(2)).squeeze(2),
    "einsum": lambda x, w: torch.einsum("bi,bj,ij->bj", x, x, w),
    "matrix product": lambda x, w: x @ w + torch.matmul(x, w.T),
    "heads": lambda x, w: x.view(x.shape[0], 2, 2).transpose(1, 2).softmax(-1).flatten(1),
    "reductions": lambda x, w: (
        x - x.mean(-1, keepdim=True) + x.sum(dim=1, keepdim=True) / x.std(-1, keepdim=True) + x.amax(-1, True)
    ),
    "largest and smallest": lambda x, w: x.max(dim=-1, keepdim=True).values + x.min(-1).values.unsqueeze(-1) * x,
    "norms": lambda x, w: (
        F.normalize(x, dim=-1)
        + F.rms_norm(x, (4,))
        + F.layer_norm(x, (4,), w[0], w[1])
        + F.layer_norm(x, (4,), None, w[1])
    ),
    "running sums": lambda x, w: x.cumsum(-1) + torch.log_softmax(x, -1) + torch.logsumexp(x, -1, keepdim=True),
    "pieces": lambda x, w: (
        torch.cat([x[:, 2:], x[:, :1], x[:, 1, None]], -1) + torch.stack(x.unbind(-1), -1).narrow(1, 0, 4)
    ),
    "constants": lambda x, w: (
        x
        + torch.zeros_like(x)
        + torch.ones(4)
        + x.new_full((x.shape[0], 4), 0.3)
        + torch.arange(4)
        + torch.tensor([1.0, 2, 3, 4])
    ),
    "a learnt row for every stream": lambda x, w: torch.cat([w[:1].expand(x.shape[0], -1)[:, :2], x[:, 2:]], -1),
    "masks": lambda x, w: x.masked_fill(x > 0.3, -1.0) + torch.where(x > 0, x, 0.0),
    "logarithms": lambda x, w: (
        torch.log1p(x.abs()) + torch.log(x.abs() + 1) + torch.expm1(x.clamp(max=1)) + torch.reciprocal(x.abs() + 1)
    ),
    "rounds of kinds": lambda x, w: (x > 0).long().float() + (x > 0).to(x.dtype) * x.double().float(),
    "waves": lambda x, w: (
        torch.sin(x) + torch.cos(x) - torch.erf(x) + F.softplus(x, beta=2, threshold=1) - F.dropout(x, 0.5, False)
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_plain_torch_is_traced(function):
    holds(model(lambda width: Stack([Applied(function, width)], width), 4, 0, "last", classes, LearnedEmbedding()), 4)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, w: torch.fft.fft(x).abs(), "fft"),
        (lambda x, w: x - x.mean(0), "one stream would see another"),
        (lambda x, w: x.flip(0), "flip"),
        (lambda x, w: x.cumsum(0), "one stream would see another"),
        (lambda x, w: x.sort(-1).values, "sort"),
        (lambda x, w: x * x.mean(), "streams"),
    ],
)
def test_what_has_no_counterpart_is_named_with_its_place(function, message):
    network = model(lambda width: Stack([Applied(function, width)], width), 4, 0, "last", classes, LearnedEmbedding())
    with pytest.raises(LiveError, match=message) as refused:
        trace(network, None, 0, 4, 0)
    assert "test_trace.py:" in str(refused.value)


def test_a_branch_on_numbers_cannot_be_traced():
    network = model(
        lambda width: Stack([Applied(lambda x, w: x if x.sum() > 0 else -x, width)], width),
        4,
        0,
        "last",
        classes,
        LearnedEmbedding(),
    )
    with pytest.raises(LiveError, match="cannot be traced"):
        trace(network, None, 0, 4, 0)


def test_a_bidirectional_network_says_what_to_use_instead():
    network = model(Backbone(bidirectional=True), 2, 0, "last", classes, LearnedEmbedding())
    with pytest.raises(LiveError, match="bidirectional: false"):
        trace(network, None, 0, 2, 0)


def test_tracing_leaves_the_network_as_it_was_and_copies_its_weights():
    network = model(Backbone(), 2, 0, "last", classes, LearnedEmbedding()).train()
    program = trace(network, None, 0, 2, 0)
    assert network.training
    before = program.digest
    with torch.no_grad():
        network.head.answer.weight.zero_()
    assert Program.from_files(program.files()).digest == before
    assert "head.answer.weight" in program.parameters and program.parameters["head.answer.weight"].any()


def test_a_network_with_nothing_to_read_ahead_needs_no_pool_of_its_own():
    network = SequenceModel(Embed(LearnedEmbedding(), 1, ()), Stack([], 1), LastPool(1), classes(1)).eval()
    assert not holds(network, 1).state


@pytest.mark.parametrize("cell", CELL_SPECS[:3], ids=lambda spec: spec.kind)
def test_words_and_sentences_are_traced_as_one_step(cell):
    def levels(width):
        words = Stack([*build_backbone(Backbone(cell=cell), width - 1).layers, POOLS["attention"](5)], width - 1)
        return Hierarchical(words, Stack([*build_backbone(Backbone(cell=cell), 5).layers, POOLS["concat"](5)], 5))

    holds(model(levels, 3, 0, "last", classes, LearnedEmbedding()), 3)
