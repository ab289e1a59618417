"""What a person sees of training: a bar on a terminal, plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from unspool.cli.progress import ProgressHook, duration
from unspool.training.hooks import Progress


def at(epoch: int, step: int, remaining: float | None = 95.0, **metrics: float) -> Progress:
    return Progress(epoch, 3, step, 40, 0.123456, 0.001, metrics, 12.0, remaining)


def shown(terminal: bool, events) -> str:
    file, now = io.StringIO(), [0.0]
    hook = ProgressHook(Console(file=file, force_terminal=terminal, width=120), clock=lambda: now[0])
    for seconds, method, *given in events:
        now[0] = seconds
        getattr(hook, method)(*given)
    return file.getvalue()


def test_lines_are_one_an_epoch_and_at_most_one_every_ten_seconds():
    events = [(0, "started", at(1, 0), ("this run began with 2 threads",))]
    events += [(second, "stepped", at(1, second)) for second in range(1, 36)]
    events += [(36, "judged", at(1, 40, mase=0.98765, mae=3.0)), (40, "stepped", at(2, 1)), (41, "judged", at(2, 40, None, mase=0.5))]
    events += [(42, "stopped", at(2, 40), "early")]
    assert shown(False, events).splitlines() == [
        "note: this run began with 2 threads",
        "epoch 1/3  batch 10/40  loss 0.1235  rate 0.001  1:35 left",
        "epoch 1/3  batch 20/40  loss 0.1235  rate 0.001  1:35 left",
        "epoch 1/3  batch 30/40  loss 0.1235  rate 0.001  1:35 left",
        "epoch 1/3  loss 0.1235  mase 0.9877  rate 0.001  1:35 left",
        "epoch 2/3  loss 0.1235  mase 0.5  rate 0.001",
        "stopped: no improvement any more after epoch 2 of 3, 12 s",
    ]


@pytest.mark.parametrize("ending", ["interrupted", "failed"])
def test_an_error_speaks_for_itself(ending):
    assert shown(False, [(0, "started", at(1, 0), ()), (1, "stopped", at(1, 1), ending)]) == ""


def test_a_terminal_shows_a_bar_and_is_left_clean():
    text = shown(True, [(0, "started", at(1, 0), ()), (1, "stepped", at(1, 7, score=0.5)), (2, "stopped", at(1, 8, score=0.5), "finished")])
    assert "epoch 1/3" in text and "loss 0.1235  score 0.5  rate 0.001  1:35 left" in text
    assert "finished after epoch 1 of 3, 12 s" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0  # the cursor is shown again


@pytest.mark.parametrize("seconds, wanted", [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (188, "3:08"), (3788, "1:03:08")])
def test_durations_are_read_at_a_glance(seconds, wanted):
    assert duration(seconds) == wanted
