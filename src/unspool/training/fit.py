"""The loop: for every epoch, for every batch, a step; then a judgement, which decides what is kept and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path

import torch

from unspool.errors import Interrupted, TrainingError
from unspool.kernels.subnormals import subnormals_are_zeros
from unspool.models.sequence_model import SequenceModel
from unspool.tasks.task import Decision, Examples
from unspool.training.announcer import Announcer, Stopwatch
from unspool.training.history import History
from unspool.training.hooks import Hook
from unspool.training.idle import idle
from unspool.training.interruption import Interruption
from unspool.training.keeper import Keeper, identity_of
from unspool.training.learner import Learner, answers_that_count
from unspool.training.nonfinite import explain_nonfinite
from unspool.training.randomness import JUDGING, PLANNING, Randomness
from unspool.training.schedule import factor
from unspool.training.spec import TrainSpec
from unspool.training.standing import Standing
from unspool.types import Batch, Cut

Judge = Callable[[SequenceModel], dict[str, float]]


def fit(
    network: SequenceModel,
    train: Examples,
    judge: Judge,
    decision: Decision,
    spec: TrainSpec,
    *,
    device: torch.device,
    folder: Path | None = None,
    resume: bool = False,
    fingerprint: str | Mapping[str, str] = "",
    hooks: Sequence[Hook] = (),
) -> History:
    """Train `network` in place; it is left on `device`, in eval mode, with the weights that `spec.keep` names.

    A run that was killed at any moment and resumed gives the same history and weights, bit for bit, as one that was not: on a CPU with the same
    number of threads; on CUDA as far as its kernels are deterministic.

    judge        validation metrics of the network, by name; called in eval mode without gradients after every epoch
    folder       where checkpoints and `history.jsonl` are kept; without it nothing is written, and nothing can be resumed
    resume       go on from the newest checkpoint of `folder`
    fingerprint  what must be the same for a run to be resumed, beside `spec`: texts by name, such as the sha256 of the data, or one text for all

    Raises BundleError where a folder cannot be resumed or holds another run, TrainingError for a number that is not finite and for a disk that
    takes no checkpoint, Interrupted after Ctrl-C.
    """
    learner = Learner(network, spec, device)
    steps = len(_plan(train, 0, spec, device))
    if not steps:
        raise TrainingError(
            "the train part holds no batch, so nothing can be learnt; give more data, or a smaller validation and test part (data.split)"
        )
    given = {"spec or data": fingerprint} if isinstance(fingerprint, str) else fingerprint
    identity = identity_of(spec, network, device, {**given, "metric": decision.metric, "batches": str(steps)})
    keeper = Keeper(folder, identity, spec.checkpoint_seconds)
    standing, notes = keeper.resume(learner) if resume else (keeper.start(learner), ())
    announcer = Announcer(hooks, standing, spec, steps)
    notes = (*notes, *idle(spec))
    with announcer.announced(notes), Interruption() as interruption:
        _train(learner, train, judge, decision, spec, standing, steps, keeper, announcer, interruption)
    if spec.keep == "best":
        learner.restore_best()
    elif learner.average is not None:
        learner.average.settle()
    network.eval()
    kept = standing.best.epoch if spec.keep == "best" else standing.epoch
    return History(standing.lines, standing.seconds, kept, standing.stopped_early(spec), notes)


def _train(
    learner: Learner,
    train: Examples,
    judge: Judge,
    decision: Decision,
    spec: TrainSpec,
    standing: Standing,
    steps: int,
    keeper: Keeper,
    announcer: Announcer,
    interruption: Interruption,
) -> None:
    """From where training stands to its end."""
    watch = Stopwatch()
    while not standing.finished(spec):
        plan = _plan(train, standing.epoch, spec, learner.device)
        if standing.position == 0:
            learner.state = None
        learner.network.train()
        for cut in plan[standing.position :]:
            _step(learner, cut, train.batch(cut), spec, standing, steps)
            standing.seconds += watch.lap()
            announcer.stepped()
            if interruption.asked:
                raise _interrupted(learner, standing, len(plan), keeper)
            if keeper.due():
                announcer.checkpointed(keeper.save(learner, standing))
        metrics = _judged(learner, judge, spec, standing)
        if standing.judged(metrics, _deciding(metrics, decision, standing), decision, spec):
            learner.keep_best()
        if learner.average is not None:
            learner.average.judged([float(line[decision.metric] or 0.0) for line in standing.lines], decision)
        standing.seconds += watch.lap()
        announcer.checkpointed(keeper.save(learner, standing))
        keeper.append(standing)
        announcer.judged()
        if interruption.asked:  # after the last epoch too: what follows training takes its time, and a Ctrl-C must not be lost
            raise _interrupted(learner, standing, 0, keeper)


def _plan(train: Examples, epoch: int, spec: TrainSpec, device: torch.device) -> list[Cut]:
    # A plan is asked for again when an epoch is resumed: what it draws must not depend on when.
    with Randomness(device, spec.seed, PLANNING, epoch).drawing():
        return train.plan(epoch)


@subnormals_are_zeros()
def _step(learner: Learner, cut: Cut, batch: Batch, spec: TrainSpec, standing: Standing, steps: int) -> None:
    """Forward, backward, clip, step, to which numbers below 1.2e-38 are zeros; a batch in which nothing counts moves the state alone."""
    rate = spec.optimizer.rate * factor(spec.schedule, standing.step, steps, spec.epochs) * standing.plateau.factor
    weight = answers_that_count(batch)
    loss = learner.loss(batch)
    if not weight:
        standing.skip()
        return
    norm = learner.gradient(loss)
    size = float(loss.detach())
    if not (isfinite(size) and isfinite(norm)):
        place = f"epoch {standing.epoch + 1}, batch {standing.position + 1}"
        raise TrainingError(explain_nonfinite(place, learner.network, cut, batch, size, norm, rate, spec))
    learner.step(rate * cut.pace)
    standing.learnt(size, weight, norm, rate)


def _judged(learner: Learner, judge: Judge, spec: TrainSpec, standing: Standing) -> dict[str, float]:
    """The network's validation metrics."""
    learner.network.eval()
    with torch.no_grad(), learner.averaged(), Randomness(learner.device, spec.seed, JUDGING, standing.epoch).drawing():
        return judge(learner.network)


def _deciding(metrics: Mapping[str, float], decision: Decision, standing: Standing) -> float:
    """The metric that decides."""
    if decision.metric not in metrics:
        raise ValueError(f"{decision.metric!r} decides, and the judge gives only {sorted(metrics)}; let it give that one too")
    value = float(metrics[decision.metric])
    if not isfinite(value):
        raise TrainingError(
            f"epoch {standing.epoch + 1}: the validation metric {decision.metric} is {value:g}, so no epoch can be called the best; "
            "check that the validation part's truth is known and not constant, and lower train.optimizer.rate if the loss grew"
        )
    return value


def _interrupted(learner: Learner, standing: Standing, steps: int, keeper: Keeper) -> Interrupted:
    """What is raised after Ctrl-C, once everything so far is on the disk."""
    done = f"in epoch {standing.epoch + 1}, after {standing.position} of {steps} batches" if standing.position else f"after epoch {standing.epoch}"
    if keeper.save(learner, standing) is None:
        return Interrupted(f"training stopped by Ctrl-C {done}; nothing was saved, since no folder was given")
    return Interrupted(
        f"training stopped by Ctrl-C {done}; all of it is kept in {keeper.folder}; go on with: unspool train SPEC --out {keeper.folder} --resume"
    )
