"""The blocks of code in a page of the documentation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?P<kind>python|console)\n(?P<code>.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: `code` as Python, or as lines of which those that start with `$ ` are commands."""

    kind: str
    code: str
    line: int

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.code.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """The pages that people write; generated ones hold no code."""
    return [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(found["kind"], found["code"], text.count("\n", 0, found.start()) + 2) for found in FENCE.finditer(text)]
