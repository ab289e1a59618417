"""The choices of a benchmark that times two ways in turn, in one process."""

from __future__ import annotations

import argparse
from pathlib import Path


def options(description: str | None, results: Path, repeats: int) -> argparse.Namespace:
    """threads, repeats, seed, out and table, from the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=results, help="the file of results")
    parser.add_argument("--table", action="store_true", help="print the table from the file, and measure nothing")
    return parser.parse_args()
