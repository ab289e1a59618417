"""Write the help text of every verb to tests/cli/help/: `python tests/cli/write_help.py`. Tests and docs read them."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

from unspool.cli import main
from unspool.cli.app import VERBS

FOLDER = Path(__file__).parent / "help"
NAMES = ("unspool", *(verb.__name__ for verb in VERBS))


def help_text(name: str) -> str:
    """What `unspool --help` or `unspool NAME --help` prints at 80 columns."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(["--help"] if name == "unspool" else [name, "--help"])
    return printed.getvalue()


if __name__ == "__main__":
    os.environ["COLUMNS"] = "80"
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        (FOLDER / f"{name}.txt").write_text(help_text(name), encoding="utf-8")
