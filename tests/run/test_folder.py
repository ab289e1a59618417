"""A folder is taken for a run without losing what is in it."""

from __future__ import annotations

import pytest

from unspool.errors import BundleError
from unspool.run.folder import claim, state_of


def test_a_new_or_empty_folder_is_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new", "deep/new"):
        assert claim(tmp_path / name, "a: 1\n", resume=False) == "new"
        assert (tmp_path / name / "spec.yaml").read_text() == "a: 1\n"
        assert state_of(tmp_path / name) == "unfinished"


def test_there_is_nothing_to_resume_in_a_new_folder(tmp_path):
    with pytest.raises(BundleError, match="holds no run to resume; leave out --resume"):
        claim(tmp_path / "new", "a: 1\n", resume=True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("state, remedy", [("unfinished", "go on with --resume, or choose another --out"), ("finished", "choose another --out")])
def test_a_run_is_not_overwritten(tmp_path, state, remedy):
    claim(tmp_path / "run", "a: 1\n", resume=False)
    if state == "finished":
        (tmp_path / "run" / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match=f"already holds an?.* run; {remedy}"):
        claim(tmp_path / "run", "a: 1\n", resume=False)
    with pytest.raises(BundleError, match="was started with another spec"):
        claim(tmp_path / "run", "a: 2\n", resume=True)
    assert claim(tmp_path / "run", "a: 1\n", resume=True) == state
    assert (tmp_path / "run" / "spec.yaml").read_text() == "a: 1\n"


def test_what_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is a file; give --out a folder that is new or empty"):
        claim(tmp_path / "file", "a: 1\n", resume=False)
    for resume in (False, True):
        with pytest.raises(BundleError, match="is not empty and holds no run; give --out"):
            claim(tmp_path / "full", "a: 1\n", resume=resume)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
