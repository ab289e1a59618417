"""unspool stream: a live session over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unspool.cli.lines import LONGEST_LINE, measured
from unspool.cli.output import write_json_line
from unspool.cli.parameters import RunFolder
from unspool.errors import InputError, LiveError

if TYPE_CHECKING:
    from unspool.run import WholeTexts
    from unspool.streaming import Session


def stream(
    folder: RunFolder,
    sentences: Annotated[
        bool, typer.Option("--sentences", help="Read each line's text as a whole, as a model that reads from both ends must; for models of texts.")
    ] = False,
) -> None:
    """Answer live, line by line.

    Each line of the input is one JSON object and is answered at once by one JSON object on a line. It holds what the model reads of one step,
    by column; of a text, a piece of whole words, {"text": "..."}, and for a tagger {"end": true} at the end of a sentence. {"reset": true}
    forgets everything. A line that cannot be used is answered with {"error": ..., "line": ...}, changes nothing, and makes the exit code 2.
    """
    if respond(_whole(folder) if sentences else _opened(folder), sys.stdin.buffer):
        raise typer.Exit(InputError.exit_code)


def _opened(folder: Path) -> Session:
    from unspool.bundle import Bundle
    from unspool.streaming import Session

    try:
        return Session.open(folder)
    except LiveError as error:
        facts = Bundle.open(folder).facts()
        if facts.live or facts.preparation.tokens is None:
            raise
        raise LiveError(f"{error}; or have each line's text read as a whole: unspool stream {folder} --sentences") from None


def _whole(folder: Path) -> WholeTexts:
    from unspool import run

    return run.WholeTexts(run.load(folder))


def respond(session: Session | WholeTexts, lines: Iterable[bytes]) -> int:
    """Answer every line; returns how many could not be used."""
    bad = 0
    for number, line in enumerate(measured(lines), start=1):
        try:
            answer: Mapping[str, Any] = _answer(session, line)
        except (InputError, ValueError) as error:
            bad += 1
            answer = {"error": str(error), "line": number}
        write_json_line(answer)
    return bad


def _answer(session: Session | WholeTexts, line: bytes) -> Mapping[str, Any]:
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
