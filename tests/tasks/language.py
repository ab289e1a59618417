"""A small language model over invented tokens, and texts of them."""

from __future__ import annotations

import numpy as np
import torch

from unspool.cells import LSTMSpec
from unspool.layers import LastPool
from unspool.models.embed import Embed
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.softmax import build_softmax
from unspool.models.spec import Backbone, LearnedEmbedding, SoftmaxHead
from unspool.tasks.running import Running
from unspool.types import Prepared

SIZE, HIDDEN = 23, 8
BEFORE = np.array([SIZE - 1], np.int64)


def network_of() -> SequenceModel:
    torch.manual_seed(0)
    embed = Embed(LearnedEmbedding(width=HIDDEN), 0, [SIZE])
    backbone = build_backbone(Backbone(cell=LSTMSpec(hidden=HIDDEN)), HIDDEN)
    return SequenceModel(embed, backbone, LastPool(HIDDEN), build_softmax(SoftmaxHead(), HIDDEN, SIZE))


def prepared_of(lengths: list[int], seed: int = 0) -> list[Prepared]:
    draw = np.random.default_rng(seed)
    made = []
    for steps in lengths:
        none = np.zeros((steps, 0), np.float32)
        made.append(Prepared(values=none, codes=draw.integers(0, SIZE - 1, (steps, 1)), known=none, targets=none, before=BEFORE))
    return made


def running(lengths: list[int], joined: bool = True) -> Running:
    return Running.of(prepared_of(lengths), np.arange(len(lengths)), joined)
