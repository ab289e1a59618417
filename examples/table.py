"""Train every example over several seeds: `python examples/table.py [--seeds 3] [NAME ...]`.

Writes examples/results.json: for each data set every score that is one number, as mean and standard deviation over seeds, the baselines' scores,
the seconds of training and the versions. The data comes from `python examples/fetch.py`. Rows of data sets that are not named stay as they are.
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
SPECS = sorted(FOLDER.glob("*.yaml"))


def row_of(spec: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """One data set's row, from one run a seed."""
    runs = []
    for seed in seeds:
        metrics = unspool.train(spec, seed=seed).metrics
        runs.append(metrics)
        told = ", ".join(f"{name} {value:.4g}" for name, value in list(numbers(metrics["test"]).items())[:3])
        print(f"{spec.stem} seed {seed}: {told}; {metrics['training']['seconds']:.0f} s", flush=True)
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
    names = [spec.stem for spec in SPECS]
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"which of {', '.join(names)}; all where none is given")
    arguments.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0")
    given = arguments.parse_args()
    unknown = sorted(set(given.name) - set(names))
    if unknown or given.seeds < 1:
        arguments.error(f"{unknown[0]}: no such example; there are {', '.join(names)}" if unknown else "--seeds: wanted at least 1")
    rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for spec in SPECS:
        if spec.stem in (given.name or names):
            rows[spec.stem] = row_of(spec, range(given.seeds))
            RESULTS.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except unspool.UnspoolError as error:
        sys.exit(f"{error}\n(the data comes from `python examples/fetch.py`)")
