"""A number that is not finite stops training, and the message says where and why."""

import dataclasses

import numpy as np
import pytest
import torch

from unspool.errors import TrainingError
from unspool.training.checkpoint import load_checkpoint
from unspool.training.fit import fit

from .problem import CPU, LOWER, Judge, Signs, Streams, classifier, forecaster, spec_of


class Spoilt(Signs):
    """Record 3 holds a number that is none."""

    def __init__(self, value: float):
        super().__init__()
        self.rows[3][1] = value


def message(examples, network, **choices) -> str:
    with pytest.raises(TrainingError) as error:
        fit(network, examples, Judge(Signs()), LOWER, spec_of(**choices), device=CPU)
    return str(error.value)


def test_an_input_that_is_not_finite_is_traced_to_its_rows():
    text = message(Spoilt(float("nan")), classifier())
    plan = Signs().plan(0)
    batch = next(index for index, cut in enumerate(plan) if 3 in cut.record)
    assert text.startswith(f"epoch 1, batch {batch + 1}: the loss is nan and the gradient's norm nan")
    assert f"rows: record {plan[batch].record[0]}, steps 0 to {plan[batch].stop[0] - 1}; " in text and "; and 3 more" in text
    assert "and 1 not finite" in text
    assert "gradients: " in text and "not finite" in text
    assert "weights that are not finite: none" in text
    assert "try: fill or leave out what is not finite in these rows (data.missing)" in text


def test_padding_that_is_not_finite_harms_nothing():
    signs = Signs()
    assert any(np.isnan(signs.batch(cut).values).any() for cut in signs.plan(0))
    assert len(fit(classifier(), signs, Judge(signs), LOWER, spec_of(epochs=1), device=CPU)) == 1


class Large(Streams):
    def batch(self, cut):
        batch = super().batch(cut)
        return dataclasses.replace(batch, truth=batch.truth * np.float32(3e38))


def test_numbers_that_were_not_scaled_are_told():
    text = message(Large(), forecaster(), optimizer={"kind": "sgd", "rate": 0.1}, clip=None)
    assert "the loss is inf" in text
    assert "truth: from -" in text and "e+38" in text
    assert "scale these columns (data.scaling: standard" in text
    assert "lower train.optimizer.rate to 0.01, set train.clip to 1.0; then train anew in another folder" in text
    assert "rate 0.1, clip none" in text


def test_weights_that_ran_away_are_named():
    network = classifier()
    with torch.no_grad():
        network.head.answer.bias[0] = float("inf")
    text = message(Signs(), network)
    assert "weights that are not finite: head.answer.bias" in text


def test_the_largest_gradients_are_named_where_only_the_norm_overflows():
    network = classifier()
    with torch.no_grad():
        network.head.answer.weight.mul_(1e25)
    signs = Signs()
    for row in signs.rows:
        row *= 1e20
    with pytest.raises(TrainingError) as error:
        fit(network, signs, lambda _: {"loss_there": 0.0}, LOWER, spec_of(), device=CPU)
    assert " has norm " in str(error.value) or "not finite" in str(error.value)


def test_the_last_good_checkpoint_stays(tmp_path):
    with pytest.raises(TrainingError):
        fit(classifier(), Spoilt(float("inf")), Judge(Signs()), LOWER, spec_of(checkpoint_seconds=1e-9), device=CPU, folder=tmp_path)
    tensors = load_checkpoint(tmp_path).checkpoint.tensors
    assert all(torch.isfinite(tensor).all() for name, tensor in tensors.items() if name.startswith(("weights/", "optimizer/")))
