"""A language model's answers as a person reads them: what may come next, how well a text was foreseen, and tokens as text."""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unspool.data.facts import Facts
from unspool.data.subwords import BEGINS
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import LINE_END
from unspool.metrics import bits_per_character, perplexity
from unspool.types import Floats

UNKNOWN = 0
"""The code that stands for whatever the vocabulary lacks: it can be foreseen, and cannot be written."""

LIKELIEST = 10
"""Tokens of an answer."""

MOST_PENDING = 3
"""Bytes of a character, at most, before its last."""

BEFORE_ALL, AFTER_ALL = frozenset(".,;:!?)]}%\u2019\u201d\u2026"), frozenset("([{\u2018\u201c")
"""Marks before which, and after which, no blank is written."""


def tokens_of(facts: Facts) -> TokenFacts:
    """How text became codes."""
    assert facts.preparation.tokens is not None
    return facts.preparation.tokens


def read(logits: Floats) -> NDArray[np.float64]:
    """(..., V) logits to probabilities."""
    wide = logits.astype(np.float64)
    share = np.exp(wide - wide.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = share / share.sum(axis=-1, keepdims=True)
    return probabilities


def tell_next(facts: Facts, logits: Floats) -> list[dict[str, Any]]:
    """The likeliest next tokens from logits (V,), each with its `code`, its `text` (None for what is unknown) and its `probability`.

    Of equals the commoner stands first.
    """
    probabilities = read(logits)
    best = np.argsort(-probabilities, kind="stable")[:LIKELIEST]
    tokens = tokens_of(facts)
    return [
        {"code": code, "text": None if code == UNKNOWN else shown(tokens, code), "probability": share}
        for code, share in zip(best.tolist(), probabilities[best].tolist(), strict=True)
    ]


def shown(tokens: TokenFacts, code: int) -> str:
    """A token by itself: of sub-words, with the blank before it where it begins a word; bytes that are no text as `<0xE2>`, one after the other."""
    unit = tokens.vocabulary.decode([code])[0]
    if code == UNKNOWN or tokens.unit not in ("bytes", "subwords"):
        return unit
    piece = unit.removeprefix(BEGINS)
    blank = " " if piece != unit and piece != LINE_END else ""
    try:
        return blank + piece.encode("latin-1").decode()
    except UnicodeDecodeError:
        return blank + "".join(byte if byte < "\x80" else f"<0x{ord(byte):02X}>" for byte in piece)


def tell_text(log_probabilities: NDArray[np.float64], words: int, characters: int) -> dict[str, Any]:
    """How well a text was foreseen, as plain JSON; None for what it has too little for."""
    tokens = len(log_probabilities)
    return {
        "log_probability": float(log_probabilities.sum()),
        "tokens": tokens,
        "words": words,
        "characters": characters,
        "perplexity": perplexity(log_probabilities, words) if tokens and words else None,
        "bits_per_character": bits_per_character(log_probabilities, characters) if tokens and characters else None,
    }


class Writer:
    """Tokens as text, one after the other.

    apart    whether what stands before ends where a word may begin: at a blank, a line's end, or nothing
    pending  bytes of a character that are not all there
    """

    def __init__(self, facts: Facts, apart: bool, pending: bytes = b""):
        self.tokens = tokens_of(facts)
        self.apart = apart
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._bytes.setstate((pending, 0))

    @property
    def pending(self) -> bytes:
        return self._bytes.getstate()[0]

    def write(self, code: int) -> str:
        """The text of a token, with the blank before it that a word asks for; nothing while the bytes of a character are not all there."""
        unit, kind = self.tokens.vocabulary.decode([code])[0], self.tokens.unit
        begins = kind in ("words", "spaces") or (kind == "subwords" and unit.startswith(BEGINS))
        if kind in ("bytes", "subwords"):
            unit = self._bytes.decode(unit.removeprefix(BEGINS).encode("latin-1"))
        if not begins or unit == LINE_END:
            self.apart = ends_apart(unit, self.apart)
            return unit
        joined = self.apart or (kind != "spaces" and unit in BEFORE_ALL)
        self.apart = kind != "spaces" and unit in AFTER_ALL
        return unit if joined else f" {unit}"


def ends_apart(text: str, before: bool) -> bool:
    """Whether a word may begin right after a text; as before where it is empty."""
    return text[-1].isspace() if text else before
