"""unspool verify: proof that live is the same model."""

from __future__ import annotations

from unspool.cli.output import flattened, say, write_json
from unspool.cli.parameters import AsJson, RunFolder


def verify(folder: RunFolder, as_json: AsJson = False) -> None:
    """Prove that live answers are the offline ones.

    The run folder's files are checked too. The proof is made on the test part: whole, chunks, steps, program (interpreted
    and native) and session must agree.
    """
    from unspool import run

    found = run.load(folder).verify()
    if as_json:
        write_json(found)
    else:
        say(*(f"{name:<24} {value}" for name, value in flattened(found)))
