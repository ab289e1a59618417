"""Checkpoints: what is written is read back bit for bit, and what is damaged is never read."""

import errno
import os
import random
import signal

import pytest
import torch

from unspool.errors import BundleError, Interrupted, TrainingError
from unspool.training import checkpoint as module
from unspool.training import durable
from unspool.training.checkpoint import Checkpoint, checkpoints, load_checkpoint, save_checkpoint
from unspool.training.fit import fit
from unspool.training.hooks import Hook

from .problem import CPU, LOWER, Judge, Signs, classifier, spec_of


def sample(number: int = 0) -> Checkpoint:
    shared = torch.arange(6, dtype=torch.float32).reshape(2, 3) + number
    tensors = {
        "weights/a": shared,
        "weights/tied": shared,
        "weights/turned": shared.T,
        "odd": torch.tensor([float("nan"), float("inf"), -0.0, 1e-45]),
        "random/cpu": torch.get_rng_state(),
        "step": torch.tensor(3.0),
        "nothing": torch.zeros(0, 4, dtype=torch.float64),
    }
    return Checkpoint(tensors, {"loss": 0.1 + 0.2, "tiny": 5e-324, "number": number, "lines": [{"epoch": 1, "other": None}]})


def same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    return left.dtype == right.dtype and left.shape == right.shape and left.contiguous().numpy().tobytes() == right.contiguous().numpy().tobytes()


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path):
    path = save_checkpoint(tmp_path, sample())
    loaded = load_checkpoint(tmp_path)
    assert (loaded.path, loaded.notes, loaded.checkpoint.state) == (path, (), dict(sample().state))
    assert loaded.checkpoint.tensors.keys() == sample().tensors.keys()
    assert all(same_bits(tensor, loaded.checkpoint.tensors[name]) for name, tensor in sample().tensors.items())


def test_the_two_newest_are_kept(tmp_path):
    for number in range(5):
        save_checkpoint(tmp_path, sample(number))
    assert [path.name for path in checkpoints(tmp_path)] == ["000004", "000005"]
    assert load_checkpoint(tmp_path).checkpoint.state["number"] == 4
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["000004", "000005"]


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_every_flipped_bit_and_every_truncation_is_found(name, tmp_path):
    save_checkpoint(tmp_path, sample(1))
    path = save_checkpoint(tmp_path, sample(2)) / name
    whole, draw = path.read_bytes(), random.Random(3)
    for trial in range(60):
        damaged = bytearray(whole)
        if trial % 4:
            damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        else:
            del damaged[draw.randrange(len(whole)) :]
        path.write_bytes(bytes(damaged))
        loaded = load_checkpoint(tmp_path)
        assert loaded.checkpoint.state["number"] == 1
        assert loaded.notes[0].startswith(f"{path.parent} is damaged (")
    path.write_bytes(whole)
    assert load_checkpoint(tmp_path).checkpoint.state["number"] == 2


def test_a_longer_file_a_missing_file_and_a_link_are_found(tmp_path):
    save_checkpoint(tmp_path, sample(1))
    path = save_checkpoint(tmp_path, sample(2)) / "state.json"
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    assert "bytes, wanted" in load_checkpoint(tmp_path).notes[0]
    path.unlink()
    assert "state.json is missing" in load_checkpoint(tmp_path).notes[0]
    (tmp_path / "elsewhere.json").write_bytes(whole)
    path.symlink_to(tmp_path / "elsewhere.json")
    assert "not a plain file" in load_checkpoint(tmp_path).notes[0]


def test_without_any_that_is_whole_the_remedy_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"nothing to resume, there is no checkpoint in .*checkpoints; train without --resume"):
        load_checkpoint(tmp_path)
    (save_checkpoint(tmp_path, sample()) / "manifest.json").unlink()
    with pytest.raises(BundleError, match=r"every checkpoint is damaged: .*manifest.json is missing.*train anew in another folder"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    save_checkpoint(tmp_path, sample())
    signs = Signs()
    with pytest.raises(BundleError, match="was written by another version of unspool"):
        fit(classifier(), signs, Judge(signs), LOWER, spec_of(), device=CPU, folder=tmp_path, resume=True)


def test_the_number_after_a_damaged_one_is_new(tmp_path):
    save_checkpoint(tmp_path, sample(1))
    (save_checkpoint(tmp_path, sample(2)) / "state.json").unlink()
    assert save_checkpoint(tmp_path, sample(3)).name == "000003"
    assert load_checkpoint(tmp_path).checkpoint.state["number"] == 3


CALLS = ["write", "fsync", "rename", "mkdir"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", CALLS)
def test_a_failed_save_is_one_clear_error_and_the_one_before_stays(call, code, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, sample(1))

    def fail(*_):
        raise OSError(code, os.strerror(code))

    place = {
        "write": (module, "write_synced"),
        "fsync": (durable.os, "fsync"),
        "rename": (module.Path, "rename"),
        "mkdir": (module.Path, "mkdir"),
    }[call]
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        with pytest.raises(TrainingError) as error:
            save_checkpoint(tmp_path, sample(2))
    assert os.strerror(code) in str(error.value)
    assert "000001 from before is kept; " in str(error.value)
    assert ("free some space" in str(error.value)) == (code == errno.ENOSPC)
    assert load_checkpoint(tmp_path).checkpoint.state["number"] == 1
    save_checkpoint(tmp_path, sample(3))
    assert load_checkpoint(tmp_path).checkpoint.state["number"] == 3


class Stop(BaseException):
    """The process dies."""


def test_dying_at_any_call_of_a_save_leaves_the_old_or_the_new(tmp_path, monkeypatch):
    """Every call that changes the disk is counted; the n-th one never happens, nor anything after it."""
    calls = [(module.Path, "mkdir"), (module.Path, "rename"), (module.Path, "open"), (durable.os, "fsync"), (module.shutil, "rmtree")]
    for count in range(1, 40):
        folder = tmp_path / str(count)
        save_checkpoint(folder, sample(1))
        save_checkpoint(folder, sample(2))
        left = [count]
        with monkeypatch.context() as patch:
            for owner, name in calls:
                patch.setattr(owner, name, dying(getattr(owner, name), left))
            try:
                save_checkpoint(folder, sample(3))
            except Stop:
                pass
            else:
                break
        assert load_checkpoint(folder).checkpoint.state["number"] in (2, 3)
    assert count == 12  # a folder, three files, six syncs and a name were made, and one folder removed


def dying(real, left):
    def call(*given, **named):
        left[0] -= 1
        if left[0] <= 0:
            raise Stop
        return real(*given, **named)

    return call


class CtrlC(Hook):
    """Presses Ctrl-C after a number of steps."""

    def __init__(self, steps: int):
        self.steps = steps

    def stepped(self, progress):
        self.steps -= 1
        if self.steps == 0:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_without_a_folder_says_that_nothing_was_saved():
    signs = Signs()
    with pytest.raises(Interrupted, match="stopped by Ctrl-C in epoch 1, after 2 of 4 batches; nothing was saved, since no folder was given"):
        fit(classifier(), signs, Judge(signs), LOWER, spec_of(), device=CPU, hooks=[CtrlC(2)])


def test_ctrl_c_keeps_the_very_step_it_came_in(tmp_path):
    signs = Signs()
    with pytest.raises(Interrupted, match=f"in epoch 2, after 2 of 4 batches; all of it is kept in {tmp_path}; go on with: unspool train SPEC"):
        fit(classifier(), signs, Judge(signs), LOWER, spec_of(), device=CPU, folder=tmp_path, hooks=[CtrlC(6)])
    assert load_checkpoint(tmp_path).checkpoint.state["standing"]["step"] == 6


def test_a_disk_that_takes_no_checkpoint_is_found_before_the_first_step(tmp_path):
    folder = tmp_path / "run"
    folder.write_text("a file stands here")
    signs = Signs()
    with pytest.raises(TrainingError, match=r"the checkpoint could not be written.*there is none from before"):
        fit(classifier(), signs, Judge(signs), LOWER, spec_of(), device=CPU, folder=folder)
