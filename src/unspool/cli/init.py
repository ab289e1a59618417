"""unspool init: a spec to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

from unspool.cli.output import say
from unspool.errors import SpecError


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")] = Path(),
    task: Annotated[Literal["forecast", "classify"], typer.Option("--task", help="What is asked.")] = "forecast",
    source: Annotated[Literal["table", "arrays", "text"], typer.Option("--source", help="What the data is.")] = "table",
    example: Annotated[bool, typer.Option("--example", help="Write small synthetic data too, so that the spec works as it is.")] = False,
) -> None:
    """Write a commented spec.yaml to start from. No file is ever overwritten."""
    template = files("unspool.cli") / "templates" / f"{task}-{source}.yaml"
    if not template.is_file():
        raise SpecError(f"init: a {source} source has nothing to forecast; use --task classify, or --source table or arrays")
    contents = {"spec.yaml": template.read_bytes()}
    if example:
        from unspool.cli.example_data import example_file

        name, content = example_file(task, source)
        contents[name] = content
    _write_new(folder, contents)
    spec = folder / "spec.yaml"
    first = "" if example else f"set data.source.path and the columns in {spec}, then "
    say(*(str(folder / name) for name in contents), f"Next: {first}unspool check {spec}")


def _write_new(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files none of which is there yet."""
    there = [folder / name for name in contents if (folder / name).exists()]
    if there:
        raise SpecError(f"{there[0]}: is there already, and init overwrites nothing; give another folder")
    if folder.exists() and not folder.is_dir():
        raise SpecError(f"{folder}: is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with (folder / name).open("xb") as file:
            file.write(content)
