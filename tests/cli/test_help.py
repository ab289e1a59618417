"""The command line's help is what the kept texts say; `make help-snapshots` writes them anew."""

import pytest

from .write_help import FOLDER, NAMES, help_text


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", NAMES)
def test_help_is_as_kept(name):
    assert help_text(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_no_text_is_kept_of_a_verb_that_is_gone():
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


def test_the_list_of_verbs_shows_each_summary_in_full():
    assert "..." not in help_text("unspool").partition("Commands:")[2]
