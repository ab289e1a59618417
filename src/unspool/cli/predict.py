"""unspool predict: answers for a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from unspool.cli.output import say, write_json
from unspool.cli.parameters import AsJson, RunFolder
from unspool.errors import DataError


def predict(
    folder: RunFolder,
    data: Annotated[Path, typer.Argument(metavar="INPUT", help="A file of the kind that the run was trained on.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the JSON lines here; must not exist.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Answer for every record of a file.

    One JSON line a record: the forecast after its last row, or its class. Rows of a table in which only the targets are empty tell what is
    known of the future.
    """
    from unspool import run

    if out is not None and out.exists():
        raise DataError(f"{out}: is there already, and nothing is overwritten; give another --out")
    if out is not None and not out.parent.is_dir():
        raise DataError(f"{out}: its folder {out.parent} does not exist; make it, or give another --out")
    answers = run.load(folder).predict(data)
    lines = [json.dumps(answer, ensure_ascii=False, allow_nan=False) for answer in answers]
    if out is not None:
        with out.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    if as_json:
        write_json(answers if out is None else {"answers": len(answers), "file": str(out)})
    elif out is None:
        say(*lines)
    else:
        say(f"{len(answers)} answers in {out}")
