"""Darts' BlockRNNModel with an LSTM at equal sizes, on the same windows."""

from __future__ import annotations

from pathlib import Path

import torch
from darts import TimeSeries
from darts.models import BlockRNNModel
from darts.utils.data.torch_datasets.utils import PLModuleInput
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
    model = BlockRNNModel(
        input_chunk_length=CONTEXT, output_chunk_length=HORIZON, model="LSTM", hidden_dim=HIDDEN, n_rnn_layers=1, hidden_fc_sizes=[DECODER],
        activation="ReLU", batch_size=BATCH, n_epochs=epochs, loss_fn=nn.L1Loss(), optimizer_cls=torch.optim.AdamW,
        optimizer_kwargs={"lr": settings.rate, "weight_decay": settings.decay}, random_state=seed, save_checkpoints=False,
        pl_trainer_kwargs={
            **TRAINER, "gradient_clip_val": settings.clip, "callbacks": [Pace(turns, steps, judge_of(series, settings, forecast))],
        },
    )  # fmt: skip
    model.fit(TimeSeries.from_values(series[: settings.train_end]), stride=EVERY, verbose=False)


def forecast(module: nn.Module, context: Tensor) -> Tensor:
    return module(PLModuleInput(past_target=context.unsqueeze(-1))).prediction[..., 0, 0]
