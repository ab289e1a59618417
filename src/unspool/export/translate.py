"""Nodes of an exported graph as operations of a step program; what depends on weights alone is worked out at once."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from unspool.streaming.operations import OPERATIONS
from unspool.streaming.program import KIND_OF, TYPES, Array, Operation
from unspool.streaming.shapes import BATCH, Form, Kind, ShapeError, checked


class Unknown(Exception):
    """A node that a step program has no operation for: its name, and why."""

    def __init__(self, operation: str, why: str):
        super().__init__(why)
        self.operation = operation


class Value(str):
    """The name of a value that depends on streams."""


class Translator:
    """Goes through a graph from its first node to its last, and keeps what each became.

    A node becomes the name of a value; or a tensor, where it depends on no stream; or a tuple or number of such.
    """

    def __init__(self, stream: str):
        self.stream = Value(stream)
        self.operations: list[Operation] = []
        self.parameters: dict[str, Array] = {}
        self.forms: dict[str, Form] = {}
        self._became: dict[Node, Any] = {}
        self._constants: dict[int, tuple[str, Tensor]] = {}
        self._numbers: dict[tuple[float, Kind], str] = {}
        self._node: Node | None = None

    def given(self, node: Node, name: str, empty: bool) -> None:
        """An input or a state. One of no width is left out of the program, and holds nothing that could be read."""
        form = form_of(node.meta["val"])
        self.forms[name] = form
        self._became[node] = torch.zeros(1, *form.shape[1:]) if empty and not form.shape[-1] else Value(name)

    def constant(self, node: Node, name: str, tensor: Tensor) -> None:
        """A weight, under its name in the network."""
        held = tensor.detach()
        self._constants[id(held)] = (name, held)
        self._became[node] = held

    def call(self, node: Node) -> None:
        """A call of the graph; raises Unknown."""
        from unspool.export.counterparts import COUNTERPARTS

        self._node = node
        arguments: Any = torch.fx.map_arg(node.args, self._became.__getitem__)
        options: Any = torch.fx.map_arg(node.kwargs, self._became.__getitem__)
        if node.target is operator.getitem:
            self._became[node] = arguments[0][arguments[1]]
        elif isinstance(node.meta.get("val"), torch.SymInt):
            self._became[node] = BATCH
        elif not _reads_stream((arguments, options)) and not _has_streams(node):
            self._became[node] = node.target(*arguments, **options)  # type: ignore[operator]
        else:
            counterpart = COUNTERPARTS.get(self.target)
            if counterpart is None:
                raise self.unknown(f"has no counterpart among a step program's operations ({', '.join(OPERATIONS)})")
            self._became[node] = counterpart(self, *arguments, **options)

    def emit(self, operation: str, *read: Any, **attributes: Any) -> Value:
        """Add an operation over values, tensors and numbers; returns the name of what it gives."""
        inputs = tuple(self.value(one) for one in read)
        try:
            form = checked(OPERATIONS[operation].rule([self.forms[name] for name in inputs], attributes))
        except ShapeError as error:
            raise self.unknown(str(error)) from None
        output = self._free(self._node.name if self._node else operation)
        self.forms[output] = form
        self.operations.append(Operation(operation, inputs, output, attributes))
        return Value(output)

    def value(self, given: Any, kind: Kind = "float") -> str:
        """The name of a value; a tensor or number becomes a parameter first, a number of the `kind` asked for."""
        if isinstance(given, str):
            return given
        if isinstance(given, Tensor):
            return self._parameter(given)
        if isinstance(given, bool | int | float):
            key = (float(given), kind)
            if key not in self._numbers:
                self._numbers[key] = self._kept(f"number.{given:g}", np.asarray(given, TYPES[kind]))
            return self._numbers[key]
        raise self.unknown(f"reads {given!r}")

    def name(self, node: Node) -> str:
        """The name of what a node became."""
        return self.value(self._became[node])

    def form(self, given: Any) -> Form:
        """Kind and shape of a value, tensor or number."""
        if isinstance(given, str):
            return self.forms[given]
        if isinstance(given, Tensor):
            return form_of(given)
        return Form("float" if isinstance(given, float) else "bool" if isinstance(given, bool) else "int", ())

    def cast(self, given: Any, kind: Kind) -> Any:
        """`given` as numbers of a kind."""
        if isinstance(given, bool | int | float):
            return self.value(given, kind)
        return given if self.form(given).kind == kind else self.emit("cast", given, kind=kind)

    @property
    def result(self) -> Form:
        """Kind and shape of what the node gives, as torch has it."""
        assert self._node is not None
        return form_of(self._node.meta["val"])

    @property
    def results(self) -> list[Form]:
        assert self._node is not None
        return [form_of(one) for one in self._node.meta["val"]]

    @property
    def target(self) -> str:
        """The node's operation without its room and overload, e.g. add."""
        assert self._node is not None
        return str(self._node.target).removeprefix("aten.").removeprefix("unspool.").split(".")[0]

    def unknown(self, why: str) -> Unknown:
        assert self._node is not None
        return Unknown(self.target, f"{self._node.target} {why}")

    def _parameter(self, tensor: Tensor) -> str:
        name, _ = self._constants.get(id(tensor), ("", tensor))
        if name not in self.parameters:
            assert self._node is not None
            name = self._kept(name or f"constant.{self._node.name}", array_of(tensor))
            self._constants[id(tensor)] = (name, tensor)
        return name

    def _kept(self, name: str, array: Array) -> str:
        free = self._free(name)
        self.parameters[free] = array
        self.forms[free] = Form(KIND_OF[array.dtype], array.shape)
        return free

    def _free(self, name: str) -> str:
        free, count = name, 1
        while free in self.forms:
            free, count = f"{name}.{count}", count + 1
        return free


def array_of(tensor: Tensor) -> Array:
    """A tensor as a program holds it: float32, int64 or bool."""
    array = tensor.detach().cpu().numpy()
    kind: Kind = "float" if array.dtype.kind == "f" else "bool" if array.dtype.kind == "b" else "int"
    return np.array(array, TYPES[kind], order="C")


def form_of(tensor: Tensor) -> Form:
    """Kind and shape of a tensor, real or traced."""
    kind: Kind = "float" if tensor.dtype.is_floating_point else "bool" if tensor.dtype == torch.bool else "int"
    return Form(kind, tuple(size if isinstance(size, int) else BATCH for size in tensor.shape))


def _reads_stream(arguments: Any) -> bool:
    if isinstance(arguments, tuple | list):
        return any(_reads_stream(one) for one in arguments)
    return _reads_stream(list(arguments.values())) if isinstance(arguments, dict) else isinstance(arguments, Value)


def _has_streams(node: Node) -> bool:
    """True where what a node gives has the batch in its shape."""
    value = node.meta.get("val")
    return isinstance(value, Tensor) and BATCH in form_of(value).shape
