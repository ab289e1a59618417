"""The proof that live is the same model finds it where it is not."""

import numpy as np
import pytest
import torch

from unspool.errors import DataError, LiveError, VerificationError
from unspool.export.verify import PAIRS, verify
from unspool.streaming import Executor, Program
from unspool.types import Record

from .models import WINDOWED, forecast, series, text
from .running import needs_native

MODELS = {
    "forecast": lambda: forecast(),
    "forecast-windowed": lambda: forecast(WINDOWED),
    "series": lambda: series(),
    "text": lambda: text(),
}


def proof(made, network=None, facts=None, program=None, records=None):
    return verify(
        network or made.network,
        facts or made.facts,
        program or made.program,
        made.prepared,
        records or made.records,
        seed=0,
    )


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def made(request):
    return request.param()


@needs_native
def test_a_sound_model_is_proved(made):
    found = proof(made)
    assert found["equal"] and list(found["comparisons"]) == list(PAIRS)
    assert found["records"] == len(made.records) and found["steps"] >= len(made.records)


def test_the_same_seed_gives_the_same_proof(made):
    assert proof(made) == proof(made)


def test_a_program_of_other_weights_is_found(made):
    other = Program.from_files(made.program.files())
    for array in other.parameters.values():
        if array.ndim:
            array += 0.01
    with pytest.raises(VerificationError, match="the step program differ by"):
        proof(made, program=other)


def test_without_the_native_executor_the_proof_says_that_numpy_ran(made, monkeypatch):
    monkeypatch.setattr("unspool.native.library", lambda: None)
    found = proof(made)
    assert found["engine"] == "interpreter" and set(found["comparisons"]) == set(PAIRS) - {"program_and_native"}


@needs_native
def test_a_native_executor_that_computes_something_else_is_found(made, monkeypatch):
    step = Executor.step
    monkeypatch.setattr(Executor, "step", lambda *arguments: step(*arguments) + np.eye(5, 1, -3).reshape(5, *[1] * len(made.program.answer_shape)))
    with pytest.raises(VerificationError, match="by the interpreter and by the native executor differ by"):
        proof(made)


def test_a_step_that_is_not_the_scan_is_found(made, monkeypatch):
    step = made.network.pool.step
    monkeypatch.setattr(made.network.pool, "step", lambda x, state: (step(x, state)[0] * 1.01, step(x, state)[1]))
    with pytest.raises(VerificationError, match="the network's steps differ by"):
        proof(made)


def test_a_scan_that_forgets_the_state_is_found(monkeypatch):
    made = series()
    scan = made.network.scan
    monkeypatch.setattr(made.network, "scan", lambda values, codes, state=None: scan(values, codes, None))
    with pytest.raises(VerificationError, match="scans of its pieces differ by"):
        proof(made)


@pytest.mark.parametrize("build", [forecast, series], ids=["forecast", "series"])
def test_other_raw_records_are_found(build):
    made = build()
    column = next(iter(made.records[0].columns))
    changed = [
        Record(
            record.name,
            record.where,
            columns={**record.columns, column: record.columns[column] * 1.1},
            times=record.times,
            label=record.label,
        )
        for record in made.records
    ]
    with pytest.raises(VerificationError, match="live session differ by"):
        proof(made, records=changed)


def test_numbers_that_are_none_are_found():
    made = series()
    other = Program.from_files(made.program.files())
    next(array for array in other.parameters.values() if array.ndim == 2)[...] = np.nan
    with pytest.raises(VerificationError, match="the step program differ by inf"):
        proof(made, program=other)


def test_a_model_that_cannot_run_live_says_why(made):
    facts = made.facts.model_copy(update={"live": False, "why_not_live": "the model is bidirectional: use another"})
    with pytest.raises(LiveError, match="use another"):
        proof(made, facts=facts)


def test_records_too_short_for_an_answer_are_an_error():
    made = forecast()
    short = Record(
        "short",
        "s.csv",
        columns={name: values[:5] for name, values in made.records[0].columns.items()},
        times=made.records[0].times[:5],
    )
    with pytest.raises(DataError, match="long enough"):
        verify(made.network, made.facts, made.program, [made.facts.preparation.prepare(short)], [short], seed=0)


def test_the_network_is_left_in_the_mode_it_was_in():
    made = series()
    made.network.train()
    try:
        proof(made)
        assert made.network.training
    finally:
        made.network.eval()
    assert not torch.is_inference_mode_enabled()
