"""unspool check: what a spec means, before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unspool.cli.output import say, write_json
from unspool.cli.parameters import AsJson, Assignments, Seed


def check(
    spec: Annotated[Path | None, typer.Argument(metavar="SPEC", help="The run's YAML file.", show_default=False)] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a spec instead, for editors.")] = False,
    assignments: Assignments = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a spec and its data would train.

    Every choice that was left open is settled and shown, beside the data's facts and the model's size, cost and latency.
    """
    from unspool import run

    if schema:
        write_json(run.RunSpec.model_json_schema())
        return
    if spec is None:
        raise typer.BadParameter("give a spec, or --schema", param_hint="SPEC")
    found = run.check(run.load_spec(spec, assignments or [], seed))
    document = {"spec": found.spec.model_dump(mode="json"), "data": found.data, "model": found.model}
    if as_json:
        write_json(document | {"notes": found.notes})
    else:
        notes = [f"# {note}" for note in found.notes]
        say(*(_section(title, content) for title, content in document.items()), *notes, f"# {spec} can be trained: unspool train {spec} --out DIR")


def _section(title: str, content: object) -> str:
    import yaml

    return yaml.safe_dump({title: content}, sort_keys=False, allow_unicode=True, width=120)
