"""What holds for every test: one thread, and properties drawn the same way in every run."""

import os

# Before numpy is there: its threads wait for work by spinning, on the cores that other tests run on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

settings.register_profile(
    "unspool",
    deadline=None,  # two cores are shared with whatever else the machine does
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("unspool")
