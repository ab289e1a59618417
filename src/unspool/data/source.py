"""Where data is, and how its files are read: one choice a kind of source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from unspool.spec import Spec, knob
from unspool.types import Part

Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"]
AnyEncoding = Literal["auto", Encoding]

TextForm = Literal["lines", "folders", "plain", "csv", "parquet", "jsonl"]
TaggedForm = Literal["columns", "conllu", "slashes"]

ENDINGS: dict[str, TextForm] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}

# The options of a text source that take effect in each form.
TEXT_OPTIONS: dict[TextForm, tuple[str, ...]] = {
    "lines": ("label", "label_separator", "delimiter", "encoding"),
    "folders": ("label_separator", "pattern", "encoding"),
    "plain": ("pattern", "encoding"),
    "csv": ("text", "label", "part", "label_separator", "delimiter", "encoding"),
    "parquet": ("text", "label", "part", "label_separator"),
    "jsonl": ("text", "label", "part", "label_separator", "encoding"),
}
TAGGED_OPTIONS: dict[TaggedForm, tuple[str, ...]] = {"columns": ("column", "word"), "conllu": ("column", "word"), "slashes": ("delimiter",)}


def _delimiter(text: str) -> str:
    if set(text) & set('"\r\n\0') or not text.isascii():
        raise ValueError(f"got {text!r}, wanted plain ASCII without quotes and line ends, e.g. ',' or a tab")
    return text


class TableSource(Spec):
    """A CSV or Parquet file, or a pandas, polars or Arrow frame handed over as `data`."""

    kind: Literal["table"] = "table"
    path: str | None = knob(None, "file to read, relative to the spec; none where the frame is handed over in Python")
    format: Literal["auto", "csv", "parquet"] = knob("auto", "auto goes by the file's ending; .csv.gz is read too")
    delimiter: str = knob(",", "one character between the columns of a CSV", min_length=1, max_length=1)
    encoding: Encoding = knob("utf-8", "of a CSV; a byte order mark is skipped")

    _check_delimiter = field_validator("delimiter")(_delimiter)

    @property
    def places(self) -> tuple[tuple[Part | None, str], ...]:
        return _places(self.path, None)


class ArraysSource(Spec):
    """An NPZ file or a mapping `data` with `values`, `lengths`, `labels`, `parts`, `groups`.

    values   (N, T, C), (N, T), (T, C), (T,), a list of (T_i, C) or (T_i,) arrays, or (S, C) with `lengths` of sum S
    lengths, labels, parts, groups  (N,)
    """

    kind: Literal["arrays"] = "arrays"
    path: str | None = knob(None, "NPZ file, relative to the spec; none where arrays are handed over in Python")
    channels: tuple[str, ...] | None = knob(None, "names of the C channels; x0, x1 ... where none are given")
    padded: Literal["none", "left", "right"] = knob("none", "side on which (N, T, C) is padded with NaN, cut off")

    @property
    def places(self) -> tuple[tuple[Part | None, str], ...]:
        return _places(self.path, None)


class Parts(Spec):
    """A file or folder for each part that the data's owner made."""

    train: str = knob(help="file or folder of the train part, relative to the spec")
    validation: str | None = knob(None, "of the validation part; none means drawn from train (split: given)")
    test: str = knob(help="of the test part")


def _one_place(source: TextSource | TaggedSource) -> None:
    if source.path is not None and source.parts is not None:
        raise ValueError("path and parts are both given; keep one of them")


class TextSource(Spec):
    """Texts with or without a label: lines, documents in folders, or rows of a table; or pairs or a frame handed over as `data`.

    `auto` is a folder of folders, one a class, where the path is a folder; CSV, Parquet or JSON lines by a file's ending; else lines of label,
    delimiter, text. `plain` is said, never guessed: each file is one text without a label. An encoding of `auto` is UTF-16 where a file begins
    with its byte order mark, with which no UTF-8 text can begin, and UTF-8 otherwise; single-byte encodings cannot be told apart and are never
    guessed. Lines end in \\n, \\r\\n or \\r; documents and cells keep their own line ends, and offsets count them.
    """

    kind: Literal["text"] = "text"
    path: str | None = knob(None, "file or folder to read, relative to the spec; none where the data is handed over in Python, or for parts")
    parts: Parts | None = knob(None, "a file or folder for each part, in place of path (split: given)")
    format: Literal["auto", "lines", "folders", "plain", "csv", "parquet", "jsonl"] = knob(
        "auto", "auto goes by the file's ending, or is folders where the path is a folder; plain: each file is one text without a label"
    )
    text: str = knob("text", "column that holds the text (csv, parquet, jsonl)")
    label: str | None = knob("label", "column that holds the label (csv, parquet, jsonl); none for rows and lines without labels")
    part: str | None = knob(None, "column that says train, validation or test (csv, parquet, jsonl; split: given)")
    label_separator: str | None = knob(None, "between the labels of a text that has several; none where each has one", min_length=1)
    delimiter: str | None = knob(None, "between label and text of a line, or the columns of a CSV; none means a tab, or a comma", min_length=1)
    pattern: str = knob("*", "which files of a folder are read: *.txt by name, pos/*.txt by path", min_length=1)
    encoding: AnyEncoding = knob("auto", "of text files; auto is utf-8, or utf-16 where a byte order mark says so; a byte order mark is skipped")

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        if pattern.startswith("/") or not PurePosixPath(pattern).parts:
            raise ValueError(f"got {pattern!r}, wanted a pattern of names below the folder, e.g. *.txt or pos/*.txt")
        return pattern

    @model_validator(mode="after")
    def _agrees(self) -> TextSource:
        _one_place(self)
        columns = [name for name in (self.text, self.label, self.part) if name is not None]
        if len(set(columns)) < len(columns):
            raise ValueError(f"text, label and part name {columns}, one column twice; give each its own")
        return self

    @property
    def places(self) -> tuple[tuple[Part | None, str], ...]:
        return _places(self.path, self.parts)

    def form(self, path: PurePath) -> TextForm | None:
        """How a file of that name is read; None where only a look at the path itself tells lines from folders."""
        if self.format != "auto":
            return self.format
        return ENDINGS.get(PurePath(path.name.lower().removesuffix(".gz")).suffix)

    def forms(self) -> tuple[TextForm, ...]:
        """The forms that the spec and the files' names show; () where they show not all."""
        if self.format != "auto":
            return (self.format,)
        found = [self.form(PurePath(path)) for _, path in self.places]
        return tuple(form for form in found if form is not None) if None not in found else ()

    def idle(self, forms: Sequence[TextForm]) -> list[str]:
        """The options that are set and take effect in none of these forms."""
        found = _idle(self, TEXT_OPTIONS, forms)
        if set(forms) == {"lines"} and self.label not in (None, TextSource.model_fields["label"].default):
            found.append("label")
        if forms and self.label is None and self.label_separator is not None and "folders" not in forms:
            found.append("label_separator")
        if set(forms) == {"lines"} and self.label is None and self.delimiter is not None:
            found.append("delimiter")
        return list(dict.fromkeys(found))


class TaggedSource(Spec):
    """Sentences cut into words with a tag each; or pairs of words and tags handed over as `data`.

    columns  a word a line with its tags beside it, in blanks or tabs; a blank line ends a sentence and `-DOCSTART-` lines are passed over
             (CoNLL-2003; Tjong Kim Sang and De Meulder 2003). Names of columns stand in a first line `# global.columns = ...`, where there is one
    conllu   ten columns in tabs (Universal Dependencies; Nivre et al. 2020); ranges of words (3-4) and empty nodes (3.1) are passed over
    slashes  a sentence a line, of word/tag; the last delimiter of an item ends its word

    The text of a record is its words with single spaces between them, but for none where CoNLL-U says SpaceAfter=No.
    """

    kind: Literal["tagged"] = "tagged"
    path: str | None = knob(None, "file to read, relative to the spec; none where the data is handed over in Python, or for parts")
    parts: Parts | None = knob(None, "a file for each part, in place of path (split: given)")
    format: Literal["auto", "columns", "conllu", "slashes"] = knob("auto", "auto is conllu where the file ends in .conllu, else columns")
    column: int | str | None = knob(None, "the tags: a name, or a number from 1, or from -1 at the end; none means the last, or upos in CoNLL-U")
    word: int | str | None = knob(None, "the words: a name, or a number as for column; none means the first, or form in CoNLL-U")
    delimiter: str = knob("/", "between a word and its tag (format: slashes)", min_length=1)
    encoding: AnyEncoding = knob("auto", "auto is utf-8, or utf-16 where a byte order mark says so; a byte order mark is skipped")

    @field_validator("column", "word")
    @classmethod
    def _is_place(cls, place: int | str | None) -> int | str | None:
        if place == 0 or place == "":
            raise ValueError("got nothing that names a column, wanted a name, 1 for the first column, or -1 for the last")
        return place

    @field_validator("delimiter")
    @classmethod
    def _is_within_an_item(cls, delimiter: str) -> str:
        if set(delimiter) & set(" \t\r\n\0"):
            raise ValueError(f"got {delimiter!r}, wanted something without blanks, which stand between items, e.g. '/' or '_'")
        return delimiter

    @model_validator(mode="after")
    def _agrees(self) -> TaggedSource:
        _one_place(self)
        return self

    @property
    def places(self) -> tuple[tuple[Part | None, str], ...]:
        return _places(self.path, self.parts)

    def form(self, path: PurePath) -> TaggedForm:
        """How a file of that name is read."""
        if self.format != "auto":
            return self.format
        return "conllu" if PurePath(path.name.lower().removesuffix(".gz")).suffix == ".conllu" else "columns"

    def forms(self) -> tuple[TaggedForm, ...]:
        """The forms that the spec and the files' names show; () where nothing is named."""
        if self.format != "auto":
            return (self.format,)
        return tuple(self.form(PurePath(path)) for _, path in self.places)

    def idle(self, forms: Sequence[TaggedForm]) -> list[str]:
        """The options that are set and take effect in none of these forms."""
        return _idle(self, TAGGED_OPTIONS, forms)


def _places(path: str | None, parts: Parts | None) -> tuple[tuple[Part | None, str], ...]:
    """The part and the path of everything that is read, in a fixed order; nothing where the data is handed over."""
    if parts is None:
        return () if path is None else ((None, path),)
    given: tuple[tuple[Part, str | None], ...] = (("train", parts.train), ("validation", parts.validation), ("test", parts.test))
    return tuple((part, place) for part, place in given if place is not None)


F = TypeVar("F", bound=str)


def _idle(source: Spec, options: Mapping[F, Sequence[str]], forms: Sequence[F]) -> list[str]:
    fields = type(source).model_fields
    known = {name for names in options.values() for name in names}
    effective = {name for form in forms or options for name in options[form]}
    return [name for name in fields if name in known - effective and getattr(source, name) != fields[name].default]


Source = Annotated[TableSource | ArraysSource | TextSource | TaggedSource, Field(discriminator="kind")]


def named(source: Source) -> str:
    """The source as a message names it: its files, or `data` where they were handed over."""
    return ", ".join(path for _, path in source.places) or "data"


def has_parts(source: Source) -> bool:
    """Whether a source of texts says itself in which part each of them is."""
    if isinstance(source, TextSource):
        return source.parts is not None or source.part is not None
    return isinstance(source, TaggedSource) and source.parts is not None
