"""The head that reads tags together: its loss is that of every sequence of tags one by one, and what it has learnt stands in the facts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.answers import tag as answers
from unspool.data.facts import Facts, MemoryFacts, TagFacts
from unspool.data.preparation import Preparation
from unspool.data.schemes import allowed
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.models.batch import TensorBatch
from unspool.models.chain import ChainHead
from unspool.models.spec import CRFHead

WIDTH = 3
LABELS = ("B-X", "E-X", "I-X", "O", "S-X")


def head_of(labels=LABELS, scheme="iobes", seed=0, **choices):
    """In float64, at rest, its chain drawn."""
    torch.manual_seed(seed)
    head = ChainHead(CRFHead(**choices), WIDTH, labels, scheme).double().eval()
    for weight in head.crf.parameters():
        torch.nn.init.normal_(weight)
    return head


def facts_of(labels=LABELS, scheme="iobes"):
    preparation = Preparation(tokens=TokenFacts(vocabulary=Vocabulary()), labels=labels, scheme=scheme)
    return Facts(task=TagFacts(counts=(1,) * len(labels)), preparation=preparation, memory=MemoryFacts(kind="carried"))


def batch_of(truth, lengths):
    """Whole sentences; what stands in the padding of the truth is none of anyone's business."""
    truth, lengths = torch.tensor(truth), torch.tensor(lengths)
    inside = torch.arange(truth.shape[1]) < lengths[:, None]
    none = torch.zeros(*truth.shape, 0)
    return TensorBatch(
        values=none, codes=none.long(), lengths=lengths, carry=torch.zeros(len(lengths), dtype=torch.bool),
        asked=torch.arange(truth.shape[1]).expand_as(truth) * inside, weights=inside.double(), truth=truth,
        future=None, known_truth=None,
    )  # fmt: skip


def log_likelihood(chain, emissions, tags):
    """Of tags, of which -1 are unknown, by the weight of every sequence that is permitted."""
    weights = {}
    for path in product(range(emissions.shape[1]), repeat=len(tags)):
        weight = chain.start[path[0]] + chain.end[path[-1]] + sum(emissions[step, tag] for step, tag in enumerate(path))
        weights[path] = weight + sum(chain.transitions[left, right] for left, right in pairwise(path))
    total = np.logaddexp.reduce(list(weights.values()))
    agreeing = [weight for path, weight in weights.items() if all(true in (-1, tag) for true, tag in zip(tags, path, strict=True))]
    return np.logaddexp.reduce(agreeing) - total


SENTENCES = [[3, 0, 1, 4], [0, 1, -1, -1], [4, -1, -1, -1]]


HALF_KNOWN = [[-1, 0, -1, 3], [0, -1, 9, 9], [4, 9, 9, 9]]


@pytest.mark.parametrize("truth", [SENTENCES, HALF_KNOWN, [[-1] * 4] * 3], ids=["known", "some unknown", "none known"])
def test_the_loss_is_the_mean_surprise_of_a_word(truth):
    head, lengths = head_of(), [4, 2, 1]
    raw = head(torch.randn(3, 4, WIDTH, dtype=torch.float64))
    chain = head.crf.chain()
    wanted = [log_likelihood(chain, raw[row, :steps].detach().numpy(), truth[row][:steps]) for row, steps in enumerate(lengths)]
    loss = head.loss(raw, batch_of(truth, lengths))
    assert loss.item() == pytest.approx(-sum(wanted) / sum(lengths), abs=1e-9)
    assert loss.item() >= 0


@given(st.integers(0, 99), st.integers(0, 3))
def test_padding_changes_neither_the_loss_nor_its_gradient(seed, more):
    head = head_of(seed=seed)
    short = torch.randn(3, 4, WIDTH, dtype=torch.float64)
    long = torch.cat([short, torch.full((3, more, WIDTH), 1e3, dtype=torch.float64)], dim=1)
    found = []
    for state in (short, long):
        head.zero_grad()
        steps = state.shape[1]
        batch = batch_of([row + [7] * (steps - 4) for row in SENTENCES], [4, 2, 1])
        loss = head.loss(head(state), batch)
        loss.backward()
        found.append((loss.detach(), [weight.grad.clone() for weight in head.parameters()]))
    torch.testing.assert_close(found[0], found[1])


def test_rows_do_not_see_each_other():
    head, lengths = head_of(), [4, 2, 1]
    raw = head(torch.randn(3, 4, WIDTH, dtype=torch.float64))
    whole = head.loss(raw, batch_of(SENTENCES, lengths)) * sum(lengths)
    alone = [head.loss(raw[row : row + 1], batch_of(SENTENCES[row : row + 1], lengths[row : row + 1])) * lengths[row] for row in range(3)]
    torch.testing.assert_close(whole, torch.stack(alone).sum())


def test_where_nothing_counts_the_loss_is_zero():
    head = head_of()
    raw = head(torch.randn(2, 3, WIDTH, dtype=torch.float64))
    batch = replace(batch_of([[3, 3, 3]] * 2, [3, 3]), weights=torch.zeros(2, 3, dtype=torch.float64))
    loss = head.loss(raw, batch)
    loss.backward()
    assert loss.item() == 0 and not any(weight.grad.any() for weight in head.parameters())


def test_gradients_pass_gradcheck():
    head, batch = head_of(), batch_of([[3, 0, 1, 4], [0, -1, 1, 9]], [4, 3])
    state = torch.randn(2, 4, WIDTH, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda state, *_: head.loss(head(state), batch), (state, *head.parameters()))


@pytest.mark.parametrize(
    ("scheme", "constrained"), [("iobes", True), ("iobes", False), ("iob2", True), (None, True)], ids=["iobes", "free", "iob2", "no scheme"]
)
def test_what_was_learnt_goes_through_json_and_reads_the_same(scheme, constrained):
    labels = ("B-X", "I-X", "O") if scheme == "iob2" else LABELS if scheme else ("DT", "NN")
    head = head_of(labels, scheme, constrained=constrained)
    facts = head.settled(facts_of(labels, scheme))
    again = Facts.model_validate_json(facts.model_dump_json())
    assert again == facts and facts_of(labels, scheme).task.chain is None
    chain, kept = head.crf.chain(), answers.chain_of(again)
    for name in ("start", "end", "transitions"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(chain, name))
        if constrained and scheme is not None:
            np.testing.assert_array_equal(np.isfinite(getattr(kept, name)), getattr(allowed(labels, scheme), name))
        else:
            assert np.isfinite(getattr(kept, name)).all()
    assert head.settled(facts) == facts


def test_what_is_read_is_what_the_loss_was_of():
    """The likeliest tags are those of least loss among all that there are."""
    head, steps = head_of(), 3
    raw = head(torch.randn(1, steps, WIDTH, dtype=torch.float64))
    facts = head.settled(facts_of())
    (reading,) = answers.read(facts, raw.detach().numpy(), np.array([steps]))
    losses = {path: head.loss(raw, batch_of([path], [steps])).item() for path in product(range(5), repeat=steps)}
    assert tuple(reading.best.tolist()) == min(losses, key=losses.get)
    sure = sum(np.exp(-loss * steps) for path, loss in losses.items() if path[0] == reading.best[0])
    assert reading.confidence[0] == pytest.approx(sure)


def test_dropout_acts_on_what_weights_are_read_from():
    head = ChainHead(CRFHead(dropout=0.5), 200, LABELS, "iobes").train()
    state = torch.ones(1, 1, 200)
    assert not torch.equal(head(state), head(state))
    assert torch.equal(head.eval()(state), head(state))
