"""The same networks in Keras 3: `fit`, on whichever backend the process was started with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from side_by_side.epochs.problem import BATCH, Settings, load, rows
from side_by_side.epochs.turns import Turns

LONGEST = 60
"""Words of a review, as in the example; rows of one length are what a compiled step wants."""


@keras.saving.register_keras_serializable()
class WordDropout(layers.Layer):
    """Some words are read as unknown in training; 0 is padding, 1 the unknown word."""

    def __init__(self, share: float, seed: int):
        super().__init__()
        self.share = share
        self.draws = keras.random.SeedGenerator(seed)

    def call(self, codes: Any, training: bool = False) -> Any:
        if not training:
            return codes
        dropped = ops.logical_and(keras.random.uniform(ops.shape(codes), seed=self.draws) < self.share, codes > 0)
        return ops.where(dropped, 1, codes)


@keras.saving.register_keras_serializable()
class Attention(layers.Layer):
    """A mean weighted by learnt attention (Yang et al. 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.key, self.score = layers.Dense(width, activation="tanh"), layers.Dense(1, use_bias=False)

    def call(self, states: Any, mask: Any = None) -> Any:
        score = 20 * ops.tanh(self.score(self.key(states)) / 20)
        weight = ops.softmax(ops.where(ops.expand_dims(mask, -1), score, -1e9), axis=1)
        return ops.sum(weight * states, axis=1)

    def compute_mask(self, states: Any, mask: Any = None) -> None:
        return None


def heartbeat(settings: Settings) -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((140, 1)),
            layers.ZeroPadding1D((4, 0)),
            layers.Conv1D(32, 8, strides=4),
            layers.LayerNormalization(epsilon=1e-5),
            layers.ReLU(),
            layers.Dropout(0.1),
            layers.GRU(64),
            layers.Dropout(0.3),
            layers.Dense(settings.classes),
        ]
    )


def review(settings: Settings) -> keras.Model:
    codes = layers.Input((LONGEST,), dtype="int32")
    words = layers.Embedding(settings.vocabulary + 1, 128, mask_zero=True, embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1))
    states = layers.Bidirectional(layers.GRU(32, return_sequences=True))(layers.Dropout(0.5)(words(WordDropout(0.2, settings.seed)(codes))))
    return keras.Model(codes, layers.Dense(settings.classes)(layers.Dropout(0.5)(Attention(64)(states))))


NETWORKS = {"ecg5000": heartbeat, "rotten_tomatoes": review}


class Rate(keras.optimizers.schedules.LearningRateSchedule):
    """As `problem.rate_factor`, in Keras's operations."""

    def __init__(self, rate: float, steps: int, warmup: int):
        self.rate, self.steps, self.warmup = rate, steps, warmup

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        done = ops.clip((step - self.warmup) / max(self.steps - self.warmup, 1), 0, 1)
        return self.rate * ops.minimum(1.0, (step + 1) / max(self.warmup, 1)) * (1 + ops.cos(np.pi * done)) / 2

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps, "warmup": self.warmup}


def records(arrays: dict[str, np.ndarray], part: str, task: str) -> tuple[np.ndarray, np.ndarray]:
    """(N, T, 1) samples, or (N, LONGEST) codes moved up by one for the padding; and labels."""
    lengths = arrays[f"{part}_lengths"]
    if task == "ecg5000":
        return np.stack(rows(arrays[f"{part}_values"], lengths)), arrays[f"{part}_labels"]
    codes = np.zeros((len(lengths), LONGEST), np.int32)
    for row, words in zip(codes, rows(arrays[f"{part}_codes"], lengths), strict=True):
        row[: len(words)] = words[:, 0] + 1
    return codes, arrays[f"{part}_labels"]


def train(task: str, folder: Path, turns: Turns, name: str, epochs: int, seed: int) -> None:
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
    settings, arrays = load(task, folder)
    keras.utils.set_random_seed(seed)
    x, y = records(arrays, "train", task)
    judged_x, judged_y = records(arrays, "validation", task)
    network = NETWORKS[task](settings)
    steps = -(-len(y) // BATCH)
    rate = Rate(settings.rate, steps * epochs, round(settings.warmup * steps))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings.decay, global_clipnorm=settings.clip)
    network.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for epoch in range(epochs):
        turns.begin()
        network.fit(x, y, batch_size=BATCH, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
        turns.trained()
        turns.end(lambda: float(network.evaluate(judged_x, judged_y, batch_size=256, verbose=0)))
