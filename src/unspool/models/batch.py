"""A batch as tensors on a device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unspool.types import Batch


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """`types.Batch` as tensors; the shapes are described there."""

    values: Tensor
    codes: Tensor
    lengths: Tensor | None
    carry: Tensor
    asked: Tensor
    weights: Tensor
    truth: Tensor
    future: Tensor | None
    known_truth: Tensor | None

    @classmethod
    def of(cls, batch: Batch, device: torch.device) -> TensorBatch:
        """The batch on `device`; lengths are left out where no row is padded."""
        full = bool((batch.lengths == batch.values.shape[1]).all())
        return cls(
            values=torch.from_numpy(batch.values).to(device),
            codes=torch.from_numpy(batch.codes).to(device),
            lengths=None if full else torch.from_numpy(batch.lengths).to(device),
            carry=torch.from_numpy(batch.carry).to(device),
            asked=torch.from_numpy(batch.asked).to(device),
            weights=torch.from_numpy(batch.weights).to(device),
            truth=torch.from_numpy(batch.truth).to(device),
            future=None if batch.future is None else torch.from_numpy(batch.future).to(device),
            known_truth=None if batch.known_truth is None else torch.from_numpy(batch.known_truth).to(device),
        )
