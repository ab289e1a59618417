"""Whatever a program is made of, the executor runs it to the last bit as the interpreter does, and no two buffers that are needed at once overlap."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.streaming import Executor, Interpreter, arena
from unspool.streaming.lowering import Lowering
from unspool.streaming.program import TYPES
from unspool.streaming.views import Buffer

from .drawn import programs, whole_inputs
from .running import equal, needs_native, streams_are_alone


@settings(max_examples=150)
@given(programs, st.sampled_from([1, 2, 5, 17]))
def test_any_program_runs_as_the_interpreter_runs_it(made, streams):
    reference, executor, held = Interpreter(made), Executor(made, streams), made.initial_state(streams)
    for seed in range(3):
        inputs = whole_inputs(made, streams, seed)
        wanted, after = reference.run(inputs, held)
        got, own = executor.run(inputs, held)
        _, silent = executor.run(inputs, held, answer=False)
        for answer in (got, executor.step(**inputs)):
            equal(answer, np.array(wanted))
        for name, array in after.items():
            for states in (own, silent, executor.state):
                equal(states[name], np.array(array))
        held = own


@needs_native
@settings(max_examples=30)
@given(programs)
def test_the_streams_of_any_program_never_see_each_other(made):
    streams_are_alone(made, given=whole_inputs(made, 17), noise=False)


def overlap(buffers, begins):
    """Pairs that share memory while both are needed."""
    size = {id(one): max(1, one.size * TYPES[one.kind].itemsize) for one in buffers}
    return [
        (one, other)
        for index, (one, start) in enumerate(zip(buffers, begins, strict=True))
        for other, begin in list(zip(buffers, begins, strict=True))[:index]
        if one.first <= other.last and other.first <= one.last and start < begin + size[id(other)] and begin < start + size[id(one)]
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 400), st.sampled_from(["float", "int", "bool"])), max_size=40))
def test_buffers_that_are_needed_at_once_never_overlap(drawn):
    buffers = [Buffer(kind, (size,), first=first, last=first + long) for first, long, size, kind in sorted(drawn)]
    begins = arena.places(buffers)
    assert not overlap(buffers, begins)
    assert all(begin % arena.LINE == 0 for begin in begins)


@given(programs, st.sampled_from([4, 8, 16]))
def test_buffers_of_a_program_never_overlap_while_they_are_needed(made, lanes):
    """And what is read was written before it, by an instruction that comes earlier."""
    lowered = Lowering(made, lanes)
    inside = sorted((one for one in lowered.buffers if one.place == "arena"), key=lambda one: one.first)
    assert not overlap(inside, arena.places(inside))
    written: set[int] = {id(one) for one in lowered.buffers if one.place in ("input", "before", "constant")}
    for index, instruction in enumerate(lowered.instructions):
        result, *read = (view.buffer for view in instruction.views)
        assert all(id(buffer) in written or not buffer.size for buffer in read)
        assert all(buffer.first <= index <= buffer.last for buffer in (result, *read) if buffer.place == "arena")
        written.add(id(result))


def test_buffers_that_are_not_needed_at_once_share_memory():
    chain = [Buffer("float", (100,), first=index, last=index + 1) for index in range(50)]
    assert max(arena.places(chain)) <= 2 * 448
