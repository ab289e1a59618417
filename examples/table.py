"""Train every example over several seeds: `python examples/table.py [--seeds 3] [NAME ...]`.

Writes examples/results.json: for each row every score that is one number, as mean and standard deviation over seeds, the baselines' scores, the
seconds of training and the versions. A row is a spec of this folder, or one with a few lines changed (VARIANTS). Rows that are not named stay as they
are. The data comes from `python examples/fetch.py`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

import unspool

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
VARIANTS = {
    "conll2003_parts_of_speech": ("conll2003", ["data.source.column=2"]),
    "conll2003_chunks": ("conll2003", ["data.source.column=3"]),
    "conll2003_learnt_vectors": (
        "conll2003",
        ["data.vectors=null", "model.embed={kind: learned, width: 50, characters: {kind: lstm, width: 25, hidden: 50}}"],
    ),
}
"""By name: a spec, and what is changed in it."""

ROWS: dict[str, tuple[str, list[str]]] = {spec.stem: (spec.stem, []) for spec in sorted(FOLDER.glob("*.yaml"))} | VARIANTS
SEEDS = 3
ONE_SEED = {"penn_treebank", "shakespeare"}
"""What takes a quarter of an hour or more is run once, unless --seeds says otherwise."""


def row_of(name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """One row, from one run a seed."""
    spec, overrides = ROWS[name]
    runs = []
    for seed in seeds:
        metrics = unspool.train(FOLDER / f"{spec}.yaml", seed=seed, overrides=overrides).metrics
        runs.append(metrics)
        told = ", ".join(f"{score} {value:.4g}" for score, value in list(numbers(metrics["test"]).items())[:3])
        print(f"{name} seed {seed}: {told}; {metrics['training']['seconds']:.0f} s", flush=True)
    seconds = [run["training"]["seconds"] for run in runs]
    return {
        "seeds": list(seeds),
        "parameters": runs[0]["training"]["parameters"],
        "seconds": spread(seconds),
        "test": joined([run["test"] for run in runs]),
        "baselines": {name: joined([run["baselines"][name] for run in runs]) for name in runs[0]["baselines"]},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy")}, "unspool": unspool.__version__},
        "machine": {"cpu": platform.machine(), "threads": torch.get_num_threads(), "cuda": torch.cuda.is_available()},
    }


def joined(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The scores that every run has, over runs."""
    each = [numbers(one) for one in scores]
    return {name: spread([one[name] for one in each]) for name in each[0] if all(name in one for one in each)}


def numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in scores.items() if isinstance(value, int | float)}


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and sample standard deviation; none of one value."""
    return {"mean": mean(values), "sd": stdev(values) if len(values) > 1 else None}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"which of {', '.join(ROWS)}; all where none is given")
    once = " and ".join(sorted(ONE_SEED))
    arguments.add_argument("--seeds", type=int, help=f"how many seeds, from 0; {SEEDS} where left out, and 1 of {once}")
    given = arguments.parse_args()
    unknown = sorted(set(given.name) - set(ROWS))
    if unknown or (given.seeds is not None and given.seeds < 1):
        arguments.error(f"{unknown[0]}: no such row; there are {', '.join(ROWS)}" if unknown else "--seeds: wanted at least 1")
    for name in given.name or ROWS:
        row = row_of(name, range(given.seeds or (1 if name in ONE_SEED else SEEDS)))
        rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(rows | {name: row}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except unspool.UnspoolError as error:
        sys.exit(f"{error}\n(the data comes from `python examples/fetch.py`)")
