"""A cell carried along time."""

from __future__ import annotations

from math import inf

from torch import Tensor, nn
from torch.func import functional_call

from unspool.cells import Cell
from unspool.cells.cell import STATE_WEIGHT
from unspool.kernels import Choice, Coded, Zoned, choose, cudnn, eager, native
from unspool.kernels.dropout import dropped
from unspool.kernels.eager import zone
from unspool.kernels.rows import where_begun
from unspool.layers.layer import Layer, State, check_lengths, flatten_state, leaf
from unspool.layers.masks import kept_units, share_of, zoned_units


class Recurrent(Layer):
    """A cell carried along time, from each row's beginning, or from its own end where `reverse`.

    dropout      share of the state that the cell does not read in training: one mask a sequence (Gal and Ghahramani 2016, eq. 7)
    zoneout      share of each tensor of the state that a step of training leaves as it was; at rest a step gives the mean of both in that proportion
                 (Krueger et al. 2016). Outputs are the state "h" that is left
    weight_drop  share of the weights `from_state` that a call of training leaves out (Merity et al. 2018)
    """

    def __init__(self, cell: Cell, *, dropout: float = 0.0, zoneout: float = 0.0, weight_drop: float = 0.0, reverse: bool = False):
        super().__init__()
        for name, share in (("dropout", dropout), ("zoneout", zoneout), ("weight_drop", weight_drop)):
            share_of(name, share)
        if weight_drop:
            _state_weight(cell)
        self.cell = cell
        self.width = cell.hidden
        self.dropout = dropout
        self.zoneout = float(zoneout)
        self.weight_drop = weight_drop
        self.reverse = reverse
        self.lookahead = inf if reverse else 0

    def initial_state(self, batch: int) -> State:
        return self.cell.initial_state(batch)

    def scan(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        return self._scan(x, x, state, lengths)

    def scan_coded(self, x: Coded, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        if not x.few:
            return self.scan(x.values(), state, lengths)
        return self._scan(x, x.table.new_empty(*x.codes.shape, 0), state, lengths)

    def _scan(self, x: Tensor | Coded, like: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, State]:
        """`like` is (B, T, ...) as the inputs are."""
        check_lengths(like, lengths)
        training = self.training
        before = None if state is None else flatten_state(self.first_state(like, state))
        keep = kept_units(like, self.width, self.dropout) if training and self.dropout else None
        zoned = self._zoned(like) if self.zoneout else None
        weight = dropped(_state_weight(self.cell), self.weight_drop) if training and self.weight_drop else None
        recurrence = self.cell.recurrence()
        if recurrence is not None and weight is not None:
            recurrence = recurrence._replace(state_weight=weight)
        engine = choose(recurrence, x if isinstance(x, Tensor) else x.table, keep, zoned, before).engine
        if recurrence is not None and engine == "native":
            return native.scan(recurrence, x, before, lengths, keep, zoned, self.reverse)
        before = self._initial(like) if before is None else before
        x = x if isinstance(x, Tensor) else x.values()
        if recurrence is not None and engine == "cudnn":
            return cudnn.scan(recurrence, x, before, lengths, self.reverse)
        return eager.scan(self.cell.project, _advance(self.cell, weight), x, before, lengths, keep, zoned, self.reverse)

    def end(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        if self.reverse or self.cell.recurrence() is None:  # the last output is not what the scan ends with, or may be another number
            return super().end(x, state, lengths)
        _, after = self.scan(x, state, lengths)
        return where_begun(leaf(after, "h"), x.shape[1], lengths), after

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if self.reverse:
            raise ValueError("a layer that reads from the end has no step: its output needs the whole future; use a causal layer")
        before = flatten_state(state)
        y, after = self.cell.step(x, before)
        if not self.zoneout:
            return y, after
        after = zone(before, after, self.zoneout)
        return after["h"], after

    def engine(self, x: Tensor) -> Choice:
        """Which engine would scan `x` (B, T, C) in the present mode, and why."""
        keep = x.new_ones(x.shape[0], self.width) if self.training and self.dropout else None
        return choose(self.cell.recurrence(), x, keep, self.zoneout or None, self._initial(x))

    def _initial(self, x: Tensor) -> dict[str, Tensor]:
        return flatten_state(self.initial_state(x.shape[0]))

    def _zoned(self, x: Tensor) -> Zoned:
        return zoned_units(self._initial(x), x.shape[1], self.zoneout) if self.training else self.zoneout


def _state_weight(cell: Cell) -> nn.Parameter:
    """The parameter that weight drop acts on; ValueError where there is none."""
    found = dict(cell.named_parameters()).get(STATE_WEIGHT)
    if found is None:
        raise ValueError(
            f"weight_drop: {type(cell).__name__} has no parameter {STATE_WEIGHT} to act on (one made by a parametrization is none); "
            "set weight_drop to 0 or name the layer that reads the state so"
        )
    return found


def _advance(cell: Cell, weight: Tensor | None) -> eager.Advance:
    """A cell's `advance`, with `weight` in place of the one that reads the state where it is given."""
    if weight is None:
        return cell.advance

    def advance(projected: Tensor, state: dict[str, Tensor], keep: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        return functional_call(cell, {STATE_WEIGHT: weight}, (projected, state, keep))

    return advance
