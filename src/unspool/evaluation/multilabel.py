"""How good answers are that may be any number of labels, and what they have to beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool import metrics
from unspool.data.facts import ClassifyFacts, Facts
from unspool.errors import DataError
from unspool.evaluation.linear import linear
from unspool.evaluation.measures import Measures, measured
from unspool.types import LabelSets, Part, Prepared, Record

Counts = NDArray[np.int64]


def scores(sets: LabelSets) -> dict[str, Any]:
    """Every metric; see `evaluate.score`."""
    tables: Measures = {"per_label": partial(_per_label, sets)}
    values, undefined = measured({**measures(sets), **tables})
    return {"records": len(sets.names), **values, "labels": list(sets.labels), "thresholds": list(sets.thresholds), "undefined": undefined}


def measures(sets: LabelSets) -> Measures:
    """The metrics that are one number each."""
    truth, chosen, shares = sets.truth, sets.chosen, sets.probabilities
    return {
        "subset_accuracy": partial(metrics.subset_accuracy, truth, chosen),
        "f1_micro": partial(metrics.multilabel_f1, truth, chosen, "micro"),
        "f1_macro": partial(metrics.multilabel_f1, truth, chosen, "macro"),
        "f1_samples": partial(metrics.multilabel_f1, truth, chosen, "samples"),
        "precision_micro": partial(metrics.multilabel_precision, truth, chosen, "micro"),
        "recall_micro": partial(metrics.multilabel_recall, truth, chosen, "micro"),
        "hamming_loss": partial(metrics.hamming_loss, truth, chosen),
        "mean_average_precision": partial(metrics.mean_average_precision, truth, shares),
        "roc_auc": partial(metrics.multilabel_roc_auc, truth, shares),
        "log_loss": partial(metrics.multilabel_log_loss, truth, shares),
    }


def _per_label(sets: LabelSets) -> dict[str, Any]:
    return dict(zip(sets.labels, metrics.per_label(sets.truth, sets.chosen), strict=True))


def fitted_thresholds(sets: LabelSets, otherwise: float) -> tuple[float, ...]:
    """For each label the threshold of its best F1 (Yang 2001, SCut); `otherwise` where no record has the label.

    Between two probabilities that records have it lies half way; of several that are equally good it is the highest.

    raises  DataError where no truth is known
    """
    known = (sets.truth >= 0).all(axis=1)
    if not known.any():
        raise DataError("no truth is known, so no threshold can be fitted; give labelled records")
    columns = zip(sets.truth[known].T > 0, sets.probabilities[known].T, strict=True)
    return tuple(_best_threshold(true, share) if true.any() else otherwise for true, share in columns)


def _best_threshold(true: NDArray[np.bool_], share: NDArray[np.float64]) -> float:
    """The bar below the last record that is answered, as it falls from the likeliest one."""
    order = np.argsort(-share, kind="stable")
    falling = share[order]
    last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of each run of equal probabilities
    hits = np.cumsum(true[order])[last]
    best = int((2 * hits / (last + 1 + int(true.sum()))).argmax())
    below = falling[last[best + 1]] if best + 1 < len(last) else 0.0
    return float((falling[last[best]] + below) / 2)


def multilabel_baselines(
    records: Sequence[Record], prepared: Sequence[Prepared], spans: Mapping[Part, Counts], facts: Facts, part: Part = "test"
) -> dict[str, LabelSets]:
    """`shares`, each label by its share of the train part, and `linear`, for one part's records; thresholds are found as the model's were."""
    task = facts.task
    assert isinstance(task, ClassifyFacts) and task.thresholds is not None
    thresholds = task.thresholds

    def answered(place: Part, probabilities: NDArray[np.float64]) -> LabelSets:
        asked = spans[place][:, 0].tolist()
        truth = [labels for labels in (prepared[index].labels for index in asked) if labels is not None]
        return LabelSets(tuple(records[index].name for index in asked), facts.preparation.labels or (), probabilities, thresholds, np.stack(truth))

    shares = np.array(task.counts, np.float64) / len(spans["train"])
    made = {
        "shares": answered(part, np.tile(shares, (len(spans[part]), 1))),
        "linear": answered(part, linear(prepared, spans, facts, part)),
    }
    if not task.fitted:
        return made
    held = {
        "shares": answered("validation", np.tile(shares, (len(spans["validation"]), 1))),
        "linear": answered("validation", linear(prepared, spans, facts, "validation")),
    }
    return {name: replace(sets, thresholds=fitted_thresholds(held[name], 0.5)) for name, sets in made.items()}
