"""Runs of the command line, one after the other, each in a fork of this process, so that the libraries are imported once.

`python worker.py` reads lines of JSON, {"arguments": [...], "file": NAME, "sync": NUMBER}, and answers each with {"code": N, "syncs": {NAME: N}}. The
run is killed by SIGKILL just before it syncs a file of that name for that time, and then answers with code -9 and no syncs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from unspool import run  # noqa: F401
from unspool.cli import main


def name_of(handle: int) -> str:
    """Of an open file, as it will be called once it is whole."""
    name = Path(os.readlink(f"/proc/self/fd/{handle}")).name
    return name.removeprefix(".").removesuffix(".part").removesuffix(".new")


def watched(file: str, sync: int) -> Counter[str]:
    """Counts syncs by name from now on, and dies at one of them."""
    real, counts = os.fsync, Counter[str]()

    def fsync(handle: int) -> None:
        counts[name_of(handle)] += 1
        if file and counts[file] == sync:
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)

    os.fsync = fsync
    return counts


def forked(asked: dict[str, Any]) -> dict[str, Any]:
    here, there = os.pipe()
    child = os.fork()
    if not child:
        counts = watched(asked.get("file", ""), asked.get("sync", 0))
        code = main(asked["arguments"])
        os.write(there, json.dumps({"code": code, "syncs": counts}).encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return json.loads(answer) if answer else {"code": status, "syncs": {}}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answers = os.dup(1)
    os.dup2(2, 1)  # what the runs print is none of the answers
    for line in sys.stdin:
        os.write(answers, json.dumps(forked(json.loads(line))).encode() + b"\n")
