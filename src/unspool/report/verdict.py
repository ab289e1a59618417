"""One sentence on whether the model is worth having: against the best baseline, by the metric that decides."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from unspool.report.contents import Contents, Json, finite
from unspool.report.predictions import ClassRun
from unspool.report.words import counted, metric_words, number, percent, plain

LEVEL = 0.01
"""Two errors less than this share apart are called level."""

BASELINES = {
    "naive": ("Naive", "the naive forecast"),
    "drift": ("Drift", "the drift forecast"),
    "mean": ("Mean of train", "the mean of the train part"),
    "lookup": ("Word lookup", "giving every word its commonest tag"),
    "shares": ("Label shares", "saying every label by its share"),
    "majority": ("Majority class", "always saying the commonest class"),
    "linear": ("Linear model", "the linear model"),
    "network_alone": ("The network alone", "its network without n-grams"),
}
"""What a baseline is called in a table and in a sentence."""

Outcome = Literal["wins", "level", "loses", "alone"]
Rivals = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence, what it comes to, and what it was drawn from.

    ratio  the model's value over the baseline's; of an accuracy, the model's mistakes over the baseline's
    """

    sentence: str
    outcome: Outcome
    metric: str
    value: float
    baseline: str | None = None
    baseline_value: float | None = None
    ratio: float | None = None


COUNTS = ("origins", "records", "rows", "steps", "tokens", "words", "characters")
MICRO = ("precision_micro", "recall_micro", "f1_micro")
"""Where every record has one class, these are the accuracy over again."""


def scores(figures: Json) -> dict[str, float]:
    """The metrics among the figures of one part that are one number each."""
    over_again = () if "subset_accuracy" in figures else MICRO
    known = {key: finite(value) for key, value in figures.items() if key not in COUNTS and key not in over_again}
    return {key: value for key, value in known.items() if value is not None}


def deciding_metric(contents: Contents) -> str | None:
    """The metric that the task decides by where it was measured, else the first that is known to have a better direction."""
    measured = contents.figures("test") or contents.figures("validation")
    default = {"forecast": "mae", "classify": "accuracy", "tag": "span_f1", "generate": "perplexity"}.get(contents.kind, "")
    default = "f1_micro" if contents.several else default
    chosen = str(contents.part_of_spec("task").get("metric", default))
    for name in (chosen, default, *measured):
        if finite(measured.get(name)) is not None and metric_words(name).lower is not None:
            return name
    return None


def baselines(contents: Contents) -> Rivals:
    """Every baseline's figures on the test part."""
    found = {}
    for name, figures in contents.figures("baselines").items():
        if isinstance(figures, dict):
            inner = figures.get("test")
            found[str(name)] = inner if isinstance(inner, dict) else figures
    return found


def verdict(contents: Contents) -> Verdict | None:
    """The verdict, None where nothing was measured."""
    metric = deciding_metric(contents)
    if metric is None:
        return None
    tested = finite(contents.figures("test").get(metric)) is not None
    value = finite(contents.figures("test" if tested else "validation").get(metric))
    assert value is not None
    best = _best(contents, metric) if tested else None
    if best is None:
        return _alone(metric, value, tested)
    if metric == "accuracy":
        return _by_mistakes(contents, value, *best)
    return _by_value(contents, metric, value, *best)


def _best(contents: Contents, metric: str) -> tuple[str, float] | None:
    scores = {name: finite(figures.get(metric)) for name, figures in baselines(contents).items()}
    known = {name: score for name, score in scores.items() if score is not None}
    if not known:
        return None
    pick = min if metric_words(metric).lower else max
    name = pick(known, key=lambda one: known[one])
    return name, known[name]


def _alone(metric: str, value: float, tested: bool) -> Verdict:
    part = "test" if tested else "validation"
    sentence = f"On the {part} part the model has {_figure(metric, value)}; it was measured against no baseline."
    return Verdict(sentence, "alone", metric, value)


def _figure(metric: str, value: float) -> str:
    words = metric_words(metric)
    article = "an" if words.full[0] in "aeiouF" else "a"
    return f"{article} {words.full} of {_bare(metric, value)}"


def _by_value(contents: Contents, metric: str, value: float, name: str, other: float) -> Verdict:
    words = metric_words(metric)
    ratio = value / other if other > 0 and value >= 0 else None
    better = value < other if words.lower else value > other
    near = abs(value - other) <= LEVEL * max(abs(value), abs(other))
    outcome: Outcome = "level" if near else "wins" if better else "loses"
    mine, theirs, unit = _figure(metric, value), _bare(metric, other), _unit(contents, metric)
    times = f", {number(ratio, 3)} times as much" if ratio is not None and round(ratio, 3) != 1 else ""
    rival = baseline_phrase(name)
    sentence = {
        "wins": f"The model beats every baseline: on the test part it has {mine}{unit}, "
        f"against {theirs} for the best of them, {rival}{_apart(ratio)}.",
        "loses": f"A baseline does better: on the test part {rival} has {_figure(metric, other)}{unit}, "
        f"and the model {_bare(metric, value)}{times}.",
        "level": f"The model is no better than a baseline: on the test part it has {mine}{unit}, and {rival} {theirs}{times}.",
    }[outcome]
    return Verdict(sentence, outcome, metric, value, name, other, ratio)


def _bare(metric: str, value: float) -> str:
    unit = metric_words(metric).unit
    return percent(value) if unit == "share" else number(value) + (f" {unit}" if unit == "%" else "")


def _apart(ratio: float | None) -> str:
    if ratio is None:
        return ""
    change = f"{percent(abs(1 - ratio), 0)} {'lower' if ratio < 1 else 'higher'}"
    return f": {change}, or {number(ratio, 3)} times as much"


def _unit(contents: Contents, metric: str) -> str:
    """The unit of an error, where one target gives it."""
    unit = target_unit(contents)
    return f" (in the unit of {unit})" if unit and metric_words(metric).unit == "{unit}" else ""


def target_unit(contents: Contents) -> str | None:
    targets = contents.part_of_spec("data", "columns").get("target")
    if contents.facts is not None and contents.facts.preparation.targets:
        targets = contents.facts.preparation.targets
    return str(targets[0]) if isinstance(targets, list | tuple) and len(targets) == 1 else None


def _by_mistakes(contents: Contents, value: float, name: str, other: float) -> Verdict:
    """Accuracies near 1 differ little where mistakes differ much, so mistakes are compared; few items settle nothing."""
    wrong, theirs = 1 - value, 1 - other
    ratio = wrong / theirs if theirs > 0 else None
    items = _items(contents)
    level = abs(value - other) <= (chance(value, other, items) if items else LEVEL * max(wrong, theirs))
    outcome: Outcome = "level" if level else "wins" if value > other else "loses"
    rival, of = baseline_phrase(name), f"of {counted(items, 'test item')}" if items else "of the test items"
    times = f", making {number(ratio, 3)} times the mistakes" if ratio is not None else ""
    why = "; on so few items chance alone makes such a difference" if items and value != other else ""
    sentence = {
        "wins": f"The model beats every baseline: it gets {percent(value)} {of} right, "
        f"against {percent(other)} for the best of them, {rival}{times}.",
        "loses": f"A baseline does better: {rival} gets {percent(other)} {of} right, the model {percent(value)}{times}.",
        "level": f"The model is no better than a baseline: it gets {percent(value)} {of} right, and {rival} {percent(other)}{times}{why}.",
    }[outcome]
    return Verdict(sentence, outcome, "accuracy", value, name, other, ratio)


def chance(value: float, other: float, items: int) -> float:
    """1.96 standard errors of the difference of two accuracies on `items` rows, taken as independent."""
    return 1.96 * sqrt((value * (1 - value) + other * (1 - other)) / items)


def _items(contents: Contents) -> int:
    run = contents.predictions
    return int((run.classes.truth >= 0).sum()) if isinstance(run, ClassRun) else 0


def baseline_words(name: str) -> str:
    """A baseline as a table's row calls it: `seasonal_naive_48` is the seasonal naive one of 48 steps."""
    season = _season(name)
    if season:
        return f"Seasonal naive ({counted(season, 'step')})"
    order = _order(name)
    if order:
        return f"Kneser-Ney {order}-grams"
    return BASELINES[name][0] if name in BASELINES else plain(name)


def baseline_phrase(name: str) -> str:
    """A baseline within a sentence."""
    season = _season(name)
    if season:
        return f"the seasonal naive forecast of {counted(season, 'step')}"
    order = _order(name)
    if order:
        return f"{order}-grams with Kneser-Ney smoothing"
    return BASELINES[name][1] if name in BASELINES else f"the {plain(name)}"


def _season(name: str) -> int | None:
    return _number_of(name, "seasonal_naive")


def _order(name: str) -> int | None:
    return _number_of(name, "kneser_ney")


def _number_of(name: str, wanted: str) -> int | None:
    stem, _, last = name.rpartition("_")
    return int(last) if stem == wanted and last.isascii() and last.isdigit() else None
