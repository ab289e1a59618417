"""How the next code is drawn from a network's logits."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from unspool.errors import DataError
from unspool.spec import Spec, knob
from unspool.types import Floats

ROUNDING = 1e-12  # so that tenths that add up to just below 0.3 reach it

Doubles = NDArray[np.float64]


class Sampling(Spec):
    """The rule of a draw: what may not come, how bold it is, and which of the likeliest are let in, in this order."""

    temperature: float = knob(1.0, "what the logits are divided by; 0 takes the likeliest, and nothing is left to chance", ge=0)
    top_k: int | None = knob(None, "draw among this many of the likeliest; none draws among all", ge=1)
    top_p: float = knob(1.0, "draw among the fewest that hold this share of the probability (nucleus sampling); 1 draws among all", gt=0, le=1)
    banned: tuple[Annotated[int, Field(ge=0)], ...] = knob((), "codes that are never drawn")

    @model_validator(mode="after")
    def _leaves_something_to_chance(self) -> Sampling:
        if self.temperature == 0 and (self.top_k is not None or self.top_p < 1):
            raise ValueError("temperature: 0 takes the likeliest, which leaves nothing to top_k and top_p; raise temperature or drop them")
        return self


def draw(logits: Floats, rule: Sampling, random: np.random.Generator) -> int:
    """A code, 0 to K - 1, drawn from the softmax of the logits under a rule; of equals, the lowest code counts as the likelier.

    logits  (K,), minus infinity where a code cannot come
    raises  DataError where a logit is NaN or plus infinity, where a banned code is none of these, and where no code is left;
            ValueError where logits have another shape
    """
    allowed = _allowed(logits, rule.banned)
    best = int(allowed.argmax())
    if rule.temperature == 0:
        return best
    with np.errstate(over="ignore"):  # far below the best is minus infinity, which is no chance at all
        share = np.exp((allowed - allowed[best]) / rule.temperature)
    reached = np.cumsum(_likeliest(share, rule))
    return int(np.searchsorted(reached, random.random() * reached[-1], side="right"))


def _allowed(logits: Floats, banned: tuple[int, ...]) -> Doubles:
    """The logits in double precision, minus infinity for what is banned."""
    if logits.ndim != 1 or logits.size == 0:
        raise ValueError(f"logits have shape {logits.shape}, wanted (K,) with at least one code")
    wrong = np.isnan(logits) | (logits == np.inf)
    if wrong.any():
        raise DataError(
            f"logits are NaN or infinite at {int(wrong.sum())} of {wrong.size} codes, the first {int(np.argmax(wrong))}; "
            "wanted numbers; look for what is not finite in the input or the weights"
        )
    strange = [code for code in banned if not 0 <= code < logits.size]
    if strange:
        raise DataError(f"banned: code {strange[0]} is none of this model's; wanted 0 to {logits.size - 1}")
    allowed = logits.astype(np.float64)
    allowed[list(banned)] = -np.inf
    if (allowed == -np.inf).all():
        raise DataError(f"no code can be drawn: {len(set(banned))} of {logits.size} are banned, the others have no probability; ban fewer")
    return allowed


def _likeliest(share: Doubles, rule: Sampling) -> Doubles:
    """The shares (K,) without those that the rule leaves out (Fan et al. 2018; Holtzman et al. 2020), which become 0."""
    if rule.top_k is None and rule.top_p == 1:
        return share
    order = np.argsort(-share, kind="stable")[: rule.top_k]
    if rule.top_p < 1:
        reached = np.cumsum(share[order])
        order = order[: 1 + int(np.searchsorted(reached, (rule.top_p - ROUNDING) * reached[-1]))]
    kept = np.zeros_like(share)
    kept[order] = share[order]
    return kept
