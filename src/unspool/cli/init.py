"""unspool init: a spec to start from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import typer

from unspool.cli.output import say
from unspool.errors import SpecError

Task = Literal["forecast", "classify", "tag", "generate"]
Source = Literal["table", "arrays", "text", "tagged"]
SOURCES: dict[Task, tuple[Source, ...]] = {
    "forecast": ("table", "arrays"), "classify": ("table", "arrays", "text"), "tag": ("tagged",), "generate": ("text",),
}  # fmt: skip
"""What each task can be asked of, the commonest first."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")] = Path(),
    task: Annotated[Task, typer.Option("--task", help="What is asked.")] = "forecast",
    source: Annotated[
        Source | None, typer.Option("--source", help="What the data is; where left out, what the task is mostly asked of.", show_default=False)
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Write small synthetic data too, so that the spec works as it is.")] = False,
) -> None:
    """Write a commented spec.yaml to start from. No file is ever overwritten."""
    fitting = SOURCES[task]
    source = source or fitting[0]
    if source not in fitting:
        raise SpecError(f"init: --task {task} reads no {source} source; use --source {' or '.join(fitting)}, or another --task")
    template = files("unspool.cli") / "templates" / f"{task}-{source}.yaml"
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
