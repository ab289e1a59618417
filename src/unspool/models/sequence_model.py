"""embed -> backbone -> pool -> head: what is trained, traced and run live."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unspool.cells import Cell
from unspool.kernels.rows import where_rows
from unspool.layers import Dropout, LastPool, Layer, Stack, State, recurrent_stack
from unspool.layers.layer import branch, join_states
from unspool.models.batch import TensorBatch
from unspool.models.embed import Embed
from unspool.models.heads import Head
from unspool.models.levels import MarkedEmbed
from unspool.models.spec import Backbone


class SequenceModel(nn.Module):
    """A network over sequences. It does not know its task: it reads values and codes, and answers where it is asked.

    stride, lookahead  as of a layer, over the whole model
    """

    def __init__(self, embed: Embed | MarkedEmbed, backbone: Layer, pool: Layer, head: Head):
        super().__init__()
        self.embed = embed
        self.backbone = backbone
        self.pool = pool
        self.head = head
        head.join(embed.embed if isinstance(embed, MarkedEmbed) else embed)
        self.stride = backbone.stride
        self.lookahead = backbone.lookahead

    def initial_state(self, batch: int) -> State:
        return {name: part.initial_state(batch) for name, part in (("embed", self.embed), ("backbone", self.backbone), ("pool", self.pool))}

    def scan(self, values: Tensor, codes: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Pooled states at every step: (B, T, C) and (B, T, N) to (B, T // stride, H)."""
        state = self.initial_state(values.shape[0]) if state is None else state
        states, embed, backbone = self._read(values, codes, state, lengths)
        pooled, pool = self.pool.scan(states, branch(state, "pool"), None if lengths is None else lengths // self.stride)
        return pooled, {"embed": embed, "backbone": backbone, "pool": pool}

    def end(self, values: Tensor, codes: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """What `scan` gives last in each row: (B, T, C) and (B, T, N) to (B, H)."""
        state = self.initial_state(values.shape[0]) if state is None else state
        if isinstance(self.pool, LastPool):
            x, embed = self.embed.scan(values, codes, branch(state, "embed"), lengths)
            pooled, backbone = self.backbone.end(x, branch(state, "backbone"), lengths)
            return pooled, {"embed": embed, "backbone": backbone, "pool": {}}
        states, embed, backbone = self._read(values, codes, state, lengths)
        pooled, pool = self.pool.end(states, branch(state, "pool"), None if lengths is None else lengths // self.stride)
        return pooled, {"embed": embed, "backbone": backbone, "pool": pool}

    def _read(self, values: Tensor, codes: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State, State]:
        """What the backbone gives at every step, and the states of the embedding and of the backbone."""
        coded = self.embed.coded(codes)
        if coded is not None:
            states, backbone = self.backbone.scan_coded(coded, branch(state, "backbone"), lengths)
            return states, {}, backbone
        x, embed = self.embed.scan(values, codes, branch(state, "embed"), lengths)
        states, backbone = self.backbone.scan(x, branch(state, "backbone"), lengths)
        return states, embed, backbone

    def asked(self, batch: TensorBatch, state: State | None = None) -> tuple[Tensor, State]:
        """Pooled states at the asked steps, (B, O, H), and the state after each row's last real step."""
        state = self.carried(state, batch.carry)
        if _at_the_end(batch):
            pooled, state = self.end(batch.values, batch.codes, state, batch.lengths)
            return pooled.unsqueeze(1), state
        pooled, state = self.scan(batch.values, batch.codes, state, batch.lengths)
        index = (batch.asked + 1) // self.stride - 1
        steps = torch.arange(pooled.shape[1], device=index.device)
        if index.shape == pooled.shape[:2] and bool((index == steps).all()):  # every step is: what is there need not be gathered
            return pooled, state
        return pooled.gather(1, index.unsqueeze(-1).expand(-1, -1, pooled.shape[-1])), state

    def forward(self, batch: TensorBatch, state: State | None = None) -> tuple[Tensor, State]:
        """Raw answers at the asked steps, (B, O, ...), and the state after each row's last real step."""
        states, state = self.asked(batch, state)
        return self.head(states, batch.future), state

    def loss(self, batch: TensorBatch, state: State | None = None) -> tuple[Tensor, State]:
        """The mean loss of a batch, and the state after it."""
        states, state = self.asked(batch, state)
        return self.head.loss_of(states, batch), state

    def judged(self, batch: TensorBatch, state: State | None = None) -> tuple[Tensor, State]:
        """What the head keeps of its answers at the asked steps, (B, O, ...), and the state after them."""
        states, state = self.asked(batch, state)
        return self.head.kept(states, batch), state

    def step(self, values: Tensor, codes: Tensor, future: Tensor | None, state: State) -> tuple[Tensor, State]:
        """One instant: (B, C), (B, N) and, of a forecast, (B, L, F) to raw answers (B, ...).

        Where stride is not 1, values are (B, stride, C) and codes (B, stride, N).
        """
        x, embed = self.embed.step(values, codes, branch(state, "embed"))
        states, backbone = self.backbone.step(x, branch(state, "backbone"))
        pooled, pool = self.pool.step(states, branch(state, "pool"))
        return self.head(pooled, future), {"embed": embed, "backbone": backbone, "pool": pool}

    def carried(self, state: State | None, carry: Tensor) -> State | None:
        """`state`, cut from the gradient, in the rows that go on; the initial state in the others."""
        if state is None:
            return None
        fresh = self.initial_state(len(carry))
        return join_states(lambda new, old: where_rows(carry, old.detach(), new), fresh, state)


def _at_the_end(batch: TensorBatch) -> bool:
    """Whether each row is asked once, at its last real step."""
    last = batch.values.shape[1] - 1 if batch.lengths is None else batch.lengths - 1
    return batch.asked.shape[1] == 1 and bool((batch.asked[:, 0] == last).all())


def build_backbone(spec: Backbone, inputs: int) -> Stack:
    """The layers that a spec asks for, with its initialisation."""
    made: list[Layer] = []
    width = inputs
    if spec.dropout.inputs:
        made.append(Dropout(width, spec.dropout.inputs, spec.dropout.locked))
    for convolution in spec.front:
        made.append(convolution.build(width))
        width = made[-1].width
        if spec.dropout.front:
            made.append(Dropout(width, spec.dropout.front, spec.dropout.locked))
    recurrent = recurrent_stack(
        spec.cell.build,
        width,
        spec.layers,
        bidirectional=spec.bidirectional,
        residual=spec.residual,
        norm=spec.norm,
        dropout=spec.dropout.between,
        recurrent_dropout=spec.dropout.recurrent,
        zoneout=spec.dropout.zoneout,
        weight_drop=spec.dropout.weights,
        locked=spec.dropout.locked,
    )
    made.append(recurrent)
    if spec.dropout.outputs:
        made.append(Dropout(recurrent.width, spec.dropout.outputs, spec.dropout.locked))
    for cell in recurrent.modules():
        if isinstance(cell, Cell):
            start = spec.initialization
            cell.initialize(start.recurrent, start.inputs, start.forget_bias)
    return Stack(made, inputs)
