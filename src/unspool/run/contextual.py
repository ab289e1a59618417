"""Words' vectors in their context beside what else is known of the words: computed once for each text, and kept on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from unspool.data.contextual import ContextualFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import Contextual
from unspool.errors import DataError, SpecError
from unspool.models.encoder import Encoder, Passage
from unspool.run.vector_cache import VectorCache
from unspool.training.checkpoint import FOLDER as CHECKPOINTS
from unspool.training.hooks import Encoding, Hook
from unspool.types import Prepared, Record

VERSION = 1
"""Of how vectors are made: a cache of another one is not read."""


def open_encoder(spec: Contextual | None, known: ContextualFacts | None = None) -> Encoder | None:
    """The encoder that a spec names, if any; DataError where it is not the `known` one that the model was trained with."""
    if spec is None:
        return None
    encoder = Encoder.open(spec)
    if known is not None and encoder.facts != known:
        raise DataError(
            f"{spec.path}: is not the encoder that the model was trained with (its sha256 begins with {encoder.facts.sha256[:8]}, and that one's "
            f"with {known.sha256[:8]}); put that one back, or train again"
        )
    return encoder


def knowing(preparation: Preparation, encoder: Encoder | None) -> Preparation:
    """The preparation whose values are the encoder's vectors, where there is one."""
    if encoder is None:
        return preparation
    assert preparation.tokens is not None
    return preparation.model_copy(update={"tokens": preparation.tokens.model_copy(update={"contextual": encoder.facts})})


def cache_folder(spec: Contextual | None, run: Path | None) -> Path | None:
    """Where vectors are kept: as the spec says, else beside a run's checkpoints, with which they go once it is trained, else nowhere."""
    if spec is None:
        return None
    if spec.cache is None:
        return None if run is None else run / CHECKPOINTS / "contextual"
    cache = Path(spec.cache)
    if run is not None and run.absolute() in (cache.absolute(), *cache.absolute().parents):
        raise SpecError(f"data.contextual.cache: {cache} lies in the run folder {run}, which is sealed once it is trained; choose another folder")
    return cache


def in_context(
    prepared: Sequence[Prepared],
    records: Sequence[Record],
    encoder: Encoder,
    spec: Contextual,
    device: torch.device,
    folder: Path | None = None,
    hooks: Sequence[Hook] = (),
) -> tuple[Prepared, ...]:
    """The records with their words' vectors (T, W) as `values`.

    The same texts are always read in the same batches, whatever is in the cache, so that a run that was stopped goes on with the very same numbers.

    folder  the cache's; None keeps what is computed in memory alone
    """
    passages = [passage_of(record, one) for record, one in zip(records, prepared, strict=True)]
    keys = [_key(encoder.facts, passage) for passage in passages]
    cache = VectorCache(None if folder is None else folder / _key_of(encoder.facts)[:16], encoder.facts.width)
    todo = sorted(dict(zip(keys, passages, strict=True)).items(), key=lambda item: (len(item[1].text), item[0]))
    batches = [todo[first : first + spec.batch] for first in range(0, len(todo), spec.batch)]
    with _announced(hooks, sum(key not in cache for key, _ in todo)) as done:
        for batch in batches:
            left = [(key, passage) for key, passage in batch if key not in cache]
            if left:
                found = encoder.encode([passage for _, passage in left], spec.batch, device)
                cache.add(zip([key for key, _ in left], found, strict=True))
                done(len(left))
    cache.flush()
    return tuple(replace(one, values=cache[key]) for one, key in zip(prepared, keys, strict=True))


def passage_of(record: Record, prepared: Prepared) -> Passage:
    """What the encoder reads of a record: its text from the first word that is kept to the last."""
    assert record.text is not None and prepared.offsets is not None
    first, last = int(prepared.offsets[0, 0]), int(prepared.offsets[-1, 1])
    return Passage(record.text[first:last], prepared.offsets - first)


def survey(encoder: Encoder, records: Sequence[Record], prepared: Sequence[Prepared]) -> dict[str, Any]:
    """Which vectors words have, as plain JSON: of the encoder, and of how its sub-words and windows meet the texts.

    unread     share of words of which the tokenizer leaves nothing, such as marks without a width; their vectors are zeros
    windowed   share of texts that are longer than a window, and are read in several
    truncated  share of words that are not read to their end
    """
    counted = [encoder.counts(passage_of(record, one)) for record, one in zip(records, prepared, strict=True)]
    counts = np.concatenate([one for one, _ in counted])
    facts = encoder.facts
    return {
        "width": facts.width,
        "layers": list(facts.layers),
        "pooling": facts.pooling,
        "window": facts.window,
        "parameters": encoder.parameters,
        "subwords_per_word": round(float(counts.mean()), 4),
        "unread": round(float((counts == 0).mean()), 4),
        "windowed": round(float(np.mean([windows > 1 for _, windows in counted])), 4),
        "truncated": 0.0,  # windows overlap, and each sub-word is kept of one of them
    }


def _key_of(facts: ContextualFacts) -> str:
    return hashlib.sha256(f"{VERSION}\n{facts.model_dump_json()}".encode()).hexdigest()


def _key(facts: ContextualFacts, passage: Passage) -> bytes:
    sha = hashlib.sha256(f"{_key_of(facts)} {len(passage.words)} ".encode())
    sha.update(np.ascontiguousarray(passage.words, "<i8").tobytes())
    sha.update(passage.text.encode("utf-8", "surrogatepass"))
    return sha.digest()


@contextmanager
def _announced(hooks: Sequence[Hook], texts: int) -> Iterator[Any]:
    """Hooks are told how many texts are read, and that it ends, whatever ends it."""
    begin, done = monotonic(), 0

    def tell(ended: bool) -> None:
        seconds = monotonic() - begin
        for hook in hooks:
            hook.encoding(Encoding(done, texts, seconds, seconds / done * (texts - done) if done else None, ended))

    def advance(count: int) -> None:
        nonlocal done
        done += count
        tell(ended=False)

    if not texts:
        yield advance
        return
    try:
        yield advance
    finally:
        tell(ended=True)
