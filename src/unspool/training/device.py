"""Where training runs."""

from __future__ import annotations

from typing import Literal

import torch

from unspool.errors import SpecError


def resolve_device(choice: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """The device that a spec asks for; raises SpecError for CUDA where there is none."""
    present = torch.cuda.is_available()
    if choice == "cuda" and not present:
        raise SpecError(
            "train.device: got cuda, and torch finds no CUDA device on this machine; "
            "set train.device to cpu or auto, or install a CUDA build of torch and its driver"
        )
    return torch.device("cuda" if choice != "cpu" and present else "cpu")
