"""What a spec means before anything is trained: the resolved spec, the data's facts, the model's size, cost and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from unspool.data import sources
from unspool.data.facts import Facts, ForecastFacts, TagFacts
from unspool.layers import flatten_state
from unspool.models.sequence_model import SequenceModel
from unspool.run.prepare import Setup, build_network, set_up
from unspool.run.spec import RunSpec
from unspool.run.training import as_spec, describe_data
from unspool.training.idle import idle


@dataclass(frozen=True)
class CheckReport:
    """spec: with everything settled; data: rows, parts, gaps, classes, duplicates, leakage; model: parameters, cost, state, latency;
    notes: what cannot take effect in so few epochs."""

    spec: RunSpec
    data: dict[str, Any]
    model: dict[str, Any]
    notes: tuple[str, ...] = ()


def check(spec: RunSpec | str | Path | Mapping[str, Any], *, data: object | None = None, overrides: Sequence[str] = ()) -> CheckReport:
    """Everything that can be known without training; takes what `train` takes, and raises SpecError and DataError as it would."""
    setup = set_up(as_spec(spec, overrides), data)
    network = build_network(setup.spec, setup.facts, setup.task).eval()
    described = describe_data(setup, data)
    plan = setup.task.examples(setup.prepared, setup.spans["train"], "train").plan(epoch=0)
    lengths = [cut.stop - cut.start for cut in plan]
    held = sum(cut.rows * int(length.max()) for cut, length in zip(plan, lengths, strict=True))
    described["survey"]["missing"] = sources.missing(setup.spec.data, Path(), data)
    described["batches"] = len(plan)
    described["padding"] = round(1 - sum(cut.steps for cut in plan) / held, 4)
    return CheckReport(setup.spec, described, describe_model(network, setup), idle(setup.spec.train))


def describe_model(network: SequenceModel, setup: Setup) -> dict[str, Any]:
    """Parameters, multiply-adds of one step, bytes of state of one stream, and how long an answer must wait for the future."""
    facts = setup.facts
    seconds = facts.preparation.frequency_seconds
    described: dict[str, Any] = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "memory": facts.memory.kind,
        "stride": network.stride,
        "live": facts.live,
    }
    if not facts.live:
        return described | {"why_not_live": facts.why_not_live, "lookahead": _whole(facts) if _needs_all(network, facts) else network.lookahead}
    per_step = _multiply_adds(network, facts)
    state = sum(tensor.numel() * tensor.element_size() for tensor in flatten_state(network.initial_state(1)).values())
    waits = int(network.lookahead) + network.stride - 1
    described |= {
        "multiply_adds_per_step": per_step,
        "state_bytes_per_stream": state,
        "latency_steps": waits,
        "latency_seconds": None if seconds is None else waits * seconds,
    }
    if facts.memory.context is not None:
        scans = facts.memory.context // network.stride
        described["windowed_cost"] = f"each answer scans {facts.memory.context} steps anew: {scans * per_step:,} multiply-adds"
        described["multiply_adds_per_answer"] = scans * per_step
    return described


def _needs_all(network: SequenceModel, facts: Facts) -> bool:
    """Whether the network, or an encoder before it, reads from both ends."""
    tokens = facts.preparation.tokens
    return isinf(network.lookahead) or (tokens is not None and tokens.contextual is not None)


def _whole(facts: Facts) -> str:
    """What is waited for by a model that reads from both ends."""
    kind = "record" if facts.preparation.tokens is None else "sentence" if isinstance(facts.task, TagFacts) else "text"
    return f"the whole {kind}"


def _multiply_adds(network: SequenceModel, facts: Facts) -> int:
    """Of one step of one stream, matrix products alone."""
    preparation = facts.preparation
    frames = () if network.stride == 1 else (network.stride,)
    values = torch.zeros(1, *frames, len(preparation.value_names))
    codes = torch.zeros(1, *frames, len(preparation.code_names), dtype=torch.int64)
    future = None
    if isinstance(facts.task, ForecastFacts):
        features = len(preparation.known_names) + len(facts.task.lags) * len(preparation.targets)
        future = torch.zeros(1, facts.task.horizon, features)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.step(values, codes, future, network.initial_state(1))
    return int(counter.get_total_flops()) // 2
