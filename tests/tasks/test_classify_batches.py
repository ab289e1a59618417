"""What a classification is trained on and judged on: whole records or their last steps, in batches of like length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation

from .making import classify, prepared_of

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


def items(task, lengths, part="train"):
    prepared = [prepared_of(steps, index, targets=0, label=index % 3 - (index == 4) * 5) for index, steps in enumerate(lengths)]
    spans = np.array([[index, 0, -1] for index in range(len(lengths))])
    return prepared, task.examples(prepared, spans, part)


@given(LENGTHS, st.integers(1, 6), st.one_of(st.none(), st.integers(1, 12)), st.sampled_from(["train", "validation", "test"]), st.booleans())
def test_every_record_is_read_once_up_to_its_end(lengths, size, context, part, buckets):
    prepared, examples = items(classify(size, context, buckets), lengths, part)
    seen = []
    for cut in examples.plan(0):
        batch = examples.batch(cut)
        assert cut.rows <= size and not cut.carry.any()
        for row, index in enumerate(cut.record.tolist()):
            record, length = prepared[index], min(lengths[index], context or 99)
            assert batch.lengths[row] == length
            assert batch.asked[row].tolist() == [length - 1]
            assert batch.truth[row].tolist() == [record.label]
            np.testing.assert_array_equal(batch.values[row, :length], record.values[-length:])
            np.testing.assert_array_equal(batch.codes[row, :length], record.codes[-length:])
        assert batch.values.shape[1] == batch.lengths.max()
        seen += cut.record.tolist()
    assert sorted(seen) == list(range(len(lengths)))


def test_plans_are_pure_and_differ_between_epochs_of_training_alone():
    lengths = list(range(1, 40))
    for part in ("train", "test"):
        examples = [items(classify(), lengths, part)[1] for _ in range(2)]
        plans = [[cut.record.tolist() for cut in examples[which].plan(epoch)] for which, epoch in ((0, 1), (1, 1), (0, 2))]
        assert plans[0] == plans[1]
        assert (plans[0] == plans[2]) == (part == "test")


@pytest.mark.parametrize("buckets", [True, False])
def test_buckets_put_records_of_like_length_together(buckets):
    lengths = np.random.default_rng(0).integers(1, 200, 200).tolist()
    _, examples = items(classify(8, buckets=buckets), lengths)
    cuts = examples.plan(0)
    held = sum(cut.rows * int((cut.stop - cut.start).max()) for cut in cuts)
    assert (1 - sum(cut.steps for cut in cuts) / held < 0.2) == buckets


def test_judging_wastes_little_on_padding():
    lengths = np.random.default_rng(0).integers(1, 200, 200).tolist()
    _, examples = items(classify(8, buckets=False), lengths, "test")
    stops = [cut.stop for cut in examples.plan(0)]
    assert all((np.diff(stop) >= 0).all() for stop in stops)


FACTS = Facts(task=ClassifyFacts(counts=(1, 1)), preparation=Preparation(labels=("a", "b")), memory=MemoryFacts(kind="carried"))


def test_the_deciding_metric_knows_its_direction():
    from unspool.tasks.classify import ClassifySpec

    for metric, better in (("accuracy", 0.9), ("log_loss", 0.1)):
        decision = type(classify())(ClassifySpec(metric=metric), classify().memory, classify().head_spec, 4, True, 0).decides(FACTS)
        assert decision.better(better, 0.5)
        assert not decision.better(0.5, 0.5)
