"""The head that reads the tags of a sentence together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from unspool.data.facts import ChainFacts, Facts, TagFacts
from unspool.data.schemes import Scheme, allowed
from unspool.layers.masks import NumberDropout
from unspool.models.batch import TensorBatch
from unspool.models.crf import CRF
from unspool.models.heads import Head
from unspool.models.spec import CRFHead


class ChainHead(Head):
    """Raw answers (B, T, K) are the weights of each step's tags by themselves; the chain between tags is in the facts once it is settled."""

    def __init__(self, spec: CRFHead, width: int, labels: tuple[str, ...], scheme: Scheme | None):
        super().__init__()
        self.dropout = NumberDropout(spec.dropout)
        self.answer = nn.Linear(width, len(labels))
        self.crf = CRF(len(labels), allowed(labels, scheme) if spec.constrained and scheme is not None else None)

    def forward(self, state: Tensor, future: Tensor | None = None) -> Tensor:  # (..., H) -> (..., K)
        return self.answer(self.dropout(state))

    def loss(self, raw: Tensor, batch: TensorBatch) -> Tensor:
        """The negative log likelihood of the tags of whole sentences, -1 for any, over the steps that count, which come first in each row."""
        lengths = (batch.weights > 0).sum(dim=1)
        likelihood = self.crf.log_likelihood(raw, batch.truth, lengths)
        return -likelihood.sum() / lengths.sum().clamp_min(1)

    def settled(self, facts: Facts) -> Facts:
        assert isinstance(facts.task, TagFacts)
        chain = self.crf.chain()
        learnt = ChainFacts(start=_plain(chain.start), end=_plain(chain.end), transitions=tuple(map(_plain, chain.transitions)))
        return facts.model_copy(update={"task": facts.task.model_copy(update={"chain": learnt})})


def _plain(weights: NDArray[np.floating]) -> tuple[float | None, ...]:
    return tuple(weight if np.isfinite(weight) else None for weight in weights.tolist())
