"""Small synthetic data for `unspool init --example`: the same bytes every time."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from unspool.data.synthetic import named_sentences

HOURS = 24 * 7 * 16
RECORDS = 120


def example_file(task: str, source: str) -> tuple[str, bytes]:
    """The name and content of the data that the template of a task and source reads."""
    draw = np.random.default_rng(0)
    if task == "tag":
        return "data.conll", _sentences()
    if task == "generate":
        return "data.txt", _running(draw)
    if source == "text":
        return "data.tsv", _texts(draw)
    if task == "forecast":
        return ("data.csv", _hourly_table(draw)) if source == "table" else ("data.npz", _npz(values=np.stack(_hourly(draw), axis=1)))
    values, labels = _curves(draw)
    return ("data.csv", _curve_table(values, labels)) if source == "table" else ("data.npz", _npz(values=values, labels=labels))


def _hourly(draw: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two (T,) series: a day within a week with slowly drifting noise, and what it depends on."""
    hour = np.arange(HOURS)
    other = np.sin(2 * np.pi * hour / 24 + 1) + 0.2 * draw.standard_normal(HOURS)
    workday = (hour // 24) % 7 < 5
    drift = np.zeros(HOURS)
    for step in range(1, HOURS):
        drift[step] = 0.97 * drift[step - 1] + 0.6 * draw.standard_normal()
    value = 100 + 20 * np.sin(2 * np.pi * hour / 24) * np.where(workday, 1.0, 0.5) + 5 * other + drift
    return value.round(3), other.round(3)


def _hourly_table(draw: np.random.Generator) -> bytes:
    value, _ = _hourly(draw)
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(HOURS) * np.timedelta64(1, "h")
    rows = [f"{time}Z,{number}" for time, number in zip(times, value, strict=True)]
    return ("\n".join(["time,value", *rows]) + "\n").encode()


def _curves(draw: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """(N, T, 2) points that run round a circle, either way or to and fro, and their class (N,)."""
    kinds = np.arange(RECORDS) % 3
    angle = 2 * np.pi * (np.arange(40) / 20 + draw.random((RECORDS, 1)))
    x, y = np.cos(angle), np.sin(angle) * np.array([1.0, -1.0, 0.0])[kinds][:, None]
    values = np.stack([x, y], axis=-1) + 0.3 * draw.standard_normal((RECORDS, 40, 2))
    return values.round(3).astype(np.float32), np.array(["left", "right", "line"])[kinds]


def _curve_table(values: NDArray[np.float32], labels: NDArray[np.str_]) -> bytes:
    rows = [f"{record},{label},{x:.3f},{y:.3f}" for record, (curve, label) in enumerate(zip(values, labels, strict=True)) for x, y in curve]
    return ("\n".join(["record,label,x,y", *rows]) + "\n").encode()


def _texts(draw: np.random.Generator) -> bytes:
    """Lines of a label, a tab and a few words; one of the words decides, unless `not` stands before it."""
    words = {"good": ("fine", "lovely", "bright"), "bad": ("dull", "sad", "broken")}
    filler = ("the", "a", "film", "day", "story", "was", "very", "and", "song")
    lines = []
    for index in range(2 * RECORDS):
        label, negated = ("good", "bad")[index % 2], bool(index // 2 % 2)
        word = str(draw.choice(words[label if not negated else {"good": "bad", "bad": "good"}[label]]))
        before, after = (list(map(str, draw.choice(filler, size=draw.integers(2, 6)))) for _ in range(2))
        lines.append(f"{label}\t{' '.join([*before, *(['not'] if negated else []), word, *after])}")
    return ("\n".join(lines) + "\n").encode()


def _sentences() -> bytes:
    """Who is where, a word and its tag a line."""
    sentences = named_sentences(2 * RECORDS, seed=0)
    return "\n".join("".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)) for words, tags in sentences).encode()


def _running(draw: np.random.Generator) -> bytes:
    """Lines of what animals do: each does what it does, however many stand before."""
    animals = ("cat", "dog", "cow", "bird")
    sounds = ("meows", "barks", "moos", "sings")
    chosen = [draw.integers(0, 4, draw.integers(1, 3)) for _ in range(10 * RECORDS)]
    lines = [f"the {' and the '.join(animals[one] for one in some)} {' and '.join(sounds[one] for one in some)}." for some in chosen]
    return ("\n".join(lines) + "\n").encode()


def _npz(**arrays: NDArray[np.generic]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
