"""Why a loss or a gradient is not a number: what a person needs to see to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.training.spec import TrainSpec
from unspool.types import Batch, Cut

_SHOWN = 3

# Scaled inputs are rarely beyond a few tens; numbers beyond this were not scaled, or are outliers that drown all else.
_LARGE = 1e4


def explain_nonfinite(place: str, network: nn.Module, cut: Cut, batch: Batch, loss: float, norm: float, rate: float, spec: TrainSpec) -> str:
    """The message of a step whose loss or gradient norm is not finite; `place` says which step it is."""
    broken = [name for name, weight in network.named_parameters() if not bool(torch.isfinite(weight).all())]
    lines = [
        f"{place}: the loss is {loss:g} and the gradient's norm {norm:g}; training stops before this step changes a weight",
        f"  rows: {_rows(cut)}",
        f"  gradients: {'; '.join(_worst_gradients(network)) or 'none'}",
        f"  weights that are not finite: {_some(broken) or 'none'}",
        f"  inputs: {_range(_real_values(batch))}; truth: {_range(_known_truth(batch))}",
        f"  rate {rate:g}, clip {'none' if spec.clip is None else format(spec.clip, 'g')}",
        f"  try: {_remedy(batch, rate, spec)}",
    ]
    return "\n".join(lines)


def _rows(cut: Cut) -> str:
    real = [index for index in range(cut.rows) if cut.stop[index] > cut.start[index]]
    return _some(f"record {cut.record[index]}, steps {cut.start[index]} to {cut.stop[index] - 1}" for index in real) or "all empty"


def _some(names: Iterable[str]) -> str:
    named = list(names)
    more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return "; ".join(named[:_SHOWN]) + more


def _worst_gradients(network: nn.Module) -> list[str]:
    """The gradients with most numbers that are not finite, then those with the largest norm."""
    found: list[tuple[int, float, str]] = []
    for name, weight in network.named_parameters():
        if weight.grad is not None:
            wrong = int((~torch.isfinite(weight.grad)).sum())
            # In float64, since a norm of large finite numbers may overflow.
            size = float(torch.linalg.vector_norm(torch.nan_to_num(weight.grad, 0.0, 0.0, 0.0), dtype=torch.float64))
            found.append((wrong, size, _describe_gradient(name, weight.grad, wrong, size)))
    return [text for _, _, text in sorted(found, key=lambda entry: (-entry[0], -entry[1], entry[2]))[:_SHOWN]]


def _describe_gradient(name: str, gradient: Tensor, wrong: int, size: float) -> str:
    return f"{name} has {wrong} of {gradient.numel()} not finite" if wrong else f"{name} has norm {size:.3g}"


def _real_values(batch: Batch) -> NDArray[np.generic]:
    real = np.arange(batch.values.shape[1]) < batch.lengths[:, None]
    return batch.values[real]


def _known_truth(batch: Batch) -> NDArray[np.generic]:
    return batch.truth[batch.weights > 0] if batch.known_truth is None else batch.truth[batch.known_truth]


def _range(numbers: NDArray[np.generic]) -> str:
    numbers = numbers.astype(np.float64).ravel()
    finite = numbers[np.isfinite(numbers)]
    missing = len(numbers) - len(finite)
    text = f"from {finite.min():.4g} to {finite.max():.4g}" if len(finite) else "no numbers"
    return text + (f", and {missing} not finite" if missing else "")


def _remedy(batch: Batch, rate: float, spec: TrainSpec) -> str:
    inputs, truth = _real_values(batch), _known_truth(batch)
    if not all(np.isfinite(numbers.astype(np.float64)).all() for numbers in (inputs, truth)):
        return "fill or leave out what is not finite in these rows (data.missing), it spoils every weight"
    tips = []
    if any(len(numbers) and np.abs(numbers.astype(np.float64)).max() > _LARGE for numbers in (inputs, truth)):
        tips.append("scale these columns (data.scaling: standard, or robust where there are outliers)")
    if isfinite(rate):
        tips.append(f"lower train.optimizer.rate to {spec.optimizer.rate / 10:g}")
    tips.append("set train.clip to 1.0" if spec.clip is None else f"lower train.clip to {spec.clip / 10:g}")
    return ", ".join(tips) + "; then train anew in another folder"
