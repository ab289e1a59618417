"""A language model's stream: what may come next after all that was read, and text that is written on, token by token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unspool.answers import generate as answers
from unspool.answers.blend import Blend
from unspool.answers.sampling import Sampling, draw
from unspool.data.facts import Facts
from unspool.errors import DataError
from unspool.spec import parse
from unspool.streaming.memory import Held, Memory
from unspool.streaming.program import Array, Program
from unspool.streaming.rows import check_keys, check_text

Answer = dict[str, Any]

RULE = ("temperature", "top_k", "top_p")
LONGEST = 10_000
"""Tokens that one record may ask for."""
MOST_SEED = 2**63


class TokenStream:
    """Pieces of a text, `{"text": ...}`, each of whole words; with `length`, so many tokens are written after a piece, and belong to the text too.

    Before the first piece stands the end of a line, as in training.

    blend  n-grams beside the network, which read the last tokens of the text; to them nothing stands before the first piece
    """

    def __init__(self, program: Program, facts: Facts, blend: Blend | None = None):
        self.facts = facts
        self.blend = blend
        self.memory = Memory(program, facts)
        self._tokens = answers.tokens_of(facts)
        self._size = self._tokens.vocabulary.size
        self._in_bytes = self._tokens.unit in ("bytes", "subwords")

    def fresh(self) -> dict[str, Array]:
        book = {"begun": np.array(False), "apart": np.array(True), "logits": np.zeros(self._size, np.float32)}
        if self._in_bytes:
            book["pending"] = np.zeros(0, np.uint8)
        if self.blend is not None:
            book["recent"] = np.array([self._size])
        return self.memory.fresh() | {f"text/{name}": array for name, array in book.items()}

    def limits(self) -> dict[str, int]:
        grows = {"text/pending": answers.MOST_PENDING} if self._in_bytes else {}
        if self.blend is not None:
            grows["text/recent"] = max(1, self.blend.ngrams.reach)
        return self.memory.limits() | grows

    def advance(self, held: Held, record: Mapping[str, Any]) -> tuple[dict[str, Array], Answer]:
        """What is held after one piece, and the answer."""
        check_keys(record, ("text", "length", "seed", *RULE), ("text",))
        text, length, seed = record["text"], record.get("length", 0), record.get("seed", 0)
        check_text("text", text)
        check_number("length", length, LONGEST)
        check_number("seed", seed, MOST_SEED)
        given = {name: record[name] for name in RULE if name in record}
        idle = next((name for name in ("seed", *given) if name in record and not length), None)
        if idle is not None:
            raise DataError(f"{idle}: takes effect where text is written; give a length above 0, or drop it")
        rule = parse(Sampling, given, "record")
        after = self.read(held, text)
        told: Answer = {"ready": True}
        if length:
            random, written = np.random.default_rng(seed), []
            for _ in range(length):
                after, piece = self.write(after, rule, random)
                written.append(piece)
            told["written"] = "".join(written)
        return after, {**told, "next": answers.tell_next(self.facts, after["text/logits"])}

    def read(self, held: Held, text: str) -> dict[str, Array]:
        """What is held after a piece of text."""
        codes = self._tokens.encode(text)[0] if self._tokens.cut(text)[0] else np.zeros((0, len(self._tokens.sizes)), np.int64)
        before = self._tokens.before[None] if not held["text/begun"] else codes[:0]
        after = self._fed(held, codes, before) if len(before) + len(codes) else dict(held)
        return after | self._told(answers.ends_apart(text, bool(held["text/apart"])), b"" if text else self._pending(held))

    def write(self, held: Held, rule: Sampling, random: np.random.Generator) -> tuple[dict[str, Array], str]:
        """What is held after one more token, and its text. What is unknown is never written."""
        rule = rule.model_copy(update={"banned": (*rule.banned, answers.UNKNOWN)})
        code = draw(held["text/logits"], rule, random)
        writer = answers.Writer(self.facts, bool(held["text/apart"]), self._pending(held))
        piece = writer.write(code)
        return self._fed(held, self._row(code)) | self._told(writer.apart, writer.pending), piece

    def _pending(self, held: Held) -> bytes:
        """The bytes of a character that was begun by what is written; a text that is read cuts it short."""
        return held["text/pending"].tobytes() if self._in_bytes else b""

    def _told(self, apart: bool, pending: bytes) -> dict[str, Array]:
        """What is held of how tokens become text."""
        told = {"text/apart": np.array(apart)}
        return told | {"text/pending": np.frombuffer(pending, np.uint8)} if self._in_bytes else told

    def _fed(self, held: Held, codes: Array, before: Array | None = None) -> dict[str, Array]:
        """What is held after tokens (T, N), and what is not of the text and stands `before` them."""
        rows = codes if before is None else np.concatenate([before, codes])
        after, logits = self.memory.ask(held, {"values": np.zeros((len(rows), 0), np.float32), "codes": rows}, None)
        assert logits is not None
        after |= {"text/begun": np.array(True)}
        if self.blend is not None:
            recent = np.concatenate([held["text/recent"], codes[:, 0]])
            after["text/recent"] = recent[max(0, len(recent) - max(1, self.blend.ngrams.reach)) :]
            logits = np.log(self.blend.next(answers.read(logits), after["text/recent"]))
        return {**held, **after, "text/logits": logits.astype(np.float32)}

    def _row(self, code: int) -> Array:
        """(1, N) the codes of a token that is written, as if it had been read."""
        row = np.array([[code]], np.int64)
        characters = self._tokens.characters
        return row if characters is None else np.concatenate([row, characters.encode(self._tokens.vocabulary.decode([code]))], axis=1)


def check_number(name: str, number: object, most: int) -> None:
    """DataError for what is no whole number of that range."""
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= most:
        raise DataError(f"{name}: got {number!r:.60}, wanted a whole number from 0 to {most:,}")
