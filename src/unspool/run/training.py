"""One run: read, split, fit, judge, trace, verify, save."""

from __future__ import annotations

import hashlib
import platform
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import unspool
from unspool.answers.blend import Blend
from unspool.answers.ngrams import ORDERS, KneserNey
from unspool.data.facts import ClassifyFacts, ForecastFacts, GenerateFacts
from unspool.data.sources import digest
from unspool.data.survey import survey
from unspool.errors import DataError, Interrupted, SpecError
from unspool.evaluation.calibrate import widening
from unspool.evaluation.evaluate import score
from unspool.evaluation.judge import judge
from unspool.evaluation.multilabel import fitted_thresholds
from unspool.export.trace import trace
from unspool.export.verify import verify
from unspool.models.sequence_model import SequenceModel
from unspool.models.spec import Head, MultilabelHead, QuantileHead, SoftmaxHead
from unspool.run import contextual
from unspool.run.folder import claim
from unspool.run.loading import load
from unspool.run.model import Model
from unspool.run.prepare import Setup, build_network, in_context, set_up
from unspool.run.results import judge_part, prediction_files, predictions_of
from unspool.run.spec import RunSpec, load_spec, make_spec
from unspool.spec import to_yaml
from unspool.streaming import Program, Session
from unspool.training.checkpoint import checkpoints
from unspool.training.device import resolve_device
from unspool.training.fit import fit
from unspool.training.history import History
from unspool.training.hooks import Hook
from unspool.types import Forecasts, LabelSets, Predictions, Tokens

VERIFIED_RECORDS = 8
SAMPLES, SAMPLED_TOKENS = 3, 200


def train(
    spec: RunSpec | str | Path | Mapping[str, Any],
    *,
    data: object | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    seed: int | None = None,
    overrides: Sequence[str] = (),
    hooks: Sequence[Hook] = (),
) -> Model:
    """Train, judge, trace and verify a model; with `out`, into a run folder.

    spec       a RunSpec, a YAML file, or the mapping that one holds
    data       in place of the source's file: a path, a frame, arrays or texts
    resume     go on with the run in `out` where it was stopped; the result is bit for bit that of a run that was not
    overrides  `a.b=c`, as with --set
    Raises SpecError, DataError, TrainingError; Interrupted says how to go on.
    """
    run = as_spec(spec, overrides, seed)
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise SpecError("resume: needs `out`, the folder of the run that was stopped")
    device = resolve_device(run.train.device)
    cache = contextual.cache_folder(run.data.contextual, folder)
    setup = set_up(run, data)
    facts_of_data = describe_data(setup, data)
    fingerprint = {"spec": hashlib.sha256(to_yaml(setup.spec).encode()).hexdigest(), "data": str(facts_of_data["sha256"])}
    if setup.vectors is not None:
        fingerprint["vectors"] = hashlib.sha256(setup.vectors.tobytes()).hexdigest()
    if setup.encoder is not None:
        fingerprint["encoder"] = setup.encoder.facts.sha256
    if folder is not None and claim(folder, to_yaml(setup.spec), resume) == "finished":
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # it was killed just before this
        return load(folder)
    with _stoppable(folder):
        setup = in_context(setup, device, cache, hooks)
        network = build_network(setup.spec, setup.facts, setup.task, setup.vectors).to(device)
        history = _fit(network, setup, device, folder, resume, fingerprint, hooks)
        model = finish(network, setup, history, facts_of_data, _command(spec, out, overrides, seed))
        if folder is None:
            return model
        saved = model.save(folder)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return saved


@contextmanager
def _stoppable(folder: Path | None) -> Iterator[None]:
    """Ctrl-C outside of the training loop, which has its own answer, says how to go on too."""
    try:
        yield
    except KeyboardInterrupt:
        if folder is None:
            raise
        raise Interrupted(f"stopped by Ctrl-C; go on with: unspool train SPEC --out {folder} --resume") from None


def as_spec(spec: RunSpec | str | Path | Mapping[str, Any], overrides: Sequence[str] = (), seed: int | None = None) -> RunSpec:
    """A RunSpec from whatever form a spec was given in."""
    if isinstance(spec, str | Path):
        return load_spec(Path(spec), overrides, seed)
    raw = spec.model_dump(mode="json") if isinstance(spec, RunSpec) else dict(spec)
    return make_spec(raw, Path.cwd(), overrides, seed)


def _fit(
    network: SequenceModel,
    setup: Setup,
    device: torch.device,
    folder: Path | None,
    resume: bool,
    fingerprint: Mapping[str, str],
    hooks: Sequence[Hook],
) -> History:
    spec, task = setup.spec, setup.task
    watched = task.watched(setup.prepared, setup.spans["validation"])
    return fit(
        network,
        task.examples(setup.prepared, setup.spans["train"], "train"),
        lambda trained: judge(trained, watched, task, setup.facts, setup.records, device, lambda found: with_thresholds(found, spec.model.head)),
        task.decides(setup.facts),
        spec.train,
        device=device,
        folder=folder,
        # A run that was killed before its first checkpoint starts again; the result is the same.
        resume=resume and folder is not None and bool(checkpoints(folder)),
        fingerprint=fingerprint,
        hooks=hooks,
    )


def finish(network: SequenceModel, setup: Setup, history: History, facts_of_data: Mapping[str, Any], command: str | None) -> Model:
    """Calibrate on the validation part, judge once on the test part, trace and verify."""
    network.eval()
    setup = blended(network, calibrated(network, replace(setup, facts=network.head.settled(setup.facts))))
    validation = predictions_of(network, setup.task, setup.facts, setup.records, setup.prepared, setup.spans["validation"], "validation", setup.blend)
    test = judge_part(network, setup, "test")
    program = program_of(network, setup) if setup.facts.live else None
    metrics = {
        "validation": score(validation, setup.facts),
        "test": test.scores,
        "baselines": test.baseline_scores,
        "data": dict(facts_of_data),
        "training": _describe_training(network, setup, history),
        "verify": _verified(network, setup, program),
        "command": command,
    }
    return Model(
        spec=setup.spec,
        facts=setup.facts,
        network=network,
        program=program,
        blend=setup.blend,
        metrics=metrics,
        history=tuple(history),
        prediction_files=prediction_files(test, setup.records, setup.facts, samples_of(program, setup)),
    )


def samples_of(program: Program | None, setup: Setup) -> list[str]:
    """What a language model writes by itself, drawn by the run's seed; nothing from other models."""
    if program is None or setup.facts.task.kind != "generate":
        return []
    seeds = range(setup.spec.train.seed, setup.spec.train.seed + SAMPLES)
    return ["".join(Session(program, setup.facts, setup.blend).complete(length=SAMPLED_TOKENS, seed=seed)) for seed in seeds]


def with_thresholds(found: Predictions, head: Head | None) -> Predictions:
    """Answers of the validation part with the thresholds of labels that suit it best, where the spec has them fitted."""
    if isinstance(found, LabelSets) and isinstance(head, MultilabelHead) and head.fit_threshold:
        return replace(found, thresholds=fitted_thresholds(found, head.threshold))
    return found


def calibrated(network: SequenceModel, setup: Setup) -> Setup:
    """The setup whose facts widen quantiles, or set thresholds of labels, as its validation part asks for, where the spec does."""
    head, task = setup.spec.model.head, setup.facts.task
    if isinstance(head, MultilabelHead) and head.fit_threshold:
        assert isinstance(task, ClassifyFacts)
        found = predictions_of(network, setup.task, setup.facts, setup.records, setup.prepared, setup.spans["validation"], "validation")
        sets = with_thresholds(found, head)
        assert isinstance(sets, LabelSets)
        thresholds = {"thresholds": sets.thresholds, "fitted": True}
        return replace(setup, facts=setup.facts.model_copy(update={"task": task.model_copy(update=thresholds)}))
    if not isinstance(head, QuantileHead) or not head.calibrate or not isinstance(task, ForecastFacts):
        return setup
    forecasts = predictions_of(network, setup.task, setup.facts, setup.records, setup.prepared, setup.spans["validation"], "validation")
    assert isinstance(forecasts, Forecasts)
    try:
        factors = widening(forecasts)
    except DataError as error:
        raise DataError(f"model.head.calibrate: {error}; or set it to false") from None
    return replace(setup, facts=setup.facts.model_copy(update={"task": task.model_copy(update={"widening": factors})}))


def blended(network: SequenceModel, setup: Setup) -> Setup:
    """The setup with the n-grams that a language model's spec asks for, in the proportion that its validation part asks for."""
    head, task, tokens = setup.spec.model.head, setup.facts.task, setup.facts.preparation.tokens
    if not isinstance(head, SoftmaxHead) or head.blend is None:
        return setup
    assert isinstance(task, GenerateFacts) and tokens is not None
    text = np.concatenate([setup.prepared[index].codes[:, 0] for index in setup.spans["train"][:, 0].tolist()])
    ngrams = KneserNey.fit(text, tokens.vocabulary.size, head.blend.order or ORDERS[tokens.unit], least=head.blend.least)
    alone = predictions_of(network, setup.task, setup.facts, setup.records, setup.prepared, setup.spans["validation"], "validation")
    assert isinstance(alone, Tokens)
    blend = Blend.fit(ngrams, alone.codes, alone.log_probabilities)
    return replace(setup, blend=blend, facts=setup.facts.model_copy(update={"task": task.model_copy(update={"blend": blend.facts})}))


def program_of(network: SequenceModel, setup: Setup) -> Program:
    """The step program of a network."""
    facts, preparation = setup.facts, setup.facts.preparation
    forecast = isinstance(facts.task, ForecastFacts)
    features = len(preparation.known_names) + len(facts.task.lags) * len(preparation.targets) if isinstance(facts.task, ForecastFacts) else 0
    return trace(
        network,
        horizon=facts.task.horizon if isinstance(facts.task, ForecastFacts) and forecast else None,
        features=features,
        values=len(preparation.value_names),
        codes=len(preparation.code_names),
    )


def _verified(network: SequenceModel, setup: Setup, program: Program | None) -> dict[str, Any]:
    if program is None:
        return {"not_live": setup.facts.why_not_live}
    chosen = list(dict.fromkeys(int(record) for record in setup.spans["test"][:, 0]))[:VERIFIED_RECORDS]
    prepared, records = [setup.prepared[index] for index in chosen], [setup.records[index] for index in chosen]
    return verify(network, setup.facts, program, prepared, records, seed=setup.spec.train.seed, blend=setup.blend)


def describe_data(setup: Setup, data: object | None) -> dict[str, Any]:
    """The data's sha256, size, parts and what a survey finds."""
    sha256, rows = digest(setup.spec.data, Path(), setup.records, data)
    parts = {part: _bounds(setup, part) for part in setup.spans}
    found = survey(setup.records, setup.spans, setup.facts.preparation)
    tokens = setup.facts.preparation.tokens
    if tokens is not None and tokens.vectors is not None:
        found["vectors"] = {"coverage": round(tokens.vectors.coverage, 4), **tokens.vectors.model_dump(exclude={"near"})}
    if setup.encoder is not None:
        found["contextual_vectors"] = contextual.survey(setup.encoder, setup.records, setup.prepared)
    return {"sha256": sha256, "rows": rows, "records": len(setup.records), "parts": parts, "survey": found}


def _bounds(setup: Setup, part: str) -> dict[str, Any]:
    spans = setup.spans[part]  # type: ignore[index]
    bounds: dict[str, Any] = {"records": len(set(spans[:, 0].tolist()))}
    steps = [setup.prepared[record].steps if stop < 0 else stop - start for record, start, stop in spans]
    bounds["steps"] = int(sum(steps))
    timed = [(setup.records[record].times, start, stop) for record, start, stop in spans]
    if timed and all(times is not None for times, _, _ in timed):
        bounds["from"] = str(min(times[start] for times, start, _ in timed if times is not None)) + "Z"
        bounds["to"] = str(max(times[stop - 1] for times, _, stop in timed if times is not None)) + "Z"
    elif len(spans) == 1:
        bounds |= {"start": int(spans[0, 1]), "stop": int(spans[0, 2])}
    return bounds


def _describe_training(network: SequenceModel, setup: Setup, history: History) -> dict[str, Any]:
    return {
        "seconds": round(history.seconds, 3),
        "epochs": len(history),
        "best_epoch": history.best,
        "stopped_early": history.early,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "seed": setup.spec.train.seed,
        "versions": {"python": platform.python_version(), "unspool": unspool.__version__, "torch": str(torch.__version__), "numpy": np.__version__},
    }


def _command(spec: object, out: object, overrides: Sequence[str], seed: int | None) -> str | None:
    """The command that makes this run again, where its spec is a file."""
    if not isinstance(spec, str | Path):
        return None
    words = ["unspool", "train", str(spec), "--out", str(out or "run")]
    for assignment in overrides:
        words += ["--set", assignment]
    return shlex.join(words if seed is None else [*words, "--seed", str(seed)])
