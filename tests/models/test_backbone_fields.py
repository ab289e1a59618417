"""No field of the backbone's spec is silently ignored: changing it changes what is built or what it computes."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from unspool.cells import CELLS
from unspool.layers import ConvolutionSpec, flatten_state
from unspool.models.sequence_model import build_backbone
from unspool.models.spec import Backbone
from unspool.spec import Spec

INPUTS = 3
LSTM = {"kind": "lstm", "hidden": 4}

# Of every field: what it stands on, and the change that must be seen.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cell": ({}, {"cell": LSTM}),
    "cell.rnn.hidden": ({"cell": {"kind": "rnn", "hidden": 4}}, {"cell": {"kind": "rnn", "hidden": 5}}),
    "cell.rnn.activation": ({"cell": {"kind": "rnn", "hidden": 4}}, {"cell": {"kind": "rnn", "hidden": 4, "activation": "relu"}}),
    "cell.lstm.hidden": ({"cell": LSTM}, {"cell": {"kind": "lstm", "hidden": 5}}),
    "cell.gru.hidden": ({}, {"cell": {"kind": "gru", "hidden": 5}}),
    "cell.gru.reset": ({}, {"cell": {"kind": "gru", "hidden": 4, "reset": "before"}}),
    "layers": ({}, {"layers": 2}),
    "bidirectional": ({}, {"bidirectional": True}),
    "residual": ({"layers": 2}, {"residual": True}),
    "norm": ({}, {"norm": True}),
    "dropout.inputs": ({}, {"dropout": {"inputs": 0.5}}),
    "dropout.front": ({"front": [{"channels": 2, "kernel": 3}]}, {"dropout": {"front": 0.5}}),
    "dropout.between": ({"layers": 2}, {"dropout": {"between": 0.5}}),
    "dropout.recurrent": ({}, {"dropout": {"recurrent": 0.5}}),
    "dropout.zoneout": ({}, {"dropout": {"zoneout": 0.5}}),
    "dropout.weights": ({}, {"dropout": {"weights": 0.5}}),
    "dropout.outputs": ({}, {"dropout": {"outputs": 0.5}}),
    "dropout.locked": ({"dropout": {"outputs": 0.5}}, {"dropout": {"outputs": 0.5, "locked": True}}),
    "front": ({}, {"front": [{"channels": 2, "kernel": 3}]}),
    "front.channels": ({"front": [{"channels": 2, "kernel": 3}]}, {"front": [{"channels": 5, "kernel": 3}]}),
    "front.kernel": ({"front": [{"channels": 2, "kernel": 3}]}, {"front": [{"channels": 2, "kernel": 4}]}),
    "front.stride": ({"front": [{"channels": 2, "kernel": 3}]}, {"front": [{"channels": 2, "kernel": 3, "stride": 2}]}),
    "front.activation": ({"front": [{"channels": 2, "kernel": 3}]}, {"front": [{"channels": 2, "kernel": 3, "activation": "tanh"}]}),
    "front.norm": ({"front": [{"channels": 2, "kernel": 3}]}, {"front": [{"channels": 2, "kernel": 3, "norm": True}]}),
    "initialization.recurrent": ({}, {"initialization": {"recurrent": "uniform"}}),
    "initialization.inputs": ({}, {"initialization": {"inputs": "uniform"}}),
    "initialization.forget_bias": ({"cell": LSTM}, {"initialization": {"forget_bias": 0.0}}),
}


def fields_of(kind: type[Spec], prefix: str = "") -> set[str]:
    """Every choice in a spec, dotted; members of a union by their kind."""
    found = set()
    for name, field in kind.model_fields.items():
        if name == "kind":
            continue
        inner = _specs_in(field.annotation)
        if len(inner) > 1:
            found.add(prefix + name)
            for one in inner:
                found |= fields_of(one, f"{prefix}{name}.{one.model_fields['kind'].default}.")
        elif inner:
            found |= fields_of(inner[0], f"{prefix}{name}.") | ({prefix + name} if field.annotation is not inner[0] else set())
        else:
            found.add(prefix + name)
    return found


def _specs_in(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation] if issubclass(annotation, Spec) else []
    return [found for part in get_args(annotation) for found in _specs_in(part)]


def build(choices: dict[str, Any]):
    torch.manual_seed(5)
    return build_backbone(Backbone.model_validate({"cell": {"kind": "gru", "hidden": 4}, **choices}), INPUTS).double().train()


def seen(choices: dict[str, Any]) -> list[Any]:
    """What a backbone is and does, in training mode, with equal random numbers."""
    made = build(choices)
    torch.manual_seed(6)
    x = torch.randn(2, 8, INPUTS, dtype=torch.float64)
    y, state = made.scan(x)
    return [made.width, made.stride, y.tolist(), {name: leaf.tolist() for name, leaf in flatten_state(state).items()}]


def test_every_field_is_checked_here():
    assert fields_of(Backbone) == set(CHANGES)


@pytest.mark.parametrize("field", CHANGES)
def test_no_field_is_silently_ignored(field):
    base, change = CHANGES[field]
    assert seen(base) == seen(base)
    assert seen(base) != seen({**base, **change})


@pytest.mark.parametrize("cell", CELLS)
def test_initialization_reaches_every_layer_and_direction(cell):
    choices = {"cell": {"kind": cell, "hidden": 4}, "layers": 2, "bidirectional": True, "initialization": {"recurrent": "orthogonal"}}
    recurrent = [weight for name, weight in build(choices).named_parameters() if name.endswith("from_state.weight")]
    assert len(recurrent) == 4
    for weight in recurrent:
        for block in weight.detach().split(4):
            torch.testing.assert_close(block @ block.T, torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("bias", [None, 0.0, 2.5])
def test_the_forget_gate_starts_where_it_is_told(bias):
    made = build({"cell": LSTM, "layers": 2, "initialization": {"forget_bias": bias}})
    for name, tensor in made.named_parameters():
        if name.endswith("from_input.bias"):
            assert (tensor.detach().chunk(4)[1] == (1.0 if bias is None else bias)).all()


def test_a_dropout_of_zero_is_no_layer_and_none_acts_at_rest():
    assert len(build({}).layers) == 1
    full = {"layers": 2, "dropout": {"inputs": 0.5, "between": 0.5, "recurrent": 0.5, "outputs": 0.5}}
    x = torch.randn(2, 8, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(build(full).eval().scan(x)[0], build({"layers": 2}).eval().scan(x)[0])


def test_the_front_is_built_in_its_order():
    front = [ConvolutionSpec(channels=5, kernel=2), ConvolutionSpec(channels=7, kernel=3, stride=3)]
    made = build({"front": front})
    assert [layer.width for layer in made.layers] == [5, 7, 4]
    assert made.stride == 3
