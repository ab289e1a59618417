"""Taking a folder for a run without losing what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unspool import bundle
from unspool.errors import BundleError

Claim = Literal["new", "unfinished", "finished"]


def claim(folder: Path, spec: str, resume: bool) -> Claim:
    """Make the folder a run's own and write its `spec.yaml`; raises BundleError where that would lose something.

    returns  whether a run was found in it, as far as it got
    """
    found = state_of(folder)
    if found == "new":
        if resume:
            raise BundleError(f"{folder}: holds no run to resume; leave out --resume to start one")
        folder.mkdir(parents=True, exist_ok=True)
        bundle.write_file(folder, "spec.yaml", spec.encode())
        return found
    if not resume:
        remedy = "choose another --out" if found == "finished" else "go on with --resume, or choose another --out"
        raise BundleError(f"{folder}: already holds {'a' if found == 'finished' else 'an unfinished'} run; {remedy}")
    if (folder / "spec.yaml").read_text("utf-8") != spec:
        raise BundleError(f"{folder}: was started with another spec ({folder / 'spec.yaml'}); resume with that one, or choose another --out")
    return found


def state_of(folder: Path) -> Claim:
    """What a folder holds; raises BundleError where it is no folder or holds something that is no run."""
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder}: is a file; give --out a folder that is new or empty")
    # A run that was killed while it claimed the folder has left this and nothing else.
    if not folder.exists() or {entry.name for entry in folder.iterdir()} <= {".spec.yaml.part"}:
        return "new"
    if (folder / "manifest.json").exists():
        return "finished"
    if (folder / "spec.yaml").exists():
        return "unfinished"
    raise BundleError(f"{folder}: is not empty and holds no run; give --out a folder that is new or empty")
