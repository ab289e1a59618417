"""What an executor cannot use is refused as the interpreter refuses it, and changes nothing; arrays of any layout it can."""

import numpy as np
import pytest

from unspool.errors import LiveError
from unspool.streaming import Executor, Interpreter

from .running import equal, inputs_of, mixed, needs_native, normal, program, runs_as_the_interpreter, state_of


def refused(made, inputs, state=None, match="another model"):
    """The same error by both, by `run` and by `step`; and nothing has happened."""
    executor, streams = Executor(made, 2), 2
    before, state = executor.state, made.initial_state(streams) if state is None else state
    messages = []
    for call in (Interpreter(made).run, executor.run):
        with pytest.raises(LiveError, match=match) as error:
            call(inputs, state)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    return executor, before


def still(executor, before):
    for name, array in executor.state.items():
        equal(array, before[name])


FINE = {"values": normal(2, 3), "codes": np.array([1, 2])}
MISFITS = {
    "left out": {"codes": FINE["codes"]},
    "none": FINE | {"values": None},
    "another width": FINE | {"values": normal(2, 4)},
    "a further axis": FINE | {"values": normal(2, 3, 1)},
    "an axis less": FINE | {"values": normal(3)},
    "no axis": FINE | {"codes": np.array(1)},
    "another type": FINE | {"values": FINE["values"].astype(np.float64)},
    "another size of whole numbers": FINE | {"codes": FINE["codes"].astype(np.int32)},
    "whole numbers for numbers": FINE | {"values": FINE["values"].astype(np.int64)},
    "numbers for whole numbers": FINE | {"codes": FINE["codes"].astype(np.float64)},
    "no sign": FINE | {"codes": FINE["codes"].astype(np.uint64)},
    "the other order of bytes": FINE | {"values": FINE["values"].astype(">f4")},
    "the other order of bytes of codes": FINE | {"codes": FINE["codes"].astype(">i8")},
    "more streams": FINE | {"values": normal(3, 3)},
    "fewer streams": FINE | {"codes": np.array([1])},
}


@pytest.mark.parametrize("inputs", MISFITS.values(), ids=MISFITS)
def test_inputs_of_another_form_are_refused_as_the_interpreter_refuses_them(engine, inputs):
    executor, before = refused(mixed(), inputs)
    with pytest.raises(LiveError, match="another model"):
        executor.step(**inputs)
    still(executor, before)


def test_a_step_of_more_or_fewer_streams_is_refused(engine):
    executor = Executor(mixed(), 2)
    before = executor.state
    for streams in (0, 1, 3):
        with pytest.raises(LiveError, match=f"input 'values': got float32 \\({streams}, 3\\), .* one for each of 2 streams"):
            executor.step(**inputs_of(mixed(), streams))
    still(executor, before)


STATES = {
    "left out": lambda state: state.pop("sum"),
    "another width": lambda state: state.update(sum=np.zeros((2, 4), np.float32)),
    "another type": lambda state: state.update(sum=np.zeros((2, 3))),
    "numbers for truths": lambda state: state.update(ever=np.zeros((2, 3), np.int8)),
    "more streams": lambda state: state.update(last=np.zeros(3, np.int64)),
    "no streams": lambda state: state.update(last=np.array(0)),
}


@pytest.mark.parametrize("harm", STATES.values(), ids=STATES)
def test_a_state_of_another_form_is_refused(engine, harm):
    state = mixed().initial_state(2)
    harm(state)
    executor, before = refused(mixed(), FINE, state)
    with pytest.raises(LiveError, match="another model"):
        executor.state = state
    still(executor, before)


@pytest.mark.parametrize("codes", [[-1, 0], [5, 0], [1 << 62, 0], [-(1 << 63), (1 << 63) - 1], [7, 6]])
@pytest.mark.parametrize("name", ["embedding", "one_hot"])
def test_codes_out_of_range_are_refused_as_the_interpreter_refuses_them(engine, name, codes):
    way = ("embedding", ["table", "codes"], "z", {}) if name == "embedding" else ("one_hot", ["codes"], "h", {"size": 5})
    more = [] if name == "embedding" else [("cast", ["h"], "z", {"kind": "float"})]
    made = program(way, *more, ("add", ["z", "values"], "t", {}), inputs={"values": (5,), "codes": ()}, answer="t", kept=["t"], table=normal(5, 5))
    given = {"values": normal(2, 5), "codes": np.array(codes)}
    executor, before = refused(made, given, match=f"codes run from {min(codes)} to {max(codes)}, wanted 0 to 4")
    with pytest.raises(LiveError, match="another vocabulary"):
        executor.step(**given)
    still(executor, before)
    runs_as_the_interpreter(made, 2)


def test_a_code_out_of_range_in_one_of_many_streams_is_told_of_all():
    """Enough streams that several threads may share them."""
    made = program(("embedding", ["table", "codes"], "y", {}), inputs={"codes": ()}, table=normal(9, 64))
    codes = np.arange(4096) % 9
    codes[17], codes[4000] = -3, 12
    with pytest.raises(LiveError, match="codes run from -3 to 12, wanted 0 to 8"):
        Executor(made, 4096).step(codes=codes)


@needs_native
def test_a_constant_that_cannot_be_worked_out_is_refused():
    ways = [("embedding", ["table", "far"], "e", {}), ("add", ["values", "e"], "y", {})]
    made = program(*ways, inputs={"values": (2,)}, table=normal(5, 2), far=np.array(9))
    with pytest.raises(LiveError, match="codes run from 9 to 9"):
        Executor(made)


@pytest.mark.parametrize("streams", [0, -1])
def test_no_streams_are_refused(streams):
    with pytest.raises(ValueError, match=f"streams: got {streams}, wanted at least 1"):
        Executor(mixed(), streams)


def test_without_an_answer_inputs_that_the_state_needs_must_be_there(engine):
    ways = [("add", ["sum", "values"], "t", {}), ("add", ["t", "future"], "y", {})]
    made = program(*ways, inputs={"values": (2,), "future": (2,)}, state={"sum": np.zeros(2, np.float32)}, after={"sum": "t"})
    executor, state = Executor(made), made.initial_state(1)
    answer, after = executor.run({"values": normal(1, 2)}, state, answer=False)
    assert answer is None
    equal(after["sum"], normal(1, 2))
    for call in (Interpreter(made).run, executor.run):
        with pytest.raises(LiveError, match="input 'values': got none"):
            call({"future": normal(1, 2)}, state, answer=False)
        with pytest.raises(LiveError, match="input 'future': got none"):
            call({"values": normal(1, 2)}, state)


# Arrays as they may come


def _shifted(array):
    """The same numbers, one byte beyond where their size would have them."""
    memory = np.zeros(array.nbytes + 1, np.uint8)
    found = memory[1:].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


LAYOUTS = {
    "strided": lambda array: np.repeat(array, 2, axis=0)[::2],
    "turned": lambda array: np.asfortranarray(array),
    "backwards": lambda array: array[::-1].copy()[::-1],
    "spread": lambda array: np.broadcast_to(array[:1], array.shape),
    "not aligned": _shifted,
    "read only": lambda array: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
    "of a subclass": lambda array: array.view(np.ma.MaskedArray),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_any_layout_are_read(layout):
    made = mixed()
    given, held = ({name: layout(array) for name, array in arrays.items()} for arrays in (inputs_of(made, 4), state_of(made, 4)))
    wanted, after = Interpreter(made).run(given, held)
    executor = Executor(made, 4)
    executor.state = held
    got, own = executor.run(given, held)
    for answer in (got, executor.step(**given)):
        equal(answer, np.array(wanted))
    for name, array in after.items():
        equal(own[name], np.array(array))
        equal(executor.state[name], np.array(array))
