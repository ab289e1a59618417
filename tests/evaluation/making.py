"""Small facts, records and forecasts for the tests of this folder."""

import numpy as np

from unspool.data.facts import ClassifyFacts, Facts, ForecastFacts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.scaling import Scaler
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary, tokenize
from unspool.types import Forecasts, Record


def forecast_facts(targets=("y",), levels=(), horizon=3, seasons=(1,), scales=None):
    scales = dict.fromkeys(targets, 2.0) if scales is None else scales
    return Facts(
        task=ForecastFacts(horizon=horizon, levels=levels, seasons=seasons, scales=scales),
        preparation=Preparation(targets=targets, scalers={name: Scaler(kind="none") for name in targets}),
        memory=MemoryFacts(kind="carried"),
    )


def classify_facts(labels, counts, tokens=None, past=(), categories=None):
    return Facts(
        task=ClassifyFacts(counts=counts),
        preparation=Preparation(
            labels=labels,
            tokens=tokens,
            past=past,
            categories=categories or {},
            scalers={name: Scaler(kind="none") for name in past if name not in (categories or {})},
        ),
        memory=MemoryFacts(kind="carried"),
    )


def record(*columns, name="a"):
    """A record with the targets y, or y0, y1 ..."""
    names = ("y",) if len(columns) == 1 else tuple(f"y{i}" for i in range(len(columns)))
    return Record(name, "here", dict(zip(names, map(np.float64, columns), strict=True)))


def asked(records, origins, horizon=3, targets=("y",), levels=()):
    """Forecasts of zeros at origins [(record, step)], with their truth."""
    where = np.array(origins).reshape(-1, 2)
    truth = np.full((len(where), horizon, len(targets)), np.nan)
    for row, (index, origin) in enumerate(where):
        for t, name in enumerate(targets):
            future = records[index].columns[name][origin + 1 : origin + 1 + horizon]
            truth[row, : len(future), t] = future
    return Forecasts(
        names=tuple(r.name for r in records),
        targets=targets,
        record=where[:, 0],
        origin=where[:, 1],
        point=np.zeros(truth.shape),
        truth=truth,
        levels=levels,
        quantiles=np.zeros((*truth.shape, len(levels))) if levels else None,
    )


def text_facts(texts, labels, counts, unit="words"):
    units = [unit_ for text in texts for unit_ in tokenize(text, unit, True)[0]]
    return classify_facts(labels, counts, tokens=TokenFacts(unit=unit, vocabulary=Vocabulary.build(units)))
