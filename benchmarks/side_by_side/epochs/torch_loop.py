"""The same networks the usual way: torch.nn layers, a DataLoader, packed sequences, a loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

from side_by_side.contenders.torch_nn import use_threads
from side_by_side.epochs.problem import BATCH, Settings, load, rate_factor, rows
from side_by_side.epochs.turns import Turns

Item = tuple[Tensor, int]


class Records(Dataset[Item]):
    def __init__(self, arrays: dict[str, np.ndarray], part: str, what: str):
        lengths = arrays[f"{part}_lengths"]
        self.x = [torch.from_numpy(row) for row in rows(arrays[f"{part}_{what}"], lengths)]
        self.labels = arrays[f"{part}_labels"].tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Item:
        return self.x[index], self.labels[index]


def collate(items: list[Item]) -> tuple[Tensor, Tensor, Tensor]:
    """Padded rows, their lengths and labels."""
    x, labels = zip(*items, strict=True)
    return pad_sequence(x, batch_first=True), torch.tensor([len(row) for row in x]), torch.tensor(labels)


class Heartbeat(nn.Module):
    """ecg5000: a convolution that reads four samples at a time, a GRU, its last state."""

    def __init__(self, settings: Settings):
        super().__init__()
        self.front = nn.Conv1d(1, 32, kernel_size=8, stride=4)
        self.norm = nn.LayerNorm(32)
        self.between = nn.Dropout(0.1)
        self.recurrent = nn.GRU(32, 64, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.answer = nn.Linear(64, settings.classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # (B, T, 1) -> (B, K)
        past = nn.functional.pad(x.transpose(1, 2), (4, 0))
        y = self.between(torch.relu(self.norm(self.front(past).transpose(1, 2))))
        _, last = self.recurrent(y)
        return self.answer(self.dropout(last[0]))


class Review(nn.Module):
    """rotten_tomatoes: words as vectors, a GRU from both ends, attention over its states (Yang et al. 2016)."""

    def __init__(self, settings: Settings):
        super().__init__()
        self.embedding = nn.Embedding(settings.vocabulary, 128)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.dropout = nn.Dropout(0.5)
        self.recurrent = nn.GRU(128, 32, bidirectional=True, batch_first=True)
        self.key = nn.Linear(64, 64)
        self.score = nn.Linear(64, 1, bias=False)
        self.answer = nn.Linear(64, settings.classes)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # (B, T, 1) -> (B, K)
        codes = x[..., 0]
        if self.training:
            codes = codes.masked_fill(torch.rand(codes.shape) < 0.2, 0)
        packed = pack_padded_sequence(self.dropout(self.embedding(codes)), lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        score = 20 * torch.tanh(self.score(torch.tanh(self.key(states))) / 20)
        beyond = torch.arange(states.shape[1]) >= lengths[:, None]
        weight = torch.softmax(score.masked_fill(beyond.unsqueeze(-1), -torch.inf), dim=1)
        return self.answer(self.dropout((weight * states).sum(1)))


NETWORKS = {"ecg5000": (Heartbeat, "values"), "rotten_tomatoes": (Review, "codes")}


def train(task: str, folder: Path, turns: Turns, name: str, epochs: int, seed: int) -> None:
    use_threads()
    settings, arrays = load(task, folder)
    torch.manual_seed(seed)
    build, what = NETWORKS[task]
    network = build(settings)
    loader = DataLoader(Records(arrays, "train", what), batch_size=BATCH, shuffle=True, collate_fn=collate)
    validation = DataLoader(Records(arrays, "validation", what), batch_size=256, collate_fn=collate)
    optimizer = torch.optim.AdamW(network.parameters(), settings.rate, weight_decay=settings.decay)
    total, warmup = len(loader) * epochs, round(settings.warmup * len(loader))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, total, warmup))
    for _ in range(epochs):
        turns.begin()
        network.train()
        for x, lengths, labels in loader:
            loss = nn.functional.cross_entropy(network(x, lengths), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimizer.step()
            scheduler.step()
        turns.trained()
        turns.end(lambda: judged(network, validation))


def judged(network: nn.Module, validation: DataLoader[Item]) -> float:
    """The mean cross-entropy."""
    network.eval()
    with torch.inference_mode():
        losses = [nn.functional.cross_entropy(network(x, lengths), labels, reduction="sum") for x, lengths, labels in validation]
    return float(sum(losses)) / len(validation.dataset)  # type: ignore[arg-type]
