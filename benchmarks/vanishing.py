"""A step of training whose gradients vanish, ours beside torch: `python benchmarks/vanishing.py`.

The loss reads the last output alone, and what small weights remember of a step is the less the further it is away: gradients of far steps are below
1.2e-38, where most processors take many times as long for a product. The weights are those that torch begins with, and a fifth of them. torch stands
twice, also as it is told to take such numbers for zeros (torch.set_flush_denormal, which is of the calling thread). Steps go in turn. Writes
benchmarks/vanishing.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side.about import about, write
from side_by_side.options import options
from side_by_side.table import headed, line

from unspool.layers import GRU, LSTM

RESULTS = Path(__file__).with_suffix(".json")
STEPS, ROWS, INPUTS, HIDDEN = 200, 32, 64, 128
KINDS = {"LSTM": (LSTM, nn.LSTM), "GRU": (GRU, nn.GRU)}
SCALES = (1.0, 0.2)
"""Of the weights."""

WARMUP = 2
WAYS = {"ours": "Unspool, ms", "torch": "torch, ms", "torch_told": "torch that is told, ms"}


def main() -> None:
    given = options(__doc__, RESULTS, 15)
    if not given.table:
        torch.set_num_threads(given.threads)
        rows = [measured(kind, scale, given) for kind in KINDS for scale in SCALES]
        told = {"seed": given.seed, "threads": given.threads, "repeats": given.repeats, "shape": [STEPS, ROWS, INPUTS, HIDDEN], "rows": rows}
        write(given.out, {**about(("torch", "numpy")), **told})
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


def measured(kind: str, scale: float, given: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of a step, medians and quartiles."""
    torch.manual_seed(given.seed)
    ours, theirs = KINDS[kind]
    plain = theirs(INPUTS, HIDDEN, batch_first=True)
    with torch.no_grad():
        for weight in plain.parameters():
            weight.mul_(scale)
    layer = ours.from_torch(plain)
    x = torch.randn(ROWS, STEPS, INPUTS)
    torch.testing.assert_close(gradient(layer, x), gradient(plain, x), rtol=1e-4, atol=1e-5)

    def told() -> float:
        with zeros_for_subnormals():
            return step(plain, x)

    ways: dict[str, Callable[[], float]] = {"ours": lambda: step(layer, x), "torch": lambda: step(plain, x), "torch_told": told}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(WARMUP + given.repeats):
        for name, way in ways.items():
            seconds = way()
            if turn >= WARMUP:
                times[name].append(1e3 * seconds)
    found = {name: {"median": median(taken), "quartiles": quantiles(taken, n=4)[::2]} for name, taken in times.items()}
    row = {"layer": kind, "scale": scale, "milliseconds": found}
    print(line_of(row), flush=True)
    return row


@contextmanager
def zeros_for_subnormals() -> Iterator[None]:
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def gradient(layer: nn.Module, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    layer(x)[0][:, -1].sum().backward()
    assert x.grad is not None
    return x.grad


def step(layer: nn.Module, x: Tensor) -> float:
    started = perf_counter()
    gradient(layer, x)
    return perf_counter() - started


def table(results: dict[str, Any]) -> str:
    return "\n".join([headed(["layer", "weights times", *WAYS.values()]), *map(line_of, results["rows"])])


def line_of(row: dict[str, Any]) -> str:
    return line([row["layer"], f"{row['scale']:g}", *(f"{row['milliseconds'][name]['median']:.1f}" for name in WAYS)])


if __name__ == "__main__":
    main()
