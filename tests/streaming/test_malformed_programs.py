"""The native executor takes no buffers, weights or arrays that could not be what they are said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool import native

from .plan import Plan, flat
from .running import needs_native, normal

pytestmark = needs_native

BUFFERS = {
    "a kind that is none": ("no kind of element", ("double", "arena", 0, [1], None)),
    "a place that is none": ("no kind of place", ("float", "stack", 0, [1], None)),
    "a negative place": ("a buffer that is nowhere", ("float", "arena", -64, [1], None)),
    "a place within a line": ("a buffer that begins within a line of the cache", ("float", "arena", 8, [1], None)),
    "a place far away": ("a buffer that is nowhere", ("float", "arena", 1 << 40, [1], None)),
    "a further input": ("a buffer that is nowhere", ("float", "input", 3, [1], None)),
    "a further answer": ("a buffer that is nowhere", ("float", "answer", 1, [1], None)),
    "an input given twice": ("a place that is taken", ("float", "input", 0, [1], None)),
    "a state given twice": ("a place that is taken", ("float", "before", 0, [4], None)),
    "a state far away": ("a buffer that is nowhere", ("float", "after", 1 << 30, [1], None)),
    "a negative size": ("a shape of no size", ("float", "arena", 0, [-1], None)),
    "an endless size": ("a shape of no size", ("float", "arena", 0, [1 << 14, 1 << 15], None)),
}


@pytest.mark.parametrize("message, buffer", BUFFERS.values(), ids=BUFFERS)
def test_a_buffer_that_cannot_be_is_refused(message, buffer):
    with pytest.raises(ValueError, match=message):
        Plan().made.buffer(*buffer)


@pytest.mark.parametrize("constant", [None, normal(4), normal(3).astype(np.float64), normal(6)[::2], normal(3, 1)])
def test_a_constant_of_another_form_is_refused(constant):
    with pytest.raises(TypeError, match="constant"):
        Plan().made.buffer("float", "constant", 0, [3], constant)


def test_weights_that_cannot_be_packed_are_refused():
    plan, matrix = Plan(), normal(2, 3)
    full = [0] * plan.lanes
    for order, vectors in ((full[1:], 1), (full, 0), (full, 9)):
        with pytest.raises(ValueError, match="columns that fill no vectors"):
            plan.made.weights(matrix, 2, 3, order, vectors)
    for row in (2, -2):
        with pytest.raises(ValueError, match="a row that the matrix has not"):
            plan.made.weights(matrix, 2, 3, [row, *full[1:]], 1)
    for rows, depth in ((3, 2), (2, 4), (-2, 3)):
        with pytest.raises(TypeError, match="weights of another shape"):
            plan.made.weights(matrix, rows, depth, full, 1)


# Whole programs and their runners


def answering(plan):
    plan.add("copy", flat(plan.answer), flat(plan.x), sizes=[12])
    return plan.made


def runner(plan, streams=1):
    return native.library().StepRunner(answering(plan), streams)


def test_a_state_that_needs_the_answer_is_refused():
    with pytest.raises(ValueError, match="needs the answer"):
        answering(Plan()).end_of_state()


HALVES = {
    "a state that becomes nothing": [("float", "before", 1, [4])],
    "a state that was nothing": [("float", "after", 1, [4])],
    "a state that becomes larger": [("float", "before", 1, [4]), ("float", "after", 1, [5])],
    "a state that becomes another kind": [("float", "before", 1, [4]), ("int", "after", 1, [4])],
    "a state left out": [("float", "before", 2, [4]), ("float", "after", 2, [4])],
}


@pytest.mark.parametrize("buffers", HALVES.values(), ids=HALVES)
def test_a_state_that_becomes_another_is_refused(buffers):
    plan = Plan()
    for buffer in buffers:
        plan.made.buffer(*buffer, None)
    with pytest.raises(ValueError, match="a state"):
        runner(plan)


@pytest.mark.parametrize("streams", [0, -1, 1 << 29])
def test_a_runner_of_no_number_of_streams_is_refused(streams):
    with pytest.raises(ValueError, match="streams"):
        runner(Plan(), streams)


def test_a_program_without_an_answer_has_no_runner():
    made = native.library().StepProgram()
    made.buffer("float", "input", 0, [1], None)
    with pytest.raises(ValueError, match="without an answer"):
        native.library().StepRunner(made, 1)


def test_a_program_at_work_takes_no_more():
    plan = Plan()
    runner(plan)
    buffer = ("int", "arena", 0, [1], None)
    for more in (lambda: answering(plan), plan.made.end_of_state, lambda: plan.packed(plan.lanes, 1), lambda: plan.made.buffer(*buffer)):
        with pytest.raises(ValueError, match="takes no more"):
            more()


X, CODES, WIDE, STATE = normal(2, 12), np.zeros((2, 4), np.int64), normal(2, 160), np.zeros((2, 4), np.float32)


def test_a_step_without_arrays_to_hold_is_refused():
    made = runner(Plan(), 2)
    with pytest.raises(ValueError, match="without a state"):
        made.step(X, CODES, WIDE)
    with pytest.raises(TypeError, match="answer"):
        made.hold([STATE], [STATE.copy()], np.zeros((2, 11), np.float32))
    with pytest.raises(ValueError, match="without a state"):
        made.step(X, CODES, WIDE)


HOLDS = {
    "a state too few": ([], [STATE]),
    "a state too many": ([STATE, STATE], [STATE]),
    "another width": ([np.zeros((2, 5), np.float32)], [STATE]),
    "more streams": ([STATE], [np.zeros((3, 4), np.float32)]),
    "another kind": ([STATE], [STATE.astype(np.int32)]),
    "read only": ([np.broadcast_to(np.float32(0), (2, 4))], [STATE]),
    "no array": ([STATE], [None]),
}


@pytest.mark.parametrize("states", HOLDS.values(), ids=HOLDS)
def test_arrays_that_do_not_fit_are_not_held(states):
    with pytest.raises(TypeError, match="state"):
        runner(Plan(), 2).hold(*map(list, states), np.zeros((2, 12), np.float32))


def test_a_run_of_more_streams_than_there_is_room_for_is_refused():
    made, answer = runner(Plan(), 2), np.zeros((3, 12), np.float32)
    three = [np.zeros((3, 4), np.float32) for _ in range(2)]
    with pytest.raises(ValueError, match="room"):
        made.run(3, [normal(3, 12), np.zeros((3, 4), np.int64), normal(3, 160)], three[:1], three[1:], answer)
    with pytest.raises(ValueError, match="room"):
        made.run(-1, [X, CODES, WIDE], [STATE], [STATE.copy()], answer)
    made.run(2, [X, CODES, WIDE], [STATE], [STATE.copy()], answer[:2])
    np.testing.assert_array_equal(answer[:2], X)


# Whatever is taken can be run


MARGIN = 64
NUMBERS, RESULTS = "x y few wide table before after answer room", "y few after answer room"
CELLS = ("rnn_tanh", "gru_reset_after", "gru_reset_before", "lstm")
CODES_OF = {
    "exp": (RESULTS, NUMBERS),
    "add": (RESULTS, NUMBERS, NUMBERS),
    "less": ("mask", NUMBERS, NUMBERS),
    "where": (RESULTS, "mask", NUMBERS, NUMBERS),
    "copy": (RESULTS, NUMBERS),
    "cast": (RESULTS + " whole mask", NUMBERS + " whole mask codes"),
    "sum": (RESULTS, NUMBERS),
    "softmax": (RESULTS, NUMBERS),
    "layer_norm": (RESULTS, NUMBERS),
    "linear": (RESULTS, NUMBERS),
    "matmul": (RESULTS, NUMBERS, NUMBERS),
    "embedding": (RESULTS, "codes whole", "table x"),
    "one_hot": ("whole", "codes"),
    "rnn_tanh": (RESULTS, NUMBERS, NUMBERS),
    "gru_reset_after": (RESULTS, NUMBERS, NUMBERS),
    "gru_reset_before": (RESULTS, NUMBERS, NUMBERS, "room"),
    "lstm": (RESULTS, NUMBERS, NUMBERS, NUMBERS),
}
SIZES, STRIDES, STARTS = [1, 1, 2, 3, 4, 6, 12, 13], [0, 0, 1, 1, 1, 2, 3, 4, -1], [0, 0, 0, 0, 1, 3, 11]
LENGTHS = {"linear": 3, "embedding": 3, "matmul": 6}


@st.composite
def descriptions(draw, plan):
    """Near those that are sound."""
    choose = lambda options: draw(st.sampled_from(options))  # noqa: E731
    code, axes = choose([*CODES_OF]), choose([1, 1, 2, 3])
    buffers = [getattr(plan, choose(names.split())) for names in CODES_OF[code]]
    views = [(buffer, choose(STARTS), [choose(STRIDES) for _ in range(axes)]) for buffer in buffers]
    shape = [choose(SIZES), choose([1, 3, 4, 6]), 48] if code in CELLS else [choose(SIZES) for _ in range(LENGTHS.get(code, 2))]
    weights = [choose([plan.plenty, plan.plenty, plan.plenty, plan.some, -1]) for _ in range(2 if code in ("layer_norm", "linear") else 4)]
    return code, [choose(SIZES[:-1]) for _ in range(axes)], views, shape, [0.5], weights


def guarded(streams, width, kind):
    """An array between margins that must stay as they are."""
    memory = np.full(streams * width + 2 * MARGIN, 77, kind)
    return memory, memory[MARGIN:-MARGIN].reshape(streams, width)


@settings(max_examples=500)
@given(st.data(), st.sampled_from([1, 3]))
def test_what_is_taken_stays_within_its_buffers(data, streams):
    """Sanitizers see what margins cannot."""
    plan = Plan()
    try:
        plan.made.add(*data.draw(descriptions(plan)))
    except ValueError:
        return
    made = native.library().StepRunner(plan.made, streams)
    answer, after = guarded(streams, 12, np.float32), guarded(streams, 4, np.float32)
    inputs = [normal(streams, 12), np.zeros((streams, 4), np.int64), normal(streams, 160)]
    made.run(streams, inputs, [np.zeros((streams, 4), np.float32)], [after[1]], answer[1])
    for memory, _ in (answer, after):
        assert (memory[:MARGIN] == 77).all() and (memory[-MARGIN:] == 77).all()
