"""What a classification with any number of labels is trained on and judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.errors import DataError
from unspool.models.spec import Carried, CategoricalHead, MultilabelHead
from unspool.tasks.classify import Classify, ClassifySpec
from unspool.types import LabelSets, Record

from .making import prepared_of

SETS = [[1, 0, 1], [0, 0, 0], [-1, -1, -1], [0, 1, 0], [1, 1, 1]]
PREPARATION = Preparation(labels=("a", "b", "c"), several=True)
SPANS = np.array([[index, 0, -1] for index in range(len(SETS))])
RECORDS = [Record(f"r{index}", f"f:{index}") for index in range(len(SETS))]


def task(metric="auto", **choices):
    return Classify(ClassifySpec(metric=metric), Carried(), MultilabelHead(**choices), 2, True, seed=0)


def prepared():
    return [replace(prepared_of(steps, steps, targets=0), labels=np.array(labels)) for steps, labels in zip((4, 7, 2, 5, 3), SETS, strict=True)]


def facts(thresholds=(0.5, 0.5, 0.5)):
    return Facts(task=ClassifyFacts(counts=(2, 2, 2), thresholds=thresholds), preparation=PREPARATION, memory=MemoryFacts(kind="carried"))


def test_batches_hold_the_labels_of_their_records_and_count_those_that_are_known():
    examples = task().examples(prepared(), SPANS, "train")
    for cut in examples.plan(0):
        batch = examples.batch(cut)
        assert batch.truth.shape == (cut.rows, 1, 3) and batch.truth.dtype == np.int64
        for row, index in enumerate(cut.record.tolist()):
            assert batch.truth[row, 0].tolist() == SETS[index]
            assert batch.weights[row, 0] == (index != 2)


def test_facts_count_each_label_and_hold_the_threshold_of_the_spec():
    learnt = task(threshold=0.3).facts(PREPARATION, RECORDS, prepared(), SPANS[[0, 1, 3, 4]])
    assert learnt == ClassifyFacts(counts=(2, 2, 2), thresholds=(0.3, 0.3, 0.3))


@pytest.mark.parametrize("several", [True, False])
def test_records_of_another_kind_than_the_head_are_an_error_that_says_what_to_change(several):
    head = CategoricalHead() if several else MultilabelHead()
    other = Classify(ClassifySpec(), Carried(), head, 2, True, seed=0)
    with pytest.raises(DataError, match="f:0: .*use multilabel" if several else "f:0: .*set label_separator"):
        other.facts(PREPARATION.model_copy(update={"several": several}), RECORDS, prepared(), SPANS)


def test_predictions_stand_in_the_order_of_the_records_with_their_truth():
    made = task()
    examples = made.examples(prepared(), SPANS, "test")
    cuts = examples.plan(0)
    raw = [np.stack([np.full((1, 3), index, np.float32) for index in cut.record]) for cut in cuts]
    found = made.predictions(facts((0.1, 0.2, 0.3)), RECORDS, cuts, [examples.batch(cut) for cut in cuts], raw)
    assert isinstance(found, LabelSets)
    assert found.names == tuple(record.name for record in RECORDS) and found.thresholds == (0.1, 0.2, 0.3)
    np.testing.assert_array_equal(found.truth, SETS)
    np.testing.assert_allclose(found.probabilities, np.repeat(1 / (1 + np.exp(-np.arange(5.0)))[:, None], 3, axis=1), rtol=1e-6)


@pytest.mark.parametrize("metric, name, better", [("auto", "f1_micro", 0.9), ("hamming_loss", "hamming_loss", 0.1), ("log_loss", "log_loss", 0.1)])
def test_the_deciding_metric_knows_its_direction(metric, name, better):
    decision = task(metric).decides(facts())
    assert decision.metric == name
    assert decision.better(better, 0.5) and not decision.better(0.5, 0.5)
