"""Bars and tables, on results made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from side_by_side import summary, table
from side_by_side.cases import Case
from side_by_side.epochs import summary as epochs
from side_by_side.measure import ratio

PEAK = 100.0


def summary_files() -> Iterator[Path]:
    return Path(summary.__file__).parents[1].glob("kernels*.json")


def row(case: Case, **seconds: float) -> dict:
    contenders = {name: timed(case, value) for name, value in seconds.items()}
    return {"case": case.asdict(), "threads": 2, "flops": case.flops, "peaks": [PEAK, PEAK / 2, PEAK / 2], "contenders": contenders}


def timed(case: Case, seconds: float) -> dict:
    gflops = case.flops / seconds / 1e9
    return {"median": seconds, "quartiles": [seconds] * 2, "times": [seconds] * 3, "gflops": gflops, "variant": "", "difference": 0.0}


def results(*rows: dict, memory: tuple = ()) -> dict:
    return {
        "rows": list(rows), "memory": list(memory), "peak": {"2": PEAK, "by": ""}, "repeats": 3, "processor": "p", "date": "d", "versions": {},
    }  # fmt: skip


def test_a_ratio_is_the_median_over_repetitions_that_ran_side_by_side():
    assert ratio({"times": [1.0, 2.0, 4.0]}, {"times": [2.0, 2.0, 4.4]}) == pytest.approx(1.1)


def test_a_cell_is_below_where_another_is_faster_and_near_the_peak_a_little_less_is_enough():
    case = Case("gru", 50, 32, 512, 512)
    fast = case.flops / (0.8 * PEAK * 1e9)
    slow = case.flops / (0.2 * PEAK * 1e9)
    assert summary.cell(results(), row(case, ours=fast / 0.96, torch=fast, jax=slow)).margin > 1
    assert summary.cell(results(), row(case, ours=slow / 0.96, torch=slow)).margin < 1
    found = summary.cell(results(), row(case, ours=fast, torch=slow, jax=2 * fast))
    assert found.other == "jax" and found.ratio == pytest.approx(2)


def test_a_share_of_the_peak_is_of_what_the_processor_had_to_give_in_that_moment():
    case = Case("gru", 50, 32, 512, 512, training=True)
    found = row(case, ours=case.flops / (0.4 * PEAK * 1e9))
    lstm, gru = summary.peak_bars(results(found), [found])
    assert lstm.met is None and gru.met and gru.figure == pytest.approx(0.8) and "0.40 of the best" in str(gru)


@pytest.mark.parametrize("path", sorted(summary_files()), ids=lambda path: path.stem)
def test_every_file_of_results_can_be_told(path):
    found = json.loads(path.read_text(encoding="utf-8"))
    assert "share of the peak in LSTM training" in summary.told(found) and "GFLOP/s" in table.speed(found)


def test_means_are_geometric_and_leave_out_who_could_not():
    shapes = [(10, 2, 3, 4), (20, 2, 3, 4)]
    rows = [row(Case("gru", *shape, training=True), ours=1.0, torch=times) for shape, times in zip(shapes, (2.0, 8.0), strict=True)]
    rows[0]["contenders"]["onnxruntime"] = {"cannot": "it trains none"}
    (bar,) = [bar for bar in summary.mean_bars(rows) if bar.claim == "GRU training against torch"]
    assert bar.figure == pytest.approx(4) and bar.met is False
    assert "open" in str(next(bar for bar in summary.mean_bars(rows) if bar.claim.startswith("LSTM")))


def test_memory_is_judged_by_its_worst_case():
    cases = [Case(kind, 10, 2, 3, 4, training=True) for kind in ("gru", "lstm")]
    memory = [
        {"case": case.asdict(), "contenders": {"ours": {"mebibytes": ours}, "torch": {"mebibytes": 10.0}}}
        for case, ours in zip(cases, (5.0, 12.0), strict=True)
    ]
    (bar,) = summary.memory_bars(results(memory=tuple(memory)))
    assert bar.figure == pytest.approx(1.2) and bar.met is False and "lstm" in bar.where


def test_one_step_is_judged_against_each_and_many_streams_by_the_stream():
    one, many = (Case("gru", 1, streams, 64, 128, streaming=True) for streams in (1, 64))
    onnx, torch, streams = summary.step_bars(results(row(one, ours=1e-6, onnxruntime=4e-6, torch=9e-6), row(many, ours=64e-6, torch=1e-4)))
    assert (onnx.met, torch.met, streams.met) == (True, False, True) and streams.figure == pytest.approx(1e-6)


def test_the_table_has_a_line_a_use_and_marks_the_fastest():
    case = Case("gru", 28, 64, 28, 100, training=True)
    told = table.speed(results(row(case, ours=1e-3, torch=2e-3)))
    line = next(line for line in told.splitlines() if line.startswith("| GRU | training |"))
    assert line.count("**") == 2 and line.index("**") < line.rindex(f"{case.flops / 2e-3 / 1e9:.0f}")


def test_bars_are_told_of_the_threads_that_are_asked_for():
    case = Case("gru", 28, 64, 28, 100, training=True)
    alone = row(case, ours=1e-3, torch=3e-3) | {"threads": 1}
    found = results(row(case, ours=1e-3, torch=2e-3), alone) | {"peak": {"1": PEAK, "2": PEAK, "by": ""}}
    assert "GRU training against torch: 2," in summary.told(found) and "cells at 2 threads" in summary.told(found)
    assert "GRU training against torch: 3," in summary.told(found, 1) and "cells at 1 thread," in summary.told(found, 1)
    assert "on 1 thread of" in table.speed(found, 1)


def test_epochs_are_judged_by_time_at_equal_loss_and_the_first_does_not_count():
    found = {
        "ours": {"median": 1.0, "seconds": [9.0, 1.0, 1.0], "best_loss": 0.5},
        "torch": {"median": 4.0, "seconds": [1.0, 4.0, 4.0], "best_loss": 0.5},
    }
    fast, equal = epochs.against("ecg5000", [{"contenders": found}], "torch")
    assert fast.figure == pytest.approx(4) and fast.met and equal.met
    found["ours"]["best_loss"] = 0.6
    assert not epochs.against("ecg5000", [{"contenders": found}], "torch")[1].met


def test_a_carried_state_is_judged_by_the_time_to_the_loss_that_the_other_has_at_best():
    found = {
        "ours-carried": {"median": 1.0, "seconds": [2.0, 1.0, 1.0, 1.0], "losses": [9.0, 6.0, 4.0, 5.0], "best_loss": 4.0},
        "darts": {"median": 8.0, "seconds": [9.0, 8.0, 8.0], "losses": [7.0, 4.5, 6.0], "best_loss": 4.5},
    }
    epoch, whole = epochs.carried_against("vic_elec", [{"contenders": found}], "darts")
    assert epoch.figure == pytest.approx(8) and whole.figure == pytest.approx(17 / 4)
    found["ours-carried"]["losses"] = [9.0, 6.0, 4.6, 5.0]
    whole = epochs.carried_against("vic_elec", [{"contenders": found}], "darts")[1]
    assert not whole.met and "not reached" in str(whole)
