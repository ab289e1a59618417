"""Unspool: recurrent networks for sequence data, from raw files to a live stream.

The names below are the public face. They are imported on first use, so that a live session, which needs no torch, starts in milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unspool.errors import (
        BundleError as BundleError,
    )
    from unspool.errors import (
        DataError as DataError,
    )
    from unspool.errors import (
        InputError as InputError,
    )
    from unspool.errors import (
        Interrupted as Interrupted,
    )
    from unspool.errors import (
        LiveError as LiveError,
    )
    from unspool.errors import (
        MissingExtra as MissingExtra,
    )
    from unspool.errors import (
        SpecError as SpecError,
    )
    from unspool.errors import (
        TrainingError as TrainingError,
    )
    from unspool.errors import (
        UnspoolError as UnspoolError,
    )
    from unspool.errors import (
        VerificationError as VerificationError,
    )
    from unspool.layers import GRU as GRU
    from unspool.layers import LSTM as LSTM
    from unspool.layers import RNN as RNN
    from unspool.run import Model as Model
    from unspool.run import RunSpec as RunSpec
    from unspool.run import check as check
    from unspool.run import load as load
    from unspool.run import train as train
    from unspool.streaming import Session as Session

__version__ = "0.1.0"

_ROOMS = {
    "unspool.errors": (
        "BundleError", "DataError", "InputError", "Interrupted", "LiveError", "MissingExtra", "SpecError", "TrainingError", "UnspoolError",
        "VerificationError",
    ),
    "unspool.layers": ("GRU", "LSTM", "RNN"),
    "unspool.run": ("Model", "RunSpec", "check", "load", "train"),
    "unspool.streaming": ("Session",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'unspool' has no attribute {name!r}; it has: {', '.join(sorted(_HOME))}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
