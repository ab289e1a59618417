"""Recurrent layers side by side on one CPU: `python benchmarks/kernels.py`.

Each contender has a process of its own, the same number of threads, the same weights and inputs, and must give torch's numbers before it is timed.
Repetitions go from one contender to the next, so that all meet the machine in the same mood; whoever is not asked is stopped. What the processor
could do at most is measured at first and beside every repetition of ours. Writes benchmarks/kernels.json after every case and prints which bars are
met; `--table` and `--summary` show what is there and measure nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import summary, table
from side_by_side.about import about, write
from side_by_side.cases import KINDS, SHAPES, Case, layer_cases, step_cases
from side_by_side.contenders import CONTENDERS
from side_by_side.measure import Field
from side_by_side.peak import Peak
from side_by_side.race import ContenderFailed, Runner

RESULTS = Path(__file__).with_suffix(".json")
PACKAGES = ("torch", "jax", "jaxlib", "keras", "onnxruntime", "numpy")
QUICK_SHAPE = 6
WEIGHED = ("ours", "torch")


def main() -> None:
    given = arguments()
    path: Path = given.out
    if given.table or given.summary:
        results = json.loads(path.read_text(encoding="utf-8"))
        print(table.speed(results, given.threads[0]) if given.table else summary.told(results, given.threads[0]))
        return
    given.only = installed(given.only)
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() and given.resume else {"rows": [], "memory": []}
    with closing(Peak()) as peak:
        results |= {**about(PACKAGES), "seed": given.seed, "repeats": given.repeats, "peak": peak.told(sorted({1, 2} | set(given.threads)))}
        for threads in given.threads:
            for row in measured(list(chosen(given)), given, threads, peak, results["rows"]):
                results["rows"].append(row)
                write(path, results)
    if given.memory:
        results["memory"] += [weighed(case, max(given.threads), results) for case in chosen(given) if case.training]
        write(path, results)
    print(summary.told(results))


def installed(names: list[str]) -> list[str]:
    """Those whose package is there; the others are told of and left out."""
    absent = [name for name in names if find_spec(CONTENDERS[name]["package"]) is None]
    if absent:
        print(f"not installed, and left out: {', '.join(absent)} (benchmarks/requirements.txt)", file=sys.stderr, flush=True)
    return [name for name in names if name not in absent]


def measured(cases: list[Case], given: argparse.Namespace, threads: int, peak: Peak, done: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row for every case that is not done; a contender whose process ends is told of and started again for the next case."""
    known = {(summary.key(row["case"]), row["threads"]) for row in done}
    waiting = [case for case in cases if (summary.key(case.asdict()), threads) not in known]
    if not waiting:
        return
    field = Field(given.only, threads, peak)
    try:
        for number, case in enumerate(waiting, 1):
            try:
                row = field.measure(case, given.repeats)
            except ContenderFailed as failed:
                print(f"{case.name}: {failed}", file=sys.stderr, flush=True)
                field.close()
                field = Field(given.only, threads, peak)
                continue
            print(f"{number}/{len(waiting)} {threads} threads  {line(case, row)}", flush=True)
            yield row
    finally:
        field.close()


def line(case: Case, row: dict[str, Any]) -> str:
    told = []
    for name, found in row["contenders"].items():
        if "cannot" in found:
            told.append(f"{name} - ({found['cannot']})" if "differ" in found["cannot"] else f"{name} -")
        else:
            figure = f"{1e6 * found['median']:.2f} us" if case.streaming else f"{found['gflops']:.1f}"
            told.append(f"{name} {figure}" + (f" [{found['variant']}]" if found["variant"] else ""))
    return f"{case.name}: {', '.join(told)}"


def weighed(case: Case, threads: int, results: dict[str, Any]) -> dict[str, Any]:
    """MiB of a training step of the contenders whose memory counts, each in a fresh process."""
    found: dict[str, Any] = {}
    for name in WEIGHED:
        runner = Runner("side_by_side.memory", [name], threads, CONTENDERS[name].get("environment", {}))
        try:
            fastest = summary.variant(results, case, threads, name) if name == "torch" and case.dropout else None
            options = {"variant": fastest or "loop"} if name == "torch" and case.dropout else {}
            found[name] = runner.ask(do="weigh", case=case.asdict(), **options)
        finally:
            runner.close()
    print(f"memory of {case.name}: {found}", flush=True)
    return {"case": case.asdict(), "threads": threads, "contenders": found}


def chosen(given: argparse.Namespace) -> Iterator[Case]:
    """The cases that the arguments leave."""
    shapes = [SHAPES[given.shape]] if given.shape is not None else [SHAPES[QUICK_SHAPE]] if given.quick else list(SHAPES)
    for case in chain(layer_cases(given.seed), step_cases(given.seed)):
        fits = case.streaming or (case.steps, case.rows, case.inputs, case.hidden) in shapes
        steps = case.streaming and given.shape is None and given.mode in (None, "step")
        layers = not case.streaming and given.mode in (None, mode(case))
        if fits and (steps or layers) and given.case in (None, case.kind) and given.varied in (None, case.varied):
            yield case


def mode(case: Case) -> str:
    return "dropout" if case.dropout else "training" if case.training else "inference"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=KINDS, help="one kind of layer")
    parser.add_argument("--shape", type=int, choices=range(len(SHAPES)), help="one shape, by its place among " + ", ".join(map(str, SHAPES)))
    parser.add_argument("--mode", choices=("inference", "training", "dropout", "step"), help="one use")
    parser.add_argument("--varied", action=argparse.BooleanOptionalAction, help="variable lengths alone, or dense alone")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(CONTENDERS), metavar="NAME,NAME", help=", ".join(CONTENDERS))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the smallest shape alone")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True, help="of training steps, in fresh processes")
    parser.add_argument("--resume", action="store_true", help="keep the rows that the file has and measure what it lacks")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of results")
    parser.add_argument("--table", action="store_true", help="print the table of the README from the file, for the first of --threads")
    parser.add_argument("--summary", action="store_true", help="print which bars the file meets, with the first of --threads")
    given = parser.parse_args()
    unknown = sorted(set(given.only) - set(CONTENDERS))
    if unknown:
        parser.error(f"--only: no contender is named {unknown[0]}; there are {', '.join(CONTENDERS)}")
    if given.repeats < 1 or min(given.threads) < 1:
        parser.error("--repeats and --threads: wanted at least 1")
    return given


if __name__ == "__main__":
    main()
