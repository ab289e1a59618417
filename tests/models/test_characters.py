"""Laws of what reads the characters of a word: padding is inert, words do not see each other, live is the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.export.trace import trace
from unspool.layers import POOLS
from unspool.models.characters import build_characters
from unspool.models.embed import Embed
from unspool.models.heads import Categorical
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, CharacterCNN, CharacterLSTM, LearnedEmbedding
from unspool.streaming import Interpreter

SIZE = 9
READERS = {
    "lstm": CharacterLSTM(width=3, hidden=4),
    "cnn": CharacterCNN(width=3, filters=5),
    "wide cnn": CharacterCNN(width=2, filters=4, kernel=9),
    "narrow cnn": CharacterCNN(width=2, filters=4, kernel=1),
}
WORDS = st.lists(st.lists(st.integers(1, SIZE - 1), max_size=6), min_size=1, max_size=5)


def reader_of(name):
    torch.manual_seed(0)
    return build_characters(READERS[name], SIZE).double().eval()


def codes_of(words, longest):
    return torch.tensor([[*word, *[0] * (longest - len(word))] for word in words])


@pytest.mark.parametrize("name", READERS)
@given(words=WORDS, more=st.integers(0, 5))
def test_room_that_a_word_leaves_changes_nothing(name, words, more):
    reader = reader_of(name)
    torch.testing.assert_close(reader(codes_of(words, 6 + more)), reader(codes_of(words, 6)))


@pytest.mark.parametrize("name", READERS)
def test_neither_does_what_the_table_holds_for_no_character(name):
    reader, words = reader_of(name), codes_of([[1, 2], [3]], 4)
    wanted = reader(words)
    with torch.no_grad():
        reader.table.weight[0] = 1e6
    torch.testing.assert_close(reader(words), wanted)
    reader(words).sum().backward()
    assert not reader.table.weight.grad[0].any() and reader.table.weight.grad[1].any()


@pytest.mark.parametrize("name", READERS)
@given(words=WORDS)
def test_a_word_alone_is_read_as_in_a_batch(name, words):
    reader = reader_of(name)
    together = reader(codes_of(words, 6))
    assert together.shape == (len(words), reader.width)
    for word, read in zip(words, together, strict=True):
        torch.testing.assert_close(reader(codes_of([word], 6))[0], read)
    twice = reader(codes_of(words + words, 6).unflatten(0, (2, len(words))))
    torch.testing.assert_close(twice, together.expand(2, -1, -1))


@pytest.mark.parametrize("spec", [CharacterLSTM(width=3, hidden=4), CharacterCNN(width=3, filters=60)], ids=["lstm", "cnn"])
def test_words_are_told_apart_by_each_of_their_characters_and_their_order(spec):
    reader = build_characters(spec, SIZE).double()
    read = reader(codes_of([[1, 2, 3], [3, 2, 1], [1, 2, 4], [5, 2, 3], [1, 2], [], [1, 2, 3, 3]], 6))
    assert (torch.cdist(read, read) + torch.eye(len(read)) > 1e-6).all()


@pytest.mark.parametrize("name", READERS)
@given(words=WORDS)
def test_step_by_step_as_a_program_reads_it_a_word_is_the_same(name, words):
    reader, codes = reader_of(name), codes_of(words, 6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.compiler.is_exporting", lambda: True)
        unrolled = reader(codes)
    torch.testing.assert_close(unrolled, reader(codes))


@pytest.mark.parametrize("name", ["lstm", "cnn"])
def test_the_step_program_of_a_model_with_characters_is_the_model(name):
    torch.manual_seed(1)
    embed = Embed(LearnedEmbedding(width=2, characters=READERS[name]), 0, (5, *[SIZE] * 4))
    backbone = build_backbone(Backbone.model_validate({"cell": {"kind": "gru", "hidden": 3}}), embed.width)
    network = SequenceModel(embed, backbone, POOLS["last"](3), Categorical(CategoricalHead(), 3, [1, 1])).eval()
    program = Interpreter(trace(network, None, 0, 0, 5))
    words = torch.cat([torch.randint(0, 5, (7, 1)), codes_of([[1, 2, 3, 4], [], [8], [2, 2], [5, 6, 7], [1], []], 4)], dim=1)
    whole = network.head(network.scan(torch.zeros(1, 7, 0), words[None])[0])[0]
    state = program.program.initial_state(1)
    for step in range(7):
        raw, state = program.run({"codes": words[step : step + 1].numpy()}, state)
        torch.testing.assert_close(torch.from_numpy(raw[0]), whole[step].detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", READERS)
def test_gradients_are_those_of_the_function(name):
    reader, words = reader_of(name), codes_of([[1, 2, 3], [4]], 4)
    weights = [weight for weight in reader.parameters() if weight is not reader.table.weight]
    table = reader.table.weight.detach().clone().requires_grad_()

    def read(table, *_):
        return torch.func.functional_call(reader, {"table.weight": table}, (words,))

    assert torch.autograd.gradcheck(read, (table, *weights), fast_mode=True)


def test_characters_stand_beside_the_word_and_are_left_out_in_training_as_a_whole():
    embed = Embed(LearnedEmbedding(width=2, characters=CharacterCNN(width=3, filters=50, dropout=0.5)), 0, (5, *[SIZE] * 4)).train()
    codes = torch.tensor([[3, 1, 2, 0, 0]])
    out = embed(torch.zeros(1, 0), codes)
    assert embed.width == out.shape[1] == 2 + 50
    torch.testing.assert_close(out[0, :2], embed.tables[0].weight[3])
    assert 5 < int((out[0, 2:] == 0).sum()) < 45
    assert not (embed.eval()(torch.zeros(1, 0), codes)[0, 2:] == 0).any()
