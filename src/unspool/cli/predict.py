"""unspool predict: answers for a file, or for texts as they are."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unspool.cli.lines import texts
from unspool.cli.output import say, write_json
from unspool.cli.parameters import AsJson, RunFolder
from unspool.cli.view import write_tagged
from unspool.errors import DataError

if TYPE_CHECKING:
    from unspool.run import Model

STANDARD_INPUT = "-"
_LIKE_A_PATH = re.compile(r"\S*[/\\]\S*|\S*\w\.[A-Za-z]\w{0,9}")


def predict(
    folder: RunFolder,
    given: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="A file of the kind that the run was trained on; of a model of texts also a text itself, or - for a text a line on standard input.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the JSON lines here; must not exist.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Answer for every record of a file, or for texts.

    One JSON line a record: the forecast after its last row, its class, or its words with their tags; tags are shown in colour in a terminal.
    Rows of a table in which only the targets are empty tell what is known of the future. Raw texts are cut into sentences and words by rule.
    """
    from unspool import run

    if given is None and sys.stdin.isatty():
        raise typer.BadParameter("give a file, a text, or a text a line on standard input", param_hint="INPUT")
    if out is not None and out.exists():
        raise DataError(f"{out}: is there already, and nothing is overwritten; give another --out")
    if out is not None and not out.parent.is_dir():
        raise DataError(f"{out}: its folder {out.parent} does not exist; make it, or give another --out")
    model = run.load(folder)
    data = data_of(model, STANDARD_INPUT if given is None else given)
    answers = model.predict(data)
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in _lines(answers))
    if as_json:
        write_json(answers if out is None else {"answers": len(answers), "file": str(out)})
    elif out is not None:
        say(f"{len(answers)} answers in {out}")
    elif sys.stdout.isatty() and all("words" in answer for answer in answers):
        write_tagged(answers, data if isinstance(data, list) else None)
    else:
        say(*_lines(answers))


def data_of(model: Model, given: str) -> Path | list[str]:
    """The file that is there under that name; else, for a model of texts, the text itself, or those of standard input."""
    if given == STANDARD_INPUT:
        if not model.reads_texts:
            raise DataError("standard input: the model reads columns, not texts; give it a file of the kind that it was trained on")
        return texts(sys.stdin.buffer)
    if not model.reads_texts or os.path.exists(given):
        return Path(given)
    if not given.strip():
        raise DataError("INPUT: holds nothing that can be seen, wanted a text, or a file's path; give one")
    if _LIKE_A_PATH.fullmatch(given):
        remedy = "check the path, or write the text to standard input: unspool predict DIR -"
        raise DataError(f"{given}: no such file, and a path is not taken for a text; {remedy}")
    return [given]


def _lines(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [json.dumps(answer, ensure_ascii=False, allow_nan=False) for answer in answers]
