"""unspool evaluate: how good a trained model is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unspool.cli.output import write_json, write_scores
from unspool.cli.parameters import AsJson, RunFolder


def evaluate(
    folder: RunFolder,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Judge on all of this file, not on the run's test part.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score a trained model.

    On its test part, with baselines beside; or on all of other data.
    """
    from unspool import run

    scores = run.load(folder).evaluate(data)
    if as_json:
        write_json(scores)
    else:
        write_scores(scores["test"], scores.get("baselines", {}))
