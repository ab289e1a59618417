"""Good specs with small data beside them, what makes them bad, and what a refusal must look like."""

from __future__ import annotations

import copy
import gzip
import io
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import unspool
from unspool.cli import main

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(unspool.__file__).parents[1]), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Of a process of its own."""

GONE = object()
"""In a change: the key is taken out."""

ROWS = 240
CURVES, STEPS = 24, 12

FORECAST: dict[str, Any] = {
    "task": {"kind": "forecast", "horizon": 4, "seasons": [24]},
    "data": {
        "source": {"kind": "table", "path": "data.csv"},
        "columns": {"time": "time", "target": ["value"], "known": ["holiday"]},
        "split": {"kind": "time", "validation": 40, "test": 40},
    },
    "model": {
        "memory": {"kind": "carried", "truncate": 20, "streams": 4},
        "backbone": {"cell": {"kind": "gru", "hidden": 4}},
        "head": {"kind": "quantile", "levels": [0.1, 0.5, 0.9], "hidden": 4},
    },
    "train": {"epochs": 1, "device": "cpu"},
}
CLASSIFY: dict[str, Any] = {
    "task": {"kind": "classify"},
    "data": {
        "source": {"kind": "table", "path": "curves.csv"},
        "columns": {"series": "curve", "past": ["value"], "label": "class"},
        "split": {"kind": "random", "validation": 0.25, "test": 0.25},
        "batching": {"size": 8},
    },
    "model": {"backbone": {"cell": {"kind": "lstm", "hidden": 4}}},
    "train": {"epochs": 1, "device": "cpu"},
}
ARRAYS: dict[str, Any] = {
    "task": {"kind": "classify"},
    "data": {
        "source": {"kind": "arrays", "path": "curves.npz"},
        "split": {"kind": "random", "validation": 0.25, "test": 0.25},
        "batching": {"size": 8},
    },
    "model": {"backbone": {"cell": {"kind": "gru", "hidden": 4}}},
    "train": {"epochs": 1, "device": "cpu"},
}
TEXT: dict[str, Any] = {
    "task": {"kind": "classify"},
    "data": {
        "source": {"kind": "text", "path": "lines.tsv"},
        "tokens": {"unit": "words"},
        "split": {"kind": "random", "validation": 0.25, "test": 0.25},
        "batching": {"size": 8},
    },
    "model": {"embed": {"kind": "learned", "width": 4}, "backbone": {"cell": {"kind": "gru", "hidden": 4}}},
    "train": {"epochs": 1, "device": "cpu"},
}
GOOD = {"forecast": FORECAST, "classify": CLASSIFY, "arrays": ARRAYS, "text": TEXT}


def hourly(rows: int = ROWS, first: str = "2024-01-01") -> list[str]:
    """Rows `time,value,holiday` of a wave of a day."""
    draw = np.random.default_rng(5)
    stamps = np.datetime64(first, "m") + np.arange(rows) * np.timedelta64(60, "m")
    values = 10 + 3 * np.sin(np.arange(rows) * 2 * np.pi / 24) + draw.normal(0, 0.3, rows)
    return [f"{stamp},{value:.4f},{hour // 24 % 2}" for hour, (stamp, value) in enumerate(zip(stamps, values, strict=True))]


def demand(rows: Iterable[str] | None = None) -> str:
    return "".join(f"{line}\n" for line in ["time,value,holiday", *(hourly() if rows is None else rows)])


def with_row(number: int, row: str) -> str:
    """The demand whose row `number`, counted as a person does, is another one."""
    rows = hourly()
    rows[number - 2] = row
    return demand(rows)


def rows_without(first: int, last: int) -> list[str]:
    """The demand without the rows `first` to `last`, counted as a person does."""
    rows = hourly()
    return rows[: first - 2] + rows[last - 1 :]


def curve_rows(classes: Sequence[str] = ("up", "down")) -> list[str]:
    draw = np.random.default_rng(6)
    rows = []
    for curve in range(CURVES):
        label = classes[curve % len(classes)]
        slope = 1 if label == "up" else -1
        rows += [f"c{curve},{slope * step + draw.normal():.3f},{label}" for step in range(STEPS)]
    return rows


def curves(rows: Iterable[str] | None = None) -> str:
    return "".join(f"{line}\n" for line in ["curve,value,class", *(curve_rows() if rows is None else rows)])


def npz(**changes: Any) -> bytes:
    """The curves as an archive, some of its arrays changed or, with None, taken out."""
    draw = np.random.default_rng(7)
    labels = np.array(["up", "down"] * (CURVES // 2))
    slopes = np.where(labels == "up", 1.0, -1.0)
    arrays: dict[str, Any] = {"values": (slopes[:, None] * np.arange(STEPS) + draw.normal(size=(CURVES, STEPS)))[:, :, None], "labels": labels}
    stream = io.BytesIO()
    np.savez(stream, **{name: value for name, value in (arrays | changes).items() if value is not None})
    return stream.getvalue()


def text_lines() -> list[str]:
    return [f"{'good' if number % 2 else 'bad'}\tit is a {'fine' if number % 2 else 'poor'} film {number % 5}" for number in range(CURVES)]


def texts(lines: Iterable[str] | None = None) -> str:
    return "".join(f"{line}\n" for line in (text_lines() if lines is None else lines))


FILES = {"data.csv": demand, "curves.csv": curves, "curves.npz": npz, "lines.tsv": texts}


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_data(folder: Path) -> None:
    """The good data of all four specs."""
    for name, make in FILES.items():
        put(folder, name, make())


def changed(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with other values at dotted keys; GONE takes a key out."""
    spec = copy.deepcopy(dict(base))
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = spec
        for name in parents:
            node = node.setdefault(name, {})
        if value is GONE:
            del node[last]
        else:
            node[last] = value
    return spec


def put_spec(folder: Path, base: str, changes: Mapping[str, Any] | None = None) -> Path:
    return put(folder, "spec.yaml", yaml.safe_dump(changed(GOOD[base], changes or {}), sort_keys=False))


def line_of(path: Path, key: str) -> int:
    """Where a dotted key, or the nearest of its parents that is there, stands in a spec that `put_spec` wrote."""
    node, line = yaml.compose(path.read_text()), 1
    for name in re.findall(r"[^.\[\]]+", key):
        if isinstance(node, yaml.SequenceNode):
            node = node.value[int(name)]
            line = node.start_mark.line + 1
            continue
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((mark, value) for mark, value in entries if mark.value == name), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def snapshot(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refusal(capfd: Any, arguments: Sequence[object]) -> str:
    """What the command line says of bad input: exit code 2 and one message, and nothing else anywhere."""
    code = main([str(argument) for argument in arguments])
    printed = capfd.readouterr()
    assert code == 2, printed.err
    assert printed.out == ""
    return refused_as(printed.err)


def untouched(capfd: Any, folder: Path, arguments: Sequence[object]) -> str:
    """The message, once it is sure that nothing in the folder was changed, added or lost."""
    before = snapshot(folder)
    message = refusal(capfd, arguments)
    assert snapshot(folder) == before
    return message


def refused_as(stderr: str) -> str:
    """The one message on stderr, which has a remedy and is no defect's."""
    assert stderr.startswith("unspool: "), stderr
    assert stderr.count("unspool: ") == 1 and stderr.endswith("\n")
    assert "Traceback" not in stderr and "panicked" not in stderr
    assert "defect of unspool" not in stderr
    message = stderr.removeprefix("unspool: ").rstrip("\n")
    assert len(message) < 3000
    return message


def holds(message: str, words: Sequence[str]) -> None:
    for word in words:
        assert word in message, f"{word!r} is not in: {message}"


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)
