"""Vectors of the last few tokens together, found by a hash."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unspool.kernels.rows import where_rows
from unspool.layers import Layer, State
from unspool.layers.layer import check_lengths, leaf
from unspool.models.spec import NGrams

MULTIPLIER = 251
"""Of the hash, a polynomial of the codes. With the most buckets that a spec allows, all it gives is below 2**24: whole numbers that floats hold."""

SPREAD = 0.02
"""Standard deviation of the table at the start. Rarer than tokens, and as many as there are lengths, n-grams begin by saying little."""


class NGramTable(Layer):
    """Codes (B, T, 1) to the sum, (B, T, width), of the vectors of all n-grams that end with them, of 2 to `longest` codes.

    Before the first code stand zeros. The state is what was read last: the hashes of its last code, its last two, to all but one of the longest.
    """

    def __init__(self, spec: NGrams, width: int):
        super().__init__()
        self.width = width
        self.buckets = spec.buckets
        self.table = nn.Embedding(spec.buckets, width)
        nn.init.normal_(self.table.weight, std=SPREAD)
        self.orders: Tensor
        self.register_buffer("orders", torch.arange(2, spec.longest + 1), persistent=False)

    def initial_state(self, batch: int) -> State:
        return {"hashes": self.table.weight.new_zeros(batch, len(self.orders))}

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        check_lengths(x, lengths)
        before = leaf(self.initial_state(len(x)) if state is None else state, "hashes")
        if not x.shape[1]:
            return self.table.weight.new_zeros(len(x), 0, self.width), {"hashes": before}
        code = self._remainder(x)
        hashes = [code]
        for index, order in enumerate(self.orders):
            shorter = torch.cat([before[:, None, index : index + 1].to(code.dtype), hashes[-1][:, :-1]], dim=1)
            hashes.append(self._joined(shorter, code, order))
        known = torch.cat(hashes, dim=-1)
        if lengths is None:
            after = known[:, -1, :-1].to(before.dtype)
        else:
            last = known[torch.arange(len(x), device=x.device), (lengths - 1).clamp_min(0), :-1].to(before.dtype)
            after = where_rows(lengths > 0, last, before)
        return self.table(known[..., 1:]).sum(-2), {"hashes": after}

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before, code = leaf(state, "hashes"), self._remainder(x)
        found = self._joined(before.to(code.dtype), code, self.orders)
        after = torch.cat([code, found[..., :-1]], dim=-1)
        return self.table(found).sum(-2), {"hashes": after.to(before.dtype)}

    def _joined(self, shorter: Tensor, code: Tensor, order: Tensor) -> Tensor:
        """Hashes of n-grams that end with `code`, from those of what comes before it in them."""
        return self._remainder(MULTIPLIER * shorter + code + order)

    def _remainder(self, number: Tensor) -> Tensor:
        """Of the division by `buckets`, with nothing but what a step program has: below 2**24 the quotient in floats is exact enough."""
        return number - (number / self.buckets).to(number.dtype) * self.buckets
