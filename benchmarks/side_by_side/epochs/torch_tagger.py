"""The tagger of examples/conll2003.yaml the usual way: torch.nn layers, packed sequences, a DataLoader and pytorch-crf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

from side_by_side.contenders.torch_nn import use_threads
from side_by_side.epochs.problem import TAGGED_BATCH, Settings, load, rate_factor, rows
from side_by_side.epochs.turns import Turns
from unspool.data.schemes import spans
from unspool.metrics import span_scores

Item = tuple[Tensor, Tensor]


class Sentences(Dataset[Item]):
    """Codes (T, 1 + L) of words and their characters, tags (T,)."""

    def __init__(self, arrays: dict[str, np.ndarray], part: str):
        lengths = arrays[f"{part}_lengths"]
        self.codes = [torch.from_numpy(row) for row in rows(arrays[f"{part}_codes"], lengths)]
        self.tags = [torch.from_numpy(row) for row in rows(arrays[f"{part}_tags"], lengths)]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> Item:
        return self.codes[index], self.tags[index]


def collate(items: list[Item]) -> tuple[Tensor, Tensor, Tensor]:
    codes, tags = zip(*items, strict=True)
    return pad_sequence(codes, batch_first=True), torch.tensor([len(row) for row in codes]), pad_sequence(tags, batch_first=True)


class Tagger(nn.Module):
    """Vectors and characters of words, an LSTM from both ends, a linear chain over the tags (Lample et al. 2016)."""

    def __init__(self, settings: Settings, vectors: Tensor, characters: int):
        super().__init__()
        from torchcrf import CRF

        self.words = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.characters = nn.Embedding(characters, 25)
        self.spelling = nn.LSTM(25, 50, bidirectional=True, batch_first=True)
        self.between = nn.Dropout(0.4)
        self.recurrent = nn.LSTM(vectors.shape[1] + 100, 200, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.answer = nn.Linear(400, settings.classes)
        self.chain = CRF(settings.classes, batch_first=True)

    def emissions(self, codes: Tensor, lengths: Tensor) -> Tensor:  # (B, T, 1 + L) -> (B, T, K)
        inside = torch.arange(codes.shape[1]) < lengths[:, None]
        spelt = codes[..., 1:][inside]  # (W, L)
        packed = pack_padded_sequence(self.characters(spelt), (spelt > 0).sum(1), batch_first=True, enforce_sorted=False)
        ends = self.spelling(packed)[1][0].transpose(0, 1).flatten(1)
        read = ends.new_zeros(*inside.shape, ends.shape[1])
        read[inside] = ends
        x = self.between(torch.cat([self.words(codes[..., 0]), read], dim=-1))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return self.answer(self.dropout(states))

    def loss(self, codes: Tensor, lengths: Tensor, tags: Tensor) -> Tensor:
        inside = torch.arange(codes.shape[1]) < lengths[:, None]
        return -self.chain(self.emissions(codes, lengths), tags, mask=inside, reduction="token_mean")


def train(task: str, folder: Path, turns: Turns, name: str, epochs: int, seed: int) -> None:
    use_threads()
    torch.manual_seed(seed)
    settings, arrays = load(task, folder)
    network = Tagger(settings, torch.from_numpy(arrays["vectors"]), int(arrays["characters"]))
    parts = {part: Sentences(arrays, part) for part in ("train", "validation")}
    loaders = {part: DataLoader(parts[part], TAGGED_BATCH, shuffle=part == "train", collate_fn=collate) for part in parts}
    optimizer = torch.optim.AdamW([weight for weight in network.parameters() if weight.requires_grad], lr=settings.rate, weight_decay=settings.decay)
    steps = len(loaders["train"])
    total, warmup = steps * epochs, round(settings.warmup * steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, total, warmup))
    for _ in range(epochs):
        turns.begin()
        network.train()
        for batch in loaders["train"]:
            optimizer.zero_grad()
            loss = network.loss(*batch)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
            optimizer.step()
            scheduler.step()
        turns.trained()
        turns.end(lambda: 1 - span_f1(network, loaders["validation"], arrays["labels"].tolist()))


def span_f1(network: Tagger, loader: DataLoader[Item], labels: list[str]) -> float:
    network.eval()
    truth, found = [], []
    with torch.inference_mode():
        for codes, lengths, tags in loader:
            inside = torch.arange(codes.shape[1]) < lengths[:, None]
            for best, true in zip(network.chain.decode(network.emissions(codes, lengths), mask=inside), tags.tolist(), strict=True):
                truth.append(spans([labels[number] for number in true[: len(best)]]))
                found.append(spans([labels[number] for number in best]))
    return float(span_scores(truth, found)["f1"])
