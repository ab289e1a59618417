"""One step of time, one family a file. A new cell is one file and one name in `CellSpec`; specs, the law suite and the docs find it there."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from unspool.cells.cell import Cell
from unspool.cells.elman import RNNCell, RNNSpec
from unspool.cells.gru import GRUCell, GRUSpec
from unspool.cells.lstm import LSTMCell, LSTMSpec
from unspool.kernels import State

CellSpec = Annotated[RNNSpec | LSTMSpec | GRUSpec, Field(discriminator="kind")]

CELLS = {spec.model_fields["kind"].default: spec for spec in get_args(get_args(CellSpec)[0])}

__all__ = ["CELLS", "Cell", "CellSpec", "GRUCell", "GRUSpec", "LSTMCell", "LSTMSpec", "RNNCell", "RNNSpec", "State"]
