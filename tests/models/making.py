"""Small batches and models in float64 for the tests of this folder."""

from __future__ import annotations

import torch
from torch import Tensor

from unspool.cells import CELLS
from unspool.layers import POOLS, ConvolutionSpec
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.heads import Categorical, Head, Quantile
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, LearnedEmbedding, QuantileHead

HORIZON, FEATURES, TARGETS, CLASSES = 3, 2, 2, 3

FRONTS: dict[str, tuple[ConvolutionSpec, ...]] = {
    "no front": (),
    "front": (ConvolutionSpec(channels=4, kernel=3),),
    "strided front": (ConvolutionSpec(channels=4, kernel=3, stride=2), ConvolutionSpec(channels=3, kernel=2, activation="tanh", norm=True)),
    "two strides": (ConvolutionSpec(channels=4, kernel=2, stride=2), ConvolutionSpec(channels=3, kernel=3, stride=2)),
}


def model_of(cell: str = "gru", pool: str = "last", front: str = "no front", forecast: bool = True, **backbone: object) -> SequenceModel:
    """Two numbers and one category of five in; quantiles of two targets or three classes out."""
    embed = Embed(LearnedEmbedding(width=3), 2, [5])
    made = build_backbone(Backbone.model_validate({"cell": CELLS[cell](hidden=4), "front": FRONTS[front], **backbone}), embed.width)
    pooled = POOLS[pool](made.width)
    head: Head
    if forecast:
        head = Quantile(QuantileHead(hidden=6), pooled.width, FEATURES, HORIZON, TARGETS)
    else:
        head = Categorical(CategoricalHead(), pooled.width, [2, 5, 3])
    return SequenceModel(embed, made, pooled, head).double().eval()


def batch_of(lengths: list[int], asked: list[list[int]], forecast: bool = True, carry: list[bool] | None = None, seed: int = 0) -> TensorBatch:
    """Rows of unlike length, padded with zeros, asked at the steps of each row."""
    draw = torch.Generator().manual_seed(seed)
    rows, steps, count = len(lengths), max(lengths), len(asked[0])
    values = torch.randn(rows, steps, 2, generator=draw, dtype=torch.float64)
    codes = torch.randint(0, 5, (rows, steps, 1), generator=draw)
    truth = torch.randn(rows, count, HORIZON, TARGETS, generator=draw, dtype=torch.float64)
    return TensorBatch(
        values=values,
        codes=codes,
        lengths=torch.tensor(lengths),
        carry=torch.tensor(carry or [False] * rows),
        asked=torch.tensor(asked),
        weights=torch.ones(rows, count, dtype=torch.float64),
        truth=truth if forecast else torch.randint(0, CLASSES, (rows, count), generator=draw),
        future=torch.randn(rows, count, HORIZON, FEATURES, generator=draw, dtype=torch.float64) if forecast else None,
        known_truth=torch.ones(truth.shape, dtype=torch.bool) if forecast else None,
    )


def gradients(model: torch.nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Of every weight by name; zeros where the loss does not reach it."""
    names, weights = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, weights, allow_unused=True)
    return {name: torch.zeros_like(weight) if grad is None else grad for name, weight, grad in zip(names, weights, found, strict=True)}
