"""What a figure depends on, and how results are written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def about(packages: Sequence[str]) -> dict[str, Any]:
    import unspool

    versions = {"python": platform.python_version(), "unspool": unspool.__version__}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"date": date.today().isoformat(), "processor": processor(), "processors": os.cpu_count(), "versions": versions}


def processor() -> str:
    """Its name and the instruction set that matters."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    found = {name.strip(): value.strip() for name, _, value in (field.partition(":") for field in text.splitlines())}
    flags = found.get("flags", "").split()
    return f"{found.get('model name', platform.machine())}, {'AVX-512' if 'avx512f' in flags else 'AVX2' if 'avx2' in flags else 'no AVX2'}"


def write(path: Path, results: dict[str, Any]) -> None:
    """A row to a line, which keeps a long file readable and its changes small."""
    parts = []
    for name, value in results.items():
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n" + ",\n".join(" " + json.dumps(row) for row in value) + "\n]" if rows else json.dumps(value)
        parts.append(f"{json.dumps(name)}: {text}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
