"""A whole training epoch side by side on one CPU: `python benchmarks/epoch.py`.

Data loading, forward, loss, backward, clipping and AdamW of the networks of examples/ecg5000.yaml and examples/rotten_tomatoes.yaml, by Unspool as a
user runs it, by the same network in torch.nn with a DataLoader, and in Keras 3; of the tagger of examples/conll2003.yaml, beside torch.nn with
pytorch-crf (its loss here is what span F1 lacks of 1); and of a forecast of the series of examples/vic_elec.yaml at equal sizes beside NeuralForecast
and Darts. Every contender has a process of its own and trains an epoch in turn; the others are stopped. The data comes from
`python examples/fetch.py`. Writes benchmarks/epoch.json and prints the table and the bars.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side.about import about, write
from side_by_side.epochs import CONTENDERS, EPOCHS, SEEDS, problem, summary
from side_by_side.measure import shortened
from side_by_side.race import ContenderFailed, Runner

RESULTS = Path(__file__).with_suffix(".json")
PACKAGES = ("torch", "jax", "keras", "neuralforecast", "darts", "pytorch-lightning", "pandas", "numpy")


def main() -> None:
    given = arguments()
    path: Path = given.out
    if not given.table:
        kept = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() and given.resume else []
        results = {**about(PACKAGES), "threads": given.threads, "rows": kept}
        for task in given.task:
            for seed in given.seeds or SEEDS[task]:
                if (task, seed) not in {(row["task"], row["seed"]) for row in results["rows"]}:
                    results["rows"].append(measured(task, seed, given))
                    write(path, results)
    results = json.loads(path.read_text(encoding="utf-8"))
    print(summary.table(results))
    print(summary.told(results))


def measured(task: str, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    """Seconds of every epoch and validation losses of all who can do the task; whoever fails is told of and left out."""
    epochs = given.epochs or EPOCHS[task]
    runners: dict[str, Runner] = {}
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        problem.export(task, epochs, seed, Path(folder))
        try:
            for name, contender in CONTENDERS.items():
                if task in contender["tasks"] and name in given.only:
                    words = [name, task, folder, str(epochs * epochs_a_turn(name)), str(seed)]
                    runners[name] = Runner("side_by_side.epochs.worker", words, given.threads, contender.get("environment", {}))
                    turn(name, "ready", runners, found)
            for epoch in range(epochs):
                for name in [*runners]:
                    for _ in range(epochs_a_turn(name)):
                        answer = turn(name, "epoch", runners, found)
                        print(f"{task} epoch {epoch + 1}/{epochs} {name}: {answer}", flush=True)
                        if answer is None:
                            break
        finally:
            for runner in runners.values():
                runner.close()
    return {"task": task, "seed": seed, "epochs": epochs, "contenders": {name: described(one) for name, one in found.items()}}


def turn(name: str, what: str, runners: dict[str, Runner], found: dict[str, dict[str, Any]]) -> dict[str, float] | None:
    """One request; a contender that fails is closed."""
    try:
        answer: dict[str, float] = runners[name].ask(do=what)
    except ContenderFailed as failed:
        print(f"{name}: {failed}", file=sys.stderr, flush=True)
        runners.pop(name).close()
        found[name] = {"cannot": str(failed).strip().splitlines()[-1]}
        return None
    kept = found.setdefault(name, {"seconds": [], "losses": []})
    if what == "epoch":
        kept["seconds"].append(answer["seconds"])
        kept["losses"].append(answer["loss"])
    return answer


def epochs_a_turn(name: str) -> int:
    count: int = CONTENDERS[name].get("epochs_a_turn", 1)
    return count


def described(found: dict[str, Any]) -> dict[str, Any]:
    """Median and quartiles over the epochs after the first, in which libraries compile."""
    if "cannot" in found:
        return found
    later = found["seconds"][1:] or found["seconds"]
    low, middle, high = quantiles(later, n=4, method="inclusive") if len(later) > 1 else later * 3
    told = {"median": middle, "quartiles": [low, high], **found, "best_loss": min(found["losses"]), "last_loss": found["losses"][-1]}
    return {name: shortened(value) for name, value in told.items()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=tuple(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--epochs", type=int, help="of every task; as many as the examples train where left out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", help="of every task; as many as `SEEDS` names where left out")
    parser.add_argument("--resume", action="store_true", help="keep the rows that the file has and measure what it lacks")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(CONTENDERS), metavar="NAME,NAME", help=", ".join(CONTENDERS))
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of results")
    parser.add_argument("--table", action="store_true", help="print the table and the bars from the file, and measure nothing")
    given = parser.parse_args()
    unknown = sorted(set(given.only) - set(CONTENDERS))
    if unknown:
        parser.error(f"--only: no contender is named {unknown[0]}; there are {', '.join(CONTENDERS)}")
    absent = [name for name in given.only if find_spec(CONTENDERS[name]["package"]) is None]
    if absent and not given.table:
        print(f"not installed, and left out: {', '.join(absent)} (benchmarks/requirements.txt)", file=sys.stderr, flush=True)
    given.only = [name for name in given.only if name not in absent]
    return given


if __name__ == "__main__":
    main()
