"""Every operation, by the executor and by the interpreter: of any size, of any layout, for any number of streams."""

import numpy as np
import pytest

from unspool.streaming import Executor, Interpreter
from unspool.streaming.operations import OPERATIONS

from .running import STREAMS, close, needs_native, normal, program, runs_as_the_interpreter, streams_are_alone
from .sized import CASES, FORMS, LAST, ONES

SIZES = (1, 7, 8, 9, 15, 16, 17, 33, 48, 49)


def test_every_operation_has_a_case_here():
    assert {name.split(" ")[0] for name in CASES} == set(OPERATIONS)


@pytest.mark.parametrize("made", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", SIZES)
def test_an_operation_gives_what_the_interpreter_gives(made, size):
    for streams in STREAMS:
        runs_as_the_interpreter(made(size), streams)


@pytest.mark.parametrize("made", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [1, 9, 16, 33])
@needs_native
def test_streams_never_see_each_other(made, size):
    streams_are_alone(made(size))


STRANGE = np.array([0, -0.0, 1, -1, np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38, 1e-30, 1e-42, 88.5, -88, -103.5, 0.5, 20, -20], np.float32)


@pytest.mark.parametrize("name", [*ONES, "log", "log1p", "rsqrt", "sqrt", "softplus"])
def test_strange_numbers_come_out_as_in_numpy(name):
    numbers = STRANGE[np.isnan(STRANGE) | (np.abs(STRANGE) < 1e4)] if name in ("sin", "cos") else STRANGE
    made = program((name, ["values"], "y", {"beta": 1.0, "threshold": 20.0} if name == "softplus" else {}), inputs={"values": numbers.shape})
    given = {"values": numbers[None]}
    off = 2e-7 if name == "erf" else 1e-42  # the interpreter's erf is a short series
    close(Executor(made).run(given, {})[0], Interpreter(made).run(given, {})[0], rtol=1e-6, atol=off)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "less", "less_equal", "equal"])
def test_pairs_of_strange_numbers_come_out_as_in_numpy(name):
    count = len(STRANGE)
    last = ("cast", ["t"], "y", {"kind": "float"})
    made = program((name, ["values", "future"], "t", {}), last, inputs={"values": (count, 1), "future": (1, count)})
    given = {"values": STRANGE[None, :, None], "future": STRANGE[None, None]}
    close(Executor(made).run(given, {})[0], Interpreter(made).run(given, {})[0], rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "softmax", "log_softmax", "cumsum"])
@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, -0.0, 3e38])
def test_a_strange_number_among_others_comes_out_as_in_numpy(name, strange):
    attributes = LAST if name in ("sum", "mean", "amax", "amin") else {"axis": -1}
    values = normal(20, 19)
    values[np.arange(19), np.arange(19)] = strange
    made = program((name, ["values"], "y", attributes), inputs={"values": values.shape})
    close(Executor(made).run({"values": values[None]}, {})[0], np.array(Interpreter(made).run({"values": values[None]}, {})[0]))
