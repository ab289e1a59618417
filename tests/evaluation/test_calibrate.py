import json
from dataclasses import replace

import numpy as np
import pytest

from unspool.errors import DataError
from unspool.evaluation.calibrate import apply, widening
from unspool.evaluation.evaluate import score
from unspool.types import Forecasts

from .making import forecast_facts

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
NORMAL = np.array([-1.6449, -1.2816, 0, 1.2816, 1.6449])


def forecasts(seed, said=0.4, rows=4000, targets=("y",)):
    """Forecasts of a standard normal truth that say its deviation is `said`."""
    draw = np.random.default_rng(seed)
    middle = draw.normal(size=(rows, 2, len(targets)))
    truth = middle + draw.normal(size=middle.shape)
    truth[draw.random(truth.shape) < 0.1] = np.nan
    return Forecasts(
        names=("r",),
        targets=targets,
        record=np.zeros(rows, np.int64),
        origin=np.arange(rows),
        point=middle,
        truth=truth,
        levels=LEVELS,
        quantiles=middle[..., None] + said * NORMAL,
    )


@pytest.mark.parametrize("said", [0.1, 0.4, 1.0, 5.0])
def test_what_was_fitted_on_one_sample_covers_another(said):
    factors = widening(forecasts(0, said))
    np.testing.assert_allclose(factors["y"], [1 / said, 1 / said, 1, 1 / said, 1 / said], rtol=0.06)
    found = score(apply(forecasts(1, said), factors), forecast_facts(levels=LEVELS, horizon=2))
    assert found["coverage_80"] == pytest.approx(0.8, abs=0.015)
    assert found["coverage_90"] == pytest.approx(0.9, abs=0.015)


def test_on_the_sample_itself_the_cover_of_each_level_is_at_least_the_nominal_and_hardly_more():
    made = forecasts(0)
    wide = apply(made, widening(made))
    known = ~np.isnan(made.truth[..., 0])
    for q, level in enumerate(LEVELS):
        below = (made.truth[..., 0] <= wide.quantiles[..., 0, q])[known].mean()
        if level > 0.5:
            assert level <= below < level + 0.001
        if level < 0.5:
            assert level - 0.001 < below <= level + 1e-3


def test_points_and_medians_stay_and_factors_are_plain_json():
    made = forecasts(0, targets=("y", "z"))
    factors = widening(made)
    wide = apply(made, factors)
    np.testing.assert_array_equal(wide.quantiles[..., 2], made.quantiles[..., 2])
    np.testing.assert_array_equal(wide.point, made.point)
    assert (np.diff(wide.quantiles, axis=-1) >= 0).all()
    assert {name: tuple(row) for name, row in json.loads(json.dumps(factors)).items()} == factors
    assert list(factors) == ["y", "z"]


def test_the_unit_of_a_target_changes_no_factor():
    made = forecasts(0)
    scaled = replace(made, truth=made.truth * 1000, quantiles=made.quantiles * 1000)
    np.testing.assert_allclose(widening(scaled)["y"], widening(made)["y"])


def test_each_side_has_its_own_factor():
    made = forecasts(0, said=1.0)
    error = made.truth - made.point
    skewed = replace(made, truth=made.point + np.where(error > 0, 3 * error, error))
    low, _, _, _, high = widening(skewed)["y"]
    assert low == pytest.approx(1, rel=0.06)
    assert high == pytest.approx(3, rel=0.06)


def test_too_few_truths_points_alone_and_quantiles_on_the_median_are_refused():
    made = forecasts(0, rows=8)
    with pytest.raises(DataError, match=r"level 0\.05 wants at least 19 .* more validation rows"):
        widening(made)
    with pytest.raises(DataError, match="points alone"):
        widening(replace(made, quantiles=None, levels=()))
    with pytest.raises(DataError, match="falls on the median"):
        widening(forecasts(0, said=0.0))
