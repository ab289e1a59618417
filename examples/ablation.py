"""What the pieces of AWD-LSTM are worth: `python examples/ablation.py [NAME ...]`.

Trains examples/penn_treebank.yaml for three epochs (about ten minutes on one core), as it is and without one piece after another, and writes the
perplexities of the validation and the test part to examples/ablation.json. Rows that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import unspool

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "ablation.json"
EPOCHS, SEED = 3, 0

VARIANTS: dict[str, list[str]] = {
    "all of it": [],
    "without weight drop": ["model.backbone.dropout.weights=0"],
    "without variational dropout": [
        "model.embed.vector_dropout=0",
        "model.backbone.dropout={weights: 0.2}",
        "model.head.dropout=0",
    ],
    "without tied weights": ["model.head.tied=false"],
}
"""By name: what is changed in the example's spec."""


def measured(overrides: list[str]) -> dict[str, Any]:
    metrics = unspool.train(FOLDER / "penn_treebank.yaml", seed=SEED, overrides=[f"train.epochs={EPOCHS}", *overrides]).metrics
    training = metrics["training"]
    return {
        "test": metrics["test"]["perplexity"],
        "validation": metrics["validation"]["perplexity"],
        "parameters": training["parameters"],
        "seconds": training["seconds"],
        "seed": SEED,
        "epochs": EPOCHS,
        "threads": torch.get_num_threads(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("torch", "numpy")}, "unspool": unspool.__version__},
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"which of {', '.join(VARIANTS)}; all where none is given")
    given = arguments.parse_args()
    unknown = sorted(set(given.name) - set(VARIANTS))
    if unknown:
        arguments.error(f"{unknown[0]}: no such variant; there are {', '.join(VARIANTS)}")
    for name in given.name or VARIANTS:
        row = measured(VARIANTS[name])
        rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        rows[name] = row
        RESULTS.write_text(json.dumps({one: rows[one] for one in VARIANTS if one in rows}, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: test perplexity {row['test']:.2f}, {row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except unspool.UnspoolError as error:
        sys.exit(f"{error}\n(the data comes from `python examples/fetch.py`)")
