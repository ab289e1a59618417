"""A page as its parts: every element in order, balanced, and the JSON that its script reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


@dataclass
class Page:
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: str = ""
    data: dict = field(default_factory=dict)

    def ids(self, tag: str) -> list[str]:
        return [attributes["id"] for name, attributes in self.elements if name == tag and "id" in attributes]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.open, self.kept = Page(), [], []

    def handle_starttag(self, tag, attrs):
        self.page.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        tag, attributes = self.open[-1] if self.open else ("", {})
        if attributes.get("id") == "report-data":
            self.page.data = json.loads(data)
        elif tag not in ("script", "style"):
            self.page.words += data


def read_page(html: str) -> Page:
    """The page; fails where an element is not closed in turn."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open
    return reader.page
