"""A live session starts without torch, and without any library for tables."""

import subprocess
import sys

import pytest

from unspool import bundle
from unspool.streaming import Session

from .models import forecast

HEAVY = ("torch", "polars", "pandas", "pyarrow", "narwhals", "plotly", "sklearn")


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module", ["unspool.streaming", "unspool.bundle", "unspool.answers.forecast", "unspool.data.facts"]
)
def test_the_ground_floor_imports_nothing_heavy(module):
    assert run(f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])").strip() == "[]"


def test_a_session_is_opened_and_stepped_without_torch(tmp_path):
    made = forecast()
    files = {
        "spec.yaml": b"{}\n",
        "facts.json": made.facts.model_dump_json().encode(),
        "weights.safetensors": b"-",
        **made.program.files(),
    }
    for name, content in files.items():
        bundle.write_file(tmp_path, name, content)
    bundle.seal(tmp_path)
    row = made.rows()[0]
    script = (
        "import sys; from unspool.streaming import Session; session = Session.open(sys.argv[1]); "
        f"print(session.step({row!r})['ready'], 'torch' in sys.modules)"
    )
    assert run(script, str(tmp_path)).split() == ["False", "False"]
    assert Session.open(tmp_path).step(row) == made.session().step(row)
