"""The loop learns, keeps what was best, and treats states, padding and the empty batch as it should."""

import dataclasses

import numpy as np
import pytest
import torch

from unspool.errors import SpecError, TrainingError
from unspool.kernels.engine import why_no_library
from unspool.models.batch import TensorBatch
from unspool.tasks.task import Decision
from unspool.training.device import resolve_device
from unspool.training.fit import fit
from unspool.training.hooks import Hook
from unspool.types import Cut

from .problem import CPU, LOWER, Judge, Signs, Streams, classifier, forecaster, spec_of


def test_it_learns_to_tell_the_sign_of_a_sum():
    signs = Signs(records=48)
    history = fit(classifier(), signs, Judge(signs), LOWER, spec_of(epochs=20, optimizer={"kind": "adamw", "rate": 0.03}), device=CPU)
    assert history[-1]["loss"] < 0.15 < 0.5 < history[0]["loss"]


def test_it_learns_waves_with_a_carried_state():
    streams = Streams()
    history = fit(forecaster(), streams, Judge(streams), LOWER, spec_of(epochs=40, optimizer={"kind": "adam", "rate": 0.03}), device=CPU)
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]


@pytest.mark.skipif(bool(why_no_library()), reason=f"the native engine is not there: {why_no_library()}")
def test_subnormal_numbers_are_zeros_in_a_step_and_nowhere_else():
    least, within, outside = torch.finfo(torch.float32).tiny, [], []

    def there() -> bool:
        return bool((torch.full((4,), 4 * least) * 0.1).any())

    def judge(network):
        outside.append(there())
        return Judge(signs)(network)

    signs, network = Signs(), classifier()
    next(network.parameters()).register_hook(lambda gradient: within.append(there()))
    fit(network, signs, judge, LOWER, spec_of(epochs=1), device=CPU)
    assert within and not any(within)
    assert outside == [True] and there()


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_every_optimizer_lowers_the_loss(optimizer):
    signs = Signs()
    history = fit(classifier(), signs, Judge(signs), LOWER, spec_of(epochs=8, optimizer={"kind": optimizer, "rate": 0.01}), device=CPU)
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("pool", ["last", "mean", "max", "attention"])
def test_a_stream_in_chunks_has_the_loss_of_the_whole_stream(pool):
    streams, whole = Streams(), Streams(chunks=(18,))
    spec = spec_of(epochs=1, optimizer={"kind": "sgd", "rate": 1e-300})
    history = fit(forecaster(pool=pool), streams, Judge(streams), LOWER, spec, device=CPU)
    network = forecaster(pool=pool).eval()
    loss, _ = network.loss(TensorBatch.of(whole.batch(whole.plan(0)[0]), CPU))
    assert history[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_an_epoch_starts_from_no_state():
    """With a rate of nothing, every epoch is the same; a state left over from the epoch before would show in its loss."""
    streams = Streams()
    for cut in streams.plan(0)[:1]:
        assert not cut.carry.any()
    history = fit(forecaster(), streams, Judge(streams), LOWER, spec_of(epochs=2, optimizer={"kind": "sgd", "rate": 1e-300}), device=CPU)
    assert history[0]["loss"] == history[1]["loss"]


class HalfNew(Streams):
    """The second row starts anew in every chunk."""

    def plan(self, epoch: int) -> list[Cut]:
        return [dataclasses.replace(cut, carry=cut.carry & np.array([True, False])) for cut in super().plan(epoch)]


def test_rows_that_do_not_carry_start_anew():
    streams = HalfNew()
    history = fit(forecaster(), streams, Judge(streams), LOWER, spec_of(epochs=1, optimizer={"kind": "sgd", "rate": 1e-300}), device=CPU)
    network = forecaster().eval()
    carried, fresh = [], []
    state = None
    for cut in Streams().plan(0):
        batch = TensorBatch.of(streams.batch(cut), CPU)
        raw, state = network(dataclasses.replace(batch, carry=torch.from_numpy(cut.carry)), state)
        anew, _ = network(dataclasses.replace(batch, carry=torch.zeros(2, dtype=torch.bool)), None)
        carried.append(network.head.loss(raw[:1], _rows(batch, slice(0, 1))).item() * batch.asked.shape[1])
        fresh.append(network.head.loss(anew[1:], _rows(batch, slice(1, 2))).item() * batch.asked.shape[1])
    assert history[0]["loss"] == pytest.approx((sum(carried) + sum(fresh)) / (2 * streams.steps), rel=1e-5)


def _rows(batch: TensorBatch, rows: slice) -> TensorBatch:
    return dataclasses.replace(batch, weights=batch.weights[rows], truth=batch.truth[rows], known_truth=batch.known_truth[rows])


class Scripted:
    """A judge that says what it was told to say, and keeps the weights it saw."""

    def __init__(self, *values: float):
        self.values = iter(values)
        self.seen: list[dict[str, torch.Tensor]] = []

    def __call__(self, network):
        self.seen.append({name: weight.clone() for name, weight in network.state_dict().items()})
        return {"score": next(self.values)}


@pytest.mark.parametrize("lower, values", [(True, (3.0, 1.0, 2.0, 2.0)), (False, (0.1, 0.9, 0.5, 0.9))], ids=["lower", "higher"])
def test_training_stops_early_with_the_best_weights(lower, values):
    judge, network = Scripted(*values), classifier()
    history = fit(network, Signs(), judge, Decision("score", lower), spec_of(epochs=9, patience=2), device=CPU)
    assert (len(history), history.best, history.early) == (4, 2, True)
    assert not network.training
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, judge.seen[1][name])
        assert "weight" not in name or not torch.equal(weight, judge.seen[3][name])


def test_of_equal_epochs_the_one_that_gains_otherwise_is_the_best_and_training_goes_on():
    """As of a tagger that finds no span in its first epochs: they would run the patience down."""
    told = iter([(0.0, 3.0), (0.0, 2.0), (0.0, float("nan")), (0.0, 1.0), (0.5, 4.0), (0.5, 4.0), (0.5, 5.0)])
    decision = Decision("score", lower_is_better=False, then=Decision("other", lower_is_better=True))
    history = fit(
        classifier(), Signs(), lambda _: dict(zip(("score", "other"), next(told), strict=True)), decision, spec_of(epochs=9, patience=2), device=CPU
    )
    assert (len(history), history.best, history.early) == (7, 5, True)
    kept = fit(classifier(), Signs(), lambda _: {"score": 1.0}, decision, spec_of(epochs=3), device=CPU)
    assert kept.best == 1  # nothing is told of the other


def test_without_patience_every_epoch_is_run():
    history = fit(classifier(), Signs(), Scripted(1.0, 2.0, 3.0), Decision("score", True), spec_of(), device=CPU)
    assert (len(history), history.best, history.early) == (3, 1, False)


def test_a_plateau_lowers_the_rate_when_nothing_improves():
    spec = spec_of(epochs=5, optimizer={"kind": "sgd", "rate": 0.5}, schedule={"kind": "plateau", "patience": 1, "factor": 0.1})
    history = fit(classifier(), Signs(), Scripted(1.0, 2.0, 2.0, 2.0, 2.0), Decision("score", True), spec, device=CPU)
    assert [line["rate"] for line in history] == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05])


def test_training_depends_on_the_seed_alone_and_leaves_other_random_numbers_alone():
    signs, spec = Signs(), spec_of(epochs=2, seed=3)
    first, second, other = (classifier(dropout=0.3) for _ in range(3))
    torch.manual_seed(1)
    one = fit(first, signs, Judge(signs), LOWER, spec, device=CPU)
    after = torch.rand(4)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(4))
    two = fit(second, signs, Judge(signs), LOWER, spec, device=CPU)
    assert one.lines == two.lines
    assert fit(other, signs, Judge(signs), LOWER, spec_of(epochs=2, seed=4), device=CPU).lines != one.lines


class Untrue(Signs):
    """Nothing counts in the batches after the first."""

    def batch(self, cut):
        batch = super().batch(cut)
        first = (cut.record == self.plan(0)[0].record).all()
        return batch if first else dataclasses.replace(batch, weights=np.zeros_like(batch.weights))


class Weights(Hook):
    def __init__(self, network):
        self.network = network
        self.seen = []

    def stepped(self, progress):
        self.seen.append(torch.cat([weight.detach().flatten() for weight in self.network.parameters()]).clone())


def test_a_batch_in_which_nothing_counts_changes_no_weight_and_no_mean():
    network = classifier()
    weights = Weights(network)
    examples = Untrue()
    history = fit(network, examples, Judge(Signs()), LOWER, spec_of(epochs=1), device=CPU, hooks=[weights])
    assert all(torch.equal(seen, weights.seen[0]) for seen in weights.seen[1:])
    loss, _ = classifier().loss(TensorBatch.of(examples.batch(examples.plan(0)[0]), CPU))
    assert history[0]["loss"] == pytest.approx(loss.item(), rel=1e-6)


class Nothing(Signs):
    def plan(self, epoch):
        return []


class NothingKnown(Signs):
    def batch(self, cut):
        return dataclasses.replace(super().batch(cut), weights=np.zeros((cut.rows, 1), np.float32))


@pytest.mark.parametrize(
    "examples, wanted", [(Nothing(), "holds no batch"), (NothingKnown(), "no batch of the train part holds an answer that counts")]
)
def test_nothing_to_learn_is_said(examples, wanted):
    with pytest.raises(TrainingError, match=wanted):
        fit(classifier(), examples, Judge(Signs()), LOWER, spec_of(), device=CPU)


def test_a_deciding_metric_that_is_not_finite_is_an_error_and_another_one_is_none():
    with pytest.raises(TrainingError, match="epoch 2: the validation metric score is nan, so no epoch can be called the best"):
        fit(classifier(), Signs(), Scripted(1.0, float("nan")), Decision("score", True), spec_of(), device=CPU)
    history = fit(classifier(), Signs(), lambda _: {"score": 1.0, "other": float("inf")}, Decision("score", True), spec_of(), device=CPU)
    assert history[0]["other"] is None


def test_a_judge_that_does_not_give_what_decides_is_a_defect():
    with pytest.raises(ValueError, match="'loss_there' decides, and the judge gives only \\['score'\\]"):
        fit(classifier(), Signs(), Scripted(1.0), LOWER, spec_of(), device=CPU)


def test_cuda_that_is_absent_is_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == CPU
    with pytest.raises(SpecError, match=r"train\.device: got cuda.*set train\.device to cpu or auto"):
        resolve_device("cuda")


def test_cuda_that_is_there_is_taken_by_auto(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == resolve_device("cuda").type == "cuda"
    assert resolve_device("cpu") == CPU


class Heard(Hook):
    def __init__(self):
        self.calls = []

    def started(self, progress, notes):
        self.calls.append(("started", progress.epoch, progress.step))

    def stepped(self, progress):
        torch.rand(5)
        self.calls.append(("stepped", progress.epoch, progress.step))
        assert progress.remaining >= 0

    def judged(self, progress):
        self.calls.append(("judged", progress.epoch, progress.step))
        assert set(progress.metrics) == {"loss_there", "draw"}

    def checkpointed(self, checkpoint):
        self.calls.append(("checkpointed", checkpoint.name))

    def stopped(self, progress, ending):
        self.calls.append(("stopped", ending))


def test_hooks_hear_everything_in_order_and_change_nothing(tmp_path):
    signs, heard, spec = Signs(records=12), Heard(), spec_of(epochs=2)
    with_hook = fit(classifier(dropout=0.2), signs, Judge(signs), LOWER, spec, device=CPU, folder=tmp_path, hooks=[heard])
    assert heard.calls == [
        ("started", 1, 0),
        ("stepped", 1, 1),
        ("stepped", 1, 2),
        ("checkpointed", "000002"),
        ("judged", 1, 2),
        ("stepped", 2, 1),
        ("stepped", 2, 2),
        ("checkpointed", "000003"),
        ("judged", 2, 2),
        ("stopped", "finished"),
    ]
    assert fit(classifier(dropout=0.2), signs, Judge(signs), LOWER, spec, device=CPU).lines == with_hook.lines


def test_hooks_hear_of_an_end_that_is_a_failure():
    heard = Heard()
    with pytest.raises(ValueError, match="decides"):
        fit(classifier(), Signs(), Scripted(1.0), LOWER, spec_of(), device=CPU, hooks=[heard])
    assert heard.calls[-1] == ("stopped", "failed")


def test_a_metric_may_not_take_the_name_of_a_line_s_own_entry():
    with pytest.raises(ValueError, match="a validation metric is named 'loss'"):
        fit(classifier(), Signs(), lambda _: {"loss": 1.0}, Decision("loss", True), spec_of(), device=CPU)


def test_the_last_weights_are_kept_where_the_spec_says_so():
    judge, network = Scripted(1.0, 2.0, 3.0), classifier()
    history = fit(network, Signs(), judge, Decision("score", True), spec_of(keep="last"), device=CPU)
    assert history.best == 3
    for name, weight in network.state_dict().items():
        assert torch.equal(weight, judge.seen[2][name])


def test_the_last_of_all_epochs_is_not_asked_for_together_with_stopping_early():
    with pytest.raises(ValueError, match="patience: 4 may stop training early"):
        spec_of(keep="last", patience=4)
