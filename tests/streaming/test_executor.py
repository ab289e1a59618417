"""What holds for every executor: it is the interpreter, many streams at once; what cannot be used changes nothing."""

import gc
import threading
from itertools import pairwise

import numpy as np
import pytest
import torch

from unspool.streaming import Executor, Interpreter

from .models import CARRIED, HALVING, WINDOWED, forecast, series, text
from .running import STREAMS, equal, inputs_of, mixed, needs_native, normal, program, runs_as_the_interpreter, state_of, streams_are_alone

MODELS = {
    "forecast": lambda: forecast().program,
    "forecast-strided": lambda: forecast(WINDOWED, front=HALVING).program,
    "forecast-plain": lambda: forecast(lags=(), known=False, timed=False, quantiles=False).program,
    "series": lambda: series().program,
    "series-max": lambda: series(WINDOWED, "max").program,
    "series-strided": lambda: series(CARRIED, "mean", HALVING).program,
    "text": lambda: text().program,
    "text-strided": lambda: text(unit="characters", front=HALVING).program,
}
every_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


def model_inputs(made, streams, seed=0):
    """Codes that every model has."""
    given = inputs_of(made, streams, seed)
    return {name: array % 2 if name == "codes" else array for name, array in given.items()}


@every_model
def test_a_model_runs_as_the_interpreter_runs_it(build):
    for streams in STREAMS:
        runs_as_the_interpreter(build(), streams, steps=5, inputs=model_inputs)


@needs_native
@every_model
def test_the_streams_of_a_model_never_see_each_other(build):
    streams_are_alone(build(), given=model_inputs(build(), max(STREAMS)))


@needs_native
def test_threads_keep_to_the_memory_of_their_own_streams():
    """Values of unlike sizes take turns in it; a step is large enough to be shared out."""
    widths, ways, parameters = (16, 512, 64, 1024, 8), [], {}
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        read = "values" if number == 0 else f"y{number - 1}"
        ways += [("linear", [read, f"weight{number}", f"bias{number}"], f"sum{number}", {}), ("tanh", [f"sum{number}"], f"y{number}", {})]
        parameters |= {f"weight{number}": normal(outputs, inputs, seed=number) / inputs**0.5, f"bias{number}": normal(outputs, seed=number)}
    made = program(*ways, inputs={"values": (16,)}, answer="y3", **parameters)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        runs_as_the_interpreter(made, 128, steps=60)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("streams", STREAMS)
def test_every_kind_of_state_is_remembered(streams):
    runs_as_the_interpreter(mixed(), streams, compare=equal, steps=4)


@needs_native
def test_where_the_library_is_the_native_executor_runs():
    assert Executor(mixed()).engine == "native"


def test_without_the_library_the_interpreter_runs(monkeypatch):
    monkeypatch.setattr("unspool.native.library", lambda: None)
    executor, reference = Executor(mixed(), 2), Interpreter(mixed())
    assert executor.engine == "interpreter"
    runs_as_the_interpreter(mixed(), 3, compare=equal)
    given, held = inputs_of(mixed(), 2), mixed().initial_state(2)
    equal(executor.run(given, held)[0], reference.run(given, held)[0])


# State


def answers(executor, seeds):
    return [executor.step(**inputs_of(executor.program, executor.streams, seed)) for seed in seeds]


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_saved_and_restored_state_changes_nothing(engine, cut):
    whole, first, second = (Executor(mixed(), 3) for _ in range(3))
    wanted = answers(whole, range(6))
    got = answers(first, range(cut))
    second.state = first.state
    np.testing.assert_array_equal(got + answers(second, range(cut, 6)), wanted)


def test_a_reset_executor_answers_like_a_new_one(engine):
    executor = Executor(mixed(), 3)
    first = answers(executor, range(3))
    executor.reset()
    np.testing.assert_array_equal(answers(executor, range(3)), first)


def test_what_is_done_to_a_taken_state_or_answer_does_not_reach_the_executor(engine):
    executor, twin = Executor(mixed(), 2), Executor(mixed(), 2)
    for one in (executor, twin):
        answers(one, range(3))
    for array in executor.state.values():
        array[...] = 1
    executor.step(**inputs_of(mixed(), 2, 3))[...] = 0
    twin.step(**inputs_of(mixed(), 2, 3))
    np.testing.assert_array_equal(answers(executor, [4]), answers(twin, [4]))


def test_what_is_done_to_given_arrays_afterwards_does_not_reach_the_executor(engine):
    """An input that is remembered as it is, and a state that was put back."""
    made = program(("add", ["last", "values"], "y", {}), inputs={"values": (2,)}, state={"last": np.zeros(2, np.float32)}, after={"last": "values"})
    executor, given = Executor(made, 2), inputs_of(made, 2)
    executor.step(**given)
    given["values"][...] = 9
    equal(executor.state["last"], inputs_of(made, 2)["values"])
    put = {"last": normal(2, 2, seed=5)}
    executor.state = put
    put["last"][...] = 9
    equal(executor.state["last"], normal(2, 2, seed=5))


def test_constants_of_a_program_are_left_as_they_are(engine):
    """A state that becomes a constant, and an answer that is one."""
    ways = [("full", ["values"], "ones", {"shape": (2,), "value": 1, "kind": "float"}), ("add", ["values", "last"], "unused", {})]
    made = program(*ways, inputs={"values": (2,)}, answer="ones", state={"last": np.zeros(2, np.float32)}, after={"last": "ones"})
    executor = Executor(made, 3)
    for _ in range(2):
        answer = executor.step(normal(3, 2))
        equal(answer, np.ones((3, 2), np.float32))
        answer[...] = 5
        equal(executor.state["last"], np.ones((3, 2), np.float32))
        executor.state = {"last": np.full((3, 2), 7, np.float32)}


def test_tensors_of_the_state_change_places():
    state = {"a": np.zeros(2, np.float32), "b": np.ones(2, np.float32), "c": np.full(2, 2, np.float32)}
    made = program(("add", ["values", "a"], "y", {}), inputs={"values": (2,)}, state=state, after={"a": "b", "b": "c", "c": "y"})
    runs_as_the_interpreter(made, 3, compare=equal, steps=5)


def test_one_value_may_be_the_answer_and_several_tensors_of_the_state():
    state = {name: np.zeros(2, np.float32) for name in "abc"}
    made = program(("add", ["values", "a"], "y", {}), inputs={"values": (2,)}, state=state, after={"a": "y", "b": "y", "c": "a"})
    runs_as_the_interpreter(made, 3, compare=equal, steps=4)
    runs_as_the_interpreter(program(inputs={"values": (2,)}, answer="values"), 2, compare=equal)


@pytest.mark.parametrize("streams", [0, 1, 2, 3, 4, 5, 16, 17, 40])
def test_any_number_of_streams_runs_with_the_state_of_the_caller(streams):
    """Between two steps of the executor's own streams, which do not notice."""
    executor, twin, made = Executor(mixed(), 2), Executor(mixed(), 2), mixed()
    wanted = answers(twin, range(2))
    first = answers(executor, [0])
    given, held = inputs_of(made, streams), state_of(made, streams)
    kept = {name: array.copy() for name, array in held.items()}
    got, after = executor.run(given, held)
    reference, own = Interpreter(made).run(given, held)
    equal(got, reference)
    for name, array in own.items():
        equal(after[name], array)
        equal(held[name], kept[name])
    np.testing.assert_array_equal(first + answers(executor, [1]), wanted)


def test_values_without_numbers_do_no_harm():
    """Inputs of no width, and whatever is made of them."""
    ways = [
        ("linear", ["values", "weight", "bias"], "a", {}),
        ("cat", ["values", "a", "values"], "b", {"axis": 1}),
        ("embedding", ["table", "codes"], "c", {}),
        ("reshape", ["c"], "d", {"shape": (-1, 0)}),
        ("exp", ["values"], "e", {}),
        ("cat", ["b", "d", "e"], "f", {"axis": 1}),
        ("reshape", ["values"], "g", {"shape": (-1, 4, 0)}),
        ("permute", ["g"], "h", {"order": (0, 2, 1)}),
        ("matmul", ["g", "h"], "i", {}),
        ("reshape", ["i"], "j", {"shape": (-1, 16)}),
        ("cat", ["f", "j"], "y", {"axis": 1}),
    ]
    weights = {"weight": np.zeros((3, 0), np.float32), "bias": normal(3), "table": np.zeros((5, 0), np.float32)}
    made = program(*ways, inputs={"values": (0,), "codes": (2,)}, kept=["e", "c", "y"], **weights)
    for streams in (1, 3):
        runs_as_the_interpreter(made, streams, compare=equal)


# Several at once


def wide():
    """Work enough that the interpreter's lock is let go."""
    ways = [("linear", [read, "weight"], given, {}) for read, given in (("values", "a"), ("a", "b"), ("b", "c"), ("c", "y"))]
    return program(*ways, inputs={"values": (512,)}, kept=["y"], weight=normal(512, 512) / 23)


@needs_native
def test_two_threads_at_one_executor_get_a_clear_error_and_no_harm_is_done():
    made, streams = wide(), 64
    executor, values = Executor(made, streams), normal(streams, 512)
    wanted, errors = executor.step(values), []

    def work():
        for _ in range(6):
            try:
                executor.step(values)
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(errors) == {"a step is at work in another thread; give each thread an executor of its own"}
    equal(executor.step(values), wanted)


@needs_native
def test_threads_with_executors_of_their_own_do_not_meet():
    made, values = wide(), normal(16, 512)
    wanted, found = Executor(made, 16).step(values), []
    threads = [threading.Thread(target=lambda: found.append(Executor(made, 16).step(values))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for answer in found:
        equal(answer, wanted)


@needs_native
def test_a_program_is_made_ready_once_for_all_of_its_executors():
    one, other = Executor(mixed()), Executor(mixed(), 5)
    assert one._compiled is other._compiled is not Executor(mixed(4))._compiled


@needs_native
def test_what_was_made_ready_goes_when_nothing_uses_it():
    from unspool.streaming.executor import _COMPILED

    made = mixed(6)
    executor = Executor(made)
    assert made.digest in _COMPILED
    del executor
    gc.collect()
    assert made.digest not in _COMPILED
