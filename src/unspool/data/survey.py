"""What there is in the data, and what is suspicious about it, as plain JSON."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.preparation import Preparation
from unspool.data.readings import Reading, described, unknown
from unspool.data.sources.holes import present
from unspool.types import Part, Record

Spans = Mapping[Part, NDArray[np.int64]]

MOST_EXAMPLES, MOST_OF_A_SET = 5, 3


def survey(
    records: Sequence[Record],
    spans: Spans | None = None,
    preparation: Preparation | None = None,
    missing: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Facts of the data, JSON-able.

    spans        of a split: adds `parts` and `leakage` between them
    preparation  adds `unknown`, the share of codes that the train part lacks, by part and column; of texts that of tokens, and `tokens` by part
    missing      empty cells by column before they were filled, as `sources.missing` counts them
    """
    facts: dict[str, Any] = {"records": len(records), "rows": sum(map(_rows, records)), **_time(records)}
    facts["missing"] = dict(missing) if missing is not None else _missing(records)
    tokens = None if preparation is None else preparation.tokens
    read = [] if tokens is None else [Reading.of(record, tokens) for record in records]
    facts["lengths"] = _lengths(records, read)
    facts["classes"] = _classes(records)
    facts["duplicates"] = _duplicates(records)
    if spans is not None:
        facts["parts"] = {part: _part(records, found) for part, found in spans.items()}
        facts["leakage"] = {"identical": _shared(records, spans), "groups": _shared_groups(records, spans)}
        if tokens is not None:
            by_part = {part: [read[index] for index in found[:, 0].tolist()] for part, found in spans.items()}
            facts["unknown"] = {part: unknown(found) for part, found in by_part.items()}
            facts["tokens"] = {part: described(found, tokens.longest) for part, found in by_part.items()}
        elif preparation is not None:
            facts["unknown"] = {part: _unknown(records, found, preparation) for part, found in spans.items()}
    return facts


def _rows(record: Record) -> int:
    return 1 if record.text is not None else record.steps


def _time(records: Sequence[Record]) -> dict[str, Any]:
    """First and last stamp, the commonest step, and the rows that were put into gaps (they repeat a row's number)."""
    times = [record.times for record in records if record.times is not None and len(record.times)]
    if not times:
        return {"start": None, "end": None, "frequency_seconds": None, "gaps_filled": 0}
    steps = Counter(np.concatenate([np.diff(stamps).astype(np.int64) for stamps in times]).tolist())
    filled = sum(int((np.diff(record.rows) == 0).sum()) for record in records if record.rows is not None)
    return {
        "start": f"{min(stamps[0] for stamps in times)}Z",
        "end": f"{max(stamps[-1] for stamps in times)}Z",
        "frequency_seconds": steps.most_common(1)[0][0] / 1e6 if steps else None,
        "gaps_filled": filled,
    }


def _missing(records: Sequence[Record]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for record in records:
        for name, values in record.columns.items():
            counts[name] += int((~present(values)).sum())
    return dict(counts)


def _lengths(records: Sequence[Record], read: Sequence[Reading]) -> dict[str, float]:
    """Steps of a record; of a text the tokens that are read, or its characters before there is a preparation."""
    if not records:
        return {}
    lengths = [max(len(one.codes), 1) for one in read] or [record.steps if record.text is None else len(record.text) for record in records]
    return {"minimum": min(lengths), "median": float(np.median(lengths)), "maximum": max(lengths)}


def _classes(records: Iterable[Record]) -> dict[str, int]:
    counts = Counter(label for record in records for label in _labels(record))
    return dict(sorted(counts.items()))


def _labels(record: Record) -> Sequence[str]:
    if record.labels is not None:
        return record.labels
    return () if record.label is None else (record.label,)


def _part(records: Sequence[Record], spans: NDArray[np.int64]) -> dict[str, Any]:
    inside = [records[index] for index in spans[:, 0].tolist()]
    rows = sum(1 if stop < 0 else stop - start for _, start, stop in spans.tolist())
    return {"records": len({id(record) for record in inside}), "rows": rows, "classes": _classes(inside)}


def _content(record: Record, start: int, stop: int) -> bytes:
    """A digest of what the network would see of a span; names, stamps and labels do not count."""
    hashed = hashlib.sha256(repr(record.text).encode("utf-8", "surrogatepass"))
    for name, values in record.columns.items():
        part = np.ascontiguousarray(values[start:stop])
        hashed.update(name.encode() + b"\0")
        hashed.update(repr(part.tolist()).encode("utf-8", "surrogatepass") if part.dtype == object else part.tobytes())
    return hashed.digest()


def _duplicates(records: Sequence[Record]) -> dict[str, Any]:
    """How many records equal an earlier one, and where some of them stand."""
    same: dict[bytes, list[Record]] = defaultdict(list)
    for record in records:
        same[_content(record, 0, record.steps)].append(record)
    sets = [found for found in same.values() if len(found) > 1]
    examples = [[f"{record.where} ({record.name})" for record in found[:MOST_OF_A_SET]] for found in sets]
    return {"records": sum(len(found) - 1 for found in sets), "examples": examples[:MOST_EXAMPLES]}


def _shared(records: Sequence[Record], spans: Spans) -> dict[str, Any]:
    """Spans whose content stands in more than one part."""
    places: dict[bytes, dict[str, str]] = defaultdict(dict)
    counts: Counter[bytes] = Counter()
    for part, found in spans.items():
        for index, start, stop in found.tolist():
            record = records[index]
            key = _content(record, start, record.steps if stop < 0 else stop)
            places[key][part] = f"{record.where} ({record.name})"
            counts[key] += 1
    shared = [key for key, parts in places.items() if len(parts) > 1]
    return {"spans": sum(counts[key] for key in shared), "examples": [places[key] for key in shared[:MOST_EXAMPLES]]}


def _shared_groups(records: Sequence[Record], spans: Spans) -> dict[str, list[str]]:
    """The parts of every group that is in more than one."""
    parts: dict[str, list[str]] = defaultdict(list)
    for part, found in spans.items():
        for group in {records[index].group for index in found[:, 0].tolist()} - {None}:
            parts[str(group)].append(part)
    return {group: found for group, found in sorted(parts.items()) if len(found) > 1}


def _unknown(records: Sequence[Record], spans: NDArray[np.int64], preparation: Preparation) -> dict[str, float]:
    if not preparation.code_names:
        return {}
    lacking, total = np.zeros(len(preparation.code_names)), 0
    for index, start, stop in spans.tolist():
        codes = preparation.codes({name: values[start:stop] for name, values in records[index].columns.items()})
        lacking, total = lacking + (codes == 0).sum(axis=0), total + len(codes)
    return dict(zip(preparation.code_names, (lacking / max(total, 1)).tolist(), strict=True))
