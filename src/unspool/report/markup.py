"""Pieces of HTML. What a caller passes as text is escaped here; what it passes as `Markup` is not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NewType

Markup = NewType("Markup", str)


def text(value: object) -> Markup:
    """Any text, inert."""
    return Markup(escape(str(value)))


def join(*parts: Markup | None) -> Markup:
    return Markup("\n".join(part for part in parts if part))


def tag(name: str, inner: Markup | str, **attributes: str) -> Markup:
    """An element; a text inside is escaped by the caller, attributes here. `class_` stands for class, `_` for a dash."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{written}>{inner}</{name}>")


def paragraph(value: str, class_: str = "") -> Markup:
    return tag("p", text(value), class_=class_) if class_ else tag("p", text(value))


def section(name: str, title: str, *parts: Markup | None) -> Markup:
    heading = tag("h2", text(title), id=f"{name}-title")
    return tag("section", join(heading, *parts), id=name, aria_labelledby=f"{name}-title")


def definitions(pairs: Iterable[tuple[str, Markup]], class_: str = "facts") -> Markup:
    inner = join(*(tag("div", join(tag("dt", text(term)), tag("dd", value))) for term, value in pairs))
    return tag("dl", inner, class_=class_)


def table(
    caption: str, head: Sequence[Markup | str], rows: Sequence[Sequence[Markup]], numeric: Iterable[int] = (), class_: str = ""
) -> Markup:
    """A table in a box of its own that scrolls sideways; the first cell of every row is its header.

    numeric  columns that are set flush right
    """
    right = set(numeric)

    def cell(name: str, index: int, value: Markup | str, **attributes: str) -> Markup:
        return tag(name, value, **attributes, **({"class_": "number"} if index in right else {}))

    header = tag("tr", Markup("".join(cell("th", i, value, scope="col") for i, value in enumerate(head))))
    body = [
        tag("tr", Markup("".join(cell("td" if i else "th", i, value, **({} if i else {"scope": "row"})) for i, value in enumerate(row))))
        for row in rows
    ]
    inner = join(tag("caption", text(caption)), tag("thead", header), tag("tbody", join(*body)))
    whole = tag("table", inner, class_=class_) if class_ else tag("table", inner)
    return tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")


def figure(name: str, label: str, caption: str, size: str = "medium", controls: Markup | None = None) -> Markup:
    """The place of a chart; `label` says in words what it shows, `size` is small, medium, tall or square."""
    chart = tag("div", Markup(""), class_=f"chart {size}", data_chart=name, role="img", aria_label=label)
    return tag("figure", join(controls, chart, tag("figcaption", text(caption))))


def choice(name: str, label: str, options: Sequence[str]) -> Markup | None:
    """A select, or None where there is nothing to choose."""
    if len(options) < 2:
        return None
    inner = Markup("".join(tag("option", text(option), value=str(index)) for index, option in enumerate(options)))
    return tag("label", join(tag("span", text(label)), tag("select", inner, data_choice=name)))


def script_json(value: Any) -> Markup:
    """JSON that no script element can be left by: every < and & is written as an escape."""
    dumped = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        dumped = dumped.replace(character, f"\\u{ord(character):04x}")
    return Markup(dumped)
