"""One scan by any engine beside its twin: the eager engine in float64. Everything that an engine can be given is drawn here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from unspool.cells import Cell, GRUCell, LSTMCell, RNNCell
from unspool.kernels import Recurrence, cudnn, eager
from unspool.kernels.engine import why_no_library
from unspool.kernels.recurrence import GATES

CELLS: dict[str, Callable[[], Cell]] = {
    "rnn_tanh": lambda: RNNCell(1, 1, "tanh"),
    "rnn_relu": lambda: RNNCell(1, 1, "relu"),
    "lstm": lambda: LSTMCell(1, 1),
    "gru_reset_after": lambda: GRUCell(1, 1, "after"),
    "gru_reset_before": lambda: GRUCell(1, 1, "before"),
}
STATES = {"lstm": ("h", "c")}
LAYOUTS = ("plain", "slice", "time_first", "features_apart")
PLACES = ("x", "input_weight", "state_weight", "input_bias", "state_bias", "h", "c")

NATIVE = why_no_library()
COMPILER = any(map(shutil.which, ("c++", "g++", "clang++")))
NATIVE_IS_EXPECTED = COMPILER and os.environ.get("UNSPOOL_NATIVE") != "off"
needs_native = pytest.mark.skipif(bool(NATIVE), reason=f"the native engine is not there: {NATIVE}")
FAST = [pytest.param("native", marks=needs_native), "cudnn"]
ENGINES = [*FAST, "eager"]


@dataclass(frozen=True)
class Case:
    """What one scan is given, by name; tensors are drawn from `seed`.

    zoned    none, the masks of training, or a mean at rest
    learnt   the tensors that want gradients
    used     the results that the loss reads
    """

    kind: str
    batch: int = 3
    steps: int = 5
    inputs: int = 4
    hidden: int = 7
    lengths: tuple[int, ...] | None = None
    reverse: bool = False
    keep: bool = False
    zoned: str = "none"
    biases: tuple[bool, bool] = (True, True)
    layout: str = "plain"
    learnt: tuple[str, ...] = PLACES
    used: tuple[str, ...] = ("y", "h", "c")
    seed: int = 0

    @property
    def states(self) -> tuple[str, ...]:
        return STATES.get(self.kind, ("h",))


@dataclass
class Result:
    y: Tensor
    state: Mapping[str, Tensor]
    gradients: dict[str, Tensor] = field(default_factory=dict)


def tensors_of(case: Case) -> dict[str, Tensor]:
    """All tensors of a case, in float64."""
    draw = torch.Generator().manual_seed(case.seed)
    rows = GATES[case.kind] * case.hidden  # type: ignore[index]

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return scale * torch.randn(shape, generator=draw, dtype=torch.float64)

    made = {
        "x": normal(case.batch, case.steps, case.inputs),
        "input_weight": normal(rows, case.inputs, scale=max(case.inputs, 1) ** -0.5),
        "state_weight": normal(rows, case.hidden, scale=0.9 * case.hidden**-0.5),
        "input_bias": normal(rows, scale=0.3),
        "state_bias": normal(rows, scale=0.3),
        "keep": 1.25 * (torch.rand(case.batch, case.hidden, generator=draw) < 0.8).double(),
    } | {name: normal(case.batch, case.hidden) for name in case.states}
    for name, there in zip(("input_bias", "state_bias"), case.biases, strict=True):
        if not there:
            del made[name]
    return {name: tensor.float().double() for name, tensor in made.items()}  # the same numbers in both precisions


def masks_of(case: Case) -> Any:
    draw = torch.Generator().manual_seed(case.seed + 1)
    shape = (case.batch, case.steps, case.hidden)
    masks = {name: torch.rand(shape, generator=draw) < 0.3 for name in case.states}
    return {"none": None, "masks": masks, "mean": 0.3}[case.zoned]


def laid_out(x: Tensor, layout: str) -> Tensor:
    """The same numbers, differently placed in memory."""
    batch, steps, inputs = x.shape
    if layout == "slice":
        return torch.cat([x.new_full((batch, 2, inputs + 3), torch.nan), torch.cat([x, x.new_zeros(batch, steps, 3)], 2)], 1)[:, 2:, :inputs]
    if layout == "time_first":
        return x.transpose(0, 1).contiguous().transpose(0, 1)
    return x.transpose(1, 2).contiguous().transpose(1, 2) if layout == "features_apart" else x


def cell_of(recurrence: Recurrence) -> Cell:
    """A cell with these weights, of any size."""
    cell = CELLS[recurrence.kind]()
    cell.hidden = recurrence.hidden
    for linear, weight, bias in (
        (cell.from_input, recurrence.input_weight, recurrence.input_bias),
        (cell.from_state, recurrence.state_weight, recurrence.state_bias),
    ):
        assert isinstance(linear, nn.Linear)
        del linear.weight, linear.bias
        linear.weight, linear.bias = weight, bias
    return cell


def scan(engine: str, case: Case, given: Mapping[str, Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
    """A case by an engine, on these tensors."""
    recurrence = Recurrence(case.kind, *(given.get(name) for name in PLACES[1:5]))  # type: ignore[arg-type]
    x, state = laid_out(given["x"], case.layout), {name: given[name] for name in case.states}
    lengths = None if case.lengths is None else torch.tensor(case.lengths, dtype=torch.int64)
    keep, zoned = given["keep"] if case.keep else None, masks_of(case)
    if engine == "native":
        from unspool.kernels import native

        return native.scan(recurrence, x, state, lengths, keep, zoned, case.reverse)
    if engine == "cudnn":
        return cudnn.scan(recurrence, x, state, lengths, case.reverse)
    cell = cell_of(recurrence)
    return eager.scan(cell.project, cell.advance, x, state, lengths, keep, zoned, case.reverse)


def scanned(engine: str, case: Case, dtype: torch.dtype, **changed: Tensor) -> Result:
    """A scan and its gradients; `changed` tensors take the place of those drawn."""
    given = {name: tensor.detach().to(dtype) for name, tensor in (tensors_of(case) | changed).items()}
    given = {name: tensor.requires_grad_(name in case.learnt) for name, tensor in given.items()}
    result = Result(*scan(engine, case, given))
    places = {name: given[name] for name in case.learnt if name in given}
    total = weighed({name: tensor for name, tensor in {"y": result.y, **result.state}.items() if name in case.used})
    total = total + sum(0 * place.double().sum() for place in places.values())  # a loss that reads nothing has gradients of zero
    found = torch.autograd.grad(total, list(places.values())) if places else ()
    return Result(result.y, result.state, dict(zip(places, found, strict=True)))


def weighed(tensors: Mapping[str, Tensor]) -> Tensor:
    """A scalar that every number enters with a weight of its own."""
    total = torch.zeros((), dtype=torch.float64)
    for name, tensor in sorted(tensors.items()):
        draw = torch.Generator().manual_seed(len(name) + ord(name[0]))
        total = total + (torch.randn(tensor.shape, generator=draw, dtype=torch.float64) * tensor.double()).sum()
    return total


def agree(mine: Result, twin: Result, close: float) -> None:
    """Equal to within `close` of the largest number of each tensor."""
    pairs = {"y": (mine.y, twin.y)} | {name: (mine.state[name], twin.state[name]) for name in twin.state}
    assert mine.state.keys() == twin.state.keys() and mine.gradients.keys() == twin.gradients.keys()
    pairs |= {f"gradient of {name}": (mine.gradients[name], twin.gradients[name]) for name in twin.gradients}
    for name, (one, other) in pairs.items():
        assert one.shape == other.shape, name
        if one.numel():
            error = float((one.double() - other).detach().abs().max())
            assert error <= close * max(1.0, float(other.detach().abs().max())), f"{name}: {error}"


@st.composite
def cases(draw: st.DrawFn, regularized: bool = True) -> Case:
    kind = draw(st.sampled_from(sorted(GATES) if regularized else sorted(cudnn.FUNCTIONS)))
    batch, steps = draw(st.sampled_from([0, 1, 2, 5, 9])), draw(st.sampled_from([0, 1, 2, 6]))
    lengths = draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch).map(tuple))
    return Case(
        kind, batch, steps,
        inputs=draw(st.sampled_from([0, 1, 3, 9] if regularized else [1, 3, 9])),
        hidden=draw(st.sampled_from([1, 7, 8, 9, 31, 33])),
        lengths=lengths,
        reverse=draw(st.booleans()),
        keep=regularized and draw(st.booleans()),
        zoned=draw(st.sampled_from(["none", "masks", "mean"])) if regularized else "none",
        biases=draw(st.tuples(st.booleans(), st.booleans())),
        layout=draw(st.sampled_from(LAYOUTS)),
        learnt=tuple(name for name in PLACES if draw(st.booleans())),
        used=draw(st.sampled_from([("y",), ("h",), ("c", "h"), ("y", "h", "c")])),
        seed=draw(st.integers(0, 99)),
    )  # fmt: skip
