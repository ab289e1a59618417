"""Activations that a step program makes of simpler operations."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from unspool.export.translate import Translator, Value


def silu(to: Translator, x: Any) -> Value:
    return to.emit("mul", x, to.emit("sigmoid", x))


def gelu(to: Translator, x: Any, approximate: str = "none") -> Value:
    if approximate == "none":
        bent = to.emit("erf", to.emit("mul", x, sqrt(0.5)))
    else:
        cube = to.emit("mul", to.emit("mul", to.emit("mul", x, x), x), 0.044715)
        bent = to.emit("tanh", to.emit("mul", to.emit("add", x, cube), sqrt(2 / pi)))
    return to.emit("mul", to.emit("mul", x, 0.5), to.emit("add", bent, 1.0))


def elu(to: Translator, x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Value:
    low = to.emit(
        "mul", to.emit("sub", to.emit("exp", to.emit("mul", x, float(input_scale))), 1.0), float(alpha * scale)
    )
    return to.emit("where", to.emit("less", 0.0, x), to.emit("mul", x, float(scale)), low)


def leaky_relu(to: Translator, x: Any, slope: float = 0.01) -> Value:
    return to.emit("where", to.emit("less", 0.0, x), x, to.emit("mul", x, float(slope)))
