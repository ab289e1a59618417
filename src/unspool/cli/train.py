"""unspool train: from a spec to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unspool.cli.output import say, write_json, write_scores
from unspool.cli.parameters import AsJson, Assignments, Seed, SpecFile

if TYPE_CHECKING:
    from unspool.run import Model


def train(
    spec: SpecFile,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run folder to write; new or empty.", show_default=False)],
    assignments: Assignments = None,
    seed: Seed = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out where it was stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train, judge and verify a model, into a run folder."""
    from rich.console import Console

    from unspool import run
    from unspool.cli.progress import ProgressHook

    hooks = [] if as_json else [ProgressHook(Console(stderr=True))]
    model = run.train(spec, out=out, resume=resume, seed=seed, overrides=assignments or [], hooks=hooks)
    if as_json:
        write_json(told(model, out))
    else:
        show(model, out)


def told(model: Model, folder: Path) -> dict[str, Any]:
    """A trained model as one JSON document."""
    return {"folder": str(folder), "live": model.facts.live, "metrics": dict(model.metrics)}


def show(model: Model, folder: Path) -> None:
    """A trained model's scores, and what can be done with it next."""
    write_scores(model.metrics["test"], model.metrics["baselines"])
    say(f"Run folder   {folder}", f"Report       {folder / 'report.html'}")
    live = f"unspool stream {folder}" if model.facts.live else f"not possible: {model.facts.why_not_live}"
    say(f"Live         {live}")
