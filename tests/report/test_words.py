import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool import report
from unspool.report.contents import Contents
from unspool.report.markup import script_json
from unspool.report.verdict import verdict
from unspool.report.words import chart_text, column, duration, listed, number


def run(model, baselines, metric="mae", kind="forecast"):
    spec = {"task": {"kind": kind, "metric": metric}}
    rivals = {name: {metric: value} for name, value in baselines.items()}
    return Contents(spec=spec, metrics={"test": {metric: model}, "baselines": rivals})


def test_a_model_that_wins_is_told_with_the_figure_and_the_ratio():
    found = verdict(run(60.0, {"naive": 200.0, "seasonal_naive_48": 100.0}))
    assert found.outcome == "wins" and found.ratio == pytest.approx(0.6) and found.baseline == "seasonal_naive_48"
    assert found.sentence == (
        "The model beats every baseline: on the test part it has a mean absolute error of 60, "
        "against 100 for the best of them, the seasonal naive forecast of 48 steps: 40\u202f% lower, or 0.600 times as much."
    )


def test_a_model_that_loses_is_told_so():
    found = verdict(run(150.0, {"naive": 100.0, "drift": 400.0}))
    assert found.outcome == "loses"
    assert found.sentence == (
        "A baseline does better: on the test part the naive forecast has a mean absolute error of 100, and the model 150, 1.50 times as much."
    )


@pytest.mark.parametrize("model", [99.5, 100.0, 100.5])
def test_a_model_within_a_hundredth_of_a_baseline_is_no_better(model):
    found = verdict(run(model, {"naive": 100.0}))
    assert found.outcome == "level" and found.sentence.startswith("The model is no better than a baseline")
    assert ("times as much" in found.sentence) == (model != 100.0)


def test_an_accuracy_is_told_by_its_mistakes():
    found = verdict(run(0.95, {"majority": 0.5, "linear": 0.9}, "accuracy", "classify"))
    assert found.outcome == "wins" and found.ratio == pytest.approx(0.5)
    assert "95.0\u202f% of the test items right, against 90.0\u202f% for the best of them, the linear model" in found.sentence
    assert "0.500 times the mistakes" in found.sentence


def test_a_higher_metric_is_better_where_higher_is():
    assert verdict(run(0.7, {"linear": 0.8}, "f1_macro", "classify")).outcome == "loses"
    assert verdict(run(0.9, {"linear": 0.8}, "f1_macro", "classify")).outcome == "wins"


def test_an_accuracy_on_few_items_is_not_told_as_a_win(classify_folder):
    metrics = json.loads((classify_folder / "metrics.json").read_text())
    metrics["baselines"] = {"linear": {"accuracy": metrics["test"]["accuracy"] - 0.01}}
    (classify_folder / "metrics.json").write_text(json.dumps(metrics))
    assert "chance alone makes such a difference" in report.card(classify_folder)


def test_without_a_baseline_nothing_is_claimed():
    found = verdict(run(3.0, {}))
    assert found.outcome == "alone" and "measured against no baseline" in found.sentence
    assert verdict(Contents()) is None


def test_a_baseline_of_zero_error_has_no_ratio():
    found = verdict(run(3.0, {"naive": 0.0}))
    assert found.outcome == "loses" and found.ratio is None


@pytest.mark.parametrize(
    "value, said",
    [(0, "0"), (12345, "12,345"), (12345.678, "12,346"), (-2.5, "\N{MINUS SIGN}2.500"), (0.012344, "0.01234"), (float("nan"), "\N{EN DASH}")],
)
def test_numbers_have_four_digits_that_matter_and_thousands_apart(value, said):
    assert number(value) == said


def test_very_small_numbers_are_powers_of_ten():
    assert number(3.1e-7).replace("\u202f", " ") == "3.1 \N{MULTIPLICATION SIGN} 10\u207b\u2077"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_written(value):
    assert number(value)


def test_a_column_has_as_many_decimals_in_every_row():
    assert column([106.12, 42.5, None, 1000.0]) == ["106.1", "42.5", "\N{EN DASH}", "1,000.0"]


def test_time_spans_are_told_in_two_units():
    assert [duration(s).replace("\u202f", " ") for s in (3.21, 262.4, 86_400)] == ["3.2 s", "4 min 22 s", "1 d"]


def test_long_lists_end_in_a_count():
    assert listed(["a", "b", "c"]) == "a, b and c" and listed(["a", "b", "c"], 2) == "a, b and 1 more"


@given(st.text())
def test_no_text_leaves_a_script_or_a_chart(text):
    written = script_json({"text": text})
    assert not set("<>&\u2028\u2029") & set(written) and json.loads(written) == {"text": text}
    assert not set("<>") & set(chart_text(text))


def test_the_card_tells_what_for_how_good_and_how_again(forecast_folder):
    card = report.card(forecast_folder)
    assert card.startswith("# Forecast of Demand, 24 steps ahead\n\nThe model beats every baseline:")
    assert [line for line in card.splitlines() if line.startswith("## ")] == ["## What it does", "## Figures", "## Limits", "## How to do it again"]
    assert "    unspool train demand.yaml" in card and "| Model |" in card


def test_the_card_of_hostile_labels_holds_no_markup(classify_folder):
    facts = json.loads((classify_folder / "facts.json").read_text())
    facts["preparation"]["labels"] = ["<script>", "[a](b)", "c|d", "e", "f"]
    (classify_folder / "facts.json").write_text(json.dumps(facts))
    card = report.card(classify_folder)
    assert "<script>" not in card and "[a](b)" not in card and r"c\|d" in card
