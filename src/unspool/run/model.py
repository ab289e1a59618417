"""A trained model: predict, evaluate, stream, verify, save."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from unspool import bundle, report
from unspool.answers import classify as classify_answers
from unspool.answers import tag as tag_answers
from unspool.answers.blend import Blend
from unspool.answers.sampling import Sampling
from unspool.data import sources
from unspool.data.facts import Facts
from unspool.data.source import named
from unspool.data.splits import whole
from unspool.errors import BundleError, DataError, LiveError
from unspool.evaluation.evaluate import score
from unspool.export.verify import verify
from unspool.models.encoder import Encoder
from unspool.models.sequence_model import SequenceModel
from unspool.run import contextual
from unspool.run.ahead import last_forecasts
from unspool.run.folder import state_of
from unspool.run.foreseen import texts_foreseen
from unspool.run.prepare import Setup, in_context, make_task, refuse_short, set_up
from unspool.run.results import device_of, judge_part, predictions_of
from unspool.run.room import refuse_short_series
from unspool.run.spec import RunSpec
from unspool.spec import to_yaml
from unspool.streaming import Program, Session
from unspool.tasks.forecast import Forecast, ForecastSpec
from unspool.tasks.generate import Generate
from unspool.tasks.task import Task
from unspool.types import Classes, LabelSets, Predictions, Prepared, Record, Tags


@dataclass(frozen=True)
class Model:
    """A trained model and what is known of it. `unspool.train` and `unspool.load` make one.

    program  the step program that runs live; None where the model cannot, `facts.why_not_live` says why
    blend    of a language model: the n-grams beside the network, where the spec asks for them
    metrics  validation, test, baselines, data and training, as in `metrics.json`
    folder   the run folder, or None for a model that has not been saved
    """

    spec: RunSpec
    facts: Facts
    network: SequenceModel = field(repr=False)
    program: Program | None = field(default=None, repr=False)
    blend: Blend | None = field(default=None, repr=False)
    metrics: Mapping[str, Any] = field(default_factory=dict, repr=False)
    history: Sequence[Mapping[str, Any]] = field(default_factory=tuple, repr=False)
    prediction_files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    folder: Path | None = None

    @property
    def task(self) -> Task:
        return make_task(self.spec)

    @property
    def reads_texts(self) -> bool:
        """Whether a record is a text, so that raw texts can be given."""
        return self.facts.preparation.tokens is not None

    def predict(self, data: object) -> list[dict[str, Any]]:
        """One answer a record: the forecast after its last observation, in original units; its class; its words, their tags and spans; or how well
        its text was foreseen.

        data  as for training: a path, a frame, arrays or texts. Rows after the last known target hold what is known of the future. A tagger reads
              lists of words, and raw texts, which it cuts into sentences and words; all places it tells are those in the text that was given
        """
        records = self._records(data, labelled=False)
        task = self.task
        if isinstance(task, Forecast):
            return last_forecasts(self.network, task, self.facts, records)
        if isinstance(task, Generate):
            return texts_foreseen(self.network, task, self.facts, records, self.blend)
        found = self._predictions(records)
        assert isinstance(found, Classes | LabelSets | Tags)
        if isinstance(found, Classes | LabelSets):
            told = [classify_answers.tell(self.facts, row) for row in found.probabilities]
        else:
            found = tag_answers.by_text(found)
            rows = zip(found.texts, found.offsets, found.best, found.confidence, found.spans, strict=True)
            told = [tag_answers.tell(self.facts, text, places, tag_answers.Reading(*reading)) for text, places, *reading in rows]  # type: ignore[arg-type]
        return [{"record": name} | answer for name, answer in zip(found.names, told, strict=True)]

    def evaluate(self, data: object | None = None) -> dict[str, Any]:
        """Scores on the test part of the run's own data, with baselines beside; or on all of `data`."""
        if data is None:
            if not self.spec.data.source.places:
                raise DataError("evaluate: the run's data was handed over in Python and is not kept; give it as `data`")
            judged = judge_part(self.network, self._set_up_again(), "test")
            return {"test": judged.scores, "baselines": judged.baseline_scores}
        return {"test": score(self._predictions(self._records(data, labelled=True)), self.facts)}

    def stream(self) -> Session:
        """A live session that runs the step program; LiveError where the model cannot run live."""
        if self.program is None:
            raise LiveError(self.facts.why_not_live)
        return Session(self.program, self.facts, self.blend)

    def complete(self, prompt: str = "", length: int = 100, sampling: Sampling | Mapping[str, Any] | None = None, seed: int = 0) -> str:
        """What a language model writes after `prompt`: `length` tokens, drawn by temperature, top_k, top_p and a seed; LiveError for others.

        `stream().complete(...)` gives the same piece by piece, and can be gone on with.
        """
        return "".join(self.stream().complete(prompt, length, sampling, seed))

    def verify(self, data: object | None = None) -> dict[str, Any]:
        """Proof that whole = steps = chunks = program = session, on the test part or on `data`; VerificationError where they differ."""
        if self.program is None:
            raise LiveError(self.facts.why_not_live)
        if data is None and not self.spec.data.source.places:
            raise DataError("verify: the run's data was handed over in Python and is not kept; give it as `data`")
        records = self._records(data, labelled=data is None)
        prepared = [self.facts.preparation.prepare(record) for record in records]
        return verify(self.network, self.facts, self.program, prepared, records, seed=self.spec.train.seed, blend=self.blend)

    def save(self, folder: str | Path) -> Model:
        """Write the run folder; the model that is returned knows it. BundleError where that would lose what is in it."""
        place = Path(folder)
        if state_of(place) == "finished":
            raise BundleError(f"{place}: already holds a run; choose another folder")
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self._files().items():
            bundle.write_file(place, name, content)
        report.write(place)
        bundle.seal(place)
        return replace(self, folder=place)

    def _files(self) -> dict[str, bytes]:
        files = {
            "spec.yaml": to_yaml(self.spec).encode(),
            "facts.json": (self.facts.model_dump_json(indent=1) + "\n").encode(),
            "weights.safetensors": save(weights_of(self.network)),
            "metrics.json": (json.dumps(self.metrics, indent=1, ensure_ascii=False) + "\n").encode(),
            "history.jsonl": "".join(json.dumps(line) + "\n" for line in self.history).encode(),
            **self.prediction_files,
        }
        if self.blend is not None:
            files[bundle.NGRAMS] = save(self.blend.ngrams.tensors())
        return files if self.program is None else files | self.program.files()

    def _set_up_again(self) -> Setup:
        """The run's own data, prepared as it was; DataError where it has changed since."""
        setup = replace(set_up(self.spec), facts=self.facts, blend=self.blend)
        sha256, _ = sources.digest(self.spec.data, Path(), setup.records)
        if sha256 != self.metrics["data"]["sha256"]:
            raise DataError(
                f"{named(self.spec.data.source)}: has changed since the model was trained on it, so its test part is not the same; "
                "give it as `data` (--data) to score all of it"
            )
        setup = replace(setup, encoder=self._encoder)
        return in_context(setup, device_of(self.network), contextual.cache_folder(self.spec.data.contextual, None))

    def _records(self, data: object | None, *, labelled: bool) -> list[Record]:
        """Without their labels where these are not asked for: a class that training never met is no reason to refuse an answer."""
        records = list(sources.read(self.spec.data, Path(), data, labelled=labelled))
        return records if labelled else [replace(record, label=None, labels=None) for record in records]

    @cached_property
    def _encoder(self) -> Encoder | None:
        tokens = self.facts.preparation.tokens
        return contextual.open_encoder(self.spec.data.contextual, None if tokens is None else tokens.contextual)

    def _prepared(self, records: Sequence[Record]) -> Sequence[Prepared]:
        """The records as the network meets them."""
        prepared = [self.facts.preparation.prepare(record) for record in records]
        encoder, spec = self._encoder, self.spec.data.contextual
        if encoder is None or spec is None:
            return prepared
        return contextual.in_context(prepared, records, encoder, spec, device_of(self.network), contextual.cache_folder(spec, None))

    def _predictions(self, records: Sequence[Record]) -> Predictions:
        prepared = self._prepared(records)
        refuse_short(prepared, records, self.facts)
        spans = whole(records, np.arange(len(records)))
        if isinstance(self.spec.task, ForecastSpec):
            refuse_short_series(self.spec.task, self.spec.model.memory, records, spans)
        return predictions_of(self.network, self.task, self.facts, records, prepared, spans, "test", self.blend)


def weights_of(network: SequenceModel) -> dict[str, np.ndarray]:
    """Named weights as numpy arrays."""
    return {name: np.ascontiguousarray(tensor.detach().cpu().numpy()) for name, tensor in network.state_dict().items()}


