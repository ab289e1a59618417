"""A run folder as one self-contained HTML page, and as a model card.

Reads the run folder alone: no torch, no network, no other room's state. The same folder gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from unspool.bundle import CARD, MANIFEST, REPORT, Bundle, seal, write_file
from unspool.report.card import card
from unspool.report.contents import read
from unspool.report.page import page


def write(folder: Path) -> Path:
    """Writes `report.html` and `card.md` into the run folder and returns the report's path.

    A finished run is checked against its manifest first, so that no figure comes from a damaged file, and is sealed again. A run that has not
    finished has no manifest, and gets a report of what there is so far.
    raises  BundleError where the folder is none or is damaged
    """
    finished = (folder / MANIFEST).exists()
    if finished:
        Bundle.open(folder, apart_from=(REPORT, CARD))
    write_file(folder, REPORT, page(read(folder)).encode())
    write_file(folder, CARD, card(folder).encode())
    if finished:
        seal(folder)
    return folder / REPORT


__all__ = ["card", "write"]
