"""A library that answers at once, so that what is tested is the command line alone."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import unspool
from unspool.errors import BundleError
from unspool.spec import Spec, knob

SCORES = {"mae": 12.5, "mase": 0.71, "undefined": {}, "mae_by_step": [11.0, 14.0], "origins": 2688}
NOTE = "train.schedule: the rate drops after 10 epochs, and there are 5 (train.epochs): it never does"
BASELINES = {"seasonal_naive_48": {"mae": 20000.25, "mase": 1.0, "origins": 2688}, "drift": {"mae": None, "mase": 2.0, "origins": 2688}}


class FakeSpec(Spec):
    task: str = knob("forecast", "what is asked")


class FakeModel:
    facts = SimpleNamespace(live=True, why_not_live="")
    reads_texts = False
    metrics = {"test": SCORES, "baselines": BASELINES}

    def evaluate(self, data=None):
        return {"test": SCORES, "baselines": BASELINES} if data is None else {"test": SCORES}

    def predict(self, data):
        return [{"series": "a", "value": {"point": [1.0, None]}}, {"series": "b", "value": {"point": [2.0, 3.0]}}]

    def verify(self):
        return {"comparisons": {"whole_and_steps": 1.5e-07}, "equal": True, "steps": 960}


class FakeRun(ModuleType):
    """`unspool.run`, noting how it was called."""

    RunSpec = FakeSpec

    def __init__(self):
        super().__init__("unspool.run")
        self.calls = []

    def load_spec(self, path, overrides=(), seed=None):
        self.calls.append(("load_spec", path, list(overrides), seed))
        return FakeSpec()

    def check(self, spec, data=None):
        return SimpleNamespace(spec=spec, data={"rows": 10}, model={"parameters": 3}, notes=(NOTE,))

    def train(self, spec, **options):
        self.calls.append(("train", spec, options))
        return FakeModel()

    def load(self, folder):
        if not Path(folder).is_dir():
            raise BundleError(f"{folder}: no such run folder; `unspool train` makes one")
        return FakeModel()


@pytest.fixture
def fake_run(monkeypatch):
    run = FakeRun()
    monkeypatch.setitem(sys.modules, "unspool.run", run)
    monkeypatch.setattr(unspool, "run", run, raising=False)
    return run
