"""From a record to what the network meets: everything learnt from the train part, or declared, as plain JSON.

The same methods prepare a whole record offline and one row of a live stream, so the two cannot differ.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from unspool.data.characters import CharacterFacts
from unspool.data.contextual import ContextualFacts
from unspool.data.features import Stamps, calendar, calendar_names
from unspool.data.marks import MARKS, marks
from unspool.data.scaling import RowError, Scaler, Scalers
from unspool.data.schemes import Scheme, convert
from unspool.data.spec import CalendarFeature, DataSpec, Policy, SlidingWindows
from unspool.data.subwords import Cutter, SubwordFacts
from unspool.data.vocab import LINE_END, UNKNOWN, Unit, Vocabulary, fold, tokenize
from unspool.errors import DataError
from unspool.spec import Spec, knob
from unspool.types import Prepared, Record

Columns = Mapping[str, ArrayLike]
Singles = NDArray[np.float32]


class VectorFacts(Spec):
    """Which codes came with vectors from a file, and how many words of the train part it has."""

    width: int = knob(help="numbers of a vector", ge=1)
    near: int = knob(help="codes, with 0, of the words of the train part; those after them are further words of the file", ge=1)
    exact: int = knob(0, "words found as they are written", ge=0)
    lowered: int = knob(0, "words found in lower case alone", ge=0)
    made: int = knob(0, "words made of their n-grams", ge=0)
    missing: int = knob(0, "words that the file lacks", ge=0)
    further: int = knob(0, "words of the head of the file that the train part lacks", ge=0)

    @property
    def coverage(self) -> float:
        """The share of the train part's different words that have a vector, 0 to 1."""
        found = self.exact + self.lowered + self.made
        return found / max(found + self.missing, 1)


class TokenFacts(Spec):
    """How text became codes, and the units that have one."""

    unit: Unit | Literal["subwords"] = knob("words", "what one step of the sequence is")
    line_ends: bool = knob(False, "the end of a line, and of a text, is a token")
    lowercase: bool = knob(True, "fold case first")
    longest: int | None = knob(None, "most steps kept of one text", ge=1)
    keep: Literal["head", "tail", "both"] = knob("head", "which end of a longer text is kept; both: half of each")
    windows: SlidingWindows | None = knob(None, "in which a text is read, where it is not read as a whole")
    vocabulary: Vocabulary = knob(help="codes of the units")
    subwords: SubwordFacts | None = knob(None, "how words are cut into sub-words, where those are the units")
    characters: CharacterFacts | None = knob(None, "of the characters of words, where they are read")
    sentences: bool = knob(False, "a column of codes says where sentences begin")
    vectors: VectorFacts | None = knob(None, "of word vectors that others have trained, where they are used")
    contextual: ContextualFacts | None = knob(None, "of vectors of words in their context, where they are used")

    @model_validator(mode="after")
    def _knows_its_subwords(self) -> TokenFacts:
        if (self.unit == "subwords") != (self.subwords is not None):
            raise ValueError(f"the unit is {self.unit}, and how words are cut into sub-words is {'known' if self.subwords else 'not known'}")
        if self.subwords is not None:
            self.subwords.refuse(self.vocabulary.units)
        return self

    def cut(self, text: str, words: NDArray[np.integer] | None = None) -> tuple[list[str], NDArray[np.int64]]:
        """The units of a text that are read, and where in it each begins and ends, (T, 2).

        words  (T, 2) of a source that cuts words itself
        """
        if words is not None:
            units, offsets = fold([text[start:stop] for start, stop in words.tolist()], self.lowercase), np.asarray(words, np.int64)
        elif self.unit == "subwords":
            units, offsets = self.cutter.cut(text, tokenize(text, "words", False, self.line_ends)[1])
        else:
            units, offsets = tokenize(text, self.unit, self.lowercase, self.line_ends)
        kept = self.kept(len(units))
        return [units[place] for place in kept.tolist()], offsets[kept]

    @cached_property
    def cutter(self) -> Cutter:
        """What cuts words into sub-words; MissingExtra where the library that does is not installed."""
        assert self.subwords is not None
        return Cutter(self.subwords, self.vocabulary.units, self.lowercase)

    def refuse_no_library(self) -> None:
        """MissingExtra where units are sub-words, and what cuts words into them is not installed."""
        if self.unit == "subwords":
            assert self.cutter is not None

    def kept(self, units: int) -> NDArray[np.int64]:
        """Which of so many units of a text are read, ascending; of `both` ends half each, the first one the odd one (Sun et al. 2019)."""
        if self.longest is None or units <= self.longest:
            return np.arange(units)
        first = {"head": self.longest, "tail": 0, "both": self.longest - self.longest // 2}[self.keep]
        return np.concatenate([np.arange(first), np.arange(units - self.longest + first, units)])

    def runs(self, of_units: Sequence[str]) -> list[list[str]]:
        """What is read of something that each unit of a text has, in runs of units that stand side by side there."""
        kept = self.kept(len(of_units))
        runs = np.split(kept, np.flatnonzero(np.diff(kept) > 1) + 1)
        return [[of_units[place] for place in run.tolist()] for run in runs]

    def spans(self, steps: int) -> NDArray[np.int64] | None:
        """(W, 2) from which step to which each window of a text reads, the last one up to the text's end; None where texts are read as a whole."""
        if self.windows is None:
            return None
        size, step = min(self.windows.size, steps), self.windows.step
        starts = np.append(np.arange(0, steps - size, step), steps - size)
        return np.stack([starts, starts + size], axis=1)

    def encode(self, text: str, words: NDArray[np.integer] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Codes (T, N) of the units that `cut` gives, and their places; no unit is an unknown one.

        Each has its own code, then those of its characters where they are read, then whether a sentence begins with it where that is told.
        """
        units, offsets = self.cut(text, words)
        if not units:
            return np.zeros((1, len(self.sizes)), np.int64), np.zeros((1, 2), np.int64)
        columns = [self.vocabulary.encode(units)[:, None]]
        if self.characters is not None:
            columns.append(self.characters.encode([text[start:stop] for start, stop in offsets.tolist()]))
        if self.sentences:
            columns.append(marks(text, offsets))
        return np.concatenate(columns, axis=1), offsets

    def closed(self, text: str) -> str:
        """A text as a record: it ends with the end of a line where that is a token."""
        return text if not self.line_ends or text.endswith(LINE_END) else text + LINE_END

    def extent(self, text: str) -> tuple[int, int]:
        """Words, which stand between white space, and characters of a text as it came, with the ends of lines where they are tokens."""
        text = self.closed(text)
        ends = text.count(LINE_END)
        told = self.line_ends or self.unit in ("characters", "bytes")
        return len(text.split()) + (ends if told else 0), len(text) - (0 if told else ends)

    @property
    def before(self) -> NDArray[np.int64]:
        """(N,) codes of what stands before a text: the end of a line."""
        return self.encode(LINE_END)[0][0]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of codes of every column of `encode`."""
        characters = self.characters
        of_characters = () if characters is None else (characters.size,) * characters.longest
        return (self.vocabulary.size, *of_characters, *((MARKS,) if self.sentences else ()))


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
