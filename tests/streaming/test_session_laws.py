"""What holds for every session: equal to offline, saved and restored at any moment, atomic, alone."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import InputError, LiveError
from unspool.export.verify import verify
from unspool.streaming import Session, state_from_json, state_to_json

from .models import CARRIED, HALVING, WINDOWED, forecast, series, text
from .running import needs_native

MODELS = {
    "forecast-carried": lambda: forecast(),
    "forecast-windowed": lambda: forecast(WINDOWED),
    "forecast-windowed-strided": lambda: forecast(WINDOWED, front=HALVING),
    "forecast-without-known": lambda: forecast(known=False),
    "forecast-without-lags": lambda: forecast(lags=()),
    "forecast-of-nothing-but-targets": lambda: forecast(lags=(), known=False, timed=False, quantiles=False),
    "forecast-daily": lambda: forecast(frequency="1d"),
    "series-carried": lambda: series(),
    "series-windowed": lambda: series(WINDOWED, "max"),
    "series-strided": lambda: series(CARRIED, "mean", HALVING),
    "series-windowed-strided": lambda: series(WINDOWED, "last", HALVING),
}
TEXTS = {
    "text": lambda: text(),
    "text-windowed": lambda: text(WINDOWED),
    "text-head": lambda: text(longest=5),
    "text-tail-windowed": lambda: text(WINDOWED, longest=5, keep="tail"),
    "text-strided-characters": lambda: text(unit="characters", front=HALVING),
    "text-bytes": lambda: text(unit="bytes"),
}


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def made(request):
    return request.param()


@pytest.mark.parametrize("build", (MODELS | TEXTS).values(), ids=MODELS | TEXTS)
def test_a_session_answers_what_the_model_answers_offline(build):
    made = build()
    proof = verify(made.network, made.facts, made.program, made.prepared, made.records, seed=0)
    assert proof["equal"] and proof["steps"] >= 1 and max(proof["comparisons"].values()) < 1e-5


@pytest.mark.parametrize("cut", [0, 1, 7, 19])
def test_a_saved_and_restored_state_changes_nothing(made, cut):
    rows = made.rows()[:20]
    whole = made.session()
    wanted = [whole.step(row) for row in rows]
    first = made.session()
    got = [first.step(row) for row in rows[:cut]]
    kept = json.dumps(state_to_json(first.state), allow_nan=False)
    second = made.session()
    second.state = state_from_json(json.loads(kept))
    assert got + [second.step(row) for row in rows[cut:]] == wanted


def test_a_reset_session_answers_like_a_new_one(made):
    rows, used = made.rows()[:12], made.session()
    first = [used.step(row) for row in rows]
    used.reset()
    assert [used.step(row) for row in rows] == first


def test_two_sessions_share_no_state(made):
    rows = made.rows()[:12]
    alone = made.session()
    wanted = [alone.step(row) for row in rows]
    one, other = made.session(), made.session()
    got = []
    for index, row in enumerate(rows):
        got.append(one.step(row))
        if index % 2:
            other.step(rows[index // 2])
    assert got == wanted


def test_what_is_done_to_a_taken_state_does_not_reach_the_session(made):
    rows, session, twin = made.rows()[:10], made.session(), made.session()
    for row in rows[:-1]:
        session.step(row)
        twin.step(row)
    for array in session.state.values():
        array[...] = 0
    assert session.step(rows[-1]) == twin.step(rows[-1])


BROKEN = ["unknown key", "missing column", "text for a number", "infinity", "a list", "nothing"]


@given(st.sampled_from(sorted(MODELS)), st.integers(0, 15), st.sampled_from(BROKEN))
def test_a_record_that_fails_changes_nothing(name, at, how):
    made = MODELS[name]()
    rows = made.rows()[:18]
    session = made.session()
    wanted = [made.session().step(rows[0])] and _answers(made, rows)
    got = []
    for index, row in enumerate(rows):
        if index == at:
            before = state_to_json(session.state)
            with pytest.raises(InputError):
                session.step(_break(row, how))
            assert state_to_json(session.state) == before
        got.append(session.step(row))
    assert got == wanted


def _answers(made, rows):
    session = made.session()
    return [session.step(row) for row in rows]


def _break(row, how):
    broken = copy.deepcopy(row)
    column = next(name for name in row if name not in ("time", "future"))
    if how == "unknown key":
        broken["lod"] = 1.0
    elif how == "missing column":
        del broken[column]
    elif how == "nothing":
        broken[column] = None
    else:
        broken[column] = {"text for a number": "3.5", "infinity": float("inf"), "a list": [1.0]}[how]
    return broken


def test_a_state_of_another_model_is_refused():
    session = series().session()
    before = state_to_json(session.state)
    with pytest.raises(LiveError, match="another model"):
        session.state = forecast().session().state
    assert state_to_json(session.state) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("row/time"),
        lambda state: state.update(more=np.zeros(1)),
        lambda state: state.update({"network/backbone.0.0.h": np.zeros((2, 6), np.float32)}),
        lambda state: state.update({"inputs/values": np.zeros((9, 2), np.float32)}),
        lambda state: state.update({"row/numbers": np.array(["a", "b"])}),
    ],
)
def test_a_damaged_state_is_refused(damage):
    session = forecast().session()
    state = session.state
    damage(state)
    with pytest.raises(LiveError, match="save"):
        session.state = state


@pytest.mark.parametrize(
    "tree",
    [
        {"a": 1},
        {"a": {"type": "object", "shape": [1], "values": [1]}},
        {"a": {"type": "int64", "shape": [2], "values": [1]}},
        [],
    ],
)
def test_what_is_no_state_in_json_is_refused(tree):
    with pytest.raises(LiveError, match="cannot be read"):
        state_from_json(tree)


@needs_native
def test_a_session_runs_natively_where_that_can_be(made):
    assert made.session().engine == "native"


def test_a_session_without_the_native_executor_answers_alike(made, monkeypatch):
    rows, native = made.rows()[:40], made.session()
    monkeypatch.setattr("unspool.native.library", lambda: None)
    other = made.session()
    assert other.engine == "interpreter"
    for row in rows:
        assert other.step(row) == _about(native.step(row))


def _about(answer):
    """The answer, whose numbers may be a little off."""
    if isinstance(answer, dict):
        return {name: _about(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [_about(value) for value in answer]
    return pytest.approx(answer, rel=1e-4) if isinstance(answer, float) else answer


def test_a_model_that_is_not_live_has_no_session():
    made = series()
    facts = made.facts.model_copy(update={"live": False, "why_not_live": "the model is bidirectional"})
    with pytest.raises(LiveError, match="bidirectional"):
        Session(made.program, facts)


def test_a_program_of_another_model_has_no_session():
    with pytest.raises(LiveError, match="not of one model"):
        Session(series().program, forecast().facts)
