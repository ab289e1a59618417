"""Running text in batches: every token is asked for once, from the one before it, and what is carried is one scan."""

from __future__ import annotations

from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unspool.evaluation.predict import predict
from unspool.models.spec import Carried, SoftmaxHead
from unspool.tasks.generate import Generate, GenerateSpec
from unspool.tasks.running import SCANNED_TOKENS, Judged, Running, Trained

from .language import BEFORE, network_of, prepared_of, running


def asked(examples, epoch: int = 0):
    """(position, token, the one before it, its record) of every answer that counts, in the order of batches and rows."""
    found = []
    for cut in examples.plan(epoch):
        batch = examples.batch(cut)
        assert batch.asked.tolist() == [list(range(batch.codes.shape[1]))] * cut.rows
        assert batch.lengths.tolist() == (cut.stop - cut.start).tolist()
        for row, step in np.argwhere(batch.weights > 0).tolist():
            found.append((int(cut.start[row]) + step, int(batch.truth[row, step]), int(batch.codes[row, step, 0]), int(batch.source[row, step])))
    return found


texts = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@given(texts, st.integers(1, 7), st.integers(1, 40), st.integers(0, 3))
def test_training_asks_for_every_token_once_in_every_epoch(lengths, streams, truncate, epoch):
    text = running(lengths)
    examples = Trained(text, streams, truncate, seed=3)
    found = sorted(asked(examples, epoch))
    codes = np.concatenate([record.codes[:, 0] for record in prepared_of(lengths)]).tolist()
    before = [int(BEFORE[0]), *codes[:-1]]
    records = np.repeat(np.arange(len(lengths)), lengths).tolist()
    assert found == list(zip(range(len(codes)), codes, before, records, strict=True))


@given(texts, st.integers(1, 7), st.integers(1, 40))
def test_every_epoch_has_as_many_batches_and_goes_on_row_by_row(lengths, streams, truncate):
    examples = Trained(running(lengths), streams, truncate, seed=3)
    plans = [examples.plan(epoch) for epoch in range(3)]
    assert len({len(plan) for plan in plans}) == 1
    for plan in plans:
        assert not plan[0].carry.any()
        for before, after in pairwise(plan):
            assert after.carry.all()
            assert after.start.tolist() == before.stop.tolist()
            assert (after.stop - after.start).max() >= 1
        for cut in plan:
            assert cut.pace == pytest.approx(cut.steps / cut.rows / truncate)


def test_a_plan_is_a_pure_function_of_seed_and_epoch():
    def plan(seed, epoch):
        return [(cut.start.tolist(), cut.stop.tolist(), cut.pace) for cut in Trained(running([5000]), 4, 30, seed).plan(epoch)]

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)


def test_lengths_are_drawn_as_in_awd_lstm():
    lengths = np.concatenate([Trained(running([100_000]), 1, 70, 0)._lengths(100_000, epoch) for epoch in range(20)])
    long = lengths[lengths > 52]
    assert 0.9 < len(long) / len(lengths) < 0.99
    assert abs(long.mean() - 70) < 1 and 4 < long.std() < 6
    assert abs(lengths[lengths <= 52].mean() - 35) < 2


@given(texts, st.integers(1, 6), st.integers(0, 30))
def test_side_by_side_every_token_is_judged_once_after_a_warm_up(lengths, rows, warmup):
    text = running(lengths)
    examples = Judged.side_by_side(text, rows, warmup)
    assert sorted(asked(examples)) == sorted(asked(Judged.in_one_scan(text)))
    assert all(examples.begins[row] == max(0, examples.firsts[row] - warmup) for row in range(len(examples.begins)))


@given(texts)
def test_apart_every_text_begins_after_the_end_of_a_line(lengths):
    examples = Judged.apart(running(lengths, joined=False), rows=2)
    found = sorted(asked(examples))
    codes = [record.codes[:, 0].tolist() for record in prepared_of(lengths)]
    assert [token for _, token, _, _ in found] == list(chain(*codes))
    assert [before for _, _, before, _ in found] == list(chain(*([int(BEFORE[0]), *one[:-1]] for one in codes)))


def test_long_texts_are_scanned_in_pieces(monkeypatch):
    text = running([2 * SCANNED_TOKENS + 5])
    plan = Judged.in_one_scan(text).plan(0)
    assert [cut.steps for cut in plan] == [SCANNED_TOKENS, SCANNED_TOKENS, 5]
    assert [cut.carry.tolist() for cut in plan] == [[False], [True], [True]]


def task_of(truncate: int = 9, streams: int = 3) -> Generate:
    return Generate(GenerateSpec(), Carried(truncate=truncate, streams=streams), SoftmaxHead(), seed=0)


def foreseen(network, examples):
    cuts, batches, raw = predict(network, examples, torch.device("cpu"))
    places = np.concatenate([(cut.start[:, None] + batch.asked)[batch.weights > 0] for cut, batch in zip(cuts, batches, strict=True)])
    found = np.concatenate([one[batch.weights > 0] for one, batch in zip(raw, batches, strict=True)])
    return found[np.argsort(places)]


def test_a_carried_state_is_one_long_scan(monkeypatch):
    """In judging as in training, without dropout: whatever the cuts, each token is foreseen from all before it."""
    network, prepared = network_of().eval(), prepared_of([80, 3, 120])
    text = Running.of(prepared, np.arange(3), joined=True)
    raw, _ = network.scan(torch.zeros(1, len(text.truth), 0), torch.from_numpy(text.inputs)[None])
    whole = network.head(raw)[0].log_softmax(-1)[torch.arange(len(text.truth)), torch.from_numpy(text.truth)].detach().numpy()
    monkeypatch.setattr("unspool.tasks.running.SCANNED_TOKENS", 17)
    spans = np.array([[index, 0, -1] for index in range(3)])
    np.testing.assert_allclose(foreseen(network, task_of().examples(prepared, spans, "test")), whole, atol=1e-5)
    np.testing.assert_allclose(foreseen(network, Trained(text, 1, 9, 0)), whole, atol=1e-5)
    np.testing.assert_allclose(foreseen(network, Judged.side_by_side(text, 4, 200)), whole, atol=1e-5)


def test_the_parts_are_read_as_they_are_asked_for():
    task, prepared = task_of(), prepared_of([40, 50, 60])
    train, test = np.array([[0, 0, -1], [2, 0, -1]]), np.array([[1, 0, -1]])
    assert isinstance(task.examples(prepared, train, "train"), Trained)
    assert {source for *_, source in asked(task.examples(prepared, train, "train"))} == {0, 2}
    assert {source for *_, source in asked(task.examples(prepared, test, "test"))} == {1}
    assert len(asked(task.watched(prepared, test))) == 50
