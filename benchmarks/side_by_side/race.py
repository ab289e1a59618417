"""The coordinator: asks each contender's process in turn, so that all share the machine's mood. Those not asked are stopped and spend nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1]
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "XLA_FLAGS")
"""Settings that would have another processor's kernels or one contender's waiting measured; no process inherits them."""


class ContenderFailed(Exception):
    """A contender's process ended; the text is the end of what it printed."""


class Runner:
    """A process that is stopped whenever it is not asked, since threads of a pool spin for a while after work."""

    def __init__(self, module: str, arguments: list[str], threads: int, environment: Mapping[str, str]):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (it is closed with the process)
        self.told = [module, *arguments]
        command = [sys.executable, "-m", module, *arguments, str(threads)]
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        paths = [str(FOLDER), inherited.get("PYTHONPATH", "")]
        given = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": os.pathsep.join(filter(None, paths)), "JAX_PLATFORMS": "cpu"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env={**inherited, **given, **environment}
        )

    def send(self, **request: Any) -> None:
        """Wake the process and hand it a request."""
        assert self.process.stdin is not None
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._failed() from None

    def receive(self) -> Any:
        """The answer; the process is stopped once it is there. Raises ContenderFailed where the process has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise self._failed()
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        self.send(**request)
        return self.receive()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def _failed(self) -> ContenderFailed:
        self.process.wait()
        self.log.seek(0)
        return ContenderFailed(f"{' '.join(self.told)} ended with {self.process.returncode}:\n{self.log.read()[-2000:]}")


def contender_process(name: str, threads: int) -> Runner:
    from side_by_side.contenders import CONTENDERS

    return Runner("side_by_side.worker", [name], threads, CONTENDERS[name].get("environment", {}))
