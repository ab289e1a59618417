"""unspool stream: a live session over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from unspool.cli.output import write_json_line
from unspool.cli.parameters import RunFolder
from unspool.errors import InputError, LiveError

if TYPE_CHECKING:
    from unspool.streaming import Session

LONGEST_LINE = 1 << 20


def stream(folder: RunFolder) -> None:
    """Answer live, line by line.

    Each line of the input is one JSON object and is answered at once by one JSON object on a line. It holds what the model reads of one step,
    by column; {"reset": true} forgets everything. A line that cannot be used is answered with {"error": ..., "line": ...}, changes nothing,
    and makes the exit code 2.
    """
    from unspool.streaming import Session

    if respond(Session.open(folder), sys.stdin.buffer):
        raise typer.Exit(InputError.exit_code)


def respond(session: Session, lines: Iterable[bytes]) -> int:
    """Answer every line; returns how many could not be used."""
    bad = 0
    for number, line in enumerate(_measured(lines), start=1):
        try:
            answer: Mapping[str, Any] = _answer(session, line)
        except (InputError, ValueError) as error:
            bad += 1
            answer = {"error": str(error), "line": number}
        write_json_line(answer)
    return bad


def _measured(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines as they come; of one that is too long, only the beginning."""
    readline = getattr(lines, "readline", None)
    if readline is None:
        yield from lines
        return
    while line := readline(LONGEST_LINE + 1):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = readline(LONGEST_LINE + 1)
        yield line


def _answer(session: Session, line: bytes) -> Mapping[str, Any]:
    row = _row(line)
    if row == {"reset": True}:
        session.reset()
        return {"reset": True}
    return session.step(row)


def _row(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise LiveError(f"the line is longer than {LONGEST_LINE:,} bytes, wanted one JSON object of one step")
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise LiveError(f"not JSON: {error}; wanted one JSON object a line") from None
    if not isinstance(row, dict):
        raise LiveError(f"got {type(row).__name__}, wanted a JSON object that names the columns of one step")
    return row
