"""What a preparation learns, from the train part alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unspool.data import subwords
from unspool.data.characters import CharacterFacts
from unspool.data.labelsets import learn_labels
from unspool.data.preparation import Preparation, category_text, place_of
from unspool.data.scaling import RowError, Scaler, fit
from unspool.data.spec import ArraysSource, DataSpec, ScalerKind, Subwords, Tokens, duration_seconds
from unspool.data.tags import learn_tags
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary, fold, tokenize
from unspool.errors import DataError
from unspool.types import Record

Spans = NDArray[np.int64]


def learn(spec: DataSpec, records: Sequence[Record], train_spans: Spans) -> Preparation:
    """The preparation of `spec`, its scalers, vocabularies and labels learnt from the train spans (n, 3)."""
    if not len(train_spans):
        raise DataError("the train part is empty; give more data, or make the other parts smaller")
    if records[0].text is not None:
        return _of_texts(spec.tokens or Tokens(), records, train_spans)
    several = any(record.labels is not None for record in records)
    labels = None if spec.columns.target else learn_labels(records, train_spans) if several else _labels(records, train_spans)
    past = _past(spec, records)
    named = (*spec.columns.target, *past, *spec.columns.known)
    if not named:
        raise DataError(f"{records[0].where}: no column is an input; name some in columns.target, known or past")
    numeric = [name for name in named if name not in spec.columns.categories]
    return Preparation(
        targets=spec.columns.target,
        past=past,
        known=spec.columns.known,
        scalers=_scalers(spec, numeric, records, train_spans),
        categories={name: _vocabulary(name, records, train_spans) for name in spec.columns.categories},
        calendar=spec.time.calendar,
        harmonics=spec.time.harmonics,
        timezone=spec.time.timezone,
        frequency_seconds=frequency_seconds(spec, records),
        labels=labels,
        several=several,
        missing=spec.missing,
        gaps=spec.time.gaps,
    )


def frequency_seconds(spec: DataSpec, records: Sequence[Record]) -> float | None:
    """From one row to the next: as declared, else the commonest step of the records; None where they have no times."""
    steps = [np.diff(record.times).astype(np.int64) for record in records if record.times is not None]
    if not steps:
        return None
    if spec.time.frequency != "auto":
        return duration_seconds(spec.time.frequency)
    found, counts = np.unique(np.concatenate(steps), return_counts=True)
    return float(found[counts.argmax()]) / 1e6 if len(found) else None


def _past(spec: DataSpec, records: Sequence[Record]) -> tuple[str, ...]:
    """The declared past inputs; all channels of arrays of which none is declared."""
    columns = spec.columns
    if isinstance(spec.source, ArraysSource) and not (columns.target or columns.past or columns.known):
        return tuple(records[0].columns)
    return columns.past


def _scalers(spec: DataSpec, names: Sequence[str], records: Sequence[Record], spans: Spans) -> dict[str, Scaler]:
    stray = sorted(set(spec.scaling.columns) - set(names))
    if stray:
        raise DataError(
            f"scaling.columns names {stray[0]!r}, no column of numbers; there are: {', '.join(names) or 'none'}"
        )
    kinds = {name: spec.scaling.columns.get(name, spec.scaling.default) for name in names}
    return {name: _scaler(kinds[name], name, records, spans) for name in names}


def _scaler(kind: ScalerKind, name: str, records: Sequence[Record], spans: Spans) -> Scaler:
    try:
        return fit(kind, _train(name, records, spans), name)
    except RowError as error:
        ends = np.cumsum(spans[:, 2] - spans[:, 1])
        span = int(np.searchsorted(ends, error.row, side="right"))
        record, _, stop = spans[span].tolist()
        raise DataError(f"{place_of(records[record], stop - int(ends[span]) + error.row)}: {error}") from None
    except DataError as error:
        raise DataError(f"{records[0].where}: {error}") from None


def _vocabulary(name: str, records: Sequence[Record], spans: Spans) -> Vocabulary:
    texts = (category_text(value) for value in _train(name, records, spans).tolist())
    return Vocabulary.build(text for text in texts if text is not None)


def _train(name: str, records: Sequence[Record], spans: Spans) -> NDArray[np.generic]:
    """The values of a column in the train spans, end to end."""
    for record in records:
        if name not in record.columns:
            there = ", ".join(record.columns) or "none"
            raise DataError(f"{record.where}: record {record.name!r} has no column {name!r}; there are: {there}")
    return np.concatenate([records[index].columns[name][start:stop] for index, start, stop in spans.tolist()])


def _of_texts(spec: Tokens, records: Sequence[Record], spans: Spans) -> Preparation:
    train = [records[index] for index in spans[:, 0].tolist()]
    tokens = _tokens(spec, train)
    if any(record.labels is not None for record in records):
        return Preparation(tokens=tokens, labels=learn_labels(records, spans), several=True)
    if all(record.tags is None for record in records):
        return Preparation(tokens=tokens, labels=_labels(records, spans))
    labels, scheme = learn_tags([run for record in train for run in _as_read(tokens, record)], spec.scheme)
    return Preparation(tokens=tokens, labels=labels, scheme=scheme)


def _as_read(tokens: TokenFacts, record: Record) -> list[Record]:
    """The record with the tags of each run of words that is read: a span that is cut there ends there, and may so get a tag that no whole one has."""
    return [record] if record.tags is None else [replace(record, tags=tuple(run)) for run in tokens.runs(record.tags)]


def _tokens(spec: Tokens, train: Sequence[Record]) -> TokenFacts:
    facts = TokenFacts(
        unit="words" if spec.unit == "subwords" else spec.unit, line_ends=bool(spec.line_ends), lowercase=spec.lowercase, longest=spec.longest,
        keep=spec.keep, windows=spec.windows, sentences=spec.sentences, vocabulary=Vocabulary.of_bytes(),
    )  # fmt: skip
    if spec.unit == "bytes":
        return facts
    if spec.unit == "subwords":
        words = (word for record in train for word in _units(facts, record))
        vocabulary, found = subwords.learn(words, spec.subwords or Subwords(), spec.lowercase)
        return facts.model_copy(update={"unit": spec.unit, "vocabulary": vocabulary, "subwords": found})
    units = (unit for record in train for unit in fold(_units(facts, record), spec.lowercase))
    vocabulary = Vocabulary.build(units, spec.minimum_count, spec.largest)
    if not vocabulary.units and spec.minimum_count > 1:
        raise DataError(
            f"{train[0].where}: nothing in the {len(train)} texts of the train part occurs {spec.minimum_count} times, wanted at least one such "
            f"token ({facts.unit}); lower data.tokens.minimum_count"
        )
    changes: dict[str, object] = {"vocabulary": vocabulary}
    if spec.characters is not None:
        changes["characters"] = CharacterFacts.build((word for record in train for word in _units(facts, record)), spec.characters)
    return facts.model_copy(update=changes)


def _units(facts: TokenFacts, record: Record) -> list[str]:
    """The units of a text, with their case."""
    assert record.text is not None and facts.unit != "subwords"
    if record.words is None:
        return tokenize(facts.closed(record.text), facts.unit, lowercase=False, line_ends=facts.line_ends)[0]
    return [record.text[start:stop] for start, stop in record.words.tolist()]


def _labels(records: Sequence[Record], spans: Spans) -> tuple[str, ...] | None:
    """The train part's classes in alphabetical order; None where no record has one."""
    if all(record.label is None for record in records):
        return None
    for record in records:
        if record.label is None:
            raise DataError(f"{record.where}: record {record.name!r} has no class, and others have; label all or none")
    train = {records[index].label for index in spans[:, 0].tolist()}
    labels = tuple(sorted(label for label in train if label is not None))
    if len(labels) < 2:
        raise DataError(f"{records[0].where}: the train part has one class alone, {labels[0]!r}; wanted at least two")
    for record in records:
        if record.label not in train:
            raise DataError(
                f"{record.where}: record {record.name!r} is of class {record.label!r}, which no train record has; "
                "put some of that class into the train part, or leave it out"
            )
    return labels
