"""Which tags there are, and in which scheme they name spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from unspool.data.schemes import Scheme, convert, detect
from unspool.errors import DataError
from unspool.types import Record

Wanted = Literal["auto", "iobes", "iob2", "iob1", "none"]


def learn_tags(train: Sequence[Record], wanted: Wanted) -> tuple[tuple[str, ...], Scheme | None]:
    """The train part's tags in alphabetical order, and the scheme that they were brought into; DataError where they do not give it."""
    for record in train:
        if record.tags is None:
            raise DataError(f"{record.where}: record {record.name!r} has no tags, and others have; tag all or none")
    tagged = [record.tags for record in train if record.tags is not None]
    scheme = _scheme(train[0].where, tagged, wanted)
    tags = {tag for sentence in tagged for tag in (sentence if scheme is None else convert(sentence, scheme))}
    if len(tags) < 2:
        raise DataError(f"{train[0].where}: the train part has one tag alone, {next(iter(tags), '')!r}; wanted at least two")
    return tuple(sorted(tags)), scheme


def _scheme(where: str, tagged: Sequence[Sequence[str]], wanted: Wanted) -> Scheme | None:
    if wanted == "none":
        return None
    found = detect(tagged)
    if found is None and wanted != "auto":
        stray = sorted({tag for sentence in tagged for tag in sentence})[:5]
        raise DataError(
            f"{where}: data.tokens.scheme is {wanted}, and the tags ({', '.join(stray)} ...) name no spans, wanted O, B-TYPE, I-TYPE and their like; "
            "set it to none or auto, or name another column"
        )
    return None if found is None else "iobes" if wanted == "auto" else wanted
