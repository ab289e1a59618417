"""Two pages that are made from the code: every key of a spec, and every verb's help."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from unspool.run import RunSpec
from unspool.spec import Spec

SIGNS: dict[type, tuple[str, str]] = {
    Ge: ("ge", "at least"),
    Gt: ("gt", "above"),
    Le: ("le", "at most"),
    Lt: ("lt", "below"),
    MinLen: ("min_length", "length at least"),
    MaxLen: ("max_length", "length at most"),
}


def write_references(folder: Path, help_texts: Path) -> None:
    """`spec.md` and `cli.md`, which pages of the documentation include."""
    folder.mkdir(exist_ok=True)
    (folder / "spec.md").write_text(spec_reference(RunSpec), encoding="utf-8")
    (folder / "cli.md").write_text(cli_reference(help_texts), encoding="utf-8")


def cli_reference(help_texts: Path) -> str:
    """The kept help texts, in the order in which the list of verbs has them."""
    first = (help_texts / "unspool.txt").read_text(encoding="utf-8")
    verbs = re.findall(r"^  (\w+)  ", first.partition("Commands:")[2], flags=re.MULTILINE)
    parts = [f"```text\n{first.rstrip()}\n```\n"]
    for verb in verbs:
        text = (help_texts / f"{verb}.txt").read_text(encoding="utf-8").rstrip()
        parts.append(f"## {verb}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def spec_reference(root: type[Spec]) -> str:
    """A table for the root and for every choice below it, depth first, each kind of a union by itself."""
    return "\n".join(_section(place, kind) for place, kind in _walk("", root))


def _walk(place: str, kind: type[Spec]) -> Iterator[tuple[str, type[Spec]]]:
    yield place, kind
    for name, field in kind.model_fields.items():
        for inner in _specs(field.annotation):
            yield from _walk(f"{place}.{name}" if place else name, inner)


def _section(place: str, kind: type[Spec]) -> str:
    tag = kind.model_fields.get("kind")
    title = f"`{place}`" if place else "The whole file"
    title += f", kind `{tag.default}`" if tag else ""
    rows = [_row(name, field) for name, field in kind.model_fields.items() if name != "kind"]
    about = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    if not rows:
        return f"## {title}\n\n{about}\n\nNo further keys.\n"
    head = "| key | type | default | bounds | what it is |\n|---|---|---|---|---|"
    return f"## {title}\n\n{about}\n\n{head}\n" + "\n".join(rows) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    bounds = [f"{word} {getattr(bound, key)}" for bound in field.metadata for kind, (key, word) in SIGNS.items() if isinstance(bound, kind)]
    cells = (f"`{name}`", _type(field.annotation), _default(field), ", ".join(bounds), field.description or "")
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\t", "\\t")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, Spec):
        tag = type(value).model_fields.get("kind")
        return f"kind `{tag.default}`" if tag else "see below"
    if value is None:
        return "none"
    return f"`{value!r}`" if value not in ((), {}) else "empty"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        told = dict.fromkeys(_type(part) for part in arguments if part is not type(None))
        return " or ".join([*told, *(["none"] if type(None) in arguments else [])])
    if origin is Literal:
        return " or ".join(f"`{option}`" for option in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"list of {_type(arguments[0])}"
    if origin is tuple:
        return f"{len(arguments)} of {_type(arguments[0])}"
    if origin is dict:
        return f"mapping of {_type(arguments[0])} to {_type(arguments[1])}"
    if _specs(annotation):
        tag = annotation.model_fields.get("kind")
        return f"kind `{tag.default}`" if tag else "mapping"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[annotation]


def _specs(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, Spec) else []
    return [found for part in get_args(annotation) for found in _specs(part)]
