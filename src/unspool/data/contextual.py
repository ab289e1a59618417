"""What is known of words' vectors in their context, and of the encoder that gives them."""

from __future__ import annotations

from typing import Literal

from unspool.spec import Spec, knob


class ContextualFacts(Spec):
    """Which encoder gives the words their vectors, and how: with another one the numbers would mean something else."""

    width: int = knob(help="numbers of a vector", ge=1)
    layers: tuple[int, ...] = knob(help="hidden layers whose mean is taken; 0 is what enters the first")
    pooling: Literal["mean", "first"] = knob(help="what a word has of its sub-words' vectors")
    window: int = knob(help="sub-words that are read at once, with the marks at their ends", ge=1)
    sha256: str = knob(help="of the encoder's form, weights and tokenizer")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of `values` that hold the vectors."""
        return tuple(f"contextual {place}" for place in range(self.width))
