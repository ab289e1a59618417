"""The loss of a language model over its vocabulary, ours beside plain torch: `python benchmarks/vocabulary.py`.

Loss and all gradients from states (rows, features), as `kernels.cross_entropy` has them and as torch's nn.functional.linear and cross_entropy do,
with and without a mask of dropout that is the same for all steps of twenty rows; also the eager engine, which is torch's products block by block.
All must agree before they are timed; repetitions go in turn. Writes benchmarks/vocabulary.json and prints the table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
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

from unspool.kernels import using
from unspool.kernels.cross_entropy import cross_entropy

RESULTS = Path(__file__).with_suffix(".json")
STREAMS, STEPS, SHARE = 20, 62, 0.3
WIDTHS = ((320, 66), (320, 256), (320, 1000), (320, 2000), (256, 10_000), (320, 10_000), (256, 30_000))
"""Features and words: of characters, bytes, the common words of an adaptive softmax, words."""

WAYS = ("native", "eager", "torch")


def main() -> None:
    given = options(__doc__, RESULTS, 9)
    if not given.table:
        torch.set_num_threads(given.threads)
        rows = [measured(*shape, share, given) for shape in WIDTHS for share in (0.0, SHARE)]
        told = {"seed": given.seed, "threads": given.threads, "repeats": given.repeats, "rows_of_states": STREAMS * STEPS, "rows": rows}
        write(given.out, {**about(("torch", "numpy")), **told})
    print(table(json.loads(given.out.read_text(encoding="utf-8"))))


def measured(width: int, words: int, share: float, given: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of a loss with its gradients, medians and quartiles."""
    torch.manual_seed(given.seed)
    count = STREAMS * STEPS
    kept = torch.rand(STREAMS, width) >= share if share else None
    states = torch.randn(STREAMS, STEPS, width) * (1.0 if kept is None else kept[:, None])
    leaves = [states.flatten(0, 1), 0.1 * torch.randn(words, width), torch.zeros(words)]
    truth, shares = torch.randint(0, words, (count,)), torch.full((count,), 1 / count)

    def ours(engine: Any) -> Callable[..., Tensor]:
        def way(*read: Tensor) -> Tensor:
            with using(engine):
                return cross_entropy(*read, truth, shares, kept)

        return way

    def plain(*read: Tensor) -> Tensor:
        return nn.functional.cross_entropy(nn.functional.linear(*read), truth)

    ways = {"native": ours("native"), "eager": ours("eager"), "torch": plain}
    losses = [step(way, leaves)[1] for way in ways.values()]
    for loss in losses[:-1]:
        torch.testing.assert_close(loss, losses[-1], rtol=1e-4, atol=1e-5)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, way in ways.items():
            times[name].append(step(way, leaves)[0])
    told = {name: {"median": median(taken), "quartiles": quantiles(taken, n=4)[::2]} for name, taken in times.items()}
    ratios = {name: median(theirs / mine for mine, theirs in zip(times["native"], times[name], strict=True)) for name in WAYS[1:]}
    row = {"features": width, "words": words, "dropped": share, "milliseconds": told, "ratios": ratios}
    print(line_of(row), flush=True)
    return row


def step(way: Callable[..., Tensor], leaves: list[Tensor]) -> tuple[float, Tensor]:
    read = [leaf.detach().requires_grad_() for leaf in leaves]
    started = perf_counter()
    loss = way(*read)
    loss.backward()
    return 1e3 * (perf_counter() - started), loss.detach()


def table(results: dict[str, Any]) -> str:
    titles = ["features", "words", "dropped", "Unspool, ms", "eager, ms", "torch, ms", "times as fast as eager", "as torch"]
    return "\n".join([headed(titles), *map(line_of, results["rows"])])


def line_of(row: dict[str, Any]) -> str:
    times = [f"{row['milliseconds'][name]['median']:.1f}" for name in WAYS]
    return line([str(row["features"]), f"{row['words']:,}", f"{row['dropped']:g}", *times, *(f"{ratio:.2f}" for ratio in row["ratios"].values())])


if __name__ == "__main__":
    main()
