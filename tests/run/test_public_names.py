"""The public face: few names, imported on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import unspool


def loaded_after(statement: str) -> set[str]:
    """Modules of a fresh interpreter after a statement."""
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_there_are_at_most_thirty_names_and_each_is_there():
    assert len(unspool.__all__) <= 30
    assert len(set(unspool.__all__)) == len(unspool.__all__)
    for name in unspool.__all__:
        assert getattr(unspool, name) is not None
        assert name in dir(unspool)


def test_importing_the_package_imports_none_of_its_rooms():
    modules = loaded_after("import unspool")
    assert "torch" not in modules and "numpy" not in modules
    assert [name for name in modules if name.startswith("unspool.")] == []


@pytest.mark.parametrize("name", ["Session", "DataError"])
def test_what_runs_live_knows_no_torch(name):
    assert "torch" not in loaded_after(f"from unspool import {name}")


def test_a_name_that_is_none_says_which_there_are():
    with pytest.raises(AttributeError, match="module 'unspool' has no attribute 'trian'; it has: .*train"):
        _ = unspool.trian
