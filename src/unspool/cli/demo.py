"""unspool demo: real electricity demand, from the raw file to a live stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run folder to write.")] = Path("runs/demo"),
) -> None:
    """Forecast electricity demand, from file to live stream."""
