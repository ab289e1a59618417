"""Logistic regression with an L2 penalty, multinomial or one-vs-rest, fitted to convergence by L-BFGS; deterministic."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unspool.evaluation.sparse import SparseRows

Doubles = NDArray[np.float64]
Features = Doubles | SparseRows
"""(N, F)"""


@dataclass(frozen=True, slots=True)
class Logistic:
    """weights (F, K), bias (K,); `apart` where each column tells its label alone, by a sigmoid, and not its class among K."""

    weights: Doubles
    bias: Doubles
    apart: bool = False

    def probabilities(self, features: Features) -> Doubles:
        """(N, F) -> (N, K)."""
        logits = _tensor(features) @ torch.from_numpy(self.weights) + torch.from_numpy(self.bias)
        shares: Doubles = (torch.sigmoid(logits) if self.apart else torch.softmax(logits, dim=1)).numpy()
        return shares


def fit(
    features: Features, truth: NDArray[np.int64], classes: int, penalty: float, start: Logistic | None = None
) -> Logistic:
    """The weights with the least cross-entropy, summed over rows, plus half the penalty times their squared sum.

    The bias is free of the penalty. Of three and more classes this is scikit-learn's with C = 1 / penalty; of two,
    theirs has one column of weights, ours has two, and C = 2 / penalty.

    features (N, F)   truth (N,) of 0 to K - 1, or (N, K) of 1 and 0, for which each column is fitted alone, as scikit-learn's OneVsRestClassifier
    does with C = 1 / penalty        start  weights to begin from; they change the time, not the result
    """
    width = features.width if isinstance(features, SparseRows) else features.shape[1]
    weights = torch.zeros(width, classes, dtype=torch.float64) if start is None else torch.tensor(start.weights)
    bias = torch.zeros(classes, dtype=torch.float64) if start is None else torch.tensor(start.bias)
    rows, columns = _tensor(features), _transposed(features)
    wanted = torch.from_numpy(truth)
    count = len(truth)
    apart = truth.ndim == 2
    hot = wanted.double() if apart else torch.nn.functional.one_hot(wanted, classes).double()
    solver = torch.optim.LBFGS(
        [weights, bias],
        max_iter=1000,
        history_size=10,
        tolerance_grad=1e-7,
        tolerance_change=1e-11,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        # The gradient is written out, since that of a sparse product would be worked out the slow way.
        with torch.no_grad():
            logits = rows @ weights + bias
            shares = logits if apart else torch.log_softmax(logits, dim=1)
            error = ((torch.sigmoid(logits) if apart else shares.exp()) - hot) / count
            weights.grad = columns @ error + penalty / count * weights
            bias.grad = error.sum(dim=0)
            others = torch.nn.functional.softplus(logits).sum() if apart else 0.0
            return (penalty / 2 * weights.square().sum() + others - (shares * hot).sum()) / count

    solver.step(objective)  # type: ignore[no-untyped-call]
    return Logistic(weights.numpy(), bias.numpy(), apart)


def _tensor(features: Features) -> Tensor:
    if not isinstance(features, SparseRows):
        return torch.from_numpy(features)
    starts, columns, values = map(torch.from_numpy, (features.starts, features.columns, features.values))
    size = (len(features), features.width)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Sparse", category=UserWarning)  # once a process: "in beta state"
        return torch.sparse_csr_tensor(starts, columns, values, size=size, check_invariants=True)


def _transposed(features: Features) -> Tensor:
    return _tensor(features.transposed()) if isinstance(features, SparseRows) else torch.from_numpy(features).T
