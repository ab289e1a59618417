import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from unspool import report
from unspool.report import forecast_errors
from unspool.report.classify import matrix_chart, roc_curve
from unspool.report.contents import read
from unspool.report.forecast_series import local_times, pairs, payload, rounded
from unspool.report.predictions import ForecastRun
from unspool.types import Forecasts

from .reading import read_page
from .runs import classify_run

MOST_BYTES = 8_000_000


def forecast_of(rows=60, horizon=3, targets=1, records=1, levels=(), baselines=1, seed=0):
    draw = np.random.default_rng(seed)
    shape = (rows, horizon, targets)
    truth = draw.normal(1000, 50, shape)
    point = truth + draw.normal(0, 5, shape)
    quantiles = point[..., None] + 10 * (np.array(levels) - 0.5) if levels else None
    forecasts = Forecasts(
        names=tuple(f"r{i}" for i in range(records)),
        targets=tuple(f"y{i}" for i in range(targets)),
        record=np.sort(np.arange(rows) % records),
        origin=np.arange(rows),
        point=point,
        truth=truth,
        levels=tuple(levels),
        quantiles=quantiles,
    )
    return ForecastRun(forecasts, {f"b{i}": point + i + 1 for i in range(baselines)})


def folder_of(run, folder):
    forecasts = run.forecasts
    described = {"kind": "forecast", "names": forecasts.names, "targets": forecasts.targets, "levels": forecasts.levels, "seasons": [1]}
    arrays = {"record": forecasts.record, "origin": forecasts.origin, "point": forecasts.point, "truth": forecasts.truth}
    arrays |= {} if forecasts.quantiles is None else {"quantiles": forecasts.quantiles}
    arrays |= {f"baseline.{name}.point": values for name, values in run.baselines.items()}
    folder.mkdir()
    (folder / "predictions.json").write_text(json.dumps(described))
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / "predictions.safetensors")
    return folder


@pytest.mark.parametrize(
    "sizes",
    [
        {"rows": 3000, "horizon": 48, "levels": (0.1, 0.25, 0.5, 0.75, 0.9), "baselines": 6},
        {"rows": 3000, "horizon": 18, "records": 3000},
        {"rows": 600, "horizon": 200, "targets": 8, "levels": (0.1, 0.5, 0.9), "baselines": 3, "records": 20},
        {"rows": 12, "horizon": 6000, "levels": (0.1, 0.5, 0.9)},
        {"rows": 1, "horizon": 1, "baselines": 0},
    ],
    ids=["many origins", "many series", "many targets", "long horizon", "one number"],
)
def test_a_report_stays_small_whatever_its_run_holds(tmp_path, sizes):
    written = report.write(folder_of(forecast_of(**sizes), tmp_path / "run"))
    assert written.stat().st_size < MOST_BYTES
    assert "forecasts" in read_page(written.read_text("utf-8")).ids("section")


@pytest.mark.parametrize("classes", [2, 3, 12, 60])
def test_any_number_of_classes_makes_a_report(tmp_path, classes):
    folder = classify_run(tmp_path / "run", tuple(f"class {i}" for i in range(classes)), rows=400)
    found = read_page(report.write(folder).read_text("utf-8"))
    assert ("confusion" in found.data["charts"]) == (classes <= 40)
    assert ("roc" in found.data["charts"]) == (classes <= 6)


def test_the_actual_line_and_every_forecast_stand_at_their_own_steps():
    run = forecast_of(rows=30, horizon=4)
    origin = np.arange(30)
    series = np.arange(100.0, 140.0)
    forecasts = Forecasts(("r",), ("y",), np.zeros(30, int), origin, run.forecasts.point, series[origin[:, None] + 1 + np.arange(4), None])
    drawn = payload(ForecastRun(forecasts, {}), None)["series"][0]
    assert drawn["truth"][0] == [100.0 + step for step in drawn["x"]]
    for shown in drawn["origins"]:
        assert shown["label"] == f"step {drawn['x'][shown['at']] - 1}"
        assert len(shown["point"][0]) == 4


def test_steps_that_no_forecast_reaches_are_a_gap_in_the_line():
    run = forecast_of(rows=12, horizon=2)
    forecasts = Forecasts(("r",), ("y",), np.zeros(12, int), np.arange(12) * 5, run.forecasts.point, run.forecasts.truth)
    drawn = payload(ForecastRun(forecasts, {}), None)["series"][0]
    assert drawn["x"][:4] == [1, 2, None, 6] and drawn["truth"][0][2] is None


def test_the_baseline_with_the_least_error_comes_first():
    assert payload(forecast_of(baselines=6), None)["baselines"] == ["b0", "b1", "b2", "b3"]


def test_symmetric_levels_are_paired_the_widest_first():
    assert [(p.low, p.high, p.name) for p in pairs((0.1, 0.25, 0.5, 0.75, 0.9))] == [(0, 4, "80\u202f%"), (1, 3, "50\u202f%")]
    assert pairs((0.1, 0.5, 0.8)) == []


def test_clocks_are_those_of_the_zone_across_a_change_of_summer_time():
    utc = np.array(["2014-10-04T15:30", "2014-10-04T16:30"], "datetime64[us]")
    assert local_times(utc, "Australia/Melbourne").astype("datetime64[m]").astype(str).tolist() == ["2014-10-05T01:30", "2014-10-05T03:30"]


def test_numbers_are_rounded_by_the_largest_and_the_unknown_are_none():
    assert rounded(np.array([1234.5678, 0.123456, np.nan, np.inf])) == [1234.6, 0.1, None, None]
    assert rounded(np.array([1.23456e-7])) == pytest.approx([1.2346e-7])


def test_error_by_step_is_the_mean_size_of_the_known_residuals():
    run = forecast_of(rows=2, horizon=2, baselines=0)
    run.forecasts.truth[:, :, 0] = run.forecasts.point[:, :, 0] + [[1, np.nan], [-3, 4]]
    assert forecast_errors.by_step(run, 0)["data"][-1]["y"] == [2, 4]


def test_coverage_counts_truths_at_or_below_a_quantile():
    run = forecast_of(rows=4, horizon=1, levels=(0.1, 0.5, 0.9))
    run.forecasts.quantiles[:] = [1.0, 2.0, 3.0]
    run.forecasts.truth[:, 0, 0] = [0, 2, 2.5, np.nan]
    assert forecast_errors.coverage(run, 0).tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert forecast_errors.interval(run, pairs((0.1, 0.5, 0.9))[0], 0) == pytest.approx((2 / 3, 2))


def test_a_matrix_shades_by_the_share_of_the_true_class_and_writes_counts():
    drawn = matrix_chart(np.array([[3, 1], [0, 0]]), ("a", "b"))
    assert drawn["data"][0]["z"] == [[0.75, 0.25], [0, 0]]
    assert drawn["layout"]["annotations"][0]["text"] == "3<br>75\u202f%"


def test_a_perfect_ranking_has_a_curve_along_the_corner():
    assert roc_curve(np.array([True, True, False]), np.array([0.9, 0.8, 0.1])) == ([0, 0, 0, 1], [0, 0.5, 1, 1])
    assert roc_curve(np.array([True, False]), np.array([0.5, 0.5])) == ([0, 1], [0, 1])


@pytest.mark.parametrize("kind", ["forecast_folder", "classify_folder"])
def test_every_colour_that_a_figure_names_stands_in_both_schemes(kind, request):
    folder = request.getfixturevalue(kind)
    page = report.write(folder).read_text("utf-8")
    style = page[page.index("<style>") : page.index("</style>")]
    light, dark = style.split("@media (prefers-color-scheme: dark)")[:2]
    dark = dark[: dark.index("}")]
    named = {one.split(")")[0] for one in json.dumps(read_page(page).data).split("var(")[1:]}
    assert named and read(folder).predictions is not None
    for name in named - {"--serif", "--sans"}:
        assert f"{name}:" in light and f"{name}:" in dark, name
