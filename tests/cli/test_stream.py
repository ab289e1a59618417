"""A live session over lines: each is answered at once, and a bad one changes nothing."""

from __future__ import annotations

import io
import json

import pytest

from unspool.cli import main
from unspool.cli.stream import LONGEST_LINE, respond
from unspool.errors import LiveError


class Counter:
    """A session that adds up what it is given."""

    def __init__(self):
        self.total = 0.0

    def step(self, row):
        if "x" not in row:
            raise LiveError("column 'x' is missing; wanted x")
        self.total += row["x"]
        return {"total": self.total}

    def reset(self):
        self.total = 0.0


def told(lines, capsys, session=None):
    bad = respond(session or Counter(), io.BytesIO(b"".join(lines)))
    return bad, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_line_is_answered_in_order(capsys):
    assert told([b'{"x": 1}\n', b'{"x": 2.5}\n'], capsys) == (0, [{"total": 1.0}, {"total": 3.5}])


def test_the_last_line_needs_no_line_end(capsys):
    assert told([b'{"x": 1}\n', b'{"x": 2}'], capsys) == (0, [{"total": 1.0}, {"total": 3.0}])


def test_reset_forgets(capsys):
    assert told([b'{"x": 1}\n', b'{"reset": true}\n', b'{"x": 2}\n'], capsys)[1] == [{"total": 1.0}, {"reset": True}, {"total": 2.0}]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"\n", "not JSON"),
        (b"{\n", "not JSON"),
        (b"[1]\n", "got list"),
        (b"3\n", "got int"),
        (b'"\xff"\n', "not JSON"),
        (b'{"y": 1}\n', "column 'x' is missing"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b'"' + b"a" * LONGEST_LINE + b'"\n', "longer than"),
        (b"a" * (3 * LONGEST_LINE + 5) + b"\n", "longer than"),
    ],
    ids=["blank", "cut", "list", "number", "no-utf8", "column", "deep", "long", "very-long"],
)
def test_a_bad_line_is_told_with_its_number_and_changes_nothing(capsys, line, message):
    bad, answers = told([b'{"x": 1}\n', line, b'{"x": 2}\n'], capsys)
    assert bad == 1
    assert [answers[0], answers[2]] == [{"total": 1.0}, {"total": 3.0}]
    assert answers[1]["line"] == 2
    assert message in answers[1]["error"]
    assert len(answers) == 3


def test_an_answer_is_there_before_the_next_line_is_read(capsys):
    def lines():
        yield b'{"x": 1}\n'
        assert json.loads(capsys.readouterr().out) == {"total": 1.0}
        yield b'{"x": 2}\n'

    assert respond(Counter(), lines()) == 0


@pytest.mark.parametrize(("line", "code"), [(b'{"x": 1}\n', 0), (b"nonsense\n", 2)])
def test_the_exit_code_tells_whether_a_line_was_bad(monkeypatch, capsys, line, code, tmp_path):
    from unspool.streaming import Session

    monkeypatch.setattr(Session, "open", lambda folder: Counter())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line)))
    assert main(["stream", str(tmp_path)]) == code
