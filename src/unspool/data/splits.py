"""Train, validation and test: by time within every series, by whole records, by groups, or as given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unspool.data.labelsets import stratified
from unspool.data.spec import GivenSplit, GroupSplit, RandomSplit, Split, TimeSplit, duration_seconds
from unspool.errors import DataError
from unspool.types import PARTS, Part, Record

Counts = NDArray[np.int64]

TEXT_STOP = -1  # a text's steps are not known before it is tokenised


def split(records: Sequence[Record], spec: Split, seed: int) -> dict[Part, Counts]:
    """Spans (n, 3) of record index, start and stop of every part, in the order of the records.

    A split by whole records gives (index, 0, steps), and (index, 0, -1) for a text. DataError where a part comes out
    empty.
    """
    if not records:
        raise DataError("there are no records to split; give data with at least one row")
    if isinstance(spec, TimeSplit):
        return _by_time(records, spec)
    draw = np.random.Generator(np.random.PCG64(seed))
    if isinstance(spec, GroupSplit):
        return _whole(records, _by_group(records, spec, draw))
    if isinstance(spec, GivenSplit):
        return _whole(records, _as_given(records, spec, draw))
    return _whole(records, _at_random(records, spec, draw))


def whole(records: Sequence[Record], indices: Counts) -> Counts:
    """(n, 3) spans that cover the records of `indices`."""
    stops = [TEXT_STOP if records[index].text is not None else records[index].steps for index in indices.tolist()]
    return np.stack([indices, np.zeros_like(indices), np.array(stops, np.int64)], axis=1).astype(np.int64)


def _whole(records: Sequence[Record], parts: Counts) -> dict[Part, Counts]:
    spans = {part: whole(records, np.flatnonzero(parts == code)) for code, part in enumerate(PARTS)}
    for part, found in spans.items():
        if not len(found):
            raise DataError(f"{records[0].where}: none of {len(records)} records is in the {part} part; give more")
    return spans


def _at_random(records: Sequence[Record], spec: RandomSplit, draw: np.random.Generator) -> Counts:
    if spec.stratify and any(record.labels is not None for record in records):
        return stratified(records, (spec.validation, spec.test), draw)
    keys = [record.label or "" for record in records] if spec.stratify else [""] * len(records)
    remedy = "give more records of it, or set split.stratify: false" if spec.stratify else "give more records"
    return _draw(keys, (spec.validation, spec.test), draw, [record.where for record in records], remedy)


def _by_group(records: Sequence[Record], spec: GroupSplit, draw: np.random.Generator) -> Counts:
    for record in records:
        if record.group is None:
            raise DataError(f"{record.where}: record {record.name!r} has no group; name the column in columns.group")
    groups, member = np.unique([record.group or "" for record in records], return_inverse=True)
    if len(groups) < len(PARTS):
        raise DataError(
            f"{records[0].where}: {len(groups)} groups ({', '.join(groups)}), wanted at least 3, one for every part; "
            "give more groups or choose another split"
        )
    parts = _draw([""] * len(groups), (spec.validation, spec.test), draw, [records[0].where] * len(groups), "give more groups")
    return parts[member]


def _as_given(records: Sequence[Record], spec: GivenSplit, draw: np.random.Generator) -> Counts:
    for record in records:
        if record.part is None:
            raise DataError(
                f"{record.where}: record {record.name!r} is marked as no part, wanted train, validation or test; "
                "name the column in columns.part, or choose another split"
            )
    parts = np.array([PARTS.index(record.part) for record in records if record.part], np.int64)
    if not (parts == PARTS.index("validation")).any():
        train = np.flatnonzero(parts == PARTS.index("train"))
        if any(record.labels is not None for record in records):
            parts[train] = stratified([records[index] for index in train.tolist()], (spec.validation,), draw)
            return parts
        keys = [records[index].label or "" for index in train.tolist()]
        remedy = "give more records of it, or mark a validation part yourself"
        parts[train] = _draw(keys, (spec.validation,), draw, [records[index].where for index in train.tolist()], remedy)
    return parts


def _draw(
    keys: Sequence[str], fractions: tuple[float, ...], draw: np.random.Generator, places: Sequence[str], remedy: str
) -> Counts:
    """(n,) part codes: of every key its fraction, at least one, to each part after train, and at least one to train."""
    parts = np.zeros(len(keys), np.int64)
    for key in sorted(set(keys)):
        members = draw.permutation(np.flatnonzero(np.array(keys) == key))
        if len(members) <= len(fractions):
            of_class = f"class {key!r} has " if key else ""
            raise DataError(
                f"{places[members.min()]}: {of_class}{len(members)} records, wanted at least {len(fractions) + 1}, one for every part; "
                f"{remedy}"
            )
        sizes = [max(1, int(len(members) * fraction + 0.5)) for fraction in fractions]
        while sum(sizes) >= len(members):
            sizes[int(np.argmax(sizes))] -= 1
        for code, stop in enumerate(np.cumsum(sizes).tolist(), start=1):
            parts[members[stop - sizes[code - 1] : stop]] = code
    return parts


def _by_time(records: Sequence[Record], spec: TimeSplit) -> dict[Part, Counts]:
    spans: dict[Part, list[tuple[int, int, int]]] = {part: [] for part in PARTS}
    for pieces in _series(records):
        edges = np.cumsum([0, *(records[index].steps for index in pieces)]).tolist()
        for part, (low, high) in _borders([records[index] for index in pieces], spec).items():
            for index, begin, end in zip(pieces, edges, edges[1:], strict=False):
                if max(low, begin) < min(high, end):
                    spans[part].append((index, max(low, begin) - begin, min(high, end) - begin))
    return {part: np.array(found, np.int64).reshape(-1, 3) for part, found in spans.items()}


def _series(records: Sequence[Record]) -> list[list[int]]:
    """Indices of records, series by series: gaps cut the series `a` into `a`, `a#2`, `a#3` that follow one another."""
    series: list[list[int]] = []
    for index, record in enumerate(records):
        base, mark, number = record.name.rpartition("#")
        follows = series and mark and number == str(len(series[-1]) + 1) and records[series[-1][0]].name == base
        if follows:
            series[-1].append(index)
        else:
            series.append([index])
    return series


def _borders(pieces: Sequence[Record], spec: TimeSplit) -> dict[Part, tuple[int, int]]:
    """Where every part starts and stops, counted over the pieces of one series laid end to end."""
    total = sum(piece.steps for piece in pieces)
    test = _start_of(spec.test, total, total, pieces)
    end = test - spec.embargo
    validation = _start_of(spec.validation, total, end, pieces)
    borders: dict[Part, tuple[int, int]] = {
        "train": (0, validation - spec.embargo),
        "validation": (validation, end),
        "test": (test, total),
    }
    for part, (start, stop) in borders.items():
        if stop <= max(start, 0) or start < 0:
            raise DataError(
                f"{pieces[0].where}: series {pieces[0].name!r} has {total} rows, its {part} part comes out empty: "
                f"validation {spec.validation}, test {spec.test}, embargo {spec.embargo} rows; "
                "give more rows, or make the other parts smaller"
            )
    return borders


def _start_of(size: float | int | str, total: int, stop: int, pieces: Sequence[Record]) -> int:
    """Where a part of `size` starts that stops at `stop`; a negative start means that it does not fit."""
    if isinstance(size, int):
        return stop - size
    if isinstance(size, float):
        return stop - int(total * size + 0.5)
    if stop <= 0:
        return -1
    times = _times(pieces)
    length = np.timedelta64(round(duration_seconds(size) * 1e6), "us")
    start = int(np.searchsorted(times[:stop], times[stop - 1] - length, side="right"))
    return start if times[0] <= times[stop - 1] - length else -1


def _times(pieces: Sequence[Record]) -> NDArray[np.datetime64]:
    times = [piece.times for piece in pieces if piece.times is not None]
    if len(times) < len(pieces):
        raise DataError(
            f"{pieces[0].where}: record {pieces[0].name!r} has no time stamps, so a part cannot be a duration; "
            "name their column in columns.time, or give sizes in rows"
        )
    return np.concatenate(times)
