"""A tiny network and a tiny problem, for every test of training, and for the processes that they start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from unspool.cells import GRUSpec
from unspool.layers import POOLS
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.heads import Categorical, Quantile
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, Dropout, OneHot, QuantileHead
from unspool.tasks.task import Decision
from unspool.training.spec import TrainSpec
from unspool.types import Batch, Cut

CPU = torch.device("cpu")
LOWER = Decision("loss_there", lower_is_better=True)


class Signs:
    """Rows of numbers of unlike length: is their sum above zero? Every epoch has its own order."""

    def __init__(self, records: int = 24, size: int = 6, seed: int = 0):
        draw = np.random.default_rng(seed)
        self.rows = [draw.normal(size=(int(steps), 1)).astype(np.float32) for steps in draw.integers(3, 8, records)]
        self.size = size

    def plan(self, epoch: int) -> list[Cut]:
        order = np.random.default_rng([7, epoch]).permutation(len(self.rows))
        return [self.cut(order[start : start + self.size]) for start in range(0, len(order), self.size)]

    def cut(self, records: np.ndarray) -> Cut:
        stop = np.array([len(self.rows[record]) for record in records])
        return Cut(records.astype(np.int64), np.zeros(len(records), np.int64), stop, np.zeros(len(records), bool))

    def batch(self, cut: Cut) -> Batch:
        lengths = cut.stop
        values = np.full((cut.rows, int(lengths.max()), 1), np.nan, np.float32)  # padding may hold anything
        for row, record in enumerate(cut.record):
            values[row, : lengths[row]] = self.rows[record]
        truth = np.array([[int(self.rows[record].sum() > 0)] for record in cut.record])
        return batch_of(values, lengths, cut.carry, lengths[:, None] - 1, truth)


class Streams:
    """Long waves in two contiguous streams, cut into chunks of unlike length; the state carries from chunk to chunk."""

    def __init__(self, chunks: Sequence[int] = (5, 5, 5, 3), horizon: int = 2, seed: int = 1):
        draw = np.random.default_rng(seed)
        self.steps, self.horizon = sum(chunks), horizon
        time = np.arange(self.steps + horizon)[None, :] + np.array([[0.0], [9.0]])
        self.waves = (np.sin(time / 2) + draw.normal(scale=0.05, size=time.shape)).astype(np.float32)
        self.bounds = np.concatenate([[0], np.cumsum(chunks)])

    def plan(self, epoch: int) -> list[Cut]:
        rows = np.arange(2)
        return [
            Cut(rows, np.full(2, start), np.full(2, stop), np.full(2, start > 0))
            for start, stop in zip(self.bounds[:-1], self.bounds[1:], strict=True)
        ]

    def batch(self, cut: Cut) -> Batch:
        start, stop = int(cut.start[0]), int(cut.stop[0])
        asked = np.tile(np.arange(stop - start), (2, 1))
        ahead = np.stack([self.waves[:, start + step : stop + step] for step in range(1, self.horizon + 1)], axis=-1)
        return batch_of(self.waves[:, start:stop, None], np.full(2, stop - start), cut.carry, asked, ahead[..., None])


def batch_of(values: np.ndarray, lengths: np.ndarray, carry: np.ndarray, asked: np.ndarray, truth: np.ndarray) -> Batch:
    codes = np.zeros((*values.shape[:2], 0), np.int64)
    forecast = truth.ndim == 4
    return Batch(
        values=np.ascontiguousarray(values),
        codes=codes,
        lengths=lengths.astype(np.int64),
        carry=carry,
        asked=np.ascontiguousarray(asked, np.int64),
        weights=np.ones(asked.shape, np.float32),
        truth=np.ascontiguousarray(truth),
        known_truth=np.ones(truth.shape, bool) if forecast else None,
    )


def classifier(seed: int = 0, dropout: float = 0.0, hidden: int = 6) -> SequenceModel:
    torch.manual_seed(seed)
    embed = Embed(OneHot(), 1, [])
    spec = Backbone(cell=GRUSpec(hidden=hidden), layers=2, dropout=Dropout(between=dropout, recurrent=dropout, outputs=dropout))
    backbone = build_backbone(spec, embed.width)
    return SequenceModel(embed, backbone, POOLS["last"](hidden), Categorical(CategoricalHead(), hidden, [1, 1]))


def forecaster(seed: int = 0, dropout: float = 0.0, hidden: int = 5, pool: str = "last") -> SequenceModel:
    torch.manual_seed(seed)
    embed = Embed(OneHot(), 1, [])
    backbone = build_backbone(Backbone(cell=GRUSpec(hidden=hidden), dropout=Dropout(outputs=dropout)), embed.width)
    head = Quantile(QuantileHead(hidden=8), hidden, 0, 2, 1)
    return SequenceModel(embed, backbone, POOLS[pool](hidden), head)


class Judge:
    """The mean loss over an epoch, the state carried as in training; it draws random numbers, as a judge may."""

    def __init__(self, examples: Signs | Streams):
        self.examples = examples

    def __call__(self, network: SequenceModel) -> dict[str, float]:
        assert not network.training
        assert not torch.is_grad_enabled()
        torch.rand(3)
        state, losses = None, []
        for cut in self.examples.plan(0):
            loss, state = network.loss(TensorBatch.of(self.examples.batch(cut), CPU), state if cut.carry.any() else None)
            losses.append(float(loss))
        return {"loss_there": sum(losses) / len(losses), "draw": float(torch.rand(()))}


def spec_of(**choices: object) -> TrainSpec:
    """A TrainSpec from plain values, as from YAML."""
    return TrainSpec.model_validate({"epochs": 3, "patience": None, "checkpoint_seconds": 1e9, **choices})
