"""A whole training epoch of a task, by Unspool as a user runs it and by the same network written the usual way elsewhere."""

from __future__ import annotations

from typing import Any

CONTENDERS: dict[str, dict[str, Any]] = {
    "ours": {"module": "ours", "package": "unspool", "tasks": ("ecg5000", "rotten_tomatoes", "conll2003", "vic_elec")},
    "ours-carried": {"module": "ours", "package": "unspool", "tasks": ("vic_elec",), "epochs_a_turn": 6},
    "torch": {"module": "torch_loop", "package": "torch", "tasks": ("ecg5000", "rotten_tomatoes")},
    "keras-torch": {"module": "keras_fit", "package": "keras", "tasks": ("ecg5000", "rotten_tomatoes"), "environment": {"KERAS_BACKEND": "torch"}},
    "keras-jax": {"module": "keras_fit", "package": "keras", "tasks": ("ecg5000", "rotten_tomatoes"), "environment": {"KERAS_BACKEND": "jax"}},
    "torch-crf": {"module": "torch_tagger", "package": "torchcrf", "tasks": ("conll2003",)},
    "neuralforecast": {"module": "neural_forecast", "package": "neuralforecast", "tasks": ("vic_elec",)},
    "darts": {"module": "darts_block", "package": "darts", "tasks": ("vic_elec",)},
}
"""By name: its module here, the package that it needs, the tasks that it can do, what its process finds in the environment, and how many epochs it
trains while the others train one, where it is not one: an epoch with the state carried reads each instant once, not forty times, and learns less."""

TITLES = {
    "ours": "Unspool",
    "ours-carried": "Unspool, state carried",
    "torch": "torch.nn + DataLoader",
    "keras-torch": "Keras (torch)",
    "keras-jax": "Keras (JAX)",
    "torch-crf": "torch.nn + pytorch-crf",
    "neuralforecast": "NeuralForecast LSTM",
    "darts": "Darts BlockRNNModel",
}

EPOCHS = {"ecg5000": 40, "rotten_tomatoes": 7, "conll2003": 4, "vic_elec": 10}
"""As in the examples, so that validation losses are those of trained models; of those that take longest, a few."""

SEEDS = {"ecg5000": (0, 1, 2, 3, 4), "rotten_tomatoes": (0,), "conll2003": (0,), "vic_elec": (0,)}
"""The validation part of ecg5000 has 50 records, so its loss depends on the seed as much as on the contender."""
