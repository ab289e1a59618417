"""Every operation of a step program computes what torch computes, for any number of streams."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unspool.errors import LiveError
from unspool.streaming import Executor, Interpreter, Operation, Program
from unspool.streaming.functions import FUNCTIONS
from unspool.streaming.operations import OPERATIONS


def numbers(*shape, seed=0):
    return (3 * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


SHAPE = {"values": (4, 6)}
WEIGHT, BIAS, LEFT = numbers(5, 6, seed=1), numbers(5, seed=2), numbers(6, 4, seed=3)
OTHER = numbers(4, 6, seed=4)
GATES = {
    "gates": numbers(24, 6, seed=5) / 4,
    "gates_held": numbers(24, 6, seed=6) / 4,
    "gate_bias": numbers(24, seed=7),
    "gate_bias_held": numbers(24, seed=8),
}


def one(name, function, **attributes):
    return (name, [Operation(name, ("values",), "y", attributes)], function)


def two(name, function):
    return (name, [Operation(name, ("values", "other"), "y", {})], lambda x: function(x, torch.from_numpy(OTHER)))


def positive(name, function):
    return (
        name,
        [Operation("exp", ("values",), "e", {}), Operation(name, ("e",), "y", {})],
        lambda x: function(x.exp()),
    )


def truth(name, function):
    """Two masks, and what a third operation makes of them."""
    masks = [Operation("less", ("values", "other"), "m", {}), Operation("less_equal", ("zero", "values"), "n", {})]
    read = ("m",) if name == "not" else ("m", "n")
    made = [*masks, Operation(name, read, "t", {}), Operation("cast", ("t",), "y", {"kind": "float"})]
    return (name, made, lambda x: function(x < torch.from_numpy(OTHER), x >= 0).float())


def cell(name, function, states=1, **attributes):
    """Its input, h and c are rows of what is read."""
    rows = [Operation("select", ("values",), row, {"axis": 1, "index": index}) for index, row in enumerate(("x", "h", "c"))]
    reads = ("x", "h", "c")[: 1 + states]
    weights = ("gates", "gates_held", "gate_bias", "gate_bias_held")
    sizes = {"rnn": 6, "gru": 18, "lstm": 24}
    cuts = [Operation("slice", (weight,), f"{weight}_", {"axis": 0, "start": 0, "stop": sizes[name], "step": 1}) for weight in weights]
    made = [*rows, *cuts, Operation(name, (*reads, *(f"{weight}_" for weight in weights)), "y", attributes)]
    tensors = [torch.from_numpy(GATES[weight][: sizes[name]]) for weight in weights]
    return (name, made, lambda x: function(*x.unbind(1)[: 1 + states], *tensors))


def gru_reset_before(x, h, into, held, bias, bias_held):
    """Cho et al. 2014, as the paper has it: the state is reset before its product with the weights."""
    read, gates = F.linear(x, into, bias).split([12, 6], 1), F.linear(h, held[:12], bias_held[:12])
    reset, update = (read[0] + gates).sigmoid().chunk(2, 1)
    candidate = (read[1] + F.linear(reset * h, held[12:], bias_held[12:])).tanh()
    return (1 - update) * candidate + update * h


def compared(name, function):
    made = [Operation(name, ("values", "other"), "t", {}), Operation("cast", ("t",), "y", {"kind": "float"})]
    return (name, made, lambda x: function(x, torch.from_numpy(OTHER)).float())


REDUCED = {"axes": (-1,), "keep": True}
CASES = [
    one("abs", torch.abs),
    one("cos", torch.cos),
    one("erf", torch.erf),
    one("exp", torch.exp),
    one("neg", torch.neg),
    positive("log", torch.log),
    positive("log1p", torch.log1p),
    positive("rsqrt", torch.rsqrt),
    positive("sqrt", torch.sqrt),
    one("log_sigmoid", F.logsigmoid),
    one("relu", torch.relu),
    one("sigmoid", torch.sigmoid),
    one("sin", torch.sin),
    one("tanh", torch.tanh),
    one("softplus", lambda x: F.softplus(x, 2.0, 3.0), beta=2.0, threshold=3.0),
    two("add", torch.add),
    two("sub", torch.sub),
    two("mul", torch.mul),
    two("div", torch.div),
    (
        "pow",
        [Operation("exp", ("values",), "e", {}), Operation("pow", ("e", "half"), "y", {})],
        lambda x: x.exp() ** 0.7,
    ),
    two("maximum", torch.maximum),
    two("minimum", torch.minimum),
    compared("less", torch.lt),
    compared("less_equal", torch.le),
    compared("equal", torch.eq),
    truth("not", lambda m, n: ~m),
    truth("and", torch.logical_and),
    truth("or", torch.logical_or),
    (
        "where",
        [Operation("less", ("values", "other"), "m", {}), Operation("where", ("m", "values", "zero"), "y", {})],
        lambda x: torch.where(x < torch.from_numpy(OTHER), x, torch.zeros(())),
    ),
    (
        "linear",
        [Operation("linear", ("values", "weight", "bias"), "y", {})],
        lambda x: F.linear(x, torch.from_numpy(WEIGHT), torch.from_numpy(BIAS)),
    ),
    ("linear", [Operation("linear", ("values", "weight"), "y", {})], lambda x: F.linear(x, torch.from_numpy(WEIGHT))),
    ("matmul", [Operation("matmul", ("left", "values"), "y", {})], lambda x: torch.from_numpy(LEFT) @ x),
    one("sum", lambda x: x.sum(-1, True), **REDUCED),
    one("mean", lambda x: x.mean(-1, True), **REDUCED),
    one("amax", lambda x: x.amax((1, 2)), axes=(1, 2), keep=False),
    one("amin", lambda x: x.amin(-1, True), **REDUCED),
    one("cumsum", lambda x: x.cumsum(1), axis=1),
    one("softmax", lambda x: x.softmax(-1), axis=-1),
    one("log_softmax", lambda x: x.log_softmax(1), axis=1),
    one("layer_norm", lambda x: F.layer_norm(x, (4, 6), eps=1e-3), axes=2, epsilon=1e-3),
    (
        "layer_norm",
        [Operation("layer_norm", ("values", "scale", "shift"), "y", {"axes": 1, "epsilon": 1e-5})],
        lambda x: F.layer_norm(x, (6,), torch.from_numpy(OTHER[0]), torch.from_numpy(OTHER[1])),
    ),
    one("slice", lambda x: x[:, :, 1:5:2], axis=-1, start=1, stop=5, step=2),
    one("slice", lambda x: x[:, 2:4], axis=1, start=2, stop=4, step=1),
    one("select", lambda x: x[:, 3], axis=1, index=3),
    one("select", lambda x: x[..., 2], axis=-1, index=2),
    ("cat", [Operation("cat", ("values", "values"), "y", {"axis": 1})], lambda x: torch.cat([x, x], 1)),
    ("stack", [Operation("stack", ("values", "values"), "y", {"axis": -1})], lambda x: torch.stack([x, x], -1)),
    one("reshape", lambda x: x.reshape(len(x), 2, 12), shape=(-1, 2, 12)),
    (
        "reshape",
        [
            Operation("reshape", ("values",), "front", {"shape": (1, -1, 4, 6)}),
            Operation("reshape", ("front",), "y", {"shape": (-1, 24)}),
        ],
        lambda x: x.reshape(len(x), 24),
    ),
    one("permute", lambda x: x.permute(0, 2, 1), order=(0, 2, 1)),
    (
        "expand",
        [
            Operation("reshape", ("values",), "r", {"shape": (-1, 1, 24)}),
            Operation("expand", ("r",), "y", {"shape": (-1, 3, 24)}),
        ],
        lambda x: x.reshape(len(x), 1, 24).expand(-1, 3, 24),
    ),
    one("full", lambda x: torch.full((len(x), 2), 1.5), shape=(2,), value=1.5, kind="float"),
    one("cast", lambda x: x, kind="float"),
    ("embedding", [Operation("embedding", ("weight", "codes"), "y", {})], None),
    (
        "one_hot",
        [Operation("one_hot", ("codes",), "h", {"size": 5}), Operation("cast", ("h",), "y", {"kind": "float"})],
        None,
    ),
    cell("rnn", torch.rnn_tanh_cell, activation="tanh"),
    cell("rnn", torch.rnn_relu_cell, activation="relu"),
    cell("gru", torch.gru_cell, reset="after"),
    cell("gru", gru_reset_before, reset="before"),
    cell("lstm", lambda x, h, c, *weights: torch.stack(torch.lstm_cell(x, (h, c), *weights), 1), states=2),
]

PARAMETERS = {
    **GATES,
    "other": OTHER,
    "weight": WEIGHT,
    "bias": BIAS,
    "left": LEFT,
    "scale": OTHER[0],
    "shift": OTHER[1],
    "zero": np.array(0, np.float32),
    "half": np.array(0.7, np.float32),
}


def program(operations, inputs=SHAPE):
    return Program(inputs=inputs, state={}, parameters=PARAMETERS, operations=tuple(operations), output="y", after={})


def test_every_operation_has_a_function_and_a_case_here():
    assert set(OPERATIONS) == set(FUNCTIONS) == {name for name, _, _ in CASES}


every_engine = pytest.mark.parametrize("engine", [Interpreter, Executor])


@every_engine
@pytest.mark.parametrize("streams", [1, 5])
@pytest.mark.parametrize("case", CASES, ids=[f"{index}-{case[0]}" for index, case in enumerate(CASES)])
def test_an_operation_computes_what_torch_computes(case, streams, engine):
    name, operations, function = case
    if function is None:
        codes = np.random.default_rng(0).integers(0, 5, (streams, 3))
        made = program(operations, {"codes": (3,)})
        given, tensor = {"codes": codes}, torch.from_numpy(codes)
        wanted = F.embedding(tensor, torch.from_numpy(WEIGHT)) if name == "embedding" else F.one_hot(tensor, 5).float()
    else:
        made = program(operations)
        values = numbers(streams, 4, 6, seed=9)
        given, wanted = {"values": values}, function(torch.from_numpy(values))
    got, _ = engine(made).run(given, {})
    assert got.dtype == np.float32 and got.shape == (streams, *made.answer_shape)
    torch.testing.assert_close(torch.from_numpy(np.array(got)), wanted, rtol=1e-5, atol=2e-6)


@every_engine
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "log_sigmoid", "tanh"])
def test_very_large_numbers_give_limits_and_no_nan(name, engine):
    function = {"sigmoid": torch.sigmoid, "softplus": F.softplus, "log_sigmoid": F.logsigmoid, "tanh": torch.tanh}[name]
    extreme = np.array([[-1e30, -200, -90, 0, 90, 200, 1e30]], np.float32)
    attributes = {"beta": 1.0, "threshold": 20.0} if name == "softplus" else {}
    made = program([Operation(name, ("values",), "y", attributes)], {"values": (7,)})
    got, _ = engine(made).run({"values": extreme}, {})
    torch.testing.assert_close(torch.from_numpy(got), function(torch.from_numpy(extreme)))


@pytest.mark.parametrize("code", [-1, 5, 10**9])
def test_a_code_beyond_the_table_is_an_error(code):
    made = program([Operation("embedding", ("weight", "codes"), "y", {})], {"codes": (1,)})
    with pytest.raises(LiveError, match="another vocabulary"):
        Interpreter(made).run({"codes": np.array([[code]])}, {})


def counter():
    """A running sum, whose answer is twice the sum."""
    operations = (Operation("add", ("sum", "values"), "total", {}), Operation("add", ("total", "total"), "y", {}))
    return Program({"values": (2,)}, {"sum": np.zeros(2, np.float32)}, {}, operations, "y", {"sum": "total"})


def test_state_goes_in_and_out_and_is_left_as_it_was():
    run = Interpreter(counter()).run
    state = counter().initial_state(3)
    values = numbers(3, 2)
    answer, after = run({"values": values}, state)
    np.testing.assert_array_equal(answer, 2 * values)
    np.testing.assert_array_equal(state["sum"], np.zeros((3, 2)))
    np.testing.assert_array_equal(run({"values": values}, after)[1]["sum"], 2 * values)


def test_without_an_answer_only_what_the_state_needs_is_run():
    interpreter = Interpreter(counter())
    answer, after = interpreter.run({"values": numbers(1, 2)}, counter().initial_state(1), answer=False)
    assert answer is None and len(interpreter._silent) == 1 < len(interpreter._all)
    np.testing.assert_array_equal(after["sum"], numbers(1, 2))


@pytest.mark.parametrize(
    ("inputs", "state"),
    [
        ({}, {"sum": np.zeros((1, 2), np.float32)}),
        ({"values": np.zeros((1, 3), np.float32)}, {"sum": np.zeros((1, 2), np.float32)}),
        ({"values": np.zeros((1, 2))}, {"sum": np.zeros((1, 2), np.float32)}),
        ({"values": np.zeros((1, 2), np.float32)}, {}),
        ({"values": np.zeros((2, 2), np.float32)}, {"sum": np.zeros((1, 2), np.float32)}),
    ],
)
def test_inputs_and_states_of_another_form_are_refused(inputs, state):
    with pytest.raises(LiveError, match="another model"):
        Interpreter(counter()).run(inputs, state)
