"""NeuralForecast's LSTM at equal sizes, on windows drawn at random, as many an epoch as the others see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MAE
from neuralforecast.models import LSTM
from torch import Tensor, nn

from side_by_side.contenders.torch_nn import use_threads
from side_by_side.epochs.lightning_pace import TRAINER, Pace, judge_of
from side_by_side.epochs.problem import BATCH, CONTEXT, DECODER, EVERY, HIDDEN, HORIZON, load
from side_by_side.epochs.turns import Turns


def train(task: str, folder: Path, turns: Turns, name: str, epochs: int, seed: int) -> None:
    use_threads()
    settings, arrays = load(task, folder)
    series = arrays["series"]
    steps = -(-settings.windows // BATCH)
    model = LSTM(
        h=HORIZON, input_size=CONTEXT, encoder_n_layers=1, encoder_hidden_size=HIDDEN, decoder_hidden_size=DECODER, decoder_layers=2,
        decoder_activation="ReLU", loss=MAE(), max_steps=steps * epochs, learning_rate=settings.rate, optimizer=torch.optim.AdamW,
        optimizer_kwargs={"weight_decay": settings.decay}, batch_size=1, windows_batch_size=BATCH, step_size=EVERY, scaler_type="identity",
        random_seed=seed, gradient_clip_val=settings.clip, callbacks=[Pace(turns, steps, judge_of(series, settings, forecast))], **TRAINER,
    )  # fmt: skip
    stamps = pd.date_range("2012-01-01", periods=settings.train_end, freq="30min")
    frame = pd.DataFrame({"unique_id": "demand", "ds": stamps, "y": series[: settings.train_end].astype(np.float32)})
    NeuralForecast(models=[model], freq="30min").fit(frame)


def forecast(module: nn.Module, context: Tensor) -> Tensor:
    window = {"insample_y": context.unsqueeze(-1), "futr_exog": None, "hist_exog": None, "stat_exog": None}
    return module(window)[..., 0]
