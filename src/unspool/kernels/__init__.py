"""Which engine runs a recurrent scan, and why: native (our kernels, CPU), cudnn (torch's, CUDA) or eager (plain torch, which defines the others)."""

from unspool.kernels.engine import NAMES, Choice, Engine, available, choose, using
from unspool.kernels.recurrence import Coded, Recurrence, State, Zoned

__all__ = ["NAMES", "Choice", "Coded", "Engine", "Recurrence", "State", "Zoned", "available", "choose", "using"]
