"""unspool report: the HTML page of a run."""

from __future__ import annotations

from unspool.cli.output import say, write_json
from unspool.cli.parameters import AsJson, RunFolder


def report(folder: RunFolder, as_json: AsJson = False) -> None:
    """Write the run folder's report.html anew."""
    from unspool import report as page

    written = page.write(folder)
    if as_json:
        write_json({"report": str(written)})
    else:
        say(str(written))
