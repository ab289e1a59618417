"""A training step of a linear chain over tags, ours beside pytorch-crf: `python benchmarks/chain.py`.

Log likelihood of a batch and all its gradients, the same weights, emissions and lengths (half to all of the steps); both must agree before they are
timed. Repetitions go in turn. Writes benchmarks/chain.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side.about import about, write
from side_by_side.options import options
from side_by_side.table import headed, line

from unspool.models.crf import CRF

RESULTS = Path(__file__).with_suffix(".json")
SHAPES = ((32, 40, 9), (32, 40, 17), (32, 40, 45), (32, 100, 45))
"""Rows, steps, tags: of names without and with IOBES, of parts of speech, of long sentences."""


def main() -> None:
    given = options(__doc__, RESULTS, 51)
    if not given.table:
        torch.set_num_threads(given.threads)
        rows = [measured(*shape, given) for shape in SHAPES]
        told = {"seed": given.seed, "threads": given.threads, "repeats": given.repeats, "rows": rows}
        write(given.out, {**about(("torch", "pytorch-crf", "numpy")), **told})
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


def measured(rows: int, steps: int, tags: int, given: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of a step, medians and quartiles."""
    import torchcrf

    torch.manual_seed(given.seed)
    ours, other = CRF(tags), torchcrf.CRF(tags, batch_first=True)
    with torch.no_grad():
        for name, theirs in (("start", "start_transitions"), ("end", "end_transitions"), ("transitions", "transitions")):
            getattr(ours, name).copy_(getattr(other, theirs))
    emissions = torch.randn(rows, steps, tags, requires_grad=True)
    lengths = torch.randint(steps // 2, steps + 1, (rows,))
    lengths[0] = steps
    truth, inside = torch.randint(0, tags, (rows, steps)), torch.arange(steps) < lengths[:, None]
    ways = {
        "ours": lambda: ours.log_likelihood(emissions, truth, lengths).sum(),
        "pytorch-crf": lambda: other(emissions, truth, mask=inside, reduction="sum"),
    }
    found = {name: step(emissions, way)[1] for name, way in ways.items()}
    torch.testing.assert_close(found["ours"], found["pytorch-crf"], rtol=1e-4, atol=1e-4)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, way in ways.items():
            times[name].append(step(emissions, way)[0])
    told = {name: {"median": median(taken), "quartiles": quantiles(taken, n=4)[::2]} for name, taken in times.items()}
    ratio = median(theirs / mine for mine, theirs in zip(times["ours"], times["pytorch-crf"], strict=True))
    return {"rows": rows, "steps": steps, "tags": tags, "milliseconds": told, "ratio": ratio}


def step(emissions: torch.Tensor, way: Any) -> tuple[float, torch.Tensor]:
    emissions.grad = None
    started = perf_counter()
    way().backward()
    taken = 1e3 * (perf_counter() - started)
    assert emissions.grad is not None
    return taken, emissions.grad.clone()


def table(results: dict[str, Any]) -> str:
    lines = [headed(["rows, steps, tags", "ours, ms", "pytorch-crf, ms", "times as fast"])]
    for row in results["rows"]:
        taken = [f"{row['milliseconds'][name]['median']:.2f}" for name in ("ours", "pytorch-crf")]
        lines.append(line([f"{row['rows']}, {row['steps']}, {row['tags']}", *taken, f"{row['ratio']:.1f}"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
