"""A text that is read in windows: each is a row with the text's class, and the text has one answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unspool.answers.windows import pooled
from unspool.data.facts import ClassifyFacts, Facts, MemoryFacts
from unspool.data.preparation import Preparation
from unspool.data.spec import SlidingWindows
from unspool.data.tokens import TokenFacts
from unspool.data.vocab import Vocabulary
from unspool.models.spec import Carried, CategoricalHead, MultilabelHead
from unspool.tasks.classify import Classify, ClassifySpec
from unspool.tasks.records import inputs
from unspool.types import Record

LENGTHS = (3, 9, 1, 4, 7)
WINDOWS = SlidingWindows(size=4, step=3)
TOKENS = TokenFacts(vocabulary=Vocabulary(units=tuple("abcdefghi")), windows=WINDOWS)
RECORDS = tuple(
    Record(name=f"r{index}", where=f"t:{index}", text=" ".join("abcdefghi"[:length]), label="xy"[index % 2]) for index, length in enumerate(LENGTHS)
)
PREPARATION = Preparation(tokens=TOKENS, labels=("x", "y"))
PREPARED = [PREPARATION.prepare(record) for record in RECORDS]
SPANS = np.array([[index, 0, -1] for index in (0, 1, 3, 4)])
TASK = Classify(ClassifySpec(), Carried(), CategoricalHead(), 2, True, 0)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_every_window_is_a_row_once_in_every_epoch(part):
    examples = TASK.examples(PREPARED, SPANS, part)
    for epoch in range(3):
        cuts = examples.plan(epoch)
        assert all(cut.rows <= 2 for cut in cuts)
        rows = sorted((record, start, stop) for cut in cuts for record, start, stop in zip(cut.record, cut.start, cut.stop, strict=True))
        assert rows == sorted((index, *window) for index in (0, 1, 3, 4) for window in TOKENS.spans(LENGTHS[index]).tolist())
        for cut in cuts:
            batch = examples.batch(cut)
            assert batch.truth[:, 0].tolist() == [index % 2 for index in cut.record.tolist()]
            for row in range(cut.rows):
                codes = batch.codes[row, : batch.lengths[row], 0].tolist()
                assert codes == list(range(cut.start[row] + 1, cut.stop[row] + 1))
            assert batch.lengths.tolist() == (batch.asked[:, 0] + 1).tolist() == inputs(PREPARED, cut)[2].tolist()


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_text_has_one_answer_of_all_its_windows(pool):
    tokens = TOKENS.model_copy(update={"windows": WINDOWS.model_copy(update={"pool": pool})})
    preparation = PREPARATION.model_copy(update={"tokens": tokens})
    facts = Facts(task=ClassifyFacts(counts=(2, 2)), preparation=preparation, memory=MemoryFacts(kind="carried"), live=False)
    examples = TASK.examples(PREPARED, SPANS, "test")
    cuts = examples.plan(0)
    batches = [examples.batch(cut) for cut in cuts]
    draw = np.random.default_rng(0)
    raw = [draw.standard_normal((cut.rows, 1, 2)).astype(np.float32) for cut in cuts]
    found = TASK.predictions(facts, RECORDS, cuts, batches, raw)
    assert found.names == ("r0", "r1", "r3", "r4") and found.truth.tolist() == [0, 1, 1, 0]
    logits, where = np.concatenate(raw)[:, 0].astype(np.float64), np.concatenate([cut.record for cut in cuts])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, pooled(where, shares, pool, one_class=True))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_the_greatest_probabilities_of_several_labels_stay_as_they_are():
    tokens = TOKENS.model_copy(update={"windows": WINDOWS.model_copy(update={"pool": "max"})})
    preparation = Preparation(tokens=tokens, labels=("x", "y"), several=True)
    task = Classify(ClassifySpec(), Carried(), MultilabelHead(), 2, True, 0)
    records = tuple(replace(record, label=None, labels=(record.label, "x")) for record in RECORDS)
    examples = task.examples([preparation.prepare(record) for record in records], SPANS, "test")
    facts = Facts(task=ClassifyFacts(counts=(4, 2), thresholds=(0.5, 0.5)), preparation=preparation, memory=MemoryFacts(kind="carried"), live=False)
    cuts = examples.plan(0)
    raw = [np.full((cut.rows, 1, 2), 2.0, np.float32) for cut in cuts]
    found = task.predictions(facts, records, cuts, [examples.batch(cut) for cut in cuts], raw)
    np.testing.assert_allclose(found.probabilities, 1 / (1 + np.exp(-2.0)))
    assert found.truth.tolist() == [[1, 0], [1, 1], [1, 1], [1, 0]] and found.names == ("r0", "r1", "r3", "r4")
