"""Texts that a model reads as a whole, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unspool.errors import DataError, LiveError
from unspool.run.model import Model
from unspool.streaming.rows import check_keys


class WholeTexts:
    """Answers each text by all of it, so that a model may read it from both ends; nothing is remembered between texts.

    raises  LiveError for a model of columns
    """

    def __init__(self, model: Model):
        if not model.reads_texts:
            raise LiveError("the model reads columns, step by step, and --sentences is for models of texts; leave it out")
        self.model = model

    def step(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What `Model.predict` answers to the text of `{"text": ...}`; DataError where there is none."""
        check_keys(record, ("text",), ("text",))
        text = record["text"]
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"text: got {text!r:.60}, wanted a sentence or a text; put it in quotes")
        (answer,) = self.model.predict([text])
        del answer["record"]
        return {"ready": True, **answer}

    def reset(self) -> None:
        """There is nothing to forget."""
