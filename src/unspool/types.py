"""What passes between the rooms: records, cuts, batches and predictions, as numpy arrays.

Axes: `B` batch, `T` time, `C` inputs, `N` coded columns, `O` steps where the head is asked, `L` steps of the horizon, `F` features of a future
step, `D` targets, `Q` quantile levels, `K` classes. Masks are True where data is real. Batches are padded on the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
Booleans = NDArray[np.bool_]

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Record:
    """One sequence as it came from its source, before anything was learnt from data.

    name     the series' name, or the item's number in its source
    where    the place in the source, for messages: `demand.csv` or `reviews.txt:17`
    columns  each (T,): float64 for numbers (NaN where missing), object (str or None) for categories
    text     the raw text, to which all offsets refer, or None for numbers
    words    (T, 2) where in `text` each word begins and ends, of a source that cuts words itself, or None
    tags     (T,) one a word, as the source writes them, or None
    label    the class as the source writes it, or None
    labels   the single labels of a text that may have several, or none of them: (); None where it has one class
    times    (T,) datetime64[us] in UTC, strictly increasing, or None
    rows     (T,) the row of every step in its source, for messages, or None
    """

    name: str
    where: str
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    times: NDArray[np.datetime64] | None = None
    rows: Integers | None = None
    text: str | None = None
    words: Integers | None = None
    tags: tuple[str, ...] | None = None
    label: str | None = None
    labels: tuple[str, ...] | None = None
    group: str | None = None
    part: Part | None = None

    @property
    def steps(self) -> int:
        """The number of steps of a table's or an array's record; 0 for a text."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record as the network meets it: scaled, coded, float32.

    values   (T, C)  scaled numbers and calendar features; C may be 0
    codes    (T, N)  int64 categories or tokens; N may be 0
    known    (T, F)  what is known of every step ahead of time; F may be 0
    targets  (T, D)  scaled targets, NaN where unknown; D is 0 for a classification
    label    the class, or -1
    labels   (K,)    1 or 0 for each label of a record that may have any number of them, -1 in all where unknown; None where it has one class
    tags     (T,)    the number of the tag of every step, -1 where unknown, or None
    offsets  (T, 2)  where in the record's text every step begins and ends, or None for numbers
    before   (N,)    codes of what stands before a text, the end of a line, or None for numbers
    windows  (W, 2)  from which step to which each window of a text reads, or None where it is read as a whole
    """

    values: NDArray[np.float32]
    codes: NDArray[np.int64]
    known: NDArray[np.float32]
    targets: NDArray[np.float32]
    label: int = -1
    labels: NDArray[np.int64] | None = None
    tags: NDArray[np.int64] | None = None
    offsets: NDArray[np.int64] | None = None
    before: NDArray[np.int64] | None = None
    windows: NDArray[np.int64] | None = None

    @property
    def steps(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Cut:
    """The rows of one batch, before they are assembled.

    record, start, stop  (B,)  which steps of which prepared record; a row with start == stop is empty
    carry                (B,)  True where the row goes on where the same row of the batch before it ended
    pace                 what the learning rate of its step is multiplied by
    """

    record: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    carry: NDArray[np.bool_]
    pace: float = 1.0

    @property
    def rows(self) -> int:
        return len(self.record)

    @property
    def steps(self) -> int:
        """Real steps over all rows."""
        return int((self.stop - self.start).sum())


@dataclass(frozen=True, slots=True)
class Batch:
    """What a network is given, and what it should answer.

    values   (B, T, C) float32       codes   (B, T, N) int64       lengths (B,) int64
    carry    (B,) bool               True where the state of the batch before goes on
    asked    (B, O) int64            the steps, within the row, where the head answers
    weights  (B, O) float32          0 where the answer does not count (padding, unknown target)
    future   (B, O, L, F) float32    what is known of each of the L steps after an asked step, or None
    truth    (B, O, L, D) float32    scaled future targets (0 where unknown, see known_truth), or (B, O) int64 classes, or (B, O, K) int64 labels
    known_truth (B, O, L, D) bool    True where a future target is known, or None for classes
    source   (B, O) int64            the record of each asked step, where a row runs over several; else None
    """

    values: NDArray[np.float32]
    codes: NDArray[np.int64]
    lengths: NDArray[np.int64]
    carry: NDArray[np.bool_]
    asked: NDArray[np.int64]
    weights: NDArray[np.float32]
    truth: NDArray[np.generic]
    future: NDArray[np.float32] | None = None
    known_truth: NDArray[np.bool_] | None = None
    source: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Forecasts:
    """Forecasts in original units, one row an origin.

    record  (M,)          index into `names`           origin (M,)  the last step that was seen
    times   (M, L)        datetime64[us] of the forecast steps in UTC, or None where the record has no times
    point   (M, L, D)     quantiles (M, L, D, Q) or None, `levels` (Q,) ascending
    truth   (M, L, D)     NaN where unknown
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    record: NDArray[np.int64]
    origin: NDArray[np.int64]
    point: NDArray[np.float64]
    truth: NDArray[np.float64]
    levels: tuple[float, ...] = ()
    quantiles: NDArray[np.float64] | None = None
    times: NDArray[np.datetime64] | None = None


@dataclass(frozen=True, slots=True)
class Classes:
    """Class probabilities, one row a record.

    names (M,) of records; probabilities (M, K); truth (M,) int64, -1 where unknown; labels (K,)
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    truth: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelSets:
    """Which labels each record has, one row a record of any number of them.

    names (M,) of records; labels (K,)    probabilities (M, K), each of its label alone
    thresholds (K,)                       the least probability with which a label is answered
    truth (M, K) int64                    1 or 0, and -1 in all of a row whose truth is unknown
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    thresholds: tuple[float, ...]
    truth: NDArray[np.int64]

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """(M, K) the labels that are answered."""
        return np.asarray(self.probabilities >= np.array(self.thresholds))


@dataclass(frozen=True, slots=True)
class Tags:
    """A tag for every word, one entry a record (M of them, each of its own length T).

    names, texts  of records            offsets  each (T, 2), where in the text the words stand
    labels (K,)   the tags              scheme   in which tags name spans; None where each stands for itself
    best          each (T,) the tags that were chosen, as numbers
    confidence    each (T,) the probability of the tag that was chosen
    spans         each the spans that the chosen tags name: type, first word, word after the last, probability; empty where tags name none
    truth         each T tags in the same scheme, as text, for the data may hold tags that the train part lacks; None where unknown
    left_out      tagged words of all records that are not read, since their texts are cut
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    offsets: tuple[NDArray[np.int64], ...]
    labels: tuple[str, ...]
    scheme: str | None
    best: tuple[NDArray[np.int64], ...]
    confidence: tuple[NDArray[np.float64], ...]
    spans: tuple[tuple[tuple[str, int, int, float], ...], ...]
    truth: tuple[tuple[str, ...] | None, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Tokens:
    """How well the tokens of texts were foreseen, those of M records end to end.

    names, lengths     (M,) of records, and how many of the N tokens are of each
    codes              (N,) the tokens, 0 for one that the train part lacks
    log_probabilities  (N,) natural logarithms: of each token, given those before it
    words, characters  (M,) of the original texts, with the ends of lines where a token stands for them
    """

    names: tuple[str, ...]
    lengths: NDArray[np.int64]
    codes: NDArray[np.int64]
    log_probabilities: NDArray[np.float64]
    words: NDArray[np.int64]
    characters: NDArray[np.int64]


Predictions = Forecasts | Classes | LabelSets | Tags | Tokens
