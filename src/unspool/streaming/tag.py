"""A tagger's stream: each word's tag from what was read so far, and at the end of the sentence the tags that go best together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unspool.answers import tag as answers
from unspool.data.facts import Facts
from unspool.data.sources.labels import sound
from unspool.data.vocab import tokenize
from unspool.errors import DataError, LiveError
from unspool.streaming.memory import Held, Memory
from unspool.streaming.program import Array, Program
from unspool.streaming.rows import check_keys

LONGEST, LONGEST_TEXT = 10_000, 1_000_000
"""Words and characters of one sentence: what is held of it is bounded."""

Answer = dict[str, Any]


class TagStream:
    """Pieces of one sentence, `{"text": ...}`, each of whole words; `"end": true` in the last one, or alone, ends it."""

    def __init__(self, program: Program, facts: Facts):
        tokens = facts.preparation.tokens
        assert tokens is not None
        self.facts = facts
        self.memory = Memory(program, facts)
        self.most = LONGEST if tokens.longest is None else tokens.longest
        self._whole = tokens.model_copy(update={"longest": None})

    def fresh(self) -> dict[str, Array]:
        tags = len(self.facts.preparation.labels or ())
        book = {"text": _held(""), "offsets": np.zeros((0, 2), np.int64), "weights": np.zeros((0, tags), np.float32)}
        return self.memory.fresh() | {f"sentence/{name}": array for name, array in book.items()}

    def limits(self) -> dict[str, int]:
        return self.memory.limits() | {"sentence/offsets": self.most, "sentence/weights": self.most}

    def advance(self, held: Held, record: Mapping[str, Any]) -> tuple[dict[str, Array], Answer]:
        """What is held after one piece, and the answer."""
        check_keys(record, ("text", "end"), ())
        text, end = record.get("text", ""), record.get("end", False)
        if not isinstance(text, str) or not isinstance(end, bool) or not record:
            raise DataError(f"got {dict(record)!r:.60}, wanted a piece of text, end: true, or both")
        after, first = self._read(held, sound("text", text))
        weights, offsets, whole = after["sentence/weights"], after["sentence/offsets"], _text(after)
        if end and len(weights):
            reading = answers.read(self.facts, weights[None], np.array([len(weights)]))[0]
            return self.fresh(), {"ready": True, "end": True, **answers.tell(self.facts, whole, offsets, reading)}
        if first == len(weights):
            return (self.fresh() if end else after), {"ready": False, "needs": "a word"}
        told = answers.tell(self.facts, whole, offsets[first:], answers.so_far(self.facts, weights, first))
        return after, {"ready": True, "words": told["words"]}

    def _read(self, held: Held, text: str) -> tuple[dict[str, Array], int]:
        """What is held once the words of a piece are read, and how many words there were before."""
        before, first = _text(held), len(held["sentence/offsets"])
        self._refuse(held, len(before) + len(text))
        codes, offsets = self._whole.encode(text)
        codes, offsets = (codes, offsets) if tokenize(text, "words", False)[0] else (codes[:0], offsets[:0])
        if first + len(codes) > self.most:
            raise LiveError(f"the sentence has {first + len(codes)} words, and the model reads at most {self.most}; send end: true between sentences")
        after, raw = dict(held), []
        for word in codes:
            after, weights = self.memory.ask(after, {"values": np.zeros((1, 0), np.float32), "codes": word[None]}, None)
            assert weights is not None
            raw.append(weights)
        sentence = {
            "sentence/text": _held(before + text),
            "sentence/offsets": np.concatenate([held["sentence/offsets"], offsets + len(before)]),
            "sentence/weights": np.concatenate([held["sentence/weights"], *(weights[None] for weights in raw)]),
        }
        return {**after, **sentence}, first

    def _refuse(self, held: Held, characters: int) -> None:
        """LiveError for a text that grows too long, and for a state that was put back and holds more of one thing than of another."""
        if characters > LONGEST_TEXT:
            raise LiveError(f"the sentence has {characters:,} characters, wanted at most {LONGEST_TEXT:,}; send end: true between sentences")
        if len(held["sentence/offsets"]) != len(held["sentence/weights"]):
            raise LiveError("the state holds the places of more or fewer words than it has read; save it anew, or reset the session")


def _held(text: str) -> Array:
    """With a mark at its end, for numpy forgets NUL characters that stand there."""
    return np.array(text + "\n")


def _text(held: Held) -> str:
    return str(held["sentence/text"])[:-1]
