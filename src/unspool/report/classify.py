"""The sections of a classification: confusions, classes, how far a probability can be trusted, the worst mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.metrics.classify import ClassScores, ReliabilityBin, confusion_matrix, per_class, reliability, roc_auc
from unspool.report.contents import Contents
from unspool.report.markup import Markup, figure, join, paragraph, section, table, tag, text
from unspool.report.predictions import ClassRun
from unspool.report.words import chart_text, counted, cut, number, percent

Figure = dict[str, Any]
Charts = dict[str, list[Figure]]

MOST_IN_MATRIX, MOST_WITH_NUMBERS, MOST_IN_TABLE, MOST_CURVES = 40, 10, 200, 6
WORST, BINS, CURVE_POINTS = 15, 10, 200
TURN = 0.74
"""The share above which a cell's numbers change ink, so that in both schemes they stand out at least 4.5 to 1."""


def sections(contents: Contents, charts: Charts) -> list[Markup | None]:
    """The sections in order, charts being added to `charts`; none where no truth is known."""
    run = contents.predictions
    if not isinstance(run, ClassRun):
        return []
    known = np.flatnonzero(run.classes.truth >= 0)
    if not known.size or len(run.classes.labels) < 2:
        return []
    truth, shares = run.classes.truth[known], run.classes.probabilities[known]
    shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    labels = run.classes.labels
    return [
        _confusion(truth, shares, labels, charts),
        _classes(truth, shares, labels, charts),
        _reliability(truth, shares, charts),
        _worst(run, known, truth, shares),
    ]


def _confusion(truth: NDArray[np.int64], shares: NDArray[np.float64], labels: tuple[str, ...], charts: Charts) -> Markup:
    matrix = confusion_matrix(truth, shares.argmax(axis=1), len(labels))
    parts: list[Markup | None] = []
    if len(labels) <= MOST_IN_MATRIX:
        charts["confusion"] = [matrix_chart(matrix, labels)]
        caption = "Rows are true classes, columns what the model said. The shade is the share of the row."
        size = "square" if len(labels) <= 4 else "tall square"
        parts.append(figure("confusion", "Confusion matrix; the commonest confusions stand in the table after it", caption, size))
    parts.append(commonest(matrix, labels, "record"))
    return section("confusion", "What is taken for what", *parts)


def matrix_chart(matrix: NDArray[np.int64], labels: tuple[str, ...]) -> Figure:
    """A heat map of row shares, with counts and shares written in where there is room."""
    total = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
    names = [chart_text(label, 18) for label in labels]
    # Names may be equal once cut, and an axis merges equal names: places are numbers, names are only written beside them.
    places = list(range(len(labels)))
    heat = {
        "type": "heatmap", "x": places, "y": places, "z": np.round(share, 4).tolist(), "zmin": 0, "zmax": 1,
        "xgap": 2, "ygap": 2, "showscale": False,
        "colorscale": [[0, "var(--heat-0)"], [0.5, "var(--heat-1)"], [1, "var(--heat-2)"]],
        "customdata": [[f"{names[i]} taken for {names[j]}: {matrix[i, j]:,} ({percent(share[i, j])})" for j in places] for i in places],
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip
    written = places if len(labels) <= MOST_WITH_NUMBERS else []
    notes = [_cell(i, j, int(matrix[i, j]), float(share[i, j]), len(labels)) for i in written for j in written]
    ticks = {"tickvals": places, "ticktext": names, "showgrid": False, "zeroline": False, "ticks": ""}
    layout = {
        "xaxis": ticks | {"side": "top", "title": {"text": "said"}},
        "yaxis": ticks | {"autorange": "reversed", "title": {"text": "true"}},
        "annotations": notes, "dragmode": False,
    }  # fmt: skip
    return {"data": [heat], "layout": layout}


def _cell(row: int, column: int, count: int, share: float, classes: int) -> Figure:
    written = f"{count:,}<br>{percent(share, 0)}" if classes <= 6 else f"{count:,}"
    colour = "var(--heat-ink-high)" if share > TURN else "var(--heat-ink-low)"
    return {"x": column, "y": row, "text": written, "showarrow": False, "font": {"color": colour, "size": 14 if classes <= 4 else 11}}


def commonest(matrix: NDArray[np.int64], labels: tuple[str, ...], noun: str) -> Markup:
    """The commonest confusions of a matrix (K, K) whose rows are true; `noun` is what was counted."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:10]
    places = [divmod(int(place), len(labels)) for place in order if wrong.flat[place]]
    if not places:
        return paragraph(f"No {noun} of the test part is misjudged.")
    rows = [
        [text(cut(labels[i], 80)), text(cut(labels[j], 80)), text(f"{wrong[i, j]:,}"), text(percent(wrong[i, j] / matrix[i].sum()))]
        for i, j in places
    ]
    return table("The commonest confusions", ["True", "Said", "Count", "Share of the true class"], rows, numeric=[2, 3])


def _classes(truth: NDArray[np.int64], shares: NDArray[np.float64], labels: tuple[str, ...], charts: Charts) -> Markup:
    scores = per_class(truth, shares.argmax(axis=1), len(labels))
    areas = [class_area(truth, shares, k) for k in range(len(labels))]
    order = sorted(range(len(labels)), key=lambda k: (-scores[k]["support"], k))[:MOST_IN_TABLE]
    rows = [
        [text(cut(labels[k], 80)), *map(text, _class_cells(scores[k])), text(_area(areas[k])), text(f"{scores[k]['support']:,}")]
        for k in order
    ]
    fewer = f" ({MOST_IN_TABLE} of {len(labels):,}, the commonest)" if len(labels) > MOST_IN_TABLE else ""
    listing = table(f"Every class{fewer}", ["Class", "Precision", "Recall", "F1", "ROC AUC", "Records"], rows, numeric=range(1, 6))
    return section("classes", "Class by class", _area_words(truth, shares), listing, _curves(truth, shares, labels, areas, charts))


def _class_cells(scores: ClassScores) -> list[str]:
    return [f"{value:.3f}" for value in (scores["precision"], scores["recall"], scores["f1"])]


def _area(area: float | None) -> str:
    return "\N{EN DASH}" if area is None else f"{area:.3f}"


def class_area(truth: NDArray[np.int64], shares: NDArray[np.float64], k: int) -> float | None:
    """Area under the curve of one class against the rest; None where all records are on one side."""
    positive = (truth == k).astype(np.int64)
    try:
        return roc_auc(positive, np.stack([1 - shares[:, k], shares[:, k]], axis=1))
    except DataError:
        return None


def _area_words(truth: NDArray[np.int64], shares: NDArray[np.float64]) -> Markup | None:
    try:
        area = roc_auc(truth, shares)
    except DataError:
        return paragraph("The area under the ROC curve is not told over all classes, since some of them have no record here.")
    kind = "" if shares.shape[1] == 2 else ", each class against the rest, averaged"
    return paragraph(f"The area under the ROC curve is {area:.4f}{kind}: the chance that a record of a class is ranked above one of another.")


def _curves(
    truth: NDArray[np.int64], shares: NDArray[np.float64], labels: tuple[str, ...], areas: list[float | None], charts: Charts
) -> Markup | None:
    chosen = [1] if len(labels) == 2 else list(range(len(labels)))
    chosen = [k for k in chosen if areas[k] is not None]
    if not chosen or len(chosen) > MOST_CURVES:
        return None
    grey = {"color": "var(--soft)", "width": 1, "dash": "dot"}
    data: list[Figure] = [{"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "line": grey, "hoverinfo": "skip", "showlegend": False}]
    for place, k in enumerate(chosen):
        x, y = roc_curve(truth == k, shares[:, k])
        line = {"color": f"var(--class-{place})", "width": 2}
        data.append({"type": "scatter", "mode": "lines", "name": chart_text(labels[k], 24), "x": x, "y": y, "line": line})
    axis = {"range": [0, 1.005], "dtick": 0.2}
    layout = {"xaxis": axis | {"title": {"text": "false alarms"}}, "yaxis": axis | {"title": {"text": "found"}}, "showlegend": len(chosen) > 1}
    charts["roc"] = [{"data": data, "layout": layout}]
    of = f"of {labels[1]}" if len(labels) == 2 else "of every class against the rest"
    return figure("roc", "ROC curves", f"ROC curve {of}: share of the class that is found against share of the others taken for it.", "square")


def roc_curve(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """False and true positive shares as the bar for `score` falls, ties taken together, thinned."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits, alarms = np.cumsum(positive[order])[last], np.cumsum(~positive[order])[last]
    x, y = np.insert(alarms / max(int(alarms[-1]), 1), 0, 0), np.insert(hits / max(int(hits[-1]), 1), 0, 0)
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(int))
    return np.round(x[kept], 5).tolist(), np.round(y[kept], 5).tolist()


def _reliability(truth: NDArray[np.int64], shares: NDArray[np.float64], charts: Charts) -> Markup:
    bins = reliability(truth, shares, BINS)
    charts["reliability"] = [reliability_chart(bins)]
    caption = (
        "Answers by how sure the model was: above the diagonal it is right more often than it says, below it is too sure of itself. "
        "Bars count the answers."
    )
    gap = sum(row["count"] * abs(row["confidence"] - row["accuracy"]) for row in bins) / sum(row["count"] for row in bins)
    words = f"On average, how sure the model is and how often it is right lie {100 * gap:.1f} percentage points apart (expected calibration error)."
    shown = figure("reliability", "Reliability diagram", caption, "square")
    return section("reliability", "How far a probability can be trusted", paragraph(words), shown)


def reliability_chart(bins: list[ReliabilityBin]) -> Figure:
    sure, right = [round(row["confidence"], 4) for row in bins], [round(row["accuracy"], 4) for row in bins]
    middles, counts = [(row["low"] + row["high"]) / 2 for row in bins], [row["count"] for row in bins]
    grey = {"color": "var(--soft)", "width": 1, "dash": "dot"}
    data = [
        {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "line": grey, "hoverinfo": "skip"},
        {
            "type": "scatter", "mode": "lines+markers", "x": sure, "y": right, "line": {"color": "var(--model)", "width": 2}, "marker": {"size": 8},
            "hovertemplate": "sure %{x:.1%}, right %{y:.1%}<extra></extra>",
        },
        {
            "type": "bar", "x": middles, "y": counts, "width": [0.92 / BINS] * len(bins), "yaxis": "y2", "marker": {"color": "var(--band-solid)"},
            "hovertemplate": "%{y:,} answers<extra></extra>",
        },
    ]  # fmt: skip
    layout = {
        "showlegend": False,
        "xaxis": {"range": [0, 1.02], "dtick": 0.2, "title": {"text": "how sure"}, "anchor": "y2"},
        "yaxis": {"range": [0, 1.03], "dtick": 0.2, "domain": [0.3, 1], "title": {"text": "share right"}},
        "yaxis2": {"domain": [0, 0.22], "title": {"text": "answers"}, "nticks": 3},
    }
    return {"data": data, "layout": layout}


def _worst(run: ClassRun, known: NDArray[np.int64], truth: NDArray[np.int64], shares: NDArray[np.float64]) -> Markup | None:
    said, labels = shares.argmax(axis=1), run.classes.labels
    wrong = np.flatnonzero(said != truth)
    if not wrong.size:
        return None
    worst = wrong[np.argsort(-shares[wrong, said[wrong]], kind="stable")][:WORST]
    words = (
        f"{counted(len(wrong), 'record')} of {number(len(truth))} {'is' if len(wrong) == 1 else 'are'} misjudged. "
        "Below, the ones that the model was surest of; wrong labels in the data often show up here."
    )
    sure = [percent(float(shares[row, said[row]])) for row in worst]
    told = [(run.classes.names[known[row]], labels[truth[row]], labels[said[row]], sure[place]) for place, row in enumerate(worst)]
    texts = [run.examples[known[row]] for row in worst]
    shown = _examples(told, texts) if any(texts) else _mistakes(told)
    return section("worst", "The most confident mistakes", paragraph(words), shown)


def _mistakes(told: list[tuple[str, str, str, str]]) -> Markup:
    rows = [[text(cell) for cell in row] for row in told]
    return table("Most confident mistakes", ["Record", "True", "Said", "Sure"], rows, numeric=[3])


def _examples(told: list[tuple[str, str, str, str]], texts: list[str | None]) -> Markup:
    """Mistakes with what was read, one under the other."""
    items = []
    for (name, true, said, sure), example in zip(told, texts, strict=True):
        head = Markup(f"{tag('b', text(true))} taken for {tag('b', text(said))}{tag('small', text(f'{sure} sure, record {name}'))}")
        items.append(tag("li", join(tag("p", head), tag("blockquote", text(cut(example or "", 300))))))
    return tag("ol", join(*items), class_="examples")
