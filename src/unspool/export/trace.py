"""From a network's step to a step program, through torch.export."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind
from torch.fx import Node

from unspool.errors import LiveError
from unspool.export.fused import fused_cells
from unspool.export.places import place_of
from unspool.export.translate import Translator, Unknown, array_of
from unspool.layers import State, flatten_state, unflatten_state
from unspool.models.sequence_model import SequenceModel
from unspool.streaming.program import Program

STREAMS = 3
"""Streams of the example that is traced; any number runs."""


def trace(network: SequenceModel, horizon: int | None, features: int, values: int, codes: int) -> Program:
    """The step program of a network, its weights copied.

    horizon, features  L and F of what is known of the future; None and 0 where the head reads none
    values, codes      C and N of what is read at a step
    Raises LiveError where the network cannot answer live, or uses an operation that a step program has not.
    """
    if not network.backbone.causal or not network.pool.causal:
        raise LiveError(
            "the network reads its record from the end too, so each answer needs the whole future: it cannot run live; "
            "train it with model.backbone.bidirectional: false"
        )
    was_training = network.training
    try:
        example = _Example(network.eval(), horizon, features, values, codes)
        exported = example.export()
        try:
            return _program(example, exported)
        except Unknown:
            # Whatever has no counterpart as it stands may have one once torch takes it apart into simpler operations.
            return _program(example, _taken_apart(exported))
    except Unknown as unknown:
        place = place_of(unknown.operation, network, example.run)
        raise LiveError(
            f"{place or 'a step of the network'}: {unknown}; write it with other operations, or leave live use out"
        ) from None
    finally:
        network.train(was_training)


def _taken_apart(exported: ExportedProgram) -> ExportedProgram:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch copies what it has itself deprecated
        apart: ExportedProgram = exported.run_decompositions()
        return apart


class _Step(nn.Module):
    """A network's step with its state as one row of tensors."""

    def __init__(self, network: SequenceModel):
        super().__init__()
        self.network = network
        self.initial = network.initial_state(1)
        self.names = tuple(flatten_state(self.initial))

    def forward(
        self, values: Tensor, codes: Tensor, future: Tensor | None, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        named = dict(zip(self.names, state, strict=True))
        answer, after = self.network.step(values, codes, future, unflatten_state(self.initial, named))
        flat = flatten_state(after)
        return (answer, *(flat[name] for name in self.names))


class _Example:
    """A network with inputs to trace it on; those of no width are no inputs of the program."""

    def __init__(self, network: SequenceModel, horizon: int | None, features: int, values: int, codes: int):
        front = (STREAMS, network.stride) if network.stride > 1 else (STREAMS,)
        like = next(network.parameters())
        self.network = network
        self.values = like.new_zeros(*front, values)
        self.codes = torch.zeros(*front, codes, dtype=torch.int64, device=like.device)
        self.future = like.new_zeros(STREAMS, horizon, features) if horizon and features else None
        self.initial: State = flatten_state(network.initial_state(1))
        given = {"values": self.values, "codes": self.codes, "future": self.future}
        self.inputs = {name: tuple(x.shape[1:]) for name, x in given.items() if x is not None and x.shape[-1]}

    def run(self) -> object:
        """One step in plain torch."""
        return self.network.step(self.values, self.codes, self.future, self.network.initial_state(STREAMS))

    def export(self) -> ExportedProgram:
        batch = Dim("batch", min=1)
        state = tuple(flatten_state(self.network.initial_state(STREAMS)).values())
        shapes = {
            "values": {0: batch},
            "codes": {0: batch},
            "future": None if self.future is None else {0: batch},
            "state": tuple({0: batch} for _ in state),
        }
        arguments = (self.values, self.codes, self.future, state)
        try:
            with torch.no_grad(), fused_cells(self.network):
                return torch.export.export(_Step(self.network).eval(), arguments, dynamic_shapes=shapes, strict=False)
        except Exception as error:  # torch.export documents no error class of its own
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise LiveError(
                f"the network's step cannot be traced: {first}; its cell must be plain torch, alike for any number "
                "of streams, and without branches on what tensors hold"
            ) from error


def _program(example: _Example, exported: ExportedProgram) -> Program:
    """The exported graph, as far as answer and state need it, as a program."""
    translator = Translator(next(iter(example.inputs)))
    names, tensors = _names(example, exported), _tensors(exported)
    (result,) = [node for node in exported.graph.nodes if node.op == "output"]
    results = result.args[0]
    needed = _needed(results)
    for node in exported.graph.nodes:
        if node not in needed:
            continue
        if node.name in tensors:
            translator.constant(node, *tensors[node.name])
        elif node.op == "placeholder":
            translator.given(node, names[node.name], empty=names[node.name] in ("values", "codes"))
        else:
            translator.call(node)
    answer, *after = [translator.name(node) for node in results]
    return Program(
        inputs=example.inputs,
        state={name: array_of(tensor[0]) for name, tensor in flatten_state(example.initial).items()},
        parameters=translator.parameters,
        operations=tuple(translator.operations),
        output=answer,
        after=dict(zip(example.initial, after, strict=True)),
    )


def _needed(results: tuple[Node, ...]) -> set[Node]:
    found: set[Node] = set()
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def _names(example: _Example, exported: ExportedProgram) -> dict[str, str]:
    """By name of a user's input of the graph, what it is: values, codes, future, or a name of the state."""
    specs = exported.graph_signature.input_specs
    users = [spec.arg.name for spec in specs if spec.kind == InputKind.USER_INPUT]
    return dict(zip(users, ["values", "codes", "future", *example.initial], strict=True))


def _tensors(exported: ExportedProgram) -> dict[str, tuple[str, Tensor]]:
    """By name of an input of the graph, the weight or constant that it is, with its name in the network."""
    held: Mapping[str, Any] = {**exported.constants, **exported.state_dict}
    specs = [spec for spec in exported.graph_signature.input_specs if spec.target in held]
    return {spec.arg.name: (str(spec.target).removeprefix("network."), held[str(spec.target)]) for spec in specs}
