"""Averages of weights: the means that torch gives, begun when they should be, judged, kept and resumed bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from unspool.errors import SpecError
from unspool.spec import parse
from unspool.tasks.task import Decision
from unspool.training.average import Averaging, begins
from unspool.training.fit import fit
from unspool.training.hooks import Hook
from unspool.training.spec import ExponentialAverage, PolyakAverage, TrainSpec

from .problem import CPU, LOWER, Judge, Signs, classifier, spec_of

HIGHER = Decision("there", lower_is_better=False)


def line(seed: int = 0) -> tuple[torch.nn.Linear, list[tuple[torch.Tensor, torch.Tensor]]]:
    torch.manual_seed(seed)
    layer = torch.nn.Linear(3, 2).double()
    return layer, [(torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 2, dtype=torch.float64)) for _ in range(12)]


def trained(layer, optimizer, data, after=lambda step: None):
    for step, (x, y) in enumerate(data):
        optimizer.zero_grad()
        (layer(x) - y).square().mean().backward()
        optimizer.step()
        after(step)


def test_the_mean_of_plain_sgd_is_that_of_torchs_asgd():
    """torch's leaves the first step out: it has no mean to go on from."""
    layer, data = line()
    theirs = torch.optim.ASGD(layer.parameters(), lr=0.1, lambd=0.0, t0=0.0)
    trained(layer, theirs, data)
    wanted = [theirs.state[weight]["ax"] for weight in layer.parameters()]
    layer, _ = line()
    averaging = Averaging(PolyakAverage(), layer)

    def after(step: int) -> None:
        averaging.begin() if step == 0 else averaging.stepped()

    trained(layer, torch.optim.SGD(layer.parameters(), lr=0.1), data, after)
    torch.testing.assert_close(list(averaging.weights.values()), wanted)


def test_a_polyak_mean_is_the_mean_of_all_steps():
    layer, data = line()
    averaging, seen = Averaging(PolyakAverage(begin=0), layer), []

    def after(step: int) -> None:
        averaging.stepped()
        seen.append(layer.weight.detach().clone())

    trained(layer, torch.optim.SGD(layer.parameters(), lr=0.1), data, after)
    torch.testing.assert_close(averaging.weights["weight"], torch.stack(seen).mean(dim=0))
    assert averaging.count == len(data)


def test_an_exponential_mean_forgets():
    layer, data = line()
    averaging, mean = Averaging(ExponentialAverage(decay=0.5), layer), torch.zeros(2, 3, dtype=torch.float64)

    def after(step: int) -> None:
        averaging.stepped()
        decay = min(0.5, (1 + step) / (10 + step))
        mean.copy_(decay * mean + (1 - decay) * layer.weight.detach()) if step else mean.copy_(start * 0.1 + 0.9 * layer.weight.detach())

    start = layer.weight.detach().clone()
    trained(layer, torch.optim.SGD(layer.parameters(), lr=0.1), data, after)
    torch.testing.assert_close(averaging.weights["weight"], mean)


@pytest.mark.parametrize(
    ("values", "begun"),
    [
        ([3.0], False),
        ([3.0, 2.0, 1.0, 2.5], False),  # no worse than the best of more than two epochs ago, 3
        ([1.0, 2.0, 1.5, 1.2], True),
        ([1.0, 2.0, 1.5, 0.9], False),
        ([1.0, 2.0, 3.0], False),  # nothing is more than two epochs ago
        ([1.0, 2.0, 3.0, 1.0], False),
    ],
)
def test_the_trigger_is_that_of_awd_lstm(values, begun):
    assert begins(PolyakAverage(patience=2), values, LOWER) is begun
    assert begins(PolyakAverage(patience=2), [-value for value in values], HIGHER) is begun


def test_an_epoch_that_is_named_begins_it():
    spec = PolyakAverage(begin=2)
    assert [begins(spec, [1.0] * epochs, LOWER) for epochs in (1, 2, 3)] == [False, True, True]


class Watching(Judge):
    """Notes the weights that it judges."""

    def __init__(self, examples):
        super().__init__(examples)
        self.seen = []

    def __call__(self, network):
        self.seen.append({name: weight.clone() for name, weight in network.state_dict().items()})
        return super().__call__(network)


class Steps(Hook):
    """Notes the weights after every step."""

    def __init__(self, network):
        self.network, self.seen = network, []

    def stepped(self, progress):
        self.seen.append({name: weight.detach().clone() for name, weight in self.network.named_parameters()})


@pytest.mark.parametrize("keep", ["best", "last"])
def test_means_are_judged_and_kept_and_training_goes_on_from_the_weights(keep):
    data, network = Signs(), classifier()
    judge, steps = Watching(data), Steps(network)
    spec = spec_of(epochs=3, keep=keep, average={"kind": "polyak", "begin": 1}, optimizer={"kind": "sgd", "rate": 0.1})
    history = fit(network, data, judge, LOWER, spec, device=CPU, hooks=[steps])
    names = steps.seen[0]
    means = [{name: torch.stack([one[name] for one in steps.seen[4:last]]).mean(dim=0) for name in names} for last in (8, 12)]
    torch.testing.assert_close(judge.seen[0], steps.seen[3])
    torch.testing.assert_close(judge.seen[1:], means)
    torch.testing.assert_close(dict(network.named_parameters()), judge.seen[history.best - 1], check_stride=False)
    plain = Steps(classifier())
    fit(plain.network, data, Judge(data), LOWER, spec_of(epochs=3, keep=keep, optimizer={"kind": "sgd", "rate": 0.1}), device=CPU, hooks=[plain])
    torch.testing.assert_close(plain.seen, steps.seen, rtol=0, atol=0)


class KilledError(Exception):
    pass


class KillAt(Hook):
    def __init__(self, steps: int):
        self.steps = steps

    def stepped(self, progress):
        self.steps -= 1
        if not self.steps:
            raise KilledError


AVERAGES = {
    "named": {"kind": "polyak", "begin": 1},
    "trigger": {"kind": "polyak", "patience": 1},
    "exponential": {"kind": "exponential", "decay": 0.9},
}


def run(folder: Path, average: dict, resume: bool = False, hooks=(), seed: int = 5) -> tuple[bytes, bytes]:
    data, network = Signs(), classifier(seed=seed, dropout=0.2)
    spec = spec_of(epochs=4, keep="last", average=average, optimizer={"kind": "sgd", "rate": 0.5}, checkpoint_seconds=1e-9)
    fit(network, data, Judge(data), LOWER, spec, device=CPU, folder=folder, resume=resume, hooks=hooks)
    return (folder / "history.jsonl").read_bytes(), safetensors.torch.save(network.state_dict())


@pytest.mark.parametrize("name", ["trigger", *(pytest.param(name, marks=pytest.mark.slow) for name in ("named", "exponential"))])
def test_killed_and_resumed_the_means_are_the_same_bits(name, tmp_path):
    average = AVERAGES[name]
    straight = run(tmp_path / "straight", average)
    for steps in (4, 5, 14):
        folder = tmp_path / str(steps)
        with pytest.raises(KilledError):
            run(folder, average, hooks=[KillAt(steps)])
        assert run(folder, average, resume=True, seed=6) == straight


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"average": {"kind": "polyak", "begin": 2, "patience": 3}}, "patience: 3 cannot take effect where begin says"),
        ({"average": {"kind": "polyak", "patience": 5}, "patience": 5}, "average.patience: 5 hardly ever begins, .* lower it to at most 4"),
        ({"average": {"kind": "exponential", "decay": 1.0}}, "decay: got 1.0"),
    ],
)
def test_an_average_that_cannot_take_effect_is_told(choices, told):
    with pytest.raises(SpecError, match=told):
        parse(TrainSpec, choices)
