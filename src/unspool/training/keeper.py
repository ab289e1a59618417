"""Keeps a run in its folder, so that it can be stopped at any moment and goes on as if it had not been."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from unspool.errors import BundleError, TrainingError
from unspool.models.sequence_model import SequenceModel
from unspool.training.checkpoint import FOLDER, Checkpoint, checkpoints, load_checkpoint, save_checkpoint
from unspool.training.history import FILE, append_history, write_history
from unspool.training.learner import Learner
from unspool.training.spec import TrainSpec
from unspool.training.standing import Standing

# These change when a run is saved and where it was asked to run, and nothing in its result.
_WITHOUT_EFFECT = ("checkpoint_seconds", "device")


def identity_of(spec: TrainSpec, network: SequenceModel, device: torch.device, fingerprint: Mapping[str, str]) -> dict[str, str]:
    """What must be the same for a run to be resumed, as texts by name: the caller's fingerprint, every choice of the spec, the network's form."""
    form = [(name, tuple(weight.shape), str(weight.dtype)) for name, weight in network.state_dict().items()]
    chosen = {f"train.{name}": str(value) for name, value in spec.model_dump(mode="json").items() if name not in _WITHOUT_EFFECT}
    return {**fingerprint, **chosen, "device": device.type, "network": hashlib.sha256(repr(form).encode()).hexdigest()}


class Kept(BaseModel):
    """What a checkpoint holds beside tensors; `threads` are those that torch ran with."""

    model_config = ConfigDict(extra="forbid")

    identity: dict[str, str]
    standing: Standing
    threads: int


class Keeper:
    """Writes checkpoints and the history of one run, or, without a folder, nothing.

    identity  what must be the same for the run to be resumed
    seconds   between two checkpoints within an epoch: it decides when one is written, and nothing else
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, str], seconds: float):
        self.folder = folder
        self.identity = dict(identity)
        self.seconds = seconds
        self.saved = monotonic()

    def start(self, learner: Learner) -> Standing:
        """A run from its beginning; raises BundleError where the folder holds another run, which is never overwritten."""
        standing = Standing()
        if self.folder is not None:
            if checkpoints(self.folder):
                raise BundleError(
                    f"{self.folder / FOLDER}: there are checkpoints of an earlier run; go on with it (--resume), or train in another folder"
                )
            # The first checkpoint makes a run resumable from its first moment, and finds a disk that takes none before hours are spent.
            self.save(learner, standing)
            self._write_history(standing)
        return standing

    def resume(self, learner: Learner) -> tuple[Standing, tuple[str, ...]]:
        """The run as its newest whole checkpoint has it, and notes for the user; raises BundleError where it is none or another run's."""
        if self.folder is None:
            raise BundleError("resume: there is no folder to resume from; give the folder of the run")
        loaded = load_checkpoint(self.folder)
        try:
            kept = Kept.model_validate(loaded.checkpoint.state)
            self._check_identity(kept.identity)
            learner.restore(loaded.checkpoint.tensors)
        except (ValidationError, KeyError, RuntimeError) as error:
            raise BundleError(f"{loaded.path}: was written by another version of unspool ({error}); train anew in another folder") from None
        self._write_history(kept.standing)
        return kept.standing, (*loaded.notes, *self._about_threads(kept.threads, learner.device))

    def due(self) -> bool:
        return self.folder is not None and monotonic() - self.saved >= self.seconds

    def save(self, learner: Learner, standing: Standing) -> Path | None:
        """A checkpoint of this moment; raises TrainingError where the disk does not take it."""
        if self.folder is None:
            return None
        kept = Kept(identity=self.identity, standing=standing, threads=torch.get_num_threads())
        path = save_checkpoint(self.folder, Checkpoint(learner.tensors(), kept.model_dump()))
        self.saved = monotonic()
        return path

    def append(self, standing: Standing) -> None:
        """The newest line of history."""
        if self.folder is not None:
            try:
                append_history(self.folder, standing.lines[-1])
            except OSError as error:
                raise self._not_written(error) from None

    def _write_history(self, standing: Standing) -> None:
        assert self.folder is not None
        try:
            write_history(self.folder, standing.lines)
        except OSError as error:
            raise self._not_written(error) from None

    def _not_written(self, error: OSError) -> TrainingError:
        return TrainingError(
            f"{self.folder}/{FILE}: could not be written ({error.strerror or error}); see to the disk and resume: checkpoints are kept"
        )

    def _check_identity(self, before: Mapping[str, str]) -> None:
        names = [name for name in {**before, **self.identity} if before.get(name) != self.identity.get(name)]
        if names:
            changes = "; ".join(f"{name} was {_short(before.get(name))}, is {_short(self.identity.get(name))}" for name in names)
            raise BundleError(f"{self.folder}: this is another run than the one to resume: {changes}; resume it as it was, or train anew elsewhere")

    def _about_threads(self, before: int, device: torch.device) -> tuple[str, ...]:
        now = torch.get_num_threads()
        if device.type != "cpu" or before == now:
            return ()
        return (f"this run began with {before} threads and goes on with {now}: results may differ in the last bits of a number",)


def _short(text: str | None) -> str:
    if text is None:
        return "absent"
    return text if len(text) <= 60 else text[:12] + "..."
