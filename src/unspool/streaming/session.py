"""One stream, live: a record goes in, an answer comes out, and the state can be taken away and put back."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unspool.answers.blend import Blend
from unspool.answers.sampling import Sampling
from unspool.bundle import Bundle
from unspool.data.facts import Facts, GenerateFacts
from unspool.errors import LiveError
from unspool.spec import parse
from unspool.streaming.classify import SeriesStream, TextStream
from unspool.streaming.executor import Engine
from unspool.streaming.forecast import ForecastStream
from unspool.streaming.generate import MOST_SEED, TokenStream, check_number
from unspool.streaming.program import INPUTS, Array, Program
from unspool.streaming.rows import check_text
from unspool.streaming.tag import TagStream

MODEL = "model"


class Session:
    """A trained model, live. A record that cannot be used raises DataError or LiveError, and changes nothing."""

    def __init__(self, program: Program, facts: Facts, blend: Blend | None = None):
        if not facts.live:
            raise LiveError(facts.why_not_live)
        _check_fit(program, facts)
        _check_blend(facts, blend)
        self.task = facts.task.kind
        self._stream = _stream(program, facts, blend)
        identity = hashlib.sha256((program.digest + facts.model_dump_json()).encode()).digest()
        self._model = np.frombuffer(identity, np.uint8)
        self._held: Mapping[str, Array] = self._stream.fresh()

    @classmethod
    def open(cls, folder: str | Path) -> Session:
        """A session of the model in a run folder; raises BundleError, and LiveError where it cannot run live."""
        bundle = Bundle.open(folder)
        facts = bundle.facts()
        if not facts.live:
            raise LiveError(f"{folder}: {facts.why_not_live}")
        return cls(Program.open(bundle), facts, bundle.blend())

    def step(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Take in one record, as from a JSON line, and answer; `ready` is false where there is none yet, and `needs`
        says why.

        forecast  `time` where the model knows time, every target, past and known column, and `future` with the
                  horizon's values by known column
        classify  every column, or `text`
        tag       `text`, a piece of a sentence, and `end`, true where it is the last
        generate  `text`, and `length` where so many tokens are to be written after it, by `temperature`, `top_k`, `top_p` and `seed`
        """
        held, answer = self._stream.advance(self._held, record)
        self._held = held
        return answer

    def complete(self, prompt: str = "", length: int = 100, sampling: Sampling | Mapping[str, Any] | None = None, seed: int = 0) -> Iterator[str]:
        """Take in `prompt`, and write on: `length` tokens, each as text as soon as it is drawn, and taken in as if it had been read.

        sampling  temperature, top_k, top_p; none draws by the model's own probabilities. The same state, rule and seed give the same text
        raises    LiveError for a model that is no language model
        """
        stream = self._stream
        if not isinstance(stream, TokenStream):
            raise LiveError(f"the model answers {self.task}, and writes no text; complete texts with one that was trained with task.kind: generate")
        check_text("prompt", prompt)
        check_number("length", length, sys.maxsize)
        check_number("seed", seed, MOST_SEED)
        rule = sampling if isinstance(sampling, Sampling) else parse(Sampling, sampling or {}, "sampling")
        self._held = stream.read(self._held, prompt)
        return self._written(stream, length, rule, np.random.default_rng(seed))

    def _written(self, stream: TokenStream, length: int, rule: Sampling, random: np.random.Generator) -> Iterator[str]:
        for _ in range(length):
            self._held, piece = stream.write(self._held, rule, random)
            yield piece

    @property
    def engine(self) -> Engine:
        """What runs the model's program: "native", or the "interpreter" where `unspool.native` cannot be loaded."""
        return self._stream.memory.engine

    def reset(self) -> None:
        """Forget everything."""
        self._held = self._stream.fresh()

    @property
    def state(self) -> dict[str, Array]:
        """All that is remembered, by name; `state_to_json` makes JSON of it. Put back, it goes on from there."""
        return {name: array.copy() for name, array in self._held.items()} | {MODEL: self._model.copy()}

    @state.setter
    def state(self, saved: Mapping[str, Array]) -> None:
        if not np.array_equal(saved.get(MODEL, np.zeros(0)), self._model):
            raise LiveError(
                "the state is of another model; restore it with the model that it was saved from, or reset the session"
            )
        fresh, limits = self._stream.fresh(), self._stream.limits()
        if set(saved) != {MODEL, *fresh}:
            raise LiveError(
                f"the state holds {', '.join(sorted(saved))}, wanted {', '.join([MODEL, *fresh])}; save it anew"
            )
        for name, like in fresh.items():
            array = saved[name]
            grows = (
                name in limits
                and array.ndim == like.ndim
                and len(array) <= limits[name]
                and array.shape[1:] == like.shape[1:]
            )
            if array.dtype.kind != like.dtype.kind or not (array.shape == like.shape or grows):
                raise LiveError(
                    f"the state's {name!r} is {array.dtype} {array.shape}, wanted {like.dtype} {like.shape}; save anew"
                )
        self._held = {
            name: np.array(saved[name], None if like.dtype.kind == "U" else like.dtype) for name, like in fresh.items()
        }


def state_to_json(state: Mapping[str, Array]) -> dict[str, Any]:
    """A session's state as plain JSON; NaN becomes null."""
    return {
        name: {
            "type": "text" if array.dtype.kind == "U" else str(array.dtype),
            "shape": list(array.shape),
            "values": _listed(array),
        }
        for name, array in state.items()
    }


def state_from_json(tree: Mapping[str, Any]) -> dict[str, Array]:
    """The inverse of `state_to_json`; raises LiveError for what is none."""
    try:
        return {str(name): _array(part) for name, part in tree.items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise LiveError(f"the state cannot be read: {error}; wanted what state_to_json gave") from None


_TYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "int64": np.int64,
    "uint8": np.uint8,
    "bool": np.bool_,
    "text": np.str_,
}


def _listed(array: Array) -> list[Any]:
    values = array.ravel().tolist()
    return [None if value != value else value for value in values]


def _array(part: Mapping[str, Any]) -> Array:
    values = [np.nan if value is None else value for value in part["values"]]
    return np.array(values, _TYPES[part["type"]]).reshape(part["shape"])


def _stream(program: Program, facts: Facts, blend: Blend | None) -> ForecastStream | SeriesStream | TextStream | TagStream | TokenStream:
    if facts.task.kind == "forecast":
        return ForecastStream(program, facts)
    if facts.task.kind == "tag":
        return TagStream(program, facts)
    if facts.task.kind == "generate":
        return TokenStream(program, facts, blend)
    return SeriesStream(program, facts) if facts.preparation.tokens is None else TextStream(program, facts)


def _check_fit(program: Program, facts: Facts) -> None:
    """LiveError unless the program reads what the facts prepare and answers what they mean."""
    preparation, task = facts.preparation, facts.task
    front = (facts.stride,) if facts.stride > 1 else ()
    wanted = {"values": (*front, len(preparation.value_names)), "codes": (*front, len(preparation.code_names))}
    answer: tuple[int, ...]
    if task.kind == "forecast":
        wanted["future"] = (task.horizon, len(preparation.known_names) + len(task.lags) * len(preparation.targets))
        answer = (task.horizon, len(preparation.targets), *((len(task.levels),) if task.levels else ()))
    elif task.kind == "generate":
        answer = (preparation.code_sizes[0],)
    else:
        answer = (len(preparation.labels or ()),)
    needed = {name: wanted[name] for name in INPUTS if name in wanted and wanted[name][-1]}
    if dict(program.inputs) != needed or program.answer_shape != answer:
        raise LiveError(
            f"program and facts are not of one model: the program reads {dict(program.inputs)} and answers "
            f"{program.answer_shape}, the facts mean {needed} and {answer}; take both from one run folder"
        )


def _check_blend(facts: Facts, blend: Blend | None) -> None:
    """LiveError unless the n-grams are those that the facts tell of."""
    wanted = facts.task.blend if isinstance(facts.task, GenerateFacts) else None
    if wanted != (None if blend is None else blend.facts):
        given, meant = "no" if blend is None else "other", "a network alone" if wanted is None else "blended with its own"
        raise LiveError(f"the session is given {given} n-grams, and the model is {meant}; open the run folder by Session.open")
