"""unspool generate: text that a language model writes."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from unspool.cli.output import write_json
from unspool.cli.parameters import AsJson, RunFolder


def generate(
    folder: RunFolder,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What the text goes on from.")] = "",
    length: Annotated[int, typer.Option("--length", min=1, help="Tokens to write.")] = 100,
    temperature: Annotated[float, typer.Option("--temperature", help="Above 1 bolder, below 1 safer; 0 always takes the likeliest.")] = 1.0,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Draw among so many of the likeliest.", show_default=False)] = None,
    top_p: Annotated[float, typer.Option("--top-p", help="Draw among the fewest that hold this share of the probability.")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed writes the same text.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write text with a language model, token by token.

    The text is printed as it comes, after the prompt. Nothing of the model but its step program is loaded.
    """
    from unspool.answers.sampling import Sampling
    from unspool.spec import parse
    from unspool.streaming import Session

    rule = parse(Sampling, {"temperature": temperature, "top_k": top_k, "top_p": top_p}, "generate")
    pieces = Session.open(folder).complete(prompt, length, rule, seed)
    if as_json:
        write_json({"prompt": prompt, "written": "".join(pieces)})
        return
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
