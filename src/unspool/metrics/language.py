"""How well a text was foreseen, by what is in the text itself: figures that do not depend on the tokens it was cut into.

log_probabilities  natural logarithms, one a token, of each token given those before it; their sum is what counts
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from unspool.errors import DataError
from unspool.metrics.forecast import numbers

ROUNDING = 1e-6  # what a softmax in single precision may lie above 1


def perplexity(log_probabilities: ArrayLike, words: int) -> float:
    """The number of words among which, if all were as likely, one would be as hard to foresee: 1 or more, lower is better.

    words    the words of the original text, with the ends of lines where a token stands for them
    returns  infinity where a token was held to be impossible
    """
    with np.errstate(over="ignore"):
        return float(np.exp(_surprise(log_probabilities, "words", words)))


def bits_per_character(log_probabilities: ArrayLike, characters: int) -> float:
    """The bits that an ideal code by these probabilities spends on a character: 0 or more, lower is better.

    characters  of the original text, with the ends of lines where a token stands for them
    returns     infinity where a token was held to be impossible
    """
    return _surprise(log_probabilities, "characters", characters) / math.log(2)


def _surprise(log_probabilities: ArrayLike, name: str, units: int) -> float:
    """Nats, as the mean over `units`."""
    found = numbers("log_probabilities", log_probabilities)
    if units < 1 or found.size == 0:
        raise DataError(f"there are {found.size} log_probabilities and {units} {name}; wanted at least one of both")
    impossible = np.isnan(found) | (found > ROUNDING)
    if impossible.any():
        worst = found.flat[int(np.argmax(impossible))]
        raise DataError(
            f"log_probabilities hold {int(impossible.sum())} values that are no logarithm of a probability, the first {worst:g}; "
            "wanted 0 or less; give natural logarithms, with their sign"
        )
    return max(0.0, -float(found.sum())) / units
