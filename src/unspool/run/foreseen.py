"""How well a language model foresees given texts, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unspool.answers.blend import Blend
from unspool.answers.generate import tell_text, tokens_of
from unspool.data.facts import Facts
from unspool.evaluation.predict import predict
from unspool.models.sequence_model import SequenceModel
from unspool.run.results import device_of
from unspool.tasks.generate import Generate
from unspool.types import Record


def texts_foreseen(network: SequenceModel, task: Generate, facts: Facts, records: Sequence[Record], blend: Blend | None) -> list[dict[str, Any]]:
    """One answer a text: its log probability, perplexity and bits per character, as if nothing had stood before it; of no token 0, and none."""
    prepared = [facts.preparation.prepare(record) for record in records]
    found = task.predictions(facts, records, *predict(network, task.alone(prepared), device_of(network)))
    ends = np.cumsum(found.lengths)
    foreseen = found.log_probabilities
    if blend is not None:
        foreseen = blend.joint(found.codes, foreseen, ends[ends < len(found.codes)])
    pieces = np.split(foreseen, ends[:-1])
    tokens = tokens_of(facts)
    empty = [not tokens.cut(tokens.closed(record.text or ""))[0] for record in records]
    rows = zip(found.names, pieces, empty, found.words.tolist(), found.characters.tolist(), strict=True)
    return [{"record": name} | tell_text(piece[:0] if none else piece, words, characters) for name, piece, none, words, characters in rows]
