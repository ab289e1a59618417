"""What a user chooses about data: where it is, which column is what, how it is split, scaled and batched."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from unspool.data.source import ArraysSource as ArraysSource
from unspool.data.source import Source as Source
from unspool.data.source import TableSource as TableSource
from unspool.data.source import TaggedSource as TaggedSource
from unspool.data.source import TextForm as TextForm
from unspool.data.source import TextSource as TextSource
from unspool.spec import Spec, knob

Policy = Literal["error", "fill", "split"]
ScalerKind = Literal["standard", "minmax", "robust", "log1p", "none"]
CalendarFeature = Literal[
    "minute_of_hour",
    "hour_of_day",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "month_of_year",
    "weekend",
    "year_end",
]

CHARACTERS = 20
WINDOW = 512
TEXT_SOURCES = ("text", "tagged")
MOST_SUBWORDS = 100_000
UNIT_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def duration_seconds(text: str) -> float:
    """Seconds of a number and unit, `30min` or `1.5h`; ValueError where it is none."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|h|d|w)\s*", text)
    seconds = float(match[1]) * UNIT_SECONDS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"got {text!r}, wanted a number above 0 and a unit (s, min, h, d, w), e.g. 30min")
    return seconds


class Columns(Spec):
    """Which column of a table, or channel of an array, is what."""

    time: str | None = knob(None, "time stamps; none for rows that are evenly spaced by themselves")
    series: str | None = knob(None, "names the series that a row belongs to, where one table holds several")
    target: tuple[str, ...] = knob((), "what is forecast; also seen as input up to now")
    known: tuple[str, ...] = knob((), "inputs known ahead of time: holidays, prices, a weather forecast")
    past: tuple[str, ...] = knob((), "inputs known only up to now")
    categories: tuple[str, ...] = knob((), "which of the known and past columns hold categories, not numbers")
    label: str | None = knob(None, "class of a whole series, the same in all its rows (classify)")
    label_separator: str | None = knob(None, "between the labels of a series that has several; none where each has one (classify)", min_length=1)
    group: str | None = knob(None, "keeps what belongs together in one part (split: group)")
    part: str | None = knob(None, "train, validation or test, as the data's owner split it (split: given)")

    @model_validator(mode="after")
    def _each_once(self) -> Columns:
        named = [*self.target, *self.known, *self.past]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} is named twice among target, known and past; keep it in one of them")
        stray = sorted(set(self.categories) - {*self.known, *self.past})
        if stray:
            raise ValueError(f"categories names {stray[0]!r}, which is not among known and past; add it to one of them")
        return self


class TimeAxis(Spec):
    """How time stamps are read and what is made of them."""

    frequency: str = knob("auto", "step between rows: auto, or a number and unit (s, min, h, d, w): 30min, 1d")
    timezone: str = knob("UTC", "IANA name of the zone of the calendar, and of stamps that carry no offset")
    gaps: Policy = knob("error", "missing stamps: error; fill (repeat the last values); split (start a new record)")
    calendar: tuple[CalendarFeature, ...] = knob(
        (), "features of the time, in local time; but for weekend and year_end a sine and a cosine"
    )
    harmonics: dict[CalendarFeature, Annotated[int, Field(ge=1, le=10)]] = knob({}, "sine and cosine pairs, by feature; one where not named")

    @field_validator("frequency")
    @classmethod
    def _is_duration(cls, text: str) -> str:
        if text != "auto":
            duration_seconds(text)
        return text

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            if name != "UTC":
                ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"got {name!r}, wanted an IANA zone that is known here, e.g. Europe/Berlin") from None
        return name

    @field_validator("calendar")
    @classmethod
    def _once(cls, names: tuple[CalendarFeature, ...]) -> tuple[CalendarFeature, ...]:
        if len(set(names)) < len(names):
            raise ValueError("a calendar feature is named twice; name each once")
        return names


class Scaling(Spec):
    """How numbers are scaled; fitted on the train part alone, and undone on what a forecast answers."""

    default: ScalerKind = knob("standard", "for every numeric column that is not named below")
    columns: dict[str, ScalerKind] = knob({}, "by column name")


def _refuse_all(*fractions: float) -> None:
    if sum(fractions) >= 1:
        raise ValueError(f"validation and test take {sum(fractions):g} of the data, wanted less than 1")


class TimeSplit(Spec):
    """Train before validation before test, in every series. Sizes are fractions (0.1), rows (500), durations ("8w")."""

    kind: Literal["time"] = "time"
    validation: float | int | str = knob(0.1, "size of the validation part")
    test: float | int | str = knob(0.1, "size of the test part")
    embargo: int = knob(0, "rows left out before the validation and the test part", ge=0)

    @field_validator("validation", "test")
    @classmethod
    def _is_size(cls, size: float | int | str) -> float | int | str:
        if isinstance(size, str):
            duration_seconds(size)
        elif isinstance(size, float) and not 0 < size < 1:
            raise ValueError(f"got {size}, wanted a fraction between 0 and 1, whole rows, or a duration (8w)")
        elif size < 1 and not isinstance(size, float):
            raise ValueError(f"got {size} rows, wanted at least 1")
        return size

    @model_validator(mode="after")
    def _leaves_a_train_part(self) -> TimeSplit:
        _refuse_all(*(size for size in (self.validation, self.test) if isinstance(size, float)))
        return self


class RandomSplit(Spec):
    """Whole records, drawn by the run's seed, stratified by class where there are classes."""

    kind: Literal["random"] = "random"
    validation: float = knob(0.1, "fraction of records", gt=0, lt=1)
    test: float = knob(0.1, "fraction of records", gt=0, lt=1)
    stratify: bool = knob(True, "keep the share of every class the same in all parts")

    @model_validator(mode="after")
    def _leaves_a_train_part(self) -> RandomSplit:
        _refuse_all(self.validation, self.test)
        return self


class GroupSplit(Spec):
    """Whole groups (columns.group), drawn by the run's seed: no group is in two parts."""

    kind: Literal["group"] = "group"
    validation: float = knob(0.1, "fraction of groups", gt=0, lt=1)
    test: float = knob(0.1, "fraction of groups", gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_a_train_part(self) -> GroupSplit:
        _refuse_all(self.validation, self.test)
        return self


class GivenSplit(Spec):
    """As the data's owner split it; where no record is marked validation, it is drawn from train by the run's seed."""

    kind: Literal["given"] = "given"
    validation: float = knob(0.1, "fraction of train drawn, stratified, where none is marked", gt=0, lt=1)


Split = Annotated[TimeSplit | RandomSplit | GroupSplit | GivenSplit, Field(discriminator="kind")]


class Subwords(Spec):
    """Sub-words that are learnt from the train part: runs of bytes within words. Needs the extra `text`."""

    model: Literal["bpe", "unigram"] = knob("bpe", "bpe: pairs are merged, the commonest first; unigram: the likeliest pieces are kept")
    size: int = knob(8000, "most sub-words, with 512 of single bytes, half of which begin a word", ge=600, le=MOST_SUBWORDS, search=[2000, 8000])


class SlidingWindows(Spec):
    """A long text as several that overlap: each has the text's class in training, and all answer together."""

    size: int = knob(help="steps of a window; a text of no more is one", ge=2)
    step: int = knob(help="from where a window begins to where the next one does; the last one ends where the text does", ge=1)
    pool: Literal["mean", "max"] = knob("mean", "mean or greatest of the windows' probabilities, which is the text's answer")

    @model_validator(mode="after")
    def _reads_all(self) -> SlidingWindows:
        if self.step > self.size:
            raise ValueError(f"step {self.step} is more than size {self.size}, so that some of a text is never read; lower it")
        return self


class Tokens(Spec):
    """How text becomes a sequence of codes."""

    unit: Literal["words", "spaces", "subwords", "characters", "bytes"] = knob(
        "words", "what one step of the sequence is; spaces: what stands between white space, for a text that has been cut into words"
    )
    subwords: Subwords | None = knob(None, "how sub-words are learnt, where the unit is subwords")
    line_ends: bool | None = knob(None, "the end of a line, and of a text, is a token; none means so where the task is generate")
    lowercase: bool = knob(True, "fold case first")
    minimum_count: int = knob(1, "rarer units of the train part are unknown", ge=1, search=[1, 2, 3])
    largest: int = knob(50_000, "most units kept, the commonest first", ge=1)
    longest: int | None = knob(None, "most steps kept of one text", ge=1)
    keep: Literal["head", "tail", "both"] = knob("head", "which end of a longer text is kept; both: its first and its last half of longest")
    windows: SlidingWindows | None = knob(None, "classify long texts window by window, and answer with all of them together")
    characters: int | None = knob(
        None, f"characters that are read of one word, of a longer one the first and the last; none means {CHARACTERS} where a model reads any", ge=2
    )
    sentences: bool = knob(False, "mark where sentences begin; model.hierarchy sets it")
    scheme: Literal["auto", "iobes", "iob2", "iob1", "none"] = knob(
        "auto", "how tags are learnt that name spans; auto is iobes for those, and none, as they stand, for others"
    )


class VectorFile(Spec):
    """Word vectors that others have trained: word2vec, GloVe, fastText, or an NPY matrix with its words beside it."""

    path: str = knob(help="file of vectors, relative to the spec; .gz is read too, but for a matrix")
    index: str | None = knob(None, "the words of an NPY matrix: a Parquet, .txt, .tsv or .json file")
    format: Literal["auto", "word2vec", "word2vec_binary", "glove", "fasttext", "npy"] = knob("auto", "auto is what the content shows")
    further: int = knob(50_000, "words at the head of the file, the commonest, that are known beside those of the train part", ge=0)


class Contextual(Spec):
    """Vectors of words in their context, by a transformer that others have trained and that is not learnt further (Devlin et al. 2019)."""

    path: str = knob(help="folder of the encoder, relative to the spec: config.json, tokenizer.json and weights in safetensors")
    layers: tuple[int, ...] = knob((-1,), "hidden layers whose mean is taken: 0 is what enters the first, -1 the last", min_length=1)
    pooling: Literal["mean", "first"] = knob("mean", "what a word has of its sub-words' vectors")
    window: int | None = knob(
        None,
        f"sub-words that are read at once, and longer texts in windows that overlap; none means {WINDOW}, or fewer if the encoder reads fewer",
        ge=8,
    )
    batch: int = knob(32, "windows that are read side by side", ge=1)
    cache: str | None = knob(
        None, "folder that keeps the vectors for other runs, relative to the spec; none keeps them beside the checkpoints, until the run is trained"
    )


class Batching(Spec):
    """How rows are put together."""

    size: int = knob(32, "rows in a batch", ge=1, search=[16, 32, 64, 128])
    buckets: bool = knob(True, "put records of like length together, so that less of a batch is padding")


class DataSpec(Spec):
    """From raw files to batches."""

    source: Source = knob(help="where the data is")
    columns: Columns = knob(Columns(), "which column is what")
    time: TimeAxis = knob(TimeAxis(), "how time stamps are read")
    missing: Policy = knob("error", "NaN, empty cells: error; fill (repeat the last value); split (start a new record)")
    tokens: Tokens | None = knob(None, "how text becomes codes; for text sources alone")
    vectors: VectorFile | None = knob(None, "word vectors that others have trained; for texts cut into words")
    contextual: Contextual | None = knob(None, "vectors of words in their context; for tag and classify, and texts cut into words")
    scaling: Scaling = knob(Scaling(), "how numbers are scaled")
    split: Split | None = knob(None, "train, validation, test; none means given where the source names parts, else time for forecast, else random")
    batching: Batching | None = knob(None, "how rows are put together; a carried forecast has as many rows as streams")

    @model_validator(mode="after")
    def _every_option_takes_effect(self) -> DataSpec:
        if self.tokens is not None and self.source.kind not in TEXT_SOURCES:
            raise ValueError(f"tokens are for text sources, and this source is {self.source.kind}; leave tokens out")
        if self.time.calendar and self.columns.time is None:
            raise ValueError("time.calendar needs time stamps; name their column in columns.time, or leave it out")
        return self
