"""The clock of an epoch."""

from __future__ import annotations

import io
import json

import pytest
from side_by_side.epochs.problem import rate_factor
from side_by_side.epochs.turns import Turns


def test_an_epoch_whose_clock_was_not_read_tells_no_time_of_another(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("ready\nepoch\nepoch\n"))
    out = io.StringIO()
    turns = Turns(out)
    turns.begin()
    turns.trained()
    turns.end(lambda: 0.5)
    turns.begin()
    with pytest.raises(AssertionError, match="not read"):
        turns.end(lambda: 0.5)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert told[0] == {} and told[1]["seconds"] > 0 and len(told) == 2


def test_the_process_ends_where_no_more_is_asked(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("ready\n"))
    with pytest.raises(SystemExit):
        Turns(io.StringIO()).begin()


@pytest.mark.parametrize("step", [0, 3, 10, 50, 99])
def test_peers_are_given_the_rates_of_our_schedule(step):
    from unspool.training.schedule import factor
    from unspool.training.spec import Cosine

    assert rate_factor(step, 100, 10) == pytest.approx(factor(Cosine(warmup=1), step, 10, 10))
