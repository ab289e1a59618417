"""Proof that live is the same model: whole = chunks = steps = program = native = session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.answers import classify, forecast, generate, tag
from unspool.answers.blend import Blend
from unspool.data.facts import Facts, ForecastFacts, GenerateFacts, TagFacts
from unspool.errors import DataError, LiveError, VerificationError
from unspool.export.cases import Case, cases
from unspool.export.runs import Runs
from unspool.models.sequence_model import SequenceModel
from unspool.streaming import Program
from unspool.types import Prepared, Record

TOLERANCE = 1e-4

PAIRS = {
    "whole_and_chunks": "one scan of the whole and scans of its pieces",
    "whole_and_steps": "one scan of the whole and the network's steps",
    "whole_and_program": "one scan of the whole and the step program",
    "program_and_native": "the step program by the interpreter and by the native executor",
    "whole_and_session": "the offline answers and those of a live session",
}


def verify(
    network: SequenceModel,
    facts: Facts,
    program: Program,
    prepared: Sequence[Prepared],
    records: Sequence[Record],
    *,
    seed: int,
    blend: Blend | None = None,
) -> dict[str, Any]:
    """Run a few records in every way there is, and compare.

    prepared, records  the same records, as the network meets them and as they came
    returns  `comparisons`, the largest difference by pair: of raw answers, relative to their size where that is above
             1; of a session's, in standard deviations of the target, or of probabilities (of tags, of the likeliest one). Besides, `tolerance`,
             `equal`, the `engine` that sessions run on, and the `steps` and `records` at which answers were compared.
             Without the native executor there is no pair with it
    Raises VerificationError that names the pair, LiveError for a model that cannot run live, DataError where no
    record has an answer.
    """
    if not facts.live or not network.backbone.causal:
        raise LiveError(facts.why_not_live or "the network reads its record from the end too, so it cannot run live")
    draw = np.random.default_rng(seed)
    found = list(cases(facts, prepared, records, draw))
    if not found:
        raise DataError(
            f"none of {len(records)} records is long enough for an answer, so nothing can be compared; give longer ones"
        )
    was_training = network.training
    largest: dict[str, float] = {}
    deviations = _deviations(facts, records)
    runs = Runs(network.train(False), facts, program, draw, blend)
    try:
        with torch.inference_mode():
            for case in found:
                for pair, difference in _compare(runs, case, facts, deviations).items():
                    largest[pair] = max(largest.get(pair, 0.0), difference)
    finally:
        network.train(was_training)
    for pair, difference in largest.items():
        if not difference <= TOLERANCE:
            raise VerificationError(
                f"{PAIRS[pair]} differ by {difference:.3g}, wanted at most {TOLERANCE:g}; {_REMEDY}"
            )
    return {
        "comparisons": largest,
        "tolerance": TOLERANCE,
        "equal": True,
        "engine": runs.executor.engine,
        "steps": sum(len(case.asked) for case in found),
        "records": len(found),
    }


_REMEDY = (
    "this is a defect of the model's cell or of unspool; a cell of your own must give by `step` what it gives by `scan`"
)


def _compare(runs: Runs, case: Case, facts: Facts, deviations: Mapping[str, float]) -> dict[str, float]:
    whole, program = runs.whole(case), runs.interpreted(case)
    native = {}
    if runs.executor.engine == "native":
        native["program_and_native"] = _difference(program[:, None], runs.executed(case))
    return {
        "whole_and_chunks": _difference(whole, runs.chunks(case)),
        "whole_and_steps": _difference(whole, runs.steps(case)),
        "whole_and_program": _difference(whole, program),
        **native,
        "whole_and_session": _session_difference(whole, runs, case, facts, deviations),
    }


def _difference(left: NDArray[Any], right: NDArray[Any]) -> float:
    """Relative to size where that is above 1; infinite where either is not a number."""
    return _finite((np.abs(left - right) / np.maximum(1, np.abs(left))).max())


def _finite(difference: Any) -> float:
    """A largest difference to be compared: NaN would pass every comparison."""
    return float(difference) if np.isfinite(difference) else float("inf")


def _session_difference(
    whole: NDArray[Any],
    runs: Runs,
    case: Case,
    facts: Facts,
    deviations: Mapping[str, float],
) -> float:
    """The largest difference over the asked steps, infinite where the session had no answer."""
    answers = runs.session(case)
    if isinstance(facts.task, TagFacts):
        sure = [word["probability"] for answer in answers.values() for word in answer["words"]]
        offline = tag.so_far(facts, whole, 0).confidence
        return _finite(np.abs(np.array(sure) - offline).max()) if len(sure) == len(offline) else float("inf")
    if isinstance(facts.task, GenerateFacts):
        return _next_difference(whole, answers, case, facts, runs.blend)
    worst = 0.0
    for index, step in enumerate(case.asked.tolist()):
        if step not in answers:
            return float("inf")
        wanted, got = _told(facts, whole[index]), answers[step]
        for name, numbers in wanted.items():
            told = _numbers(got if name == "probabilities" else got[name], name)
            worst = max(worst, _finite(np.abs(told - numbers).max() / deviations.get(name, 1.0)))
    return worst


def _next_difference(
    whole: NDArray[np.float32], answers: Mapping[int, Mapping[str, Any]], case: Case, facts: Facts, blend: Blend | None
) -> float:
    """The largest difference between the probabilities that a session gave the tokens it named and theirs offline."""
    text = np.concatenate([[generate.tokens_of(facts).vocabulary.size], case.codes[1:, 0]])  # to n-grams nothing stands before it
    worst = 0.0
    for index, step in enumerate(case.asked.tolist()):
        if step not in answers:
            return float("inf")
        offline, named = generate.read(whole[index]), answers[step]["next"]
        if blend is not None:
            offline = blend.next(offline, text[: step + 1])
        codes = [one["code"] for one in named]
        worst = max(worst, _finite(np.abs(np.array([one["probability"] for one in named]) - offline[codes]).max()))
    return worst


def _told(facts: Facts, raw: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """By target, points and quantiles (L, 1 + Q) in original units; or the probabilities."""
    if not isinstance(facts.task, ForecastFacts):
        return {"probabilities": classify.read(facts, raw)}
    point, quantiles = forecast.read(facts, raw)
    told = {}
    for index, name in enumerate(facts.preparation.targets):
        parts = [point[:, index, None], *(() if quantiles is None else (quantiles[:, index],))]
        told[name] = np.concatenate(parts, axis=1)
    return told


def _numbers(answer: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    """The same of a session's answer."""
    if name == "probabilities":
        return np.array(list(answer["probabilities"].values()), np.float64)
    columns = [answer["point"], *answer.get("quantiles", {}).values()]
    return np.array(columns, np.float64).T


def _deviations(facts: Facts, records: Sequence[Record]) -> dict[str, float]:
    """The standard deviation of every target over the records; 1 where it does not vary."""
    found = {}
    for name in facts.preparation.targets:
        values = np.concatenate([np.asarray(record.columns[name], np.float64) for record in records])
        spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
        found[name] = spread or 1.0
    return found
