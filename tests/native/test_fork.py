"""A process that is forked after kernels were at work, as workers of a server are, runs on: it has none of the threads of its parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from unspool import native

pytestmark = [
    pytest.mark.skipif(native.library() is None, reason=f"the native engine is not there: {native.why_not()}"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork"),
]

WORK = """
import os, signal, sys
import numpy as np, torch
from unspool.layers import GRU
from unspool.streaming import Executor
from unspool.streaming.program import Operation, Program
torch.set_num_threads(2)
{setup}
before = work()
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if work() == before else 3)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), work() == before)
"""
SCAN = """
layer, x = GRU(32, 128), torch.randn(16, 40, 32)
def work():
    with torch.no_grad():
        return layer(x)[0].numpy().tobytes()
"""
EXECUTOR = """
width, streams = 512, 64
weight = np.linspace(-1, 1, width * width, dtype=np.float32).reshape(width, width)
linear = Operation("linear", ("values", "weight"), "y", {})
made = Program({"values": (width,)}, {}, {"weight": weight}, (linear,), "y", {})
executor, inputs = Executor(made), {"values": np.ones((streams, width), np.float32)}
def work():
    return executor.run(inputs, {})[0].tobytes()
"""


@pytest.mark.parametrize("setup", [SCAN, EXECUTOR], ids=["scan", "executor"])
def test_a_forked_process_does_the_same_work(setup):
    done = subprocess.run([sys.executable, "-c", WORK.replace("{setup}", setup)], capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["0", "True"], done.stderr
