"""Laws of scalers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unspool.data.scaling import Scaler, Scalers, fit
from unspool.errors import DataError

KINDS = ["standard", "minmax", "robust", "log1p", "none"]
VALUES = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e9, 1e9, width=32))


def suitable(kind, values):
    return np.abs(values) if kind == "log1p" else values


@pytest.mark.parametrize("kind", KINDS)
@given(VALUES)
def test_inverting_what_was_applied_gives_the_values_back(kind, values):
    values = suitable(kind, values)
    scaler = fit(kind, values, "y")
    np.testing.assert_allclose(scaler.invert(scaler.apply(values)), values, rtol=1e-9, atol=1e-9 * (1 + np.ptp(values)))


@pytest.mark.parametrize("kind", KINDS)
@given(VALUES)
def test_a_scaler_reads_back_from_json_as_the_same_scaler(kind, values):
    scaler = fit(kind, suitable(kind, values), "y")
    assert Scaler.model_validate_json(scaler.model_dump_json()) == scaler


@given(VALUES)
def test_many_scalers_at_once_give_the_numbers_of_each_alone(values):
    scalers = {kind: fit(kind, np.abs(values), kind) for kind in KINDS}
    together = Scalers.of(scalers).apply(np.array([np.abs(values)] * len(KINDS)))
    for kind, row in zip(KINDS, together, strict=True):
        assert (scalers[kind].apply(np.abs(values)) == row).all()


@given(VALUES)
def test_scaled_train_values_have_the_promised_shape(values):
    assume(np.ptp(values) > 1e-6 * np.abs(values).max())
    standard, minmax = (fit(kind, values, "y").apply(values) for kind in ("standard", "minmax"))
    assert abs(standard.mean()) < 1e-6
    assert standard.std() == pytest.approx(1)
    assert (minmax.min(), minmax.max()) == pytest.approx((0, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, 1e12])
def test_a_constant_column_keeps_its_size(kind, constant):
    assert fit(kind, np.full(1000, constant), "y").spread == 1


def test_quartiles_that_meet_leave_the_standard_deviation():
    assert fit("robust", [0, 0, 0, 0, 0, 0, 0, 8], "y").spread == pytest.approx(np.std([0] * 7 + [8]))


def test_unknown_values_stay_unknown():
    assert np.isnan(Scaler(kind="log1p").apply([np.nan])).all()
    assert fit("standard", [1, np.nan, 3], "y").center == 2


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
def test_numbers_beyond_all_measure_are_refused(kind):
    with pytest.raises(DataError, match=r"'y'.*too large.*; use another unit"):
        fit(kind, [-1.7e308, -1.7e308, 1.7e308, 1.7e308], "y")


def test_a_logarithm_of_less_than_nothing_is_refused():
    for scale in (Scaler(kind="log1p").apply, lambda x: fit("log1p", x, "y")):
        with pytest.raises(DataError, match=r"got -1, wanted more than -1.*; choose"):
            scale([0.0, -1.0])


def test_a_column_without_numbers_cannot_be_scaled():
    with pytest.raises(DataError, match="holds no number"):
        fit("standard", [np.nan], "y")
