import subprocess
import sys

ROOMS = ("chain", "classify", "forecast", "lattice", "sampling", "table", "tag", "widening")


def test_reading_answers_imports_no_torch():
    lines = [f"import unspool.answers.{room}" for room in ROOMS] + ["import sys", "print('torch' in sys.modules)"]
    found = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "False", found.stderr
