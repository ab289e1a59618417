"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SpecFile = Annotated[Path, typer.Argument(metavar="SPEC", help="The run's YAML file.", show_default=False)]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A run folder, as `unspool train --out DIR` leaves it.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one key, e.g. model.backbone.layers=2. May be repeated.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Override train.seed.", show_default=False)]
