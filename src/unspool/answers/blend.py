"""A network and an n-gram model as one language model: a token's probability is the mean of both, in a fixed proportion (Mikolov et al. 2011)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unspool.answers.ngrams import KneserNey
from unspool.data.facts import BlendFacts

LEAST_SHARE, HALVINGS = 1e-3, 40
"""Of either model, and how often the interval in which the best share lies is halved."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Blend:
    """share  of the network, 0 to 1; the rest is that of the n-grams"""

    ngrams: KneserNey
    share: float

    @classmethod
    def fit(cls, ngrams: KneserNey, codes: ArrayLike, log_probabilities: Doubles) -> Blend:
        """With the share that makes a text the likeliest, which neither model has learnt from.

        codes, log_probabilities  (M,) tokens of the text, and what the network says of each
        """
        apart = log_probabilities - ngrams.log_probabilities(codes)
        low, high = LEAST_SHARE, 1 - LEAST_SHARE
        for _ in range(HALVINGS):  # the mean of what is the network's part in each token is above its share as long as a larger share is better
            share = (low + high) / 2
            part = 0.5 + np.tanh((apart + np.log(share) - np.log1p(-share)) / 2).mean() / 2
            low, high = (share, high) if part > share else (low, share)
        return cls(ngrams, (low + high) / 2)

    def joint(self, codes: ArrayLike, log_probabilities: Doubles, starts: ArrayLike = ()) -> Doubles:
        """(M,) natural logarithms of both together, of tokens of which the network alone says `log_probabilities`; `starts` as of the n-grams."""
        mixed: Doubles = np.logaddexp(np.log(self.share) + log_probabilities, np.log1p(-self.share) + self.ngrams.log_probabilities(codes, starts))
        return mixed

    def next(self, probabilities: Doubles, recent: ArrayLike) -> Doubles:
        """(V,) of both together, where the network says `probabilities` of what follows; `recent` as of the n-grams."""
        return self.share * probabilities + (1 - self.share) * self.ngrams.next_probabilities(recent)

    @cached_property
    def facts(self) -> BlendFacts:
        """What tells this model from any other."""
        sha = hashlib.sha256()
        for tensor in self.ngrams.tensors().values():
            sha.update(tensor.tobytes())
        return BlendFacts(share=self.share, grams=tuple(len(order.keys) for order in self.ngrams.orders), sha256=sha.hexdigest())
