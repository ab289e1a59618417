from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from unspool.errors import DataError
from unspool.evaluation.baselines import forecast_baselines
from unspool.evaluation.evaluate import score
from unspool.evaluation.judge import judge
from unspool.evaluation.predict import predict
from unspool.layers import LastPool
from unspool.models.embed import Embed
from unspool.models.heads import Categorical, Point
from unspool.models.sequence_model import SequenceModel, build_backbone
from unspool.models.spec import Backbone, Carried, CategoricalHead, Dropout, PointHead, Windowed
from unspool.tasks.classify import Classify, ClassifySpec
from unspool.tasks.forecast import Forecast, ForecastSpec
from unspool.types import Batch, Cut, Prepared, Record

from .making import classify_facts, forecast_facts

CPU = torch.device("cpu")


def network(head, dropout=0.3):
    torch.manual_seed(1)
    backbone = build_backbone(Backbone(layers=2, dropout=Dropout(inputs=dropout, between=dropout)), 1)
    return SequenceModel(Embed(None, 1, ()), backbone, LastPool(backbone.width), head(backbone.width))


def point_head(horizon=2, targets=1):
    return lambda width: Point(PointHead(hidden=4), width, 0, horizon, targets)


def class_head(classes=2):
    return lambda width: Categorical(CategoricalHead(), width, (1,) * classes)


@dataclass
class Chunks:
    """Rows (R, T, 1) in cuts of some steps, every step asked; the last rows of each cut may be left out."""

    values: np.ndarray
    every: int
    groups: tuple[tuple[int, ...], ...]

    def plan(self, epoch):
        assert epoch == 0
        cuts = []
        for rows in self.groups:
            for start in range(0, self.values.shape[1], self.every):
                stop = min(start + self.every, self.values.shape[1])
                shape = np.ones(len(rows), np.int64)
                cuts.append(Cut(np.array(rows), start * shape, stop * shape, np.full(len(rows), start > 0)))
        return cuts

    def batch(self, cut):
        values = self.values[cut.record, cut.start[0] : cut.stop[0]]
        rows, steps = values.shape[:2]
        return Batch(
            values=values,
            codes=np.zeros((rows, steps, 0), np.int64),
            lengths=cut.stop - cut.start,
            carry=cut.carry,
            asked=np.tile(np.arange(steps), (rows, 1)),
            weights=np.ones((rows, steps), np.float32),
            truth=np.zeros((rows, steps, 2, 1), np.float32),
            future=np.zeros((rows, steps, 2, 0), np.float32),
        )


def chunks(every, groups=((0, 1, 2), (3, 4), (5,))):
    return Chunks(np.random.default_rng(0).normal(size=(6, 11, 1)).astype(np.float32), every, groups)


@pytest.mark.parametrize("every", [1, 4, 5])
def test_the_state_goes_on_from_cut_to_cut_and_starts_anew_with_each_group(every):
    model = network(point_head())
    whole = predict(model, chunks(11), CPU)[2]
    cuts, _, raw = predict(model, chunks(every), CPU)
    for rows, wanted in zip(chunks(11).groups, whole, strict=True):
        pieces = [answer for cut, answer in zip(cuts, raw, strict=True) if tuple(cut.record) == rows]
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), wanted, atol=1e-6)


def test_cuts_that_start_anew_do_not_see_those_before():
    model = network(point_head())
    together = predict(model, chunks(11, ((0, 1, 2), (3, 4, 5))), CPU)[2]
    alone = predict(model, chunks(11, ((3, 4, 5),)), CPU)[2]
    np.testing.assert_allclose(together[1], alone[0], atol=1e-6)


def test_dropout_is_off_and_every_module_is_afterwards_in_the_mode_it_had():
    model = network(point_head())
    model.train()
    model.backbone.eval()
    modes = [module.training for module in model.modules()]
    state = torch.get_rng_state()
    first, second = predict(model, chunks(4), CPU)[2], predict(model, chunks(4), CPU)[2]
    assert all(np.array_equal(left, right) for left, right in zip(first, second, strict=True))
    assert [module.training for module in model.modules()] == modes
    assert set(modes) == {True, False}
    assert torch.equal(state, torch.get_rng_state())


def test_the_mode_comes_back_after_an_error_too():
    model = network(point_head())
    model.train()
    broken = chunks(4)
    broken.values = broken.values.repeat(2, axis=2)
    with pytest.raises(RuntimeError):
        predict(model, broken, CPU)
    assert all(module.training for module in model.modules())


def test_no_gradient_is_kept_and_inputs_are_freed():
    model = network(point_head())
    cuts, batches, raw = predict(model, chunks(4), CPU)
    assert len(cuts) == len(batches) == len(raw) == 9
    assert all(parameter.grad is None for parameter in model.parameters())
    for cut, batch, answer in zip(cuts, batches, raw, strict=True):
        assert batch.values.nbytes == batch.codes.nbytes == 0
        assert batch.future is None
        assert batch.asked.shape == answer.shape[:2]
        assert answer.dtype == np.float32
        assert batch.lengths.tolist() == (cut.stop - cut.start).tolist()


def forecast_run(memory, rows=4):
    draw = np.random.default_rng(0)
    walks = draw.normal(size=(rows, 40)).cumsum(axis=1)
    records = [Record(f"r{i}", "here", {"y": walk}) for i, walk in enumerate(walks)]
    codes, known = np.zeros((40, 0), np.int64), np.zeros((40, 0), np.float32)
    prepared = [Prepared(np.float32(walk)[:, None], codes, known, np.float32(walk)[:, None]) for walk in walks]
    spans = np.array([[i, 25, 40] for i in range(rows)])
    task = Forecast(ForecastSpec(horizon=2), memory, PointHead(hidden=4), size=3, seed=0)
    return records, task, task.examples(prepared, spans, "validation")


@pytest.mark.parametrize("memory", [Carried(), Windowed(context=5)], ids=["carried", "windowed"])
def test_judging_a_forecast_gives_flat_numbers_that_are_those_of_the_score(memory):
    records, task, examples = forecast_run(memory)
    facts = forecast_facts(horizon=2)
    model = network(point_head())
    found = judge(model, examples, task, facts, records, CPU)
    whole = score(task.predictions(facts, records, *predict(model, examples, CPU)), facts)
    assert set(found) == {"mae", "rmse", "mape", "smape", "mase"}
    assert found == {name: whole[name] for name in found}
    assert all(type(value) is float for value in found.values())


def test_baselines_stand_beside_the_forecasts_of_a_task():
    records, task, examples = forecast_run(Carried())
    facts = forecast_facts(horizon=2, seasons=(3,))
    made = task.predictions(facts, records, *predict(network(point_head()), examples, CPU))
    beside = forecast_baselines(records, made, facts, np.array([[i, 0, 25] for i in range(4)]))
    for index, origin, point in zip(made.record, made.origin, beside["naive"].point, strict=True):
        np.testing.assert_array_equal(point, records[index].columns["y"][origin])
    assert score(beside["seasonal_naive_3"], facts)["origins"] == len(made.origin)


def test_judging_a_classification_gives_flat_numbers():
    draw = np.random.default_rng(0)
    prepared = [
        Prepared(
            draw.normal(size=(5 + i, 1)).astype(np.float32), np.zeros((5 + i, 0), np.int64),
            np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), i % 2,
        )
        for i in range(8)
    ]  # fmt: skip
    records = [Record(f"r{i}", "here", {"x": p.values[:, 0]}) for i, p in enumerate(prepared)]
    task = Classify(ClassifySpec(), Carried(), CategoricalHead(), size=3, buckets=True, seed=0)
    examples = task.examples(prepared, np.array([[i, 0, 5 + i] for i in range(8)]), "validation")
    facts = classify_facts(("a", "b"), (4, 4), past=("x",))
    found = judge(network(class_head()), examples, task, facts, records, CPU)
    assert {"accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss", "calibration_error"} <= set(found)
    assert all(type(value) is float for value in found.values())


def test_a_deciding_metric_without_value_is_an_error_that_says_why():
    records, task, examples = forecast_run(Carried())
    facts = forecast_facts(horizon=2, scales={})
    model = network(point_head())
    assert "mase" not in judge(model, examples, task, facts, records, CPU)
    by_mase = replace(task, spec=ForecastSpec(horizon=2, metric="mase"))
    with pytest.raises(DataError, match=r"mase decides.*no seasonal difference.*choose another metric"):
        judge(model, examples, by_mase, facts, records, CPU)
    by_pinball = replace(task, spec=ForecastSpec(horizon=2, metric="pinball"))
    with pytest.raises(DataError, match=r"pinball decides.*only mae, rmse"):
        judge(model, examples, by_pinball, facts, records, CPU)
