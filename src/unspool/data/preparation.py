"""From a record to what the network meets: everything learnt from the train part, or declared, as plain JSON.

The same methods prepare a whole record offline and one row of a live stream, so the two cannot differ.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from unspool.data.features import Stamps, calendar, calendar_names
from unspool.data.scaling import RowError, Scaler, Scalers
from unspool.data.schemes import Scheme, convert
from unspool.data.spec import CalendarFeature, DataSpec, Policy
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import UNKNOWN, Vocabulary
from unspool.errors import DataError
from unspool.spec import Spec, knob
from unspool.types import Prepared, Record

Columns = Mapping[str, ArrayLike]
Singles = NDArray[np.float32]


class Preparation(Spec):
    """What turns a Record into a Prepared.

    Columns are mappings from a name to values (T,): numbers for targets and numeric inputs, text for categories.
    """

    targets: tuple[str, ...] = knob((), "what is forecast, also an input")
    past: tuple[str, ...] = knob((), "inputs known up to now")
    known: tuple[str, ...] = knob((), "inputs known ahead of time")
    scalers: dict[str, Scaler] = knob({}, "by numeric column")
    categories: dict[str, Vocabulary] = knob({}, "by column that holds categories")
    calendar: tuple[CalendarFeature, ...] = knob((), "features of the time stamp")
    harmonics: dict[CalendarFeature, Annotated[int, Field(ge=1, le=10)]] = knob({}, "sine and cosine pairs, by feature; one where not named")
    timezone: str = knob("UTC", "in which the calendar is read")
    frequency_seconds: float | None = knob(None, "from one row to the next; none where rows have no time", gt=0)
    tokens: TokenFacts | None = knob(None, "of a text source")
    labels: tuple[str, ...] | None = knob(None, "classes or tags, in the order of their numbers")
    scheme: Scheme | None = knob(None, "in which tags name spans; none where each stands for itself")
    several: bool = knob(False, "whether a record may have any number of the labels")
    missing: Policy = knob("error", "what was done about missing values")
    gaps: Policy = knob("error", "what was done about missing stamps")

    @classmethod
    def fit(cls, spec: DataSpec, records: Sequence[Record], train_spans: NDArray[np.int64]) -> Preparation:
        """Learnt from the train spans (n, 3) alone; DataError for a class of another part that train lacks."""
        from unspool.data.fitting import learn

        return learn(spec, records, train_spans)

    @cached_property
    def calendar_names(self) -> tuple[str, ...]:
        return calendar_names(self.calendar, self.harmonics)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Columns of numbers: targets, then past, then known."""
        return tuple(name for name in (*self.targets, *self.past, *self.known) if name not in self.categories)

    @cached_property
    def value_names(self) -> tuple[str, ...]:
        """The C columns of `values`: targets, past and known numbers, calendar; of a text the vectors of its words in their context."""
        if self.tokens is not None and self.tokens.contextual is not None:
            return self.tokens.contextual.names
        return (*self.numeric, *self.calendar_names)

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The N columns of `codes`: past and known categories; `text` for a text."""
        if self.tokens is not None:
            characters = self.tokens.characters
            of_characters = (f"character {place}" for place in range(0 if characters is None else characters.longest))
            return ("text", *of_characters, *(("sentence",) if self.tokens.sentences else ()))
        return tuple(name for name in (*self.past, *self.known) if name in self.categories)

    @cached_property
    def code_sizes(self) -> tuple[int, ...]:
        """The number of codes of every column of `codes`, with 0 for what is unknown."""
        if self.tokens is not None:
            return self.tokens.sizes
        return tuple(self.categories[name].size for name in self.code_names)

    @cached_property
    def known_names(self) -> tuple[str, ...]:
        """The F columns of `known_future`: known numbers, known categories one-hot (unknown first), calendar."""
        hot = [f"{name}={unit}" for name in self._known_codes for unit in (UNKNOWN, *self.categories[name].units)]
        return (*self._known_numbers, *hot, *self.calendar_names)

    def values(self, columns: Columns, times: Stamps | None = None) -> Singles:
        """(T, C) scaled numbers and calendar; DataError, naming the column, where one is missing or not finite."""
        out = np.empty((self._steps(columns, times), len(self.value_names)), np.float32)
        count = len(self.numeric)
        _cast(out[:, :count], self._numeric_scalers, columns)
        if self.calendar:
            out[:, count:] = self._calendar(times)
        return _finite(out, self.value_names)

    def codes(self, columns: Columns) -> NDArray[np.int64]:
        """(T, N) codes of the categories, 0 for one that the train part lacks; DataError where one is missing."""
        coded = [self.categories[name].encode(_texts(columns, name)) for name in self.code_names]
        if not coded:
            return np.empty((self._steps(columns, None), 0), np.int64)
        return np.stack(coded, axis=1)

    def known_future(self, columns: Columns, times: Stamps | None = None) -> Singles:
        """(T, F) what is known ahead of time: the same scaling as in `values`, categories one-hot."""
        if not self.known_names:
            return np.empty((self._steps(columns, times, tuple(columns)[:1]), 0), np.float32)
        numbers = np.empty((self._steps(columns, times, self.known), len(self._known_numbers)), np.float32)
        _cast(numbers, self._known_scalers, columns)
        parts = [numbers, *(self._one_hot(name, columns) for name in self._known_codes)]
        if self.calendar:
            parts.append(self._calendar(times))
        return _finite(np.concatenate(parts, axis=1), self.known_names)

    def scaled_targets(self, columns: Columns) -> Singles:
        """(T, D) scaled targets, NaN where unknown; DataError where one is infinite."""
        out = np.empty((self._steps(columns, None, self.targets), len(self.targets)), np.float32)
        _cast(out, self._target_scalers, columns)
        if np.isinf(out).any():
            _finite(np.nan_to_num(out, nan=0.0, posinf=np.inf, neginf=-np.inf), self.targets)
        return out

    def unscale(self, target: str, z: ArrayLike) -> NDArray[np.float64]:
        """Values of a target, in its own units."""
        return self.scalers[target].invert(z)

    def encode_text(self, text: str) -> NDArray[np.int64]:
        """(T, N) codes of a text; an empty text is one unknown step."""
        if self.tokens is None:
            raise DataError("got a text, but this preparation was learnt from columns; give it columns")
        return self.tokens.encode(text)[0]

    def prepare(self, record: Record) -> Prepared:
        """The record as the network meets it; DataError, naming the record, where it does not fit."""
        try:
            return self._prepared(record)
        except RowError as error:
            raise DataError(f"{place_of(record, error.row)}: record {record.name!r}: {error}") from None
        except DataError as error:
            raise DataError(f"{record.where}: record {record.name!r}: {error}") from None

    def _prepared(self, record: Record) -> Prepared:
        label, labels = (-1, self._label_set(record.labels)) if self.several else (self._label(record.label), None)
        if self.tokens is not None:
            if record.text is None:
                raise DataError("got no text, but this preparation was learnt from texts; give it texts")
            codes, offsets = self.tokens.encode(self.tokens.closed(record.text), record.words)
            none = np.empty((len(codes), 0), np.float32)
            tags = None if record.tags is None else self._tags(record.tags)
            return Prepared(
                values=none, codes=codes, known=none, targets=none, label=label, labels=labels, tags=tags, offsets=offsets, before=self.tokens.before,
                windows=self.tokens.spans(len(codes)),
            )  # fmt: skip
        known = self.known_future(record.columns, record.times)
        targets = self.scaled_targets(record.columns) if self.targets else np.empty((record.steps, 0), np.float32)
        values, codes = self.values(record.columns, record.times), self.codes(record.columns)
        return Prepared(values=values, codes=codes, known=known, targets=targets, label=label, labels=labels)

    def _label(self, label: str | None) -> int:
        if label is None or self.labels is None:
            return -1
        if label not in self._label_numbers:
            raise DataError(f"got class {label!r}, wanted one of {', '.join(self.labels)}; train with it, or drop it")
        return self._label_numbers[label]

    def _label_set(self, labels: Sequence[str] | None) -> NDArray[np.int64]:
        """(K,) 1 for every label that a record has, 0 for the others; -1 for all where nothing is said of them."""
        found = np.full(len(self.labels or ()), -1 if labels is None else 0, np.int64)
        for label in labels or ():
            found[self._label(label)] = 1
        return found

    def _tags(self, tags: Sequence[str]) -> NDArray[np.int64]:
        """(T,) numbers of the tags that are read, -1 for one that the train part lacks."""
        return np.array([self._label_numbers.get(tag, -1) for tag in self.tags_read(tags)], np.int64)

    def tags_read(self, tags: Sequence[str]) -> Sequence[str]:
        """The tags of the words that are read, in the scheme in which they are learnt."""
        assert self.tokens is not None
        runs = self.tokens.runs(tags)  # before the scheme is changed: a span that is cut ends where the cut is
        return [tag for run in runs for tag in (run if self.scheme is None else convert(run, self.scheme))]

    def _steps(self, columns: Columns, times: Stamps | None, names: tuple[str, ...] | None = None) -> int:
        """T, which all columns that are used must agree on."""
        used = (*self.targets, *self.past, *self.known) if names is None else names
        lengths = [len(_column(columns, name)) for name in used]
        if times is not None:
            lengths.append(len(times))
        if lengths and min(lengths) != max(lengths):
            raise DataError(f"columns have {min(lengths)} to {max(lengths)} rows; give columns and times the same")
        return lengths[0] if lengths else 0

    def _calendar(self, times: Stamps | None) -> Singles:
        if times is None:
            raise DataError(f"no time stamps, which the calendar ({', '.join(self.calendar)}) needs; give one a row")
        return calendar(times, self.calendar, self.harmonics, self.timezone)

    def _one_hot(self, name: str, columns: Columns) -> Singles:
        codes = self.categories[name].encode(_texts(columns, name))
        return np.asarray(np.arange(self.categories[name].size) == codes[:, None], np.float32)

    @cached_property
    def _known_numbers(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if name not in self.categories)

    @cached_property
    def _known_codes(self) -> tuple[str, ...]:
        return tuple(name for name in self.known if name in self.categories)

    @cached_property
    def _numeric_scalers(self) -> Scalers:
        return Scalers.of({name: self.scalers[name] for name in self.numeric})

    @cached_property
    def _known_scalers(self) -> Scalers:
        return Scalers.of({name: self.scalers[name] for name in self._known_numbers})

    @cached_property
    def _target_scalers(self) -> Scalers:
        return Scalers.of({name: self.scalers[name] for name in self.targets})

    @cached_property
    def _label_numbers(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.labels or ())}


def place_of(record: Record, row: int) -> str:
    """Where a row of a record, counted from 0, stands in its source: `demand.csv:17`."""
    return f"{record.where}, step {row}" if record.rows is None else f"{record.where}:{record.rows[row]}"


def category_text(value: Any) -> str | None:
    """A category as the text that stands in the vocabulary; None where it is missing.

    Whole floats read like integers, for a column of integers with a hole in it is read as floats.
    """
    if isinstance(value, str):
        return value or None
    if value is None or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float | np.floating) and value == int(value) else str(value)


def _column(columns: Columns, name: str) -> Any:
    try:
        column = columns[name]
    except KeyError:
        near = difflib.get_close_matches(name, [str(key) for key in columns], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        there = ", ".join(map(str, columns)) or "none"
        raise DataError(f"column {name!r} is missing; {hint}there are: {there}; give it too") from None
    if np.ndim(column) != 1:
        raise DataError(f"column {name!r}: got shape {np.shape(column)}, wanted one value a row; give a 1-D array")
    return column


def _texts(columns: Columns, name: str) -> list[str]:
    texts = [category_text(value) for value in np.asarray(_column(columns, name), dtype=object).tolist()]
    if None in texts:
        raise DataError(f"column {name!r}: the category of row {texts.index(None)} is missing; give every row one")
    return [text for text in texts if text is not None]


def _cast(out: Singles, scalers: Scalers, columns: Columns) -> None:
    """Scaled columns into `out` (T, C); one that is too large for float32 becomes infinite there."""
    matrix = np.empty((len(scalers.names), len(out)), np.float64)
    for index, name in enumerate(scalers.names):
        try:
            matrix[index] = columns[name]
        except (TypeError, ValueError):
            raise DataError(f"column {name!r}: holds something that is no number; give numbers alone") from None
    with np.errstate(over="ignore", invalid="ignore"):
        out[...] = scalers.apply(matrix).T


def _finite(out: Singles, names: tuple[str, ...]) -> Singles:
    if not np.isfinite(out).all():
        row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(out)))
        raise RowError(
            f"column {names[column]!r}: is NaN, infinite or far too large; "
            "give a number, or read the data with missing: fill or split",
            row,
        )
    return out
