"""Unspool's layers beside torch.nn on one CPU: `python benchmarks/layers.py [--threads N] [--repeats N]`.

Both run in this process on the same threads, in turn, and the medians of the repeats are compared: training (forward and backward) of whole
sequences, dense and of variable length (torch.nn packed), and one live step of one stream (the step program beside a torch cell).
Writes benchmarks/layers.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

import unspool
from unspool.cells import GRUSpec, LSTMSpec
from unspool.export import trace
from unspool.layers import GRU, LSTM, POOLS
from unspool.models.embed import Embed
from unspool.models.heads import Categorical
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead
from unspool.streaming import Interpreter

RESULTS = Path(__file__).with_suffix(".json")
SHAPES = ((200, 16, 32, 64), (100, 32, 64, 128), (50, 32, 512, 512))
LAYERS = {"GRU": (GRU, nn.GRU), "LSTM": (LSTM, nn.LSTM)}
CELLS = {"GRU": (GRUSpec, nn.GRUCell), "LSTM": (LSTMSpec, nn.LSTMCell)}
STEPS = 200
SEED = 0


def training(name: str, shape: tuple[int, int, int, int], varied: bool, repeats: int) -> dict[str, Any]:
    """Milliseconds of a forward and a backward pass of (T, B, inputs, hidden), ours and torch's."""
    steps, rows, inputs, hidden = shape
    torch.manual_seed(SEED)
    theirs = LAYERS[name][1](inputs, hidden, batch_first=True)
    ours = LAYERS[name][0].from_torch(theirs)
    x = torch.randn(rows, steps, inputs)
    lengths = torch.randint(steps // 4, steps + 1, (rows,)) if varied else None

    def run_theirs() -> None:
        if lengths is None:
            y, _ = theirs(x)
        else:
            packed, _ = theirs(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
            y, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
        y.sum().backward()

    def run_ours() -> None:
        ours(x, lengths=lengths)[0].sum().backward()

    measured = interleaved({"unspool": run_ours, "torch.nn": run_theirs}, repeats)
    return {"layer": name, "what": "variable length" if varied else "dense", "T, B, inputs, hidden": shape, "milliseconds": measured}


def step(name: str, inputs: int, hidden: int, repeats: int) -> dict[str, Any]:
    """Microseconds of one step of one stream, call from Python included: the step program with a head of two classes, and torch's cell alone."""
    torch.manual_seed(SEED)
    backbone = build_backbone(Backbone(cell=CELLS[name][0](hidden=hidden)), inputs)
    network = SequenceModel(Embed(None, inputs, ()), backbone, POOLS["last"](hidden), Categorical(CategoricalHead(), hidden, (1, 1))).eval()
    program = trace(network, horizon=None, features=0, values=inputs, codes=0)
    interpreter, cell = Interpreter(program), CELLS[name][1](inputs, hidden)
    x, kept = np.zeros((1, inputs), np.float32), {"ours": program.initial_state(1), "torch": None}
    z = torch.from_numpy(x)

    def run_ours() -> None:
        for _ in range(STEPS):
            _, kept["ours"] = interpreter.run({"values": x}, kept["ours"])

    def run_theirs() -> None:
        with torch.inference_mode():
            for _ in range(STEPS):
                kept["torch"] = cell(z, kept["torch"])

    measured = interleaved({"unspool": run_ours, "torch.nn": run_theirs}, repeats)
    microseconds = {who: 1e3 * milliseconds / STEPS for who, milliseconds in measured.items()}
    return {"layer": name, "what": "live step", "inputs, hidden": (inputs, hidden), "microseconds": microseconds}


def interleaved(contenders: dict[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median milliseconds of each, run in turn after one warm-up."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(repeats + 1):
        for name, run in contenders.items():
            started = perf_counter()
            run()
            if repeat:
                times[name].append(1e3 * (perf_counter() - started))
    return {name: median(found) for name, found in times.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--repeats", type=int, default=7)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    rows = [training(name, shape, varied, given.repeats) for name in LAYERS for shape in SHAPES for varied in (False, True)]
    rows += [step(name, 64, 128, given.repeats) for name in CELLS]
    versions = {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__, "unspool": unspool.__version__}
    written = {"threads": given.threads, "repeats": given.repeats, "seed": SEED, "versions": versions, "rows": rows}
    RESULTS.write_text(json.dumps(written, indent=1) + "\n")
    for row in rows:
        unit, measured = next((key, row[key]) for key in ("milliseconds", "microseconds") if key in row)
        shape = row.get("T, B, inputs, hidden") or row["inputs, hidden"]
        ratio = measured["torch.nn"] / measured["unspool"]
        print(f"{row['layer']:5} {row['what']:16} {shape!s:22} {measured['unspool']:9.2f} {measured['torch.nn']:9.2f} {unit:13} x{ratio:.2f}")


if __name__ == "__main__":
    main()
