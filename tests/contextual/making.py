"""Tiny encoders, made of a seed, and the texts that they read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from unspool.data.spec import Contextual
from unspool.data.vocab import tokenize
from unspool.models.encoder import Encoder, Passage

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WHOLE = ["went", "to", "in", "fine", "lovely", "great", "awful", "dull", "poor", "film", "play", "##ing", "##ed", "日", "本"]
VOCABULARY = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WHOLE, *".,!?'-"]


def write_encoder(folder: Path, places: int = 64, width: int = 16, seed: int = 0) -> Path:
    """A folder with a BERT of two layers, its weights drawn, and a WordPiece tokenizer."""
    transformers = pytest.importorskip("transformers")
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=width, num_hidden_layers=2, num_attention_heads=2, intermediate_size=2 * width,
        max_position_embeddings=places, initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformers.BertModel(config).save_pretrained(folder)
    return folder


def write_tokenizer(folder: Path, extra: tuple[str, ...] = ()) -> None:
    """As published ones do, it asks for texts to be cut and padded, which must not happen."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {piece: number for number, piece in enumerate([*VOCABULARY, *extra])}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    made.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    made.enable_truncation(8)
    made.enable_padding(length=8)
    made.save(str(folder / "tokenizer.json"))


def opened(folder: Path, **choices: object) -> Encoder:
    return Encoder.open(Contextual(path=str(folder), **choices))


def passage(text: str) -> Passage:
    """A text, cut into words as Unspool cuts it."""
    return Passage(text, tokenize(text, "words", lowercase=True)[1])


def encoded(encoder: Encoder, *texts: str, batch: int = 32) -> list[np.ndarray]:
    return encoder.encode([passage(text) for text in texts], batch, torch.device("cpu"))
