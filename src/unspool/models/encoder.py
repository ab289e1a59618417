"""A transformer that others have trained, and that is not learnt further: every word of a text gets a vector that knows its context.

The one file that imports transformers and tokenizers. Models are read from a local folder alone: plain JSON and safetensors, no code, no network.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unspool.data.contextual import ContextualFacts
from unspool.data.sources.foreign import guarded
from unspool.data.spec import WINDOW, Contextual
from unspool.errors import DataError, MissingExtra
from unspool.models.subwords import Places, Singles, Window, owned, pooled, windows

FORM, TOKENIZER, WEIGHTS, INDEX = "config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json"
PIECE = 1 << 20
LARGEST_JSON = 256 << 20
_SURROGATES = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors")
_REMEDY = "give a folder that transformers' save_pretrained wrote for the encoder and for its tokenizer"


@dataclass(frozen=True, slots=True)
class Passage:
    """A text, and (T, 2) where in it its words begin and end, ascending."""

    text: str
    words: Places


@dataclass(frozen=True, slots=True)
class _Read:
    """The sub-words of a text: their numbers (P,), their places (P, 2), and the windows in which they are read."""

    numbers: Sequence[int]
    offsets: Places
    windows: Sequence[Window]


class Encoder:
    """The frozen encoder of `data.contextual`.

    before, after  the marks that stand at the ends of every window
    facts          what tells this encoder, used in this way, from any other
    """

    def __init__(self, model: Any, tokenizer: Any, facts: ContextualFacts):
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.facts = facts
        self.before, self.after = _marks(tokenizer)

    @classmethod
    def open(cls, spec: Contextual) -> Encoder:
        """The encoder in the folder `spec.path`. Raises MissingExtra, and DataError for whatever is wrong with the folder or asked of it."""
        folder = Path(spec.path)
        files = _files(folder)
        transformers, tokenizers = _libraries()
        sha256 = _digest([folder / FORM, folder / TOKENIZER, *files])
        with _quiet(transformers), guarded(str(folder), _REMEDY), torch.random.fork_rng(devices=[]):
            model, missing = _model(transformers, folder)
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
        if missing:
            raise DataError(f"{folder}: the weights lack {', '.join(missing[:3])}, which {FORM} asks for; {_REMEDY}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        _refuse_strangers(folder, model, tokenizer)
        depth, window = model.config.num_hidden_layers, _window(folder, spec, model)
        layers = tuple(_layer(folder, layer, depth) for layer in spec.layers)
        facts = ContextualFacts(width=model.config.hidden_size, layers=layers, pooling=spec.pooling, window=window, sha256=sha256)
        encoder = cls(model, tokenizer, facts)
        if encoder.room < 1:
            raise DataError(f"{folder}: a window of {window} sub-words holds nothing but the marks at its ends; widen data.contextual.window")
        return encoder

    @property
    def room(self) -> int:
        """Sub-words of the text itself in a window."""
        return self.facts.window - len(self.before) - len(self.after)

    @property
    def parameters(self) -> int:
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def _filler(self) -> int:
        """The number that stands where a shorter window is padded; it is masked."""
        return int(getattr(self.model.config, "pad_token_id", None) or 0)

    def counts(self, passage: Passage) -> tuple[NDArray[np.int64], int]:
        """(T,) how many sub-words every word has, and in how many windows the text is read."""
        read = self._read(passage.text)
        return np.bincount(owned(read.offsets, passage.words)[1], minlength=len(passage.words)), len(read.windows)

    def encode(self, passages: Sequence[Passage], batch: int, device: torch.device) -> list[Singles]:
        """A vector (W,) for every word of every text, (T, W) each; zeros for a word of which the tokenizer leaves nothing.

        batch  windows that are read side by side
        """
        read = [self._read(passage.text) for passage in passages]
        states = [np.zeros((len(one.numbers), self.facts.width), np.float32) for one in read]
        jobs = [(index, window) for index, one in enumerate(read) for window in one.windows if window.stop > window.start]
        jobs.sort(key=lambda job: job[1].stop - job[1].start)  # less of a batch is padding
        self.model.to(device)
        for begin in range(0, len(jobs), batch):
            chunk = jobs[begin : begin + batch]
            found = self._hidden([read[index].numbers[window.start : window.stop] for index, window in chunk], device)
            for row, (index, window) in zip(found, chunk, strict=True):
                states[index][window.first : window.last] = row[window.first - window.start : window.last - window.start]
        told = zip(states, read, passages, strict=True)
        return [pooled(vectors, one.offsets, passage.words, self.facts.pooling) for vectors, one, passage in told]

    def _read(self, text: str) -> _Read:
        # A lone surrogate is no character for the tokenizer; what stands for it keeps all places as they are.
        found = self.tokenizer.encode(_SURROGATES.sub("\ufffd", text), add_special_tokens=False)
        return _Read(found.ids, np.array(found.offsets, np.int64).reshape(-1, 2), windows(len(found.ids), self.room))

    def _hidden(self, rows: Sequence[Sequence[int]], device: torch.device) -> list[Singles]:
        """Hidden states (P, W) of the sub-words of each row, without those of the marks."""
        lengths = [len(self.before) + len(row) + len(self.after) for row in rows]
        numbers = torch.full((len(rows), max(lengths)), self._filler)
        for index, row in enumerate(rows):
            numbers[index, : lengths[index]] = torch.tensor([*self.before, *row, *self.after])
        mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        with torch.inference_mode():
            states = self.model(input_ids=numbers.to(device), attention_mask=mask.to(device), output_hidden_states=True).hidden_states
            mean = torch.stack([states[layer].float() for layer in self.facts.layers]).mean(0).cpu().numpy()
        first = len(self.before)
        kept = [mean[index, first : first + len(row)] for index, row in enumerate(rows)]
        if not all(np.isfinite(one).all() for one in kept):
            raise DataError("data.contextual: the encoder answers with something that is no finite number; use another layer, or another encoder")
        return kept


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tokenizers
            import transformers
    except ImportError:
        raise MissingExtra("data.contextual: needs transformers, which is not installed; pip install unspool[contextual]") from None
    return transformers, tokenizers


@contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """Nothing is written to the terminal, neither what transformers logs nor its bars."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _files(folder: Path) -> list[Path]:
    """The files of weights; DataError where the folder is not that of an encoder in safetensors."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; data.contextual.path is the local folder of an encoder, for nothing is downloaded")
    for name in (FORM, TOKENIZER):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: has no {name}; {_REMEDY}")
        if (folder / name).stat().st_size > LARGEST_JSON:
            raise DataError(f"{folder / name}: is larger than {LARGEST_JSON:,} bytes, which no such file is; copy the whole folder anew")
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        raise DataError(
            f"{folder}: has no {WEIGHTS}, and weights in other forms are not read, for they may run code; "
            "write it with transformers: save_pretrained(folder, safe_serialization=True)"
        )
    try:
        names = sorted(set(json.loads((folder / INDEX).read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        names = []
    if not names or not all(isinstance(name, str) and _NAME.fullmatch(name) and (folder / name).is_file() for name in names):
        raise DataError(f"{folder / INDEX}: does not name files of weights in this folder; copy the whole folder anew")
    return [folder / name for name in names]


def _digest(files: Sequence[Path]) -> str:
    sha = hashlib.sha256()
    for path in files:
        own = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    own.update(piece)
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the path and who may read it") from None
        sha.update(own.digest())
    return sha.hexdigest()


def _model(transformers: ModuleType, folder: Path) -> tuple[Any, list[str]]:
    """The model, and the names of weights that its files lack; those of a pooler, which is not used, may be missing."""
    local = {"local_files_only": True, "trust_remote_code": False}
    config = transformers.AutoConfig.from_pretrained(str(folder), **local)
    if config.is_encoder_decoder:
        raise DataError(f"{folder}: is an encoder with a decoder, wanted an encoder alone, such as BERT; give another folder")

    def load(attention: str) -> tuple[Any, dict[str, Any]]:
        return transformers.AutoModel.from_pretrained(
            str(folder), config=config, use_safetensors=True, dtype=torch.float32, attn_implementation=attention, output_loading_info=True, **local
        )

    try:
        model, loading = load("sdpa")
    except ValueError:  # a model that torch's own attention cannot serve
        model, loading = load("eager")
    return model, sorted(name for name in loading["missing_keys"] if "pooler" not in name)


def _marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The numbers that the tokenizer puts before and after a text."""
    marked, plain = tokenizer.encode("a"), tokenizer.encode("a", add_special_tokens=False)
    own = [place for place, mark in enumerate(marked.special_tokens_mask) if not mark] or [len(marked.ids) // 2]
    return marked.ids[: own[0]], marked.ids[own[0] + len(plain.ids) :]


def _refuse_strangers(folder: Path, model: Any, tokenizer: Any) -> None:
    """DataError where the tokenizer has sub-words that the encoder does not."""
    most, known = tokenizer.get_vocab_size(with_added_tokens=True), model.get_input_embeddings().num_embeddings
    if most > known:
        raise DataError(f"{folder}: the tokenizer has {most:,} sub-words, and the encoder knows {known:,}; give the tokenizer of its training")


def _window(folder: Path, spec: Contextual, model: Any) -> int:
    """Sub-words in a window: as asked, else as many as the encoder has places for, within reason: what is computed grows with their square."""
    most = getattr(model.config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return spec.window or WINDOW
    for name, module in model.named_modules():
        # RoBERTa and its kin number places from behind that of the padding.
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            most = module.num_embeddings - module.padding_idx - 1
    if spec.window is not None and spec.window > most:
        raise DataError(f"{folder}: data.contextual.window is {spec.window}, and this encoder reads at most {most} sub-words at once; lower it")
    return spec.window or min(most, WINDOW)


def _layer(folder: Path, layer: int, depth: int) -> int:
    """A layer's number, counted from 0."""
    if not -depth - 1 <= layer <= depth:
        raise DataError(f"{folder}: has hidden layers 0 to {depth}, and data.contextual.layers names {layer}; name one of these, or -1 for the last")
    return layer % (depth + 1)
