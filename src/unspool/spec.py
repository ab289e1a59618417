"""How a choice is declared, read from YAML and written back.

A choice is a frozen pydantic model derived from `Spec`. Default, help, bounds and search range stand on one line, through `knob`; the command
line's help, the JSON Schema and the docs read that line. Unknown keys, wrong types and values out of bounds become one `SpecError` that names
the key, the line of the file, what was wanted and the nearest key there is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails

from unspool.errors import SpecError

LARGEST_SPEC_BYTES = 1 << 20
MOST_NODES = 100_000
"""Values of a YAML tree once its aliases are written out: a few lines can stand for billions."""

Place = tuple[str | int, ...]


class _Reader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as in YAML 1.2 and in JSON; in 1.1 it is text, for want of a point."""


class _Writer(yaml.SafeDumper):
    """What `_Reader` reads back: text like 1e-3 is quoted."""


for _way in (_Reader, _Writer):
    _way.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"), list("-+0123456789"))


class Spec(BaseModel):
    """The root of every choice a user can make."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=False)


S = TypeVar("S", bound=Spec)


def knob(default: Any = ..., help: str = "", *, search: Sequence[Any] | None = None, **bounds: Any) -> Any:
    """One line a choice: its default, help, bounds (`ge`, `gt`, `le`, `lt`, `min_length` ...) and the range a tuner may search."""
    extra: JsonDict | None = {"search": list(search)} if search is not None else None
    if isinstance(default, list | dict | Spec):
        return Field(default_factory=lambda: default, description=help, json_schema_extra=extra, **bounds)
    return Field(default, description=help, json_schema_extra=extra, **bounds)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises SpecError with the line where it cannot be read."""
    try:
        _refuse_no_file(path)
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{path}: byte {error.start} is not UTF-8; save the spec as UTF-8") from None
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); check the path and who may read it") from None
    return parse_yaml(text, str(path))


def _refuse_no_file(path: Path) -> None:
    """SpecError unless there is an ordinary file of a size that a spec has."""
    if path.is_dir():
        raise SpecError(f"{path}: is a folder, not a spec; give the YAML file itself, e.g. {path / 'spec.yaml'}")
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], n=1) if path.parent.is_dir() else []
        hint = f"; did you mean {path.parent / near[0]}?" if near else "; `unspool init` writes one to start from"
        raise SpecError(f"{path}: no such spec file{hint}")
    size = path.stat().st_size
    if size > LARGEST_SPEC_BYTES:
        raise SpecError(f"{path}: {size:,} bytes, wanted a spec of at most {LARGEST_SPEC_BYTES:,}; is this the data?")


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping that YAML text holds; duplicate keys are refused."""
    try:
        tree = yaml.compose(text, Loader=_Reader)
        _count_nodes(tree)
        _refuse_duplicates(tree, where, ())
        raw = _value(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        told = [part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part]
        problem = ", ".join(told) or str(error).splitlines()[0]
        raise SpecError(f"{where}{line}: not valid YAML: {problem}; check indentation, colons and quotes on that line") from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{where}: a value cannot be read: {error}; quote it if it is text") from None
    if not isinstance(raw, dict):
        raise SpecError(f"{where}: got {_kind(raw)}, wanted a mapping with the keys task, data, model, train")
    return raw


def _value(text: str) -> Any:
    reader = _Reader(text)
    try:
        return reader.get_single_data()
    finally:
        reader.dispose()


def _count_nodes(node: yaml.Node | None, before: int = 0) -> int:
    """The values in a tree, each alias counted with all that it stands for; ValueError where there are too many."""
    count = before + 1
    if count > MOST_NODES:
        raise ValueError(f"with its aliases written out it holds more than {MOST_NODES:,} values")
    if isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                count = _count_nodes(part, count)
    return count


def _refuse_duplicates(node: yaml.Node | None, where: str, place: Place) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                raise SpecError(f"{where}:{line}: got {_kind(key.value)} as a key, wanted the name of an option; check the brackets")
            if key.value in seen:
                raise SpecError(
                    f"{where}:{key.start_mark.line + 1}: {dotted((*place, key.value))} is given twice "
                    f"(first on line {seen[key.value]}); keep one"
                )
            seen[key.value] = key.start_mark.line + 1
            _refuse_duplicates(value, where, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _refuse_duplicates(value, where, (*place, index))


def to_yaml(spec: Spec) -> str:
    """The spec, complete, as YAML that reads back to an equal spec."""
    return yaml.dump(spec.model_dump(mode="json"), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)


def parse(kind: type[S], raw: Mapping[str, Any], where: str = "spec", text: str | None = None) -> S:
    """`raw` as a spec of `kind`; every problem found is told in one SpecError, one line each.

    text  the YAML that `raw` came from, so that messages can name lines
    """
    try:
        return kind.model_validate(_plain(raw), strict=True)
    except ValidationError as error:
        tree = yaml.compose(text, Loader=_Reader) if text is not None else None
        lines = [_describe(kind, raw, problem, where, tree) for problem in error.errors()]
        raise SpecError("\n".join(dict.fromkeys(lines))) from None


def override(raw: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """`raw` with every `a.b.c=value` set, values being YAML; the places in between are made where missing."""
    result = _copy(raw)
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not all(key.split(".")):
            raise SpecError(f"--set {assignment}: wanted KEY=VALUE with a dotted key, e.g. --set model.backbone.hidden=64")
        *parents, last = key.split(".")
        node: Any = result
        for depth, name in enumerate(parents):
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise SpecError(f"--set {assignment}: {'.'.join(parents[: depth + 1])} is {_kind(node)}, not a mapping; nothing can be set in it")
        try:
            node[last] = _value(value) if value else None
        except (yaml.YAMLError, ValueError, RecursionError):
            raise SpecError(f"--set {key}: {_short(value)} is not a YAML value; quote it if it is text") from None
    return result


def _plain(value: Any) -> Any:
    """As strict types want it: lists as tuples, numbers of numpy as Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def dotted(place: Iterable[str | int]) -> str:
    """`("data", "columns", 0)` as `data.columns[0]`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _describe(kind: type[Spec], raw: Mapping[str, Any], problem: ErrorDetails, where: str, tree: yaml.Node | None) -> str:
    place = _real_place(raw, problem["loc"], problem["type"] == "missing")
    error, context = problem["type"], problem.get("ctx", {})
    if error == "union_tag_invalid":
        place = (*place, str(context.get("discriminator")).strip("'"))
    line = _line(tree, place)
    head = f"{where}:{line}" if line else where
    name = dotted(place) or "the spec"
    if error == "extra_forbidden":
        known = _known_keys(kind, raw, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        return f"{head}: {name}: unknown key; {hint}known keys here: {', '.join(known)}"
    if error == "invalid_key":
        return f"{where}: got {_short(problem['loc'][-1])} as a key, wanted the name of an option, which is text; quote it or take it out"
    if error == "missing":
        return f"{head}: {name}: is missing and has no default; add it"
    if error in ("literal_error", "enum", "union_tag_invalid"):
        wanted = str(context.get("expected") or context.get("expected_tags"))
        got = problem["input"] if error != "union_tag_invalid" else context.get("tag")
        options = [option.strip(" '\"") for option in wanted.replace(" or ", ", ").split(",")]
        near = difflib.get_close_matches(str(got), options, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{head}: {name}: got {got!r}, wanted one of {', '.join(options)}{hint}"
    if error == "union_tag_not_found":
        return f"{head}: {name}: {str(context.get('discriminator')).strip(chr(39))} is missing; say which kind is meant"
    message = problem["msg"].removeprefix("Value error, ")
    if error == "value_error":
        return f"{head}: {name}: {message}"
    return f"{head}: {name}: got {_short(problem['input'])}, wanted: {message.removeprefix('Input should be ')}"


def _real_place(raw: Any, place: Place, missing: bool) -> Place:
    """Pydantic's location without the union tags it puts in, which are no keys of the file."""
    real: list[str | int] = []
    node = raw
    for index, part in enumerate(place):
        child = _child(node, part)
        if child is not _ABSENT:
            node = child
        elif not (missing and index == len(place) - 1):
            continue
        real.append(part)
    return tuple(real)


_ABSENT = object()


def _child(node: Any, part: str | int) -> Any:
    """What stands at `part` of a mapping or a list, or `_ABSENT`."""
    if isinstance(node, Mapping):
        return node.get(part, _ABSENT)
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return node[part]
    return _ABSENT


def _known_keys(kind: type[Spec], raw: Any, place: Place) -> list[str]:
    """The keys that the model at `place` has."""
    candidates: list[type[Spec]] = [kind]
    node = raw
    for part in place:
        node = _child(node, part)
        if isinstance(part, int):
            continue
        inner = [found for one in candidates if part in one.model_fields for found in _specs_in(one.model_fields[part].annotation)]
        candidates = [one for one in inner if _tag_fits(one, node)] or inner
    return list(dict.fromkeys(name for one in candidates for name in one.model_fields))


def _tag_fits(kind: type[Spec], node: Any) -> bool:
    field = kind.model_fields.get("kind")
    return field is None or not isinstance(node, Mapping) or node.get("kind", field.default) in get_args(field.annotation)


def _specs_in(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, Spec) else []
    return [found for part in get_args(annotation) for found in _specs_in(part)]


def placed(where: str, text: str | None, message: str) -> str:
    """A message that begins with a dotted key, after the file and the line where that key, or the nearest parent of it, stands."""
    tree = yaml.compose(text, Loader=_Reader) if text is not None else None
    line = _line(tree, tuple(message.partition(":")[0].split(".")))
    return f"{where}:{line}: {message}" if line else f"{where}: {message}"


def _line(tree: yaml.Node | None, place: Place) -> int | None:
    """The line of the file where `place` stands, or the nearest parent's that is in the file."""
    line, node = None, tree
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _kind(value: Any) -> str:
    names = {type(None): "nothing", list: "a list", dict: "a mapping", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)


def _short(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."
