"""Which verbs there are, and the options that stand before a verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from unspool import __version__
from unspool.cli.check import check
from unspool.cli.demo import demo
from unspool.cli.doctor import doctor
from unspool.cli.evaluate import evaluate
from unspool.cli.generate import generate
from unspool.cli.init import init
from unspool.cli.predict import predict
from unspool.cli.report import report
from unspool.cli.stream import stream
from unspool.cli.train import train
from unspool.cli.verify import verify

VERBS = (init, check, train, evaluate, predict, generate, stream, verify, report, doctor, demo)


@dataclass
class Settings:
    """What the options before the verb say."""

    debug: bool = False


app = typer.Typer(
    name="unspool",
    help="Recurrent networks for sequence data, from raw files to a live stream.",
    epilog="Exit codes: 0 done, 1 failed, 2 the input cannot be used, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    context.obj.debug = debug


for verb in VERBS:
    app.command()(verb)
