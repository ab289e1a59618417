"""The native executor takes no instruction that could reach beyond its buffers, whoever wrote it."""

import pytest

from .plan import Plan, flat
from .running import needs_native

pytestmark = needs_native
MUCH = 1 << 28


FINE = {
    "one number": lambda p: p.add("exp", flat(p.y), flat(p.x), sizes=[12]),
    "every second": lambda p: p.add("exp", flat(p.y), flat(p.x, 0, 2), sizes=[6]),
    "backwards": lambda p: p.add("exp", flat(p.y), flat(p.x, 11, -1), sizes=[12]),
    "two": lambda p: p.add("add", flat(p.answer), flat(p.x), flat(p.y), sizes=[12]),
    "copy": lambda p: p.add("copy", flat(p.y, 1, 4), flat(p.x, 2, 1), sizes=[3]),
    "softplus": lambda p: p.add("softplus", flat(p.y), flat(p.x), sizes=[12], numbers=[1, 20]),
    "sum": lambda p: p.add("sum", p.few, p.x, shape=[4, 3]),
    "softmax": lambda p: p.add("softmax", p.y, p.x, shape=[4, 3]),
    "layer_norm": lambda p: p.add("layer_norm", p.y, p.x, shape=[6, 2], numbers=[1e-5], weights=[p.some, -1]),
    "linear": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4], weights=[p.some, p.some]),
    "matmul": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[2, 6, 2, 6, 1, 2]),
    "embedding": lambda p: p.add("embedding", p.y, p.codes, p.table, shape=[4, 5, 3]),
    "one_hot": lambda p: p.add("one_hot", p.whole, p.codes, shape=[4, 3]),
    "rnn": lambda p: p.add("rnn_tanh", p.after, p.x, p.before, shape=[12, 4, 48], weights=[p.plenty] * 3),
    "gru after": lambda p: p.add("gru_reset_after", p.after, p.x, p.before, shape=[12, 4, 48], weights=[p.plenty] * 3),
    "gru before": lambda p: p.add("gru_reset_before", p.after, p.x, p.before, p.room, shape=[12, 4, 48], weights=[p.plenty] * 4),
    "lstm": lambda p: p.add("lstm", p.y, p.x, p.before, p.few, shape=[12, 4, 48], weights=[p.plenty] * 3),
}


@pytest.mark.parametrize("add", FINE.values(), ids=FINE)
def test_a_sound_instruction_is_taken(add):
    add(Plan())


CELL = {"shape": [12, 4, 48]}
MALFORMED = {
    "no instruction is called launch": {
        "no such instruction": lambda p: p.add("launch", p.y, p.x),
    },
    "another number of operands": {
        "an operand too few": lambda p: p.add("add", flat(p.y), flat(p.x), sizes=[12]),
        "an operand too many": lambda p: p.add("exp", flat(p.y), flat(p.x), flat(p.x), sizes=[12]),
        "no operands": lambda p: p.add("exp"),
    },
    "its axes": {
        "no axes": lambda p: p.add("exp", p.y, p.x, sizes=[]),
        "too many axes": lambda p: p.add("exp", p.y, p.x, sizes=[1] * 65),
    },
    "an axis of no length": {
        "an axis of no length": lambda p: p.add("exp", flat(p.y), flat(p.x), sizes=[0]),
        "an axis of negative length": lambda p: p.add("exp", flat(p.y), flat(p.x), sizes=[-1]),
        "an endless axis": lambda p: p.add("exp", flat(p.y, 0, 0), flat(p.x, 0, 0), sizes=[MUCH + 1]),
    },
    "a buffer that is not there": {
        "a buffer that is not there": lambda p: p.add("exp", flat(p.y), flat(99), sizes=[12]),
        "a negative buffer": lambda p: p.add("exp", flat(-1), flat(p.x), sizes=[12]),
    },
    "strides of other axes": {
        "strides of other axes": lambda p: p.add("exp", flat(p.y), (p.x, 0, [1, 1]), sizes=[12]),
        "no strides": lambda p: p.add("exp", flat(p.y), (p.x, 0, []), sizes=[12]),
    },
    "reaches beyond a buffer": {
        "a start beyond": lambda p: p.add("exp", flat(p.y), flat(p.x, 12), sizes=[1]),
        "an end beyond": lambda p: p.add("exp", flat(p.y), flat(p.x, 1), sizes=[12]),
        "a stride too long": lambda p: p.add("exp", flat(p.y), flat(p.x, 0, 2), sizes=[7]),
        "a stride that goes below": lambda p: p.add("exp", flat(p.y), flat(p.x, 10, -1), sizes=[12]),
        "axes that together reach beyond": lambda p: p.add("exp", (p.y, 0, [3, 1]), (p.x, 0, [4, 2]), sizes=[4, 3]),
        "a result beyond": lambda p: p.add("exp", flat(p.few), flat(p.x), sizes=[12]),
        "a copy beyond": lambda p: p.add("copy", flat(p.few, 0, 2), flat(p.x), sizes=[3]),
        "a product into nowhere": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[3, 4, 2, 4, 1, 2]),
        "a product of a left beyond": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[2, 6, 2, 7, 1, 2]),
        "a product of a right beyond": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[2, 6, 2, 6, 1, 3]),
        "a product of places beyond": lambda p: p.add("matmul", (p.y, 0, [4]), (p.x, 0, [6]), flat(p.x, 0, 0), sizes=[4], shape=[2, 3, 2, 3, 1, 2]),
    },
    "where an operand begins": {
        "a negative start": lambda p: p.add("exp", flat(p.y), flat(p.x, -1), sizes=[2]),
        "an endless start": lambda p: p.add("exp", flat(p.y), flat(p.x, MUCH + 1), sizes=[1]),
    },
    "a stride": {
        "an endless stride": lambda p: p.add("exp", flat(p.y), flat(p.x, 0, MUCH + 1), sizes=[2]),
    },
    "a result with gaps": {
        "a result with gaps": lambda p: p.add("exp", flat(p.y, 0, 2), flat(p.x), sizes=[6]),
        "a result of one place": lambda p: p.add("exp", flat(p.y, 0, 0), flat(p.x), sizes=[6]),
    },
    "writes where nothing may be written": {
        "writes to an input": lambda p: p.add("exp", flat(p.x), flat(p.y), sizes=[12]),
        "writes to a constant": lambda p: p.add("copy", flat(p.table), flat(p.y), sizes=[12]),
        "writes to the state before": lambda p: p.add("copy", flat(p.before), flat(p.y), sizes=[4]),
    },
    "reads where it writes": {
        "from its own result": lambda p: p.add("copy", flat(p.y, 6), flat(p.y), sizes=[6]),
        "from a buffer that its result overlaps": lambda p: p.add("copy", flat(p.room), flat(p.in_room), sizes=[4]),
        "a cell whose room is its result": lambda p: p.add("gru_reset_before", p.room, p.x, p.before, p.room, weights=[p.plenty] * 4, **CELL),
        "a cell whose room is its input": lambda p: p.add("gru_reset_before", p.after, p.in_room, p.before, p.room, weights=[p.plenty] * 4, **CELL),
        "a cell whose room is its state": lambda p: p.add("gru_reset_before", p.after, p.x, p.in_room, p.room, weights=[p.plenty] * 4, **CELL),
    },
    "elements of another kind": {
        "numbers of another kind": lambda p: p.add("exp", flat(p.y), flat(p.whole), sizes=[12]),
        "a result of another kind": lambda p: p.add("exp", flat(p.mask), flat(p.x), sizes=[12]),
        "a division of whole numbers": lambda p: p.add("div", flat(p.whole), flat(p.codes), flat(p.codes), sizes=[4]),
        "numbers and whole numbers": lambda p: p.add("add", flat(p.y), flat(p.x), flat(p.whole), sizes=[12]),
        "a comparison told as a number": lambda p: p.add("less", flat(p.y), flat(p.x), flat(p.x), sizes=[12]),
        "truths of numbers": lambda p: p.add("and", flat(p.mask), flat(p.x), flat(p.x), sizes=[12]),
        "not of numbers": lambda p: p.add("not", flat(p.y), flat(p.x), sizes=[12]),
        "a choice by numbers": lambda p: p.add("where", flat(p.y), flat(p.x), flat(p.x), flat(p.x), sizes=[12]),
        "a choice among kinds": lambda p: p.add("where", flat(p.y), flat(p.mask), flat(p.x), flat(p.whole), sizes=[12]),
        "a copy of another kind": lambda p: p.add("copy", flat(p.whole), flat(p.x), sizes=[12]),
        "rows of whole numbers": lambda p: p.add("softmax", p.y, p.whole, shape=[4, 3]),
        "a product of whole numbers": lambda p: p.add("matmul", p.few, p.whole, p.y, shape=[2, 6, 2, 6, 1, 2]),
        "codes that are numbers": lambda p: p.add("embedding", p.y, p.x, p.table, shape=[4, 5, 3]),
        "one hot as numbers": lambda p: p.add("one_hot", p.y, p.codes, shape=[4, 3]),
        "a cell of whole numbers": lambda p: p.add("rnn_tanh", p.after, p.whole, p.before, weights=[p.plenty] * 3, **CELL),
    },
    "its numbers": {
        "softplus without numbers": lambda p: p.add("softplus", flat(p.y), flat(p.x), sizes=[12]),
    },
    "another shape of rows": {
        "rows without a shape": lambda p: p.add("sum", p.few, p.x),
        "rows of another shape": lambda p: p.add("sum", p.few, p.x, shape=[4, 3, 1]),
        "a product without its shape": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[2, 6, 2]),
        "a cell of another shape": lambda p: p.add("rnn_tanh", p.after, p.x, p.before, shape=[12, 4], weights=[p.plenty] * 3),
    },
    "a size of its rows": {
        "rows of a negative size": lambda p: p.add("sum", p.few, p.x, shape=[-4, -3]),
        "rows of an endless size": lambda p: p.add("sum", p.few, p.x, shape=[1, MUCH + 1]),
    },
    "rows beyond a buffer": {
        "rows beyond": lambda p: p.add("sum", p.few, p.x, shape=[4, 4]),
        "results of rows beyond": lambda p: p.add("sum", p.few, p.x, shape=[6, 2]),
        "one row that begins too late": lambda p: p.add("softmax", p.y, (p.x, 3, [0]), shape=[1, 10]),
        "a linear layer out of nowhere": lambda p: p.add("linear", p.few, p.x, shape=[1, 13, 4], weights=[p.plenty] * 2),
        "a linear layer into nowhere": lambda p: p.add("linear", p.few, p.x, shape=[1, 12, 5], weights=[p.plenty] * 2),
        "codes beyond": lambda p: p.add("embedding", p.y, p.codes, p.table, shape=[5, 5, 2]),
        "rows of a table beyond": lambda p: p.add("embedding", p.few, p.codes, p.table, shape=[4, 5, 3]),
        "one hot beyond": lambda p: p.add("one_hot", p.whole, p.codes, shape=[4, 4]),
        "a cell that reads beyond": lambda p: p.add("gru_reset_after", p.after, p.x, p.before, shape=[13, 4, 48], weights=[p.plenty] * 3),
        "a cell of too large a state": lambda p: p.add("gru_reset_after", p.y, p.x, p.before, shape=[12, 5, 48], weights=[p.plenty] * 3),
        "a cell that writes beyond": lambda p: p.add("lstm", p.after, p.x, p.before, p.few, weights=[p.plenty] * 3, **CELL),
        "a cell without room": lambda p: p.add("gru_reset_before", p.after, p.x, p.before, p.y, weights=[p.plenty] * 4, **CELL),
    },
    "rows of nothing": {
        "rows of nothing": lambda p: p.add("amax", p.few, p.x, shape=[4, 0]),
        "a product of nothing": lambda p: p.add("matmul", p.few, p.x, p.y, shape=[0, 6, 2, 6, 1, 2]),
    },
    "rows with room between streams": {
        "rows with room between streams": lambda p: p.add("softmax", p.y, p.x, shape=[3, 3]),
        "rows that begin later": lambda p: p.add("softmax", p.y, (p.x, 3, [0]), shape=[3, 3]),
    },
    "rows of a constant": {
        "rows of a constant": lambda p: p.add("softmax", p.y, p.table, shape=[1, 12]),
        "a cell of constants": lambda p: p.add("rnn_tanh", p.after, p.table, p.before, weights=[p.plenty] * 3, **CELL),
    },
    "its numbers and weights": {
        "a norm without epsilon": lambda p: p.add("layer_norm", p.y, p.x, shape=[6, 2], weights=[-1, -1]),
        "a norm with one weight": lambda p: p.add("layer_norm", p.y, p.x, shape=[6, 2], numbers=[1e-5], weights=[-1]),
    },
    "weights that are too few": {
        "a norm with a scale too short": lambda p: p.add("layer_norm", p.y, p.x, shape=[1, 12], numbers=[1e-5], weights=[p.less, -1]),
        "weights that are too few": lambda p: p.add("linear", p.few, p.x, shape=[1, 3, 4], weights=[p.some, p.some]),
        "a bias that is too short": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4], weights=[p.some, p.less]),
        "a cell with weights too few": lambda p: p.add("rnn_tanh", p.after, p.x, p.before, weights=[p.plenty, p.plenty, p.less], **CELL),
        "a cell over weights too few": lambda p: p.add("rnn_relu", p.after, p.x, p.before, weights=[p.plenty, p.some, p.plenty], **CELL),
    },
    "weights that are not there": {
        "weights that are not there": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4], weights=[99, p.some]),
        "weights of a negative number": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4], weights=[p.some, -2]),
    },
    "weights that are missing": {
        "no weights": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4]),
        "no bias": lambda p: p.add("linear", p.few, p.x, shape=[1, 2, 4], weights=[p.some, -1]),
        "a cell without weights": lambda p: p.add("lstm", p.y, p.x, p.before, p.few, **CELL),
    },
    "a table of another size": {
        "a table too short": lambda p: p.add("embedding", p.y, p.codes, p.table, shape=[4, 6, 3]),
        "a table that begins later": lambda p: p.add("embedding", p.y, p.codes, (p.table, 1, [0]), shape=[4, 5, 3]),
        "a table that is computed": lambda p: p.add("embedding", p.y, p.codes, p.x, shape=[4, 4, 3]),
        "a table of whole numbers": lambda p: p.add("embedding", p.y, p.codes, p.whole, shape=[4, 4, 3]),
    },
    "its width": {
        "a cell without units": lambda p: p.add("rnn_tanh", p.after, p.x, p.before, shape=[12, 0, 48], weights=[p.plenty] * 3),
        "a cell padded too little": lambda p: p.add("gru_reset_before", p.after, p.x, p.before, p.room, shape=[12, 4, 3], weights=[p.plenty] * 4),
    },
    "no room to work in": {
        "a cell with room in an input": lambda p: p.add("gru_reset_before", p.after, p.x, p.before, p.wide, weights=[p.plenty] * 4, **CELL),
    },
}
CASES = [pytest.param(message, add, id=name) for message, cases in MALFORMED.items() for name, add in cases.items()]


@pytest.mark.parametrize("message, add", CASES)
def test_a_malformed_instruction_is_refused(message, add):
    with pytest.raises(ValueError, match=f"{message}$"):
        add(Plan())
