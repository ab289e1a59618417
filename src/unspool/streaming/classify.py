"""A classification's stream: the class of what was seen so far, after every step or every piece of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from unspool.answers import classify as answers
from unspool.answers.forecast import stamps
from unspool.data.facts import Facts
from unspool.errors import LiveError
from unspool.streaming import clock, sentences
from unspool.streaming.memory import Held, Memory
from unspool.streaming.program import Array, Program
from unspool.streaming.rows import Rows, check_keys, check_text

Answer = dict[str, Any]


class SeriesStream:
    """Records of columns, with `time` where the model knows time."""

    def __init__(self, program: Program, facts: Facts):
        self.facts = facts
        self.rows = Rows(facts.preparation)
        self.memory = Memory(program, facts)

    def fresh(self) -> dict[str, Array]:
        return self.rows.fresh() | self.memory.fresh()

    def limits(self) -> dict[str, int]:
        return self.memory.limits()

    def advance(self, held: Held, record: Mapping[str, Any]) -> tuple[dict[str, Array], Answer]:
        """What is held after one record, and the answer."""
        reading = self.rows.read(held, record)
        told: Answer = {} if reading.now is None else {"time": stamps(np.array([clock.stamp(reading.now)]))[0]}
        if reading.note:
            told["note"] = reading.note
        before = self.fresh() if reading.anew else held
        if not reading.steps:
            needs = f"a first value of {', '.join(reading.unseen)}"
            return {**before, **reading.book}, {**told, "ready": False, "needs": needs}
        preparation = self.facts.preparation
        inputs: dict[str, Array] = {
            "values": preparation.values(reading.columns, reading.times),
            "codes": preparation.codes(reading.columns),
        }
        after, raw = self.memory.ask(before, inputs, None)
        return {**after, **reading.book}, {**told, **tell(self.facts, self.memory, after, raw)}


class TextStream:
    """Pieces of one text, `{"text": ...}`: every unit is a step. Pieces that end where words of the whole text do give its very steps."""

    def __init__(self, program: Program, facts: Facts):
        tokens = facts.preparation.tokens
        assert tokens is not None
        self.facts = facts
        self.memory = Memory(program, facts)
        self.longest = tokens.longest if tokens.keep == "head" else None
        if tokens.keep == "tail" and tokens.longest is not None and self.memory.window is None:
            raise LiveError(
                f"the model reads the last {tokens.longest} tokens of a text from their beginning, which is not known "
                "live; train it with data.tokens.keep: head, or with model.memory kind windowed and context "
                f"{tokens.longest}"
            )
        self._whole = tokens.model_copy(update={"longest": None})
        self._whole.refuse_no_library()
        self._marked = tokens.sentences

    def fresh(self) -> dict[str, Array]:
        begun = sentences.fresh() if self._marked else {}
        return self.memory.fresh() | {"text/steps": np.array(0, np.int64)} | begun

    def limits(self) -> dict[str, int]:
        return self.memory.limits()

    def advance(self, held: Held, record: Mapping[str, Any]) -> tuple[dict[str, Array], Answer]:
        """What is held after one piece, and the answer."""
        check_keys(record, ("text",), ("text",))
        text = record["text"]
        check_text("text", text)
        codes, book = self._codes(held, text)
        seen = int(held["text/steps"])
        taken = codes if self.longest is None else codes[: max(0, self.longest - seen)]
        ignored = len(codes) - len(taken)
        note = (
            {"note": f"{ignored} steps were ignored, for the model reads the first {self.longest} of a text"}
            if ignored
            else {}
        )
        if not len(taken):
            needs = "a new text: reset the session" if ignored else "a piece of text that is not empty"
            return {**held, **book}, {"ready": False, "needs": needs, **note}
        after, raw = self.memory.ask(held, {"values": np.zeros((len(taken), 0), np.float32), "codes": taken}, None)
        after["text/steps"] = np.array(seen + len(taken), np.int64)
        return {**after, **book}, {**tell(self.facts, self.memory, after, raw), **note}

    def _codes(self, held: Held, text: str) -> tuple[Array, dict[str, Array]]:
        """(T, N), none for a text without units, which offline is one unknown step; and what is held of the sentence that goes on."""
        tokens = self._whole
        codes, offsets = tokens.encode(text)
        if not (len(codes) > 1 or tokens.cut(text)[0]):
            codes, offsets = codes[:0], offsets[:0]
        if not self._marked:
            return codes, {}
        column, book = sentences.marked(held, text, offsets)
        return np.concatenate([codes[:, :-1], column], axis=1), book


def tell(facts: Facts, memory: Memory, after: Held, raw: Array | None) -> Answer:
    """The answer, or how many steps it waits for."""
    if raw is None:
        lacking = memory.lacking(after, whole=False)
        return {"ready": False, "needs": f"{lacking} more {'step' if lacking == 1 else 'steps'}"}
    return {"ready": True, **answers.tell(facts, answers.read(facts, raw))}
