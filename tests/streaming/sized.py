"""For every operation a program of any size: of whole values, of parts of them and of constants, in any layout."""

from __future__ import annotations

import numpy as np

from .running import CODES, normal, program

LAST = {"axes": (-1,), "keep": False}


def one(name, *, positive=False, **attributes):
    """Of a whole value, and of every second number of one that is turned."""

    def made(n):
        ways = [
            ("exp" if positive else "neg", ["values"], "x", {}),
            (name, ["x"], "whole", attributes),
            ("permute", ["x"], "p", {"order": (2, 0, 1)}),
            ("slice", ["p"], "s", {"axis": 0, "start": 0, "stop": n, "step": 2}),
            (name, ["s"], "t", attributes),
            ("permute", ["t"], "y", {"order": (1, 0, 2)}),
        ]
        return program(*ways, inputs={"values": (3, n)}, kept=["whole"])

    return made


PAIRS = ("a b", "a table", "line b", "a column", "upright b", "a number", "p q", "column row", "a a")


def two(name, positive=False):
    """Of two values, of a value and a constant, a row and a column of it, a number, and of values that are cut and turned."""

    def made(n):
        ways = [
            ("exp" if positive else "abs", ["values"], "a", {}),
            ("exp" if positive else "neg", ["future"], "b", {}),
            ("select", ["a"], "first", {"axis": 1, "index": 1}),
            ("reshape", ["first"], "row", {"shape": (-1, 1, n)}),
            ("slice", ["b"], "column", {"axis": 2, "start": n - 1, "stop": n, "step": 1}),
            ("permute", ["b"], "p", {"order": (0, 2, 1)}),
            ("permute", ["table"], "q", {"order": (1, 0)}),
            *[(name, pair.split(), pair, {}) for pair in PAIRS],
            *[("reshape", [pair], f"flat {pair}", {"shape": (-1, 3 * n)}) for pair in PAIRS],
            ("stack", [f"flat {pair}" for pair in PAIRS], "y", {"axis": 1}),
        ]
        constants = {"table": normal(3, n, seed=1), "line": normal(n, seed=2), "upright": normal(3, 1, seed=3), "number": np.array(1.5, np.float32)}
        constants = {key: np.exp(array) for key, array in constants.items()}
        return program(*ways, inputs={"values": (3, n), "future": (3, n)}, **constants)

    return made


def truths(name, *pairs):
    """Of truths about numbers, their rows, and constants."""

    def made(n):
        ways = [
            ("less", ["values", "other"], "m", {}),
            ("less_equal", ["line", "values"], "n", {}),
            ("select", ["n"], "first", {"axis": 1, "index": 0}),
            ("reshape", ["first"], "row", {"shape": (-1, 1, n)}),
            *[(name, pair.split(), f"of {pair}", {}) for pair in pairs],
            ("cast", ["m"], "y", {"kind": "float"}),
        ]
        constants = {"other": normal(3, n, seed=1), "line": normal(n, seed=2), "mask": normal(1, n) > 0}
        return program(*ways, inputs={"values": (3, n)}, kept=[f"of {pair}" for pair in pairs], **constants)

    return made


def compared(name):
    """Of numbers that are equal now and then, of codes, and of truths."""

    def made(n):
        ways = [
            ("cast", ["codes"], "v", {"kind": "float"}),
            (name, ["v", "line"], "numbers", {}),
            (name, ["codes", "whole"], "whole numbers", {}),
            (name, ["numbers", "whole numbers"], "truths", {}),
        ]
        constants = {"line": np.arange(n, dtype=np.float32) % CODES, "whole": np.arange(3 * n).reshape(3, n) % CODES}
        return program(*ways, inputs={"codes": (3, n)}, answer="v", kept=["numbers", "whole numbers", "truths"], **constants)

    return made


def whole_numbers(name):
    """The same of codes, which are computed exactly and wrap around."""

    def made(n):
        pairs = ["codes"] if name == "neg" else ["codes whole", "line codes"]
        ways = [*[(name, pair.split(), f"of {pair}", {}) for pair in pairs], ("cast", ["codes"], "y", {"kind": "float"})]
        constants = {"whole": np.arange(3 * n).reshape(3, n) - (1 << 62), "line": np.arange(n) - n // 2}
        return program(*ways, inputs={"codes": (3, n)}, kept=[f"of {pair}" for pair in pairs], **constants)

    return made


def chosen(n):
    """Numbers, whole numbers and truths, by truths that are computed and by constants."""
    ways = [
        ("less", ["values", "other"], "m", {}),
        ("where", ["m", "values", "line"], "y", {}),
        ("where", ["m", "codes", "whole"], "code", {}),
        ("where", ["mask", "m", "mask"], "truth", {}),
    ]
    constants = {"other": normal(3, n, seed=1), "line": normal(n, seed=2), "whole": np.arange(n), "mask": normal(3, n) > 0}
    return program(*ways, inputs={"values": (3, n), "codes": (3, n)}, kept=["code", "truth"], **constants)


def reduced(name):
    """Over the last axis, a middle one, two at once, of a value that is turned, and of one row of it."""

    def made(n):
        ways = [
            (name, ["values"], "last", LAST),
            (name, ["values"], "middle", {"axes": (1,), "keep": True}),
            (name, ["values"], "both", {"axes": (3, 1), "keep": False}),
            ("reshape", ["values"], "deep", {"shape": (-1, 3, 2, n)}),
            ("permute", ["values"], "p", {"order": (3, 0, 2, 1)}),
            (name, ["p"], "turned", {"axes": (0, -1), "keep": True}),
            ("permute", ["turned"], "back", {"order": (1, 0, 2, 3)}),
            ("select", ["values"], "row", {"axis": 1, "index": 1}),
            (name, ["row"], "y", LAST),
        ]
        return program(*ways, inputs={"values": (3, 2, n)}, kept=["last", "middle", "both", "back"])

    return made


def along(name):
    def made(n):
        ways = [
            (name, ["values"], "last", {"axis": -1}),
            (name, ["values"], "middle", {"axis": 1}),
            ("select", ["values"], "row", {"axis": 1, "index": 2}),
            (name, ["row"], "y", {"axis": 1}),
        ]
        return program(*ways, inputs={"values": (4, n)}, kept=["last", "middle"])

    return made


def linear(n):
    """Of one row and of several, in and out of this size, with a bias and without."""
    ways = [
        ("linear", ["values", "square", "bias"], "several", {}),
        ("select", ["values"], "row", {"axis": 1, "index": 1}),
        ("linear", ["row", "square"], "one", {}),
        ("linear", ["row", "narrow", "few"], "less", {}),
        ("linear", ["less", "wide"], "y", {}),
    ]
    weights = {"square": normal(n, n, seed=1) / 4, "bias": normal(n, seed=2), "narrow": normal(2, n, seed=3), "wide": normal(n, 2, seed=5)}
    return program(*ways, inputs={"values": (3, n)}, kept=["several", "one", "less"], few=normal(2, seed=4), **weights)


def matmul(n):
    """Constants on either side, and both sides computed, turned and spread."""
    ways = [
        ("permute", ["values"], "p", {"order": (0, 2, 1)}),
        ("reshape", ["values"], "v", {"shape": (-1, 1, 3, n)}),
        ("reshape", ["p"], "q", {"shape": (-1, 1, n, 3)}),
        ("matmul", ["values", "right"], "by right", {}),
        ("matmul", ["left", "values"], "by left", {}),
        ("matmul", ["values", "p"], "few", {}),
        ("matmul", ["p", "values"], "y", {}),
        ("matmul", ["stacked", "q"], "many left", {}),
        ("matmul", ["v", "several"], "many right", {}),
    ]
    constants = {"right": normal(n, 2, seed=1), "left": normal(2, 3, seed=2), "stacked": normal(4, 2, n, seed=3), "several": normal(4, n, 2, seed=4)}
    return program(*ways, inputs={"values": (3, n)}, kept=["by right", "by left", "few", "many left", "many right"], **constants)


def layer_norm(n):
    ways = [
        ("layer_norm", ["values", "scale", "shift"], "whole", {"axes": 1, "epsilon": 1e-5}),
        ("layer_norm", ["values"], "plain", {"axes": 2, "epsilon": 1e-3}),
        ("layer_norm", ["values", "both"], "scaled", {"axes": 2, "epsilon": 1e-3}),
        ("permute", ["values"], "p", {"order": (0, 2, 1)}),
        ("layer_norm", ["p"], "turned", {"axes": 1, "epsilon": 1e-2}),
        ("permute", ["turned"], "back", {"order": (0, 2, 1)}),
        ("stack", ["whole", "plain", "scaled", "back"], "y", {"axis": 1}),
    ]
    return program(*ways, inputs={"values": (3, n)}, scale=normal(n, seed=1), shift=normal(n, seed=2), both=normal(3, n, seed=3))


def formed(n):
    """Slices, choices, joins, permutations and spreads, which move numbers and change none."""
    ways = [
        ("full", ["values"], "table", {"shape": (3, 2), "value": 1.5, "kind": "float"}),
        ("full", ["values"], "line", {"shape": (n,), "value": -2, "kind": "float"}),
        ("slice", ["values"], "end", {"axis": -1, "start": n // 2, "stop": n, "step": 1}),
        ("slice", ["values"], "outer", {"axis": 1, "start": 0, "stop": 3, "step": 2}),
        ("select", ["values"], "row", {"axis": 1, "index": 2}),
        ("select", ["values"], "column", {"axis": -1, "index": n // 2}),
        ("cat", ["end", "values", "table", "end"], "long", {"axis": 2}),
        ("cat", ["outer", "values"], "high", {"axis": -2}),
        ("permute", ["high"], "turned", {"order": (2, 0, 1)}),
        ("stack", ["row", "row", "line"], "rows", {"axis": 1}),
        ("stack", ["row", "row"], "pairs", {"axis": -1}),
        ("reshape", ["pairs"], "flat", {"shape": (-1, 2 * n)}),
        ("reshape", ["turned"], "split", {"shape": (n, -1, 5, 1)}),
        ("permute", ["split"], "back", {"order": (1, 0, 2, 3)}),
        ("reshape", ["column"], "upright", {"shape": (-1, 3, 1)}),
        ("expand", ["upright"], "spread", {"shape": (-1, 3, n)}),
        ("reshape", ["row"], "front", {"shape": (1, -1, n)}),
        ("expand", ["front"], "twice", {"shape": (2, -1, n)}),
        ("reshape", ["front"], "row again", {"shape": (-1, n)}),
        ("permute", ["twice"], "two", {"order": (1, 0, 2)}),
        ("add", ["spread", "rows"], "y", {}),
    ]
    return program(*ways, inputs={"values": (3, n)}, kept=["end", "long", "column", "flat", "back", "two", "row again", "line"])


def cast(n):
    ways = [
        ("mul", ["values", "three"], "x", {}),
        *[("cast", ["x"], kind, {"kind": kind}) for kind in ("int", "bool", "float")],
        ("cast", ["int"], "truth of int", {"kind": "bool"}),
        ("cast", ["bool"], "int of truth", {"kind": "int"}),
        ("cast", ["bool"], "number of truth", {"kind": "float"}),
        ("cast", ["int"], "y", {"kind": "float"}),
    ]
    kept = ["int", "bool", "float", "truth of int", "int of truth", "number of truth"]
    return program(*ways, inputs={"values": (3, n)}, kept=kept, three=np.array(3, np.float32))


def coded(n):
    """Codes as they come, one of each, and turned."""
    ways = [
        ("embedding", ["table", "codes"], "whole", {}),
        ("permute", ["codes"], "p", {"order": (2, 1, 0)}),
        ("embedding", ["table", "p"], "turned", {}),
        ("permute", ["turned"], "y", {"order": (2, 1, 0, 3)}),
        ("select", ["codes"], "row", {"axis": 2, "index": 1}),
        ("embedding", ["table", "row"], "some", {}),
        ("one_hot", ["codes"], "hot", {"size": CODES}),
        ("one_hot", ["p"], "more", {"size": CODES + n}),
        ("permute", ["more"], "back", {"order": (2, 1, 0, 3)}),
    ]
    return program(*ways, inputs={"codes": (3, 2)}, kept=["whole", "some", "hot", "back"], table=normal(CODES, n, seed=1))


def cell(name, gates, states=1, biases=True, inputs=None, **attributes):
    """One step of a cell of `n` units that reads as many, or `inputs`; the state is its own."""

    def made(n):
        width = inputs or n
        held = [f"h{index}" for index in range(states)]
        weights = {"into": normal(gates * n, width, seed=1) / 4, "over": normal(gates * n, n, seed=2) / 4}
        weights |= {"bias in": normal(gates * n, seed=3), "bias over": normal(gates * n, seed=4)} if biases else {}
        parts = [("select", ["y"], f"new {one}", {"axis": 1, "index": index}) for index, one in enumerate(held)] if states > 1 else []
        after = {one: f"new {one}" if parts else "y" for one in held}
        state = {one: np.zeros(n, np.float32) for one in held}
        return program((name, ["values", *held, *weights], "y", attributes), *parts, inputs={"values": (width,)}, state=state, after=after, **weights)

    return made


ONES = "abs cos erf exp log_sigmoid neg relu sigmoid sin tanh".split()
CASES = {
    **{name: one(name) for name in ONES},
    **{name: one(name, positive=True) for name in ("log", "log1p", "rsqrt", "sqrt")},
    "softplus": one("softplus", beta=2.0, threshold=3.0),
    **{name: two(name) for name in ("add", "sub", "mul", "div", "maximum", "minimum")},
    "pow": two("pow", positive=True),
    **{f"{name} of whole numbers": whole_numbers(name) for name in ("neg", "add", "sub", "mul", "maximum", "minimum")},
    **{name: compared(name) for name in ("less", "less_equal", "equal")},
    **{name: truths(name, "m n", "m row", "mask n") for name in ("and", "or")},
    "not": truths("not", "m", "n", "row"),
    "where": chosen,
    "linear": linear,
    "matmul": matmul,
    **{name: reduced(name) for name in ("sum", "mean", "amax", "amin")},
    **{name: along(name) for name in ("cumsum", "softmax", "log_softmax")},
    "layer_norm": layer_norm,
    **dict.fromkeys(("slice", "select", "cat", "stack", "reshape", "permute", "expand", "full"), formed),
    "cast": cast,
    **dict.fromkeys(("embedding", "one_hot"), coded),
    "rnn": cell("rnn", 1, activation="tanh"),
    "rnn of relu": cell("rnn", 1, biases=False, activation="relu"),
    "gru": cell("gru", 3, reset="after"),
    "gru that resets before": cell("gru", 3, reset="before"),
    "gru of few inputs": cell("gru", 3, inputs=2, biases=False, reset="after"),
    "gru of few inputs that resets before": cell("gru", 3, inputs=2, biases=False, reset="before"),
    "lstm": cell("lstm", 4, states=2),
    "lstm of few inputs": cell("lstm", 4, states=2, inputs=3, biases=False),
}
FORMS = {name: made for name, made in CASES.items() if made is not formed and made is not coded} | {"forms": formed, "codes": coded}
