"""The sections of a classification with any number of labels a record: labels one by one, how many are said, the worst mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError
from unspool.metrics.classify import ClassScores
from unspool.metrics.multilabel import average_precision, multilabel_roc_auc, per_label
from unspool.report.contents import Contents
from unspool.report.markup import Markup, join, paragraph, section, table, tag, text
from unspool.report.predictions import LabelRun
from unspool.report.words import counted, cut, listed, number, percent

MOST_IN_TABLE, WORST, MOST_LABELS = 200, 15, 10
NONE = "\N{EN DASH}"


def sections(contents: Contents) -> list[Markup | None]:
    """The sections in order; none where no truth is known."""
    run = contents.predictions
    if not isinstance(run, LabelRun):
        return []
    known = np.flatnonzero((run.sets.truth >= 0).all(axis=1))
    if not known.size:
        return []
    true, shares, said = run.sets.truth[known] > 0, run.sets.probabilities[known], run.sets.chosen[known]
    return [_labels(run, true, shares, said), _counts(true, said), _worst(run, known, true, shares, said)]


def _labels(run: LabelRun, true: NDArray[np.bool_], shares: NDArray[np.float64], said: NDArray[np.bool_]) -> Markup:
    scores, labels = per_label(true, said), run.sets.labels
    order = sorted(range(len(labels)), key=lambda k: (-scores[k]["support"], k))[:MOST_IN_TABLE]
    rows = [
        [text(cut(labels[k], 80)), *map(text, _cells(scores[k], true[:, k], shares[:, k])), text(number(run.sets.thresholds[k], 3))] for k in order
    ]
    fewer = f" ({MOST_IN_TABLE} of {len(labels):,}, the commonest)" if len(labels) > MOST_IN_TABLE else ""
    head = ["Label", "Precision", "Recall", "F1", "Average precision", "ROC AUC", "Records", "Said", "Threshold"]
    for row, k in zip(rows, order, strict=True):
        row.insert(7, text(f"{int(said[:, k].sum()):,}"))
    words = "A label is said where its probability is at least its threshold."
    return section("labels", "Label by label", paragraph(words), table(f"Every label{fewer}", head, rows, numeric=range(1, 9)))


def _cells(scores: ClassScores, true: NDArray[np.bool_], share: NDArray[np.float64]) -> list[str]:
    ratios = [f"{value:.3f}" for value in (scores["precision"], scores["recall"], scores["f1"])]
    return [*ratios, _measured(average_precision, true, share), _measured(_area, true, share), f"{scores['support']:,}"]


def _area(true: NDArray[np.bool_], share: NDArray[np.float64]) -> float:
    return multilabel_roc_auc(true[:, None], share[:, None])


def _measured(metric: object, true: NDArray[np.bool_], share: NDArray[np.float64]) -> str:
    """A metric of one label; a dash where it has no value."""
    assert callable(metric)
    try:
        return f"{metric(true, share):.3f}"
    except DataError:
        return NONE


def _counts(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> Markup:
    """Rows by how many labels they have and how many are said."""
    have, told = true.sum(axis=1), said.sum(axis=1)
    rows = []
    for count in np.unique(have).tolist():
        of = have == count
        right = (true[of] == said[of]).all(axis=1).mean()
        cells = (f"{count:,}", f"{int(of.sum()):,}", f"{told[of].mean():.2f}", percent(float(right)))
        rows.append([text(cell) for cell in cells])
    words = f"A record has {have.mean():.2f} labels on average, and {told.mean():.2f} are said."
    head = ["Labels", "Records", "Said on average", "All right"]
    return section("counts", "How many labels", paragraph(words), table("Records by how many labels they have", head, rows, numeric=range(4)))


def _worst(
    run: LabelRun, known: NDArray[np.int64], true: NDArray[np.bool_], shares: NDArray[np.float64], said: NDArray[np.bool_]
) -> Markup | None:
    """The labels that the model was surest of and that are wrong, one a record: said and not true, or true and not said."""
    sure = np.where(true != said, np.where(said, shares, 1 - shares), -1.0)
    surest = sure.max(axis=1)
    wrong = np.flatnonzero(surest >= 0)
    if not wrong.size:
        return section("worst", "The most confident mistakes", paragraph("All labels of the test part are right."))
    worst = wrong[np.argsort(-surest[wrong], kind="stable")][:WORST]
    words = (
        f"Of {counted(len(wrong), 'record')} among {len(true):,} some label is wrong. Below, those with the labels that the model was surest of; "
        "wrong labels in the data often show up here."
    )
    items = [_item(run, int(known[row]), int(sure[row].argmax()), true[row], said[row], float(surest[row])) for row in worst]
    return section("worst", "The most confident mistakes", paragraph(words), tag("ol", join(*items), class_="examples"))


def _item(run: LabelRun, record: int, label: int, true: NDArray[np.bool_], said: NDArray[np.bool_], sure: float) -> Markup:
    names = run.sets.labels
    what = "said and not true" if said[label] else "true and not said"
    head = Markup(f"{tag('b', text(names[label]))} {what}{tag('small', text(f'{percent(sure)} sure, record {run.sets.names[record]}'))}")
    lines = [tag("p", head), tag("p", text(f"Said: {_named(names, said)}. True: {_named(names, true)}."))]
    example = run.examples[record]
    return tag("li", join(*lines, *([tag("blockquote", text(cut(example, 300)))] if example else [])))


def _named(names: tuple[str, ...], chosen: NDArray[np.bool_]) -> str:
    return listed([cut(names[k], 60) for k in np.flatnonzero(chosen)], MOST_LABELS) or "none"
