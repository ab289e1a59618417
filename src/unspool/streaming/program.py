"""The step program: what a network does at one instant, as a short list of named operations over named tensors.

Shapes leave the batch out: every input, state and answer has the streams as its first axis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from unspool.bundle import PROGRAM, Bundle, read_tensors
from unspool.bundle import PROGRAM_TENSORS as TENSORS
from unspool.errors import BundleError, LiveError
from unspool.streaming.operations import OPERATIONS, fits
from unspool.streaming.shapes import BATCH, LARGEST_ROW, Form, Kind, ShapeError, checked

FORMAT = 2
MOST_OPERATIONS = 100_000
LARGEST_JSON = 64 << 20

INPUTS: dict[str, Kind] = {"values": "float", "codes": "int", "future": "float"}
TYPES: dict[Kind, np.dtype[Any]] = {
    "float": np.dtype(np.float32),
    "int": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
}
KIND_OF: dict[np.dtype[Any], Kind] = {dtype: kind for kind, dtype in TYPES.items()}

Array = NDArray[Any]
State = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the closed set in `operations`: `output` = name(inputs)."""

    name: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A network's step. Making one checks all of it; BundleError says which operation is wrong, and how.

    inputs      shapes of `values`, `codes` and `future`, as far as the network reads them
    state       what is remembered before the first step
    parameters  weights and constants
    operations  in order: each reads inputs, state, parameters and what those before it gave
    output      the value that is the raw answer
    after       by name of the state, the value that it becomes
    """

    inputs: Mapping[str, tuple[int, ...]]
    state: Mapping[str, Array]
    parameters: Mapping[str, Array]
    operations: tuple[Operation, ...]
    output: str
    after: Mapping[str, str]

    def __post_init__(self) -> None:
        _ = self.forms

    @classmethod
    def open(cls, bundle: Bundle) -> Program:
        """The program of a run folder; LiveError where its model cannot run live, BundleError where a file is wrong."""
        files = bundle.program_files()
        if files is None:
            raise LiveError(
                f"{bundle.folder}: holds no step program: {bundle.facts().why_not_live or 'it was never traced'}"
            )
        try:
            return cls.from_files(files)
        except BundleError as error:
            raise BundleError(f"{bundle.folder}: {error}") from None

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Program:
        """The inverse of `files`; nothing in them is trusted. Raises BundleError."""
        described = _read_json(files[PROGRAM])
        tensors = read_tensors(files[TENSORS], TENSORS)
        state = _tensors(described["state"], "state", tensors)
        parameters = _tensors(described["parameters"], "parameter", tensors)
        if tensors:
            raise _wrong(TENSORS, f"holds {min(tensors)!r}, which {PROGRAM} does not name")
        return cls(
            inputs={name: _shape(shape, f"inputs.{name}") for name, shape in described["inputs"].items()},
            state=state,
            parameters=parameters,
            operations=tuple(
                _operation(raw, f"operations[{index}]") for index, raw in enumerate(described["operations"])
            ),
            output=described["output"],
            after=described["after"],
        )

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """Kind and shape of every value, worked out from the first to the last."""
        forms = self._given()
        held = 0
        for index, operation in enumerate(self.operations):
            if operation.output in forms:
                raise _wrong(f"operations[{index}]", f"gives {operation.output!r}, which there is already")
            missing = [name for name in operation.inputs if name not in forms]
            if missing:
                raise _wrong(f"operations[{index}]", f"reads {missing[0]!r}, which nothing before it gives")
            signature = OPERATIONS[operation.name]
            try:
                forms[operation.output] = checked(
                    signature.rule([forms[name] for name in operation.inputs], operation.attributes)
                )
            except ShapeError as error:
                raise _wrong(f"operations[{index}] ({operation.name})", str(error)) from None
            held += forms[operation.output].size
            if held > LARGEST_ROW:
                raise _wrong(f"operations[{index}]", f"brings what a step holds above {LARGEST_ROW:,} numbers a stream")
        self._check_results(forms)
        return forms

    def _given(self) -> dict[str, Form]:
        forms: dict[str, Form] = {}
        for name, shape in self.inputs.items():
            if name not in INPUTS:
                raise _wrong(f"inputs.{name}", f"is no input; wanted some of {', '.join(INPUTS)}")
            forms[name] = Form(INPUTS[name], (BATCH, *shape))
        if not forms:
            raise _wrong("inputs", "none; a network reads values or codes")
        for given, batch in ((self.state, (BATCH,)), (self.parameters, ())):
            for name, array in given.items():
                if name in forms:
                    raise _wrong(name, "stands twice among inputs, state and parameters")
                if array.dtype not in KIND_OF:
                    raise _wrong(name, f"is of type {array.dtype}, wanted one of {', '.join(map(str, KIND_OF))}")
                forms[name] = Form(KIND_OF[array.dtype], (*batch, *array.shape))
        return forms

    def _check_results(self, forms: Mapping[str, Form]) -> None:
        if set(self.after) != set(self.state):
            raise _wrong("after", f"names {sorted(self.after)}, wanted every state once: {sorted(self.state)}")
        for name, value in self.after.items():
            if forms.get(value) != forms[name]:
                raise _wrong(f"after.{name}", f"becomes {value!r} of {forms.get(value)}, wanted {forms[name]}")
        answer = forms.get(self.output)
        if answer is None or answer.shape[:1] != (BATCH,) or answer.kind != "float":
            raise _wrong("output", f"is {self.output!r} of {answer}, wanted numbers of every stream")

    def needed(self, wanted: Iterable[str]) -> set[str]:
        """Names of all values that `wanted` are made of, and their own."""
        needed = set(wanted)
        for operation in reversed(self.operations):
            if operation.output in needed:
                needed.update(operation.inputs)
        return needed

    @property
    def answer_shape(self) -> tuple[int, ...]:
        """Of a raw answer, without the batch."""
        return self.forms[self.output].shape[1:]

    def initial_state(self, batch: int) -> dict[str, Array]:
        """What `batch` streams remember before their first step."""
        return {name: np.repeat(array[None], batch, axis=0) for name, array in self.state.items()}

    def files(self) -> dict[str, bytes]:
        """`program.json` and `program.safetensors`, as a run folder keeps them, in the first format that has all operations: a program has the same
        digest whichever unspool reads it."""
        described = {
            "format": max((OPERATIONS[operation.name].format for operation in self.operations), default=1),
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "state": {name: list(array.shape) for name, array in self.state.items()},
            "parameters": {name: list(array.shape) for name, array in self.parameters.items()},
            "operations": [_described(operation) for operation in self.operations],
            "output": self.output,
            "after": dict(self.after),
        }
        tensors = {f"state/{name}": array for name, array in self.state.items()}
        tensors |= {f"parameter/{name}": array for name, array in self.parameters.items()}
        packed: bytes = save({name: np.array(array, order="C") for name, array in sorted(tensors.items())})
        return {PROGRAM: (json.dumps(described, indent=1) + "\n").encode(), TENSORS: packed}

    @cached_property
    def digest(self) -> str:
        """sha256 over both files: two programs with the same one give the same answers."""
        sha = hashlib.sha256()
        for content in self.files().values():
            sha.update(hashlib.sha256(content).digest())
        return sha.hexdigest()


def _described(operation: Operation) -> dict[str, Any]:
    attributes = {
        name: list(value) if isinstance(value, tuple) else value for name, value in operation.attributes.items()
    }
    described: dict[str, Any] = {"name": operation.name, "inputs": list(operation.inputs), "output": operation.output}
    return described | ({"attributes": attributes} if attributes else {})


def _wrong(where: str, what: str) -> BundleError:
    return BundleError(
        f"{PROGRAM}: {where}: {what}; the file is damaged or not of this program, take it from the run anew"
    )


_KEYS: dict[str, type] = {
    "format": int,
    "inputs": dict,
    "state": dict,
    "parameters": dict,
    "operations": list,
    "output": str,
    "after": dict,
}


def _read_json(content: bytes) -> dict[str, Any]:
    if len(content) > LARGEST_JSON:
        raise _wrong("its size", f"is {len(content):,} bytes, wanted at most {LARGEST_JSON:,}")
    try:
        described = json.loads(content)
    except (ValueError, RecursionError):
        raise _wrong("its text", "is not JSON") from None
    if not isinstance(described, dict) or not isinstance(described.get("format"), int):
        raise _wrong("format", "is missing")
    if described["format"] > FORMAT:
        raise BundleError(
            f"{PROGRAM}: is of format {described['format']}, and this unspool reads up to {FORMAT}; install a newer one"
        )
    _check_keys(described, _KEYS, "its keys")
    if len(described["operations"]) > MOST_OPERATIONS:
        raise _wrong("operations", f"{len(described['operations']):,} of them, wanted at most {MOST_OPERATIONS:,}")
    if not all(isinstance(value, str) for value in described["after"].values()):
        raise _wrong("after", "holds something that is no name")
    return described


def _check_keys(raw: Mapping[str, Any], wanted: Mapping[str, type], where: str) -> None:
    if set(raw) != set(wanted):
        raise _wrong(where, f"are {', '.join(sorted(map(str, raw)))}, wanted {', '.join(wanted)}")
    for key, kind in wanted.items():
        if not isinstance(raw[key], kind):
            raise _wrong(where, f"hold {type(raw[key]).__name__} as {key!r}, wanted {kind.__name__}")


def _shape(raw: object, where: str) -> tuple[int, ...]:
    if not fits(raw, "integers") or not isinstance(raw, list) or any(size < 0 for size in raw):
        raise _wrong(where, f"is {raw!r:.60}, wanted a list of sizes")
    return tuple(raw)


def _tensors(raw: Mapping[str, Any], kind: str, tensors: dict[str, Array]) -> dict[str, Array]:
    """The named tensors, taken out of `tensors`."""
    found = {}
    for name, shape in raw.items():
        array = tensors.pop(f"{kind}/{name}", None)
        if array is None or array.shape != _shape(shape, f"{kind} {name}"):
            raise _wrong(
                f"{kind} {name}", f"is {None if array is None else array.shape} in {TENSORS}, wanted {shape!r:.60}"
            )
        found[name] = array
    return found


def _operation(raw: object, where: str) -> Operation:
    if not isinstance(raw, dict):
        raise _wrong(where, "is no mapping")
    attributes = raw.get("attributes", {})
    _check_keys(
        {**raw, "attributes": attributes}, {"name": str, "inputs": list, "output": str, "attributes": dict}, where
    )
    name, inputs = raw["name"], raw["inputs"]
    if name not in OPERATIONS:
        raise _wrong(where, f"is {name!r:.60}, which is no operation; this unspool knows {', '.join(OPERATIONS)}")
    signature = OPERATIONS[name]
    least, most = signature.reads
    if not least <= len(inputs) <= most or not all(isinstance(one, str) for one in inputs):
        raise _wrong(f"{where} ({name})", f"reads {len(inputs)} values, wanted {least} to {most} names")
    if set(attributes) != set(signature.attributes):
        raise _wrong(f"{where} ({name})", f"has attributes {sorted(attributes)}, wanted {sorted(signature.attributes)}")
    for key, wanted in signature.attributes.items():
        if not fits(attributes[key], wanted):
            raise _wrong(f"{where} ({name})", f"has {key} {attributes[key]!r:.60}, wanted {wanted}")
    fixed = {key: tuple(value) if isinstance(value, list) else value for key, value in attributes.items()}
    return Operation(name, tuple(inputs), raw["output"], fixed)
