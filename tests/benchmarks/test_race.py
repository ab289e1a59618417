"""Contenders' processes: stopped while not asked, and told of when they fail."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from side_by_side.cases import Case
from side_by_side.measure import Field
from side_by_side.peak import Peak
from side_by_side.race import ContenderFailed, Runner, contender_process

TINY = Case("gru", 3, 2, 2, 3, training=True)
SRC = str(Path(__file__).parents[2] / "src")


@pytest.fixture(autouse=True)
def _unspool_is_found(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", SRC)


def test_whoever_is_not_asked_is_stopped(tmp_path):
    runner = contender_process("torch", 1)
    try:
        answer = runner.ask(do="prepare", case=TINY.asdict(), answers=str(tmp_path / "answers.npz"))
        assert answer["seconds"] > 0 and state(runner) == "T"
        assert runner.ask(do="repeat", calls=2)["seconds"] > 0 and state(runner) == "T"
    finally:
        runner.close()


def test_a_process_that_ends_is_told_of_with_what_it_printed():
    runner = Runner("side_by_side.no_such_module", [], 1, {})
    try:
        with pytest.raises(ContenderFailed, match="no_such_module"):
            runner.ask(do="repeat", calls=1)
    finally:
        runner.close()


def test_a_case_is_a_row_with_a_time_for_every_repetition():
    with closing(Peak()) as peak, closing(Field(["ours", "torch"], 1, peak)) as field:
        row = field.measure(TINY, repeats=3, burst=0.001)
    assert len(row["peaks"]) == 3 and min(row["peaks"]) > 0
    assert set(row["contenders"]) == {"ours", "torch"}
    for found in row["contenders"].values():
        assert len(found["times"]) == 3 and min(found["times"]) > 0
        assert min(found["times"]) <= found["quartiles"][0] <= found["median"] <= found["quartiles"][1] <= max(found["times"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ours", "torch"])
def test_a_larger_case_takes_more_memory(name):
    found = []
    for steps in (50, 400):
        runner = Runner("side_by_side.memory", [name], 1, {})
        try:
            found.append(runner.ask(do="weigh", case=Case("lstm", steps, 16, 32, 64, training=True).asdict())["mebibytes"])
        finally:
            runner.close()
    assert found[1] > 2 * found[0] > 0


def state(runner: Runner) -> str:
    """Of the process, from /proc/PID/stat: T is stopped."""
    told = Path(f"/proc/{runner.process.pid}/stat").read_text()
    for _ in range(1000):
        if told.rpartition(")")[2].split()[0] == "T":
            break
        told = Path(f"/proc/{runner.process.pid}/stat").read_text()
    return told.rpartition(")")[2].split()[0]
