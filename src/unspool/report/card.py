"""The model card: what a model is for, what it was made from and how good it is, as Markdown (Mitchell et al. 2019)."""

from __future__ import annotations

import re
from pathlib import Path

from unspool.report.contents import Contents, read
from unspool.report.overview import asked_words
from unspool.report.page import title
from unspool.report.values import said
from unspool.report.verdict import baseline_words, baselines, scores, verdict
from unspool.report.words import column, metric_words, plain

LIMITS = (
    "The figures hold for data like the test part. Data that has drifted away from it, or comes from another source, will be judged worse.",
    "A baseline that does nearly as well is cheaper to run and easier to explain.",
)


def card(folder: Path) -> str:
    """The card of a run folder; parts that the folder lacks are left out. Raises BundleError where it is damaged."""
    contents = read(folder)
    found = verdict(contents)
    parts = [
        f"# {_inline(title(contents))}",
        _inline(found.sentence) if found else "",
        _listed("What it does", [f"**{term}.** {_inline(words)}" for term, words in asked_words(contents) if words]),
        _figures(contents),
        _listed("Limits", [*map(_inline, _limits(contents))]),
        _again(contents),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _inline(value: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    escaped = re.sub(r"([\\`*_\[\]#|~])", r"\\\1", " ".join(value.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _listed(heading: str, items: list[str]) -> str:
    return f"## {heading}\n\n" + "\n".join(f"- {item}" for item in items) if items else ""


def _figures(contents: Contents) -> str:
    rows = {"Model": scores(contents.figures("test"))} | {baseline_words(name): scores(values) for name, values in baselines(contents).items()}
    names = list(rows["Model"])
    if not names:
        return ""
    columns = [column([row.get(name) for row in rows.values()]) for name in names]
    lines = [[_inline(row), *(cells[index] for cells in columns)] for index, row in enumerate(rows)]
    head = ["Test part", *(_inline(metric_words(name).short) for name in names)]
    table = [head, ["---", *["---:"] * len(names)], *lines]
    return "## Figures\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in table)


def _limits(contents: Contents) -> list[str]:
    reason = contents.figures("verify").get("not_live") or (contents.facts.why_not_live if contents.facts else "")
    return [*LIMITS, *([f"It cannot run live: {str(reason).rstrip('.')}."] if reason else [])]


def _again(contents: Contents) -> str:
    training, command = contents.figures("training"), contents.metrics.get("command")
    items = {"seed": training.get("seed"), "data sha256": contents.figures("data").get("sha256"), "versions": training.get("versions")}
    lines = [f"- {plain(name)}: {_inline(str(value) if name == 'seed' else said(value))}" for name, value in items.items() if value is not None]
    shown = "\n".join(f"    {line}" for line in str(command).splitlines()) if command else ""
    body = "\n\n".join(part for part in (shown, "\n".join(lines)) if part)
    return f"## How to do it again\n\n{body}" if body else ""
