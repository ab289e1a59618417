"""What a person sees while texts go through the encoder."""

from __future__ import annotations

import io

from rich.console import Console

from unspool.cli.progress import ProgressHook
from unspool.training.hooks import Encoding, Progress


def shown(terminal, events):
    file, now = io.StringIO(), [0.0]
    hook = ProgressHook(Console(file=file, force_terminal=terminal, width=120), clock=lambda: now[0])
    for now[0], method, *given in events:
        getattr(hook, method)(*given)
    return file.getvalue()


def at(done, ended=False):
    return Encoding(done, 4000, 8.0, 188.0 if done and done < 4000 else 0.0, ended)


def test_lines_are_at_most_one_every_ten_seconds_and_one_at_the_end():
    events = [(100 + second, "encoding", at(100 * second)) for second in range(1, 26)]
    assert shown(False, [*events, (126, "encoding", at(4000)), (126, "encoding", at(4000, ended=True))]).splitlines() == [
        "vectors in context: 100 of 4,000 texts, 3:08 left",
        "vectors in context: 1,100 of 4,000 texts, 3:08 left",
        "vectors in context: 2,100 of 4,000 texts, 3:08 left",
        "vectors in context: 4,000 of 4,000 texts",
    ]


def test_a_terminal_shows_a_bar_and_is_left_clean():
    training = Progress(1, 3, 0, 40, 0.1, 0.001, {}, 12.0, None)
    ends = [(2, "encoding", at(2000, ended=True)), (3, "started", training, ()), (4, "stopped", training, "failed")]
    text = shown(True, [(0, "encoding", at(32)), (1, "encoding", at(2000)), *ends])
    assert "2,000 of 4,000 texts, 3:08 left" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0  # the cursor is shown again
