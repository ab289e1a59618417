"""A network's raw answers over the examples of one part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from unspool.layers import State
from unspool.models.batch import TensorBatch
from unspool.models.sequence_model import SequenceModel
from unspool.tasks.task import Examples
from unspool.types import Batch, Cut

Raw = NDArray[np.float32]


def predict(
    network: SequenceModel, examples: Examples, device: torch.device
) -> tuple[list[Cut], list[Batch], list[Raw]]:
    """The cuts, their batches and what the head keeps of its raw answers, (B, O, ...), at the asked steps of each.

    The state goes on from cut to cut where a row carries it, as in training. The batches come back without the inputs
    (no steps in `values` and `codes`, no `future`), which are freed as soon as they are read.
    """
    cuts = examples.plan(0)
    batches: list[Batch] = []
    raw: list[Raw] = []
    state: State | None = None
    with judging(network), torch.inference_mode():
        for cut in cuts:
            batch = examples.batch(cut)
            # rows that start anew may be more or fewer than those before; only rows that go on need the old state
            answer, state = network.judged(TensorBatch.of(batch, device), state if batch.carry.any() else None)
            raw.append(answer.float().cpu().numpy())
            batches.append(_without_inputs(batch))
    return cuts, batches, raw


@contextmanager
def judging(network: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module is in the mode it had."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _without_inputs(batch: Batch) -> Batch:
    rows = len(batch.lengths)
    values = np.empty((rows, 0, batch.values.shape[2]), np.float32)
    codes = np.empty((rows, 0, batch.codes.shape[2]), np.int64)
    return replace(batch, values=values, codes=codes, future=None)
