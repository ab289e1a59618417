"""Small seeded problems: what a network must learn in seconds, and tables to start from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def seasonal_series(steps: int, season: int, seed: int, noise: float = 0.1) -> Doubles:
    """(T,) a level of 10, a slow trend, a wave of `season` steps and white noise."""
    draw = np.random.default_rng(seed)
    time = np.arange(steps)
    wave: Doubles = 2 * np.sin(2 * np.pi * time / season)
    return 10 + 0.001 * time + wave + noise * draw.standard_normal(steps)


def adding_problem(n: int, length: int, seed: int) -> tuple[Doubles, Doubles]:
    """Add the two marked numbers of a sequence (Hochreiter and Schmidhuber 1997).

    returns  (N, T, 2) numbers in 0..1 and marks, one in either half; (N,) their sums
    """
    draw = np.random.default_rng(seed)
    numbers = draw.random((n, length))
    marks = np.zeros((n, length))
    rows, half = np.arange(n), length // 2
    marks[rows, draw.integers(0, half, n)] = 1
    marks[rows, draw.integers(half, length, n)] = 1
    return np.stack([numbers, marks], axis=2), (numbers * marks).sum(axis=1)


def named_sentences(n: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Who is where? Sentences of words, and their tags in IOB2; whether Lincoln is a person or a place the word before it tells."""
    draw = np.random.default_rng(seed)
    names = {"PER": ("Ada Byron", "Alan Mathison Turing", "Grace", "Lincoln"), "LOC": ("New York", "Oslo", "Lima", "Lincoln")}
    forms = ("PER lives in LOC .", "in LOC Mr PER slept", "Mr PER met Mr PER near LOC", "nobody lives in LOC", "the old town slept")
    made = []
    for form in draw.choice(forms, n).tolist():
        words: list[str] = []
        tags: list[str] = []
        for item in form.split():
            name = str(draw.choice(names[item])).split() if item in names else [item]
            words += name
            tags += [f"B-{item}", *[f"I-{item}"] * (len(name) - 1)] if item in names else ["O"]
        made.append((words, tags))
    return made


def first_token(
    n: int, shortest: int, longest: int, classes: int, seed: int
) -> tuple[list[Doubles], list[str]]:
    """What was the first number? Sequences (T_i, 1) of numbers 0 to classes - 1, and their labels."""
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, classes, (length, 1)) for length in draw.integers(shortest, longest + 1, n).tolist()]
    return [row.astype(np.float64) for row in rows], [str(row[0, 0]) for row in rows]


def parity(n: int, shortest: int, longest: int, seed: int) -> tuple[list[Doubles], list[str]]:
    """Is the number of ones even or odd? Sequences (T_i, 1) of bits, and their labels."""
    rows, _ = first_token(n, shortest, longest, 2, seed)
    return rows, ["odd" if row.sum() % 2 else "even" for row in rows]


def sensor_table(path: Path, sensors: int, rows: int, seed: int) -> Path:
    """A CSV of hourly readings: time, sensor, site, temperature, load, shift and fault (yes in every third sensor).

    A faulty sensor's temperature follows its load twice as strongly.
    """
    draw = np.random.default_rng(seed)
    stamps = np.datetime64("2024-01-01T00:00", "s") + np.arange(rows) * np.timedelta64(1, "h")
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["time", "sensor", "site", "temperature", "load", "shift", "fault"])
        for sensor in range(sensors):
            faulty = sensor % 3 == 0
            load = 50 + 20 * np.sin(2 * np.pi * np.arange(rows) / 24) + draw.standard_normal(rows)
            warm = 20 + (0.4 if faulty else 0.2) * load + 0.3 * draw.standard_normal(rows)
            for row, stamp in enumerate(stamps):
                shift = ("night", "day", "late")[row % 24 // 8]
                about = [f"{stamp}Z", f"s{sensor:02d}", f"site{sensor % 4}"]
                table.writerow([*about, f"{warm[row]:.3f}", f"{load[row]:.3f}", shift, "yes" if faulty else "no"])
    return path
