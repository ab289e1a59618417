"""The tables of the README, from the results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from side_by_side import summary
from side_by_side.contenders import TITLES

Row = Mapping[str, Any]
USES = (
    ("inference", {"training": False, "varied": False}),
    ("inference, variable length", {"training": False, "varied": True}),
    ("training", {"training": True, "dropout": False, "varied": False}),
    ("training, variable length", {"training": True, "dropout": False, "varied": True}),
    ("training, recurrent dropout", {"training": True, "dropout": True, "varied": False}),
    ("training, recurrent dropout, variable length", {"training": True, "dropout": True, "varied": True}),
)


def speed(results: Mapping[str, Any], threads: int = summary.THREADS) -> str:
    """GFLOP/s by layer and use: the geometric mean over shapes for each contender, then the cells of training one by one."""
    rows = [row for row in summary.layers(results) if row["threads"] == threads]
    present = [name for name in TITLES if any(name in summary.measured(row) for row in rows)]
    shapes = [by_shape(rows, present, kind) for kind in ("gru", "lstm")]
    return "\n\n".join([means(rows, present), *shapes, steps(results, threads), caption(results, threads)])


def means(rows: list[Row], present: list[str]) -> str:
    lines = [headed(["layer", "use", *(TITLES[name] for name in present)])]
    for kind in ("rnn", "gru", "lstm"):
        for use, chosen in USES:
            fitting = [row for row in rows if summary.fits(row, kind=kind, **chosen)]
            if fitting:
                lines.append(line([kind.upper(), use, *bold_best([mean(fitting, name) for name in present])]))
    return "\n".join(lines)


def mean(rows: list[Row], name: str) -> float | None:
    """Over all of the rows; None where the contender lacks one, since a mean over other cells compares nothing."""
    if not all(name in summary.measured(row) for row in rows):
        return None
    return summary.geometric(row["contenders"][name]["gflops"] for row in rows)


def by_shape(rows: list[Row], present: list[str], kind: str) -> str:
    lines = [headed([f"{kind.upper()} training: T, B, inputs, hidden", *(TITLES[name] for name in present)])]
    for row in rows:
        if summary.fits(row, kind=kind, training=True, dropout=False, varied=False):
            case = row["case"]
            shape = ", ".join(str(case[name]) for name in ("steps", "rows", "inputs", "hidden"))
            lines.append(line([shape, *bold_best([row["contenders"].get(name, {}).get("gflops") for name in present])]))
    return "\n".join(lines)


def steps(results: Mapping[str, Any], threads: int) -> str:
    """Microseconds of one step, the call from Python included."""
    rows = [row for row in results["rows"] if row["case"]["streaming"] and row["threads"] == threads]
    present = [name for name in TITLES if any(name in summary.measured(row) for row in rows)]
    lines = [headed(["one step, microseconds", *(TITLES[name] for name in present)])]
    for row in rows:
        case, found = row["case"], row["contenders"]
        told = [f"{1e6 * found[name]['median']:.1f}" if "median" in found.get(name, {}) else "" for name in present]
        lines.append(line([f"{case['kind'].upper()} {case['inputs']} -> {case['hidden']}, {case['rows']} stream{'s' * (case['rows'] > 1)}", *told]))
    return "\n".join(lines)


def caption(results: Mapping[str, Any], threads: int) -> str:
    versions = ", ".join(f"{name} {told}" for name, told in results["versions"].items())
    return (
        f"GFLOP/s in real steps, medians of {results['repeats']} interleaved repetitions on {threads} thread{'s' * (threads > 1)} "
        f"of {results['processor']} (peak {results['peak'][str(threads)]:.0f} GFLOP/s), {results['date']}; {versions}."
    )


def bold_best(figures: list[float | None]) -> list[str]:
    top = max((figure for figure in figures if figure is not None), default=None)
    return ["" if figure is None else f"**{figure:.0f}**" if figure == top else f"{figure:.0f}" for figure in figures]


def headed(names: list[str]) -> str:
    return f"{line(names)}\n{line(['---'] * len(names))}"


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
