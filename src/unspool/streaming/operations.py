"""The closed set of operations of a step program: how many values each reads, its attributes, and its shape rule.

What they compute stands in `functions`; another executor needs this table and that one, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from unspool.streaming import shapes
from unspool.streaming.shapes import Kind, Rule, of_floats

AttributeType = Literal["integer", "integers", "number", "flag", "kind", "activation", "reset"]


@dataclass(frozen=True, slots=True)
class Signature:
    """reads   least and most values read
    format  the first format of program.json that has the operation
    """

    reads: tuple[int, int]
    rule: Rule
    attributes: Mapping[str, AttributeType] = field(default_factory=dict)
    format: int = 1


MOST_READ = 4096

ONE = of_floats(shapes.elementwise)
AXIS: Mapping[str, AttributeType] = {"axis": "integer"}
REDUCTION: Mapping[str, AttributeType] = {"axes": "integers", "keep": "flag"}
SLICE: Mapping[str, AttributeType] = {"axis": "integer", "start": "integer", "stop": "integer", "step": "integer"}
FULL: Mapping[str, AttributeType] = {"shape": "integers", "value": "number", "kind": "kind"}

OPERATIONS: dict[str, Signature] = {
    # one number in, one number out
    "abs": Signature((1, 1), ONE),
    "cos": Signature((1, 1), ONE),
    "erf": Signature((1, 1), ONE),
    "exp": Signature((1, 1), ONE),
    "log": Signature((1, 1), ONE),
    "log1p": Signature((1, 1), ONE),
    "log_sigmoid": Signature((1, 1), ONE),
    "neg": Signature((1, 1), shapes.arithmetic),
    "relu": Signature((1, 1), ONE),
    "rsqrt": Signature((1, 1), ONE),
    "sigmoid": Signature((1, 1), ONE),
    "sin": Signature((1, 1), ONE),
    "softplus": Signature((1, 1), ONE, {"beta": "number", "threshold": "number"}),
    "sqrt": Signature((1, 1), ONE),
    "tanh": Signature((1, 1), ONE),
    # number by number
    "add": Signature((2, 2), shapes.arithmetic),
    "sub": Signature((2, 2), shapes.arithmetic),
    "mul": Signature((2, 2), shapes.arithmetic),
    "div": Signature((2, 2), ONE),
    "pow": Signature((2, 2), ONE),
    "maximum": Signature((2, 2), shapes.arithmetic),
    "minimum": Signature((2, 2), shapes.arithmetic),
    # true or false
    "less": Signature((2, 2), shapes.comparison),
    "less_equal": Signature((2, 2), shapes.comparison),
    "equal": Signature((2, 2), shapes.comparison),
    "not": Signature((1, 1), shapes.logical),
    "and": Signature((2, 2), shapes.logical),
    "or": Signature((2, 2), shapes.logical),
    "where": Signature((3, 3), shapes.where),
    # sums
    "linear": Signature((2, 3), of_floats(shapes.linear)),
    "matmul": Signature((2, 2), of_floats(shapes.matmul)),
    "sum": Signature((1, 1), of_floats(shapes.reduction), REDUCTION),
    "mean": Signature((1, 1), of_floats(shapes.reduction), REDUCTION),
    "amax": Signature((1, 1), of_floats(shapes.reduction), REDUCTION),
    "amin": Signature((1, 1), of_floats(shapes.reduction), REDUCTION),
    "cumsum": Signature((1, 1), of_floats(shapes.along), AXIS),
    "softmax": Signature((1, 1), of_floats(shapes.along), AXIS),
    "log_softmax": Signature((1, 1), of_floats(shapes.along), AXIS),
    "layer_norm": Signature((1, 3), of_floats(shapes.layer_norm), {"axes": "integer", "epsilon": "number"}),
    # form
    "slice": Signature((1, 1), shapes.slice_, SLICE),
    "select": Signature((1, 1), shapes.select, {"axis": "integer", "index": "integer"}),
    "cat": Signature((1, MOST_READ), shapes.cat, AXIS),
    "stack": Signature((1, MOST_READ), shapes.stack, AXIS),
    "reshape": Signature((1, 1), shapes.reshape, {"shape": "integers"}),
    "permute": Signature((1, 1), shapes.permute, {"order": "integers"}),
    "expand": Signature((1, 1), shapes.expand, {"shape": "integers"}),
    "full": Signature((1, 1), shapes.full, FULL),
    "cast": Signature((1, 1), shapes.cast, {"kind": "kind"}),
    # codes
    "embedding": Signature((2, 2), shapes.embedding),
    "one_hot": Signature((1, 1), shapes.one_hot, {"size": "integer"}),
    # one step of a cell: x, the state, both weights and, last, both biases or none; gates in torch's order
    "rnn": Signature((4, 6), of_floats(shapes.rnn), {"activation": "activation"}, format=2),
    "gru": Signature((4, 6), of_floats(shapes.gru), {"reset": "reset"}, format=2),
    "lstm": Signature((5, 7), of_floats(shapes.lstm), format=2),
}

KINDS: tuple[Kind, ...] = get_args(Kind)
WORDS: Mapping[AttributeType, tuple[str, ...]] = {"kind": KINDS, "activation": ("tanh", "relu"), "reset": ("after", "before")}
LARGEST_INTEGER = 1 << 40


def fits(value: object, wanted: AttributeType) -> bool:
    """True where an attribute read from JSON is of the type that its operation asks for."""
    if wanted == "flag":
        return isinstance(value, bool)
    if wanted in WORDS:
        return isinstance(value, str) and value in WORDS[wanted]
    if wanted == "integers":
        return isinstance(value, list | tuple) and len(value) <= 32 and all(fits(one, "integer") for one in value)
    if isinstance(value, bool):
        return False
    if wanted == "integer":
        return isinstance(value, int) and abs(value) <= LARGEST_INTEGER
    return isinstance(value, int | float) and abs(value) < float("inf")
