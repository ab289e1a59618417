"""Vectors of n-grams: what they are of, and that they are remembered, whatever the pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unspool.data.marks import BEGINS
from unspool.export.trace import trace
from unspool.layers import POOLS, flatten_state
from unspool.models.embed import Embed
from unspool.models.heads import Categorical
from unspool.models.levels import MarkedEmbed
from unspool.models.ngrams import MULTIPLIER, NGramTable
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, CategoricalHead, LearnedEmbedding, NGrams
from unspool.streaming import Executor, Interpreter

SIZE, MOST = 300, NGrams.model_json_schema()["properties"]["buckets"]["maximum"]


def table_of(longest: int = 4, buckets: int = 97, width: int = 3) -> NGramTable:
    torch.manual_seed(0)
    return NGramTable(NGrams(longest=longest, buckets=buckets), width).double()


def drawn(batch: int, steps: int, size: int = SIZE, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, size, (batch, steps, 1)))


def by_hand(table: NGramTable, codes: list[int], longest: int) -> torch.Tensor:
    """The sum at the last of some codes: each n-gram's hash is a polynomial of its codes, the first of them by whole numbers of any size."""
    found = torch.zeros(table.width, dtype=torch.float64)
    for order in range(2, longest + 1):
        gram = ([0] * order + codes)[-order:]
        offset = sum(MULTIPLIER ** (order - length) * length for length in range(2, min(order, len(codes)) + 1) if order - length < len(codes))
        number = sum(code * MULTIPLIER ** (order - 1 - place) for place, code in enumerate(gram))
        found += table.table.weight[(number + offset) % table.buckets]
    return found


@given(longest=st.integers(2, 7), buckets=st.sampled_from([2, 3, 97, 4096, 32_749, MOST]), seed=st.integers(0, 2**20))
def test_a_vector_is_that_of_the_polynomial_of_its_codes(longest, buckets, seed):
    table, codes = table_of(longest, buckets), drawn(1, 12, 200_000, seed)
    read, _ = table.scan(codes)
    last = codes[0, :, 0].tolist()
    for step in range(longest - 1, 12):
        torch.testing.assert_close(read[0, step], by_hand(table, last[: step + 1], longest))


def test_the_same_n_grams_have_the_same_vector_wherever_they_stand_and_others_another():
    table = table_of(3, 32_749)
    codes = torch.tensor([[[5], [6], [7], [1], [5], [6], [7]], [[9], [9], [9], [5], [6], [7], [7]]])
    read, _ = table.scan(codes)
    torch.testing.assert_close(read[0, 2], read[0, 6])
    torch.testing.assert_close(read[0, 2], read[1, 5])
    assert not torch.allclose(read[0, 2], read[1, 6])
    assert not torch.allclose(read[0, 5], read[1, 3])


@pytest.mark.parametrize("cut", [0, 1, 3, 9])
def test_pieces_and_steps_are_the_whole(cut):
    table, codes = table_of(), drawn(4, 9)
    whole, after = table.scan(codes)
    first, between = table.scan(codes[:, :cut])
    second, end = table.scan(codes[:, cut:], between)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=0, atol=0)
    state = table.initial_state(4)
    for step in range(9):
        read, state = table.step(codes[:, step], state)
        torch.testing.assert_close(read, whole[:, step])
    for got in (end, state):
        assert torch.equal(got["hashes"], after["hashes"])


def test_padding_is_inert():
    table, codes, lengths = table_of(), drawn(3, 6), torch.tensor([6, 2, 0])
    _, before = table.scan(drawn(3, 4, seed=2))
    padded = codes.masked_fill(torch.arange(6)[None, :, None] >= lengths[:, None, None], 77)
    _, after = table.scan(padded, before, lengths)
    for row, length in enumerate(lengths.tolist()):
        _, alone = table.scan(codes[row : row + 1, :length], {"hashes": before["hashes"][row : row + 1]})
        assert torch.equal(after["hashes"][row : row + 1], alone["hashes"])


def test_the_gradient_is_that_of_the_function():
    table, codes = table_of(width=2), drawn(2, 5, 4)
    weight = table.table.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: torch.func.functional_call(table, {"table.weight": w}, (codes,))[0], weight)


def network_of(longest: int, buckets: int, stride: int = 1) -> SequenceModel:
    torch.manual_seed(1)
    embed = Embed(LearnedEmbedding(width=3, ngrams=NGrams(longest=longest, buckets=buckets)), 0, (SIZE,))
    front = [{"channels": 4, "kernel": stride, "stride": stride}] if stride > 1 else []
    backbone = build_backbone(Backbone.model_validate({"cell": {"kind": "gru", "hidden": 4}, "front": front}), embed.width)
    network = SequenceModel(embed, backbone, POOLS["last"](4), Categorical(CategoricalHead(), 4, [1, 1])).train(False)
    with torch.no_grad():
        network.embed.ngrams.table.weight.mul_(50)  # wrong ones would be seen
    return network


@pytest.mark.parametrize(("longest", "buckets", "stride"), [(2, 5, 1), (6, 32_749, 1), (5, MOST, 1), (4, 101, 2)])
def test_the_step_program_remembers_as_the_network_does(longest, buckets, stride):
    network, codes = network_of(longest, buckets, stride), drawn(3, 12)
    program = trace(network, None, 0, 0, 1)
    interpreter, executor, held = Interpreter(program), Executor(program, 3), program.initial_state(3)
    whole = network.head(network.scan(torch.zeros(3, 12, 0), codes)[0]).detach()
    for step in range(12 // stride):
        read = codes[:, step] if stride == 1 else codes[:, step * stride : (step + 1) * stride]
        raw, held = interpreter.run({"codes": read.numpy()}, held)
        for got in (raw, executor.step(codes=read.numpy())):
            torch.testing.assert_close(torch.from_numpy(np.array(got)), whole[:, step], rtol=1e-4, atol=1e-5)
    _, state = network.scan(torch.zeros(3, 12, 0), codes)
    name = "embed.ngrams.hashes"
    assert np.array_equal(np.array(held[name]), flatten_state(state)[name].numpy())


def test_a_model_is_cut_and_carried_with_them():
    network, codes = network_of(4, 97), drawn(2, 10)
    whole, _ = network.scan(torch.zeros(2, 10, 0), codes)
    first, state = network.scan(torch.zeros(2, 4, 0), codes[:, :4])
    second, _ = network.scan(torch.zeros(2, 6, 0), codes[:, 4:], network.carried(state, torch.ones(2, 1, dtype=torch.bool)))
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    anew, _ = network.scan(torch.zeros(2, 6, 0), codes[:, 4:], network.carried(state, torch.zeros(2, 1, dtype=torch.bool)))
    torch.testing.assert_close(anew, network.scan(torch.zeros(2, 6, 0), codes[:, 4:])[0])
    ended, _ = network.end(torch.zeros(2, 10, 0), codes)
    torch.testing.assert_close(ended, whole[:, -1])


def test_with_sentences_marked_they_are_remembered_as_without():
    torch.manual_seed(2)
    marked = MarkedEmbed(Embed(LearnedEmbedding(width=3, ngrams=NGrams(longest=3, buckets=97)), 0, (SIZE,)))
    codes = torch.cat([drawn(2, 8), drawn(2, 8, 2, seed=3)], dim=-1)
    whole, after = marked.scan(torch.zeros(2, 8, 0), codes)
    plain, _ = marked.embed.scan(torch.zeros(2, 8, 0), codes[..., :1])
    torch.testing.assert_close(whole[..., :-1], plain)
    assert torch.equal(whole[..., -1], (codes[..., -1] == BEGINS).float())
    state = marked.initial_state(2)
    for step in range(8):
        read, state = marked.step(torch.zeros(2, 0), codes[:, step], state)
        torch.testing.assert_close(read, whole[:, step])
    assert torch.equal(state["ngrams"]["hashes"], after["ngrams"]["hashes"])


@pytest.mark.parametrize("name", ["word_dropout", "vector_dropout"])
def test_tokens_that_training_hides_are_not_shown_by_their_n_grams(name):
    with pytest.raises(ValidationError, match=f"{name} hides tokens that ngrams would still show"):
        LearnedEmbedding.model_validate({"ngrams": {}, name: 0.1})
