"""What a session says of records: stamps, gaps, missing values, futures, texts."""

import pytest

from unspool.errors import DataError, LiveError

from .models import CARRIED, HALVING, HORIZON, LAG, WINDOWED, forecast, series, text


def fed(made, rows):
    session = made.session()
    return session, [session.step(row) for row in rows]


def test_a_forecast_has_stamps_points_and_quantiles_in_original_units():
    made = forecast()
    _, answers = fed(made, made.rows()[:10])
    answer = answers[-1]
    assert answer["ready"] and answer["time"] == "2024-03-30T08:00:00Z"
    assert answer["times"] == [f"2024-03-30T{hour:02}:00:00Z" for hour in range(9, 13)]
    low, middle, high = (answer["load"]["quantiles"][level] for level in ("0.1", "0.5", "0.9"))
    assert answer["load"]["point"] == middle and all(a <= b <= c for a, b, c in zip(low, middle, high, strict=True))
    assert 200 < middle[0] < 800


def test_it_is_ready_when_the_lags_are_filled():
    made = forecast()
    _, answers = fed(made, made.rows()[:10])
    assert [answer["ready"] for answer in answers] == [False] * (LAG - 1) + [True] * (10 - LAG + 1)
    assert answers[0]["needs"] == f"{LAG - 1} more steps, for it reads the targets {LAG} steps before"


def test_it_is_ready_when_the_context_is_filled():
    made = forecast(WINDOWED, lags=())
    _, answers = fed(made, made.rows()[:10])
    assert [answer["ready"] for answer in answers] == [False] * 7 + [True] * 3
    assert answers[0]["needs"] == "7 more steps, to fill the context of 8"


def test_without_the_future_only_the_state_goes_on():
    made = forecast()
    rows = made.rows()[:12]
    silent = [{key: value for key, value in row.items() if key != "future"} for row in rows[:-1]]
    _, answers = fed(made, [*silent, rows[-1]])
    assert not any(answer["ready"] for answer in answers[:-1])
    assert answers[-2]["needs"] == f'"future": heat, kind of each of the next {HORIZON} steps'
    assert answers[-1] == fed(made, rows)[1][-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heat": [1.0] * 3}, "got 3 values, wanted a list of 4"),
        ({"heat": 1.0}, "wanted a list of 4"),
        ({"heat": [1.0, None, 1.0, 1.0]}, "step 2 is missing"),
        ({"heat": [1.0, "2", 1.0, 1.0]}, "wanted a number"),
        ({"heet": [1.0] * 4}, "did you mean 'heat'"),
    ],
)
def test_a_wrong_future_is_an_error(change, message):
    made = forecast()
    row = made.rows()[0]
    with pytest.raises(DataError, match="future: .*" + message):
        made.session().step(row | {"future": row["future"] | change})


def test_a_missing_column_of_the_future_is_an_error():
    made = forecast()
    row = made.rows()[0]
    with pytest.raises(DataError, match="future: 'kind' is missing"):
        made.session().step(row | {"future": {"heat": [1.0] * 4}})


@pytest.mark.parametrize(
    ("stamp", "error", "message"),
    [
        ("2024-03-30T03:00:00Z", LiveError, "repeats"),
        ("2024-03-30T02:00:00Z", LiveError, "goes back"),
        ("2024-03-30T04:30:00Z", LiveError, "off the grid"),
        ("2024-03-30T06:00:00Z", LiveError, "2 steps are missing"),
        ("yesterday", DataError, "ISO 8601"),
        (1711771200, DataError, "ISO 8601"),
        (None, DataError, "ISO 8601"),
    ],
)
def test_a_stamp_that_does_not_follow_is_an_error(stamp, error, message):
    made = forecast()
    rows = made.rows()
    session, _ = fed(made, rows[:5])
    with pytest.raises(error, match=message):
        session.step(rows[5] | {"time": stamp})
    assert session.step(rows[5]) == fed(made, rows[:6])[1][-1]


def test_stamps_may_be_written_in_any_zone_and_without_one_are_local():
    made = forecast()
    rows = made.rows()[:8]
    local = [row | {"time": f"2024-03-30T{hour:02}:00:00"} for hour, row in enumerate(rows)]
    offset = [row | {"time": f"2024-03-30T{hour:02}:00:00+01:00"} for hour, row in enumerate(rows)]
    assert fed(made, local)[1] == fed(made, offset)[1] == fed(made, rows)[1]


def test_a_local_time_that_the_clock_skips_is_an_error():
    made = forecast()
    with pytest.raises(DataError, match="does not exist in Europe/Berlin"):
        made.session().step(made.rows()[0] | {"time": "2024-03-31T02:30:00"})


def test_days_may_be_even_on_the_local_clock():
    made = forecast(frequency="1d", known=False)
    rows = [
        row | {"time": f"2024-03-{day}T00:00:00"}
        for day, row in zip(range(24, 34), made.rows(), strict=False)
        if day <= 31
    ]
    rows += [made.rows()[8] | {"time": "2024-04-01T00:00:00"}]
    _, answers = fed(made, rows)
    assert answers[-1]["ready"] and answers[-1]["time"] == "2024-03-31T22:00:00Z"
    assert answers[-3]["times"][:2] == ["2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"]


def test_a_gap_is_filled_with_the_last_values():
    made = forecast(gaps="fill", known=False)
    rows = made.rows()[:12]
    repeated = [rows[4] | {"time": rows[step]["time"]} for step in (5, 6)]
    _, wanted = fed(made, [*rows[:5], *repeated, *rows[7:]])
    _, got = fed(made, [*rows[:5], *rows[7:]])
    assert got[-1] == wanted[-1]
    assert got[5]["note"].startswith("2 steps were missing") and got[5]["load"] == wanted[7]["load"]


def test_a_gap_too_long_to_be_filled_is_an_error():
    made = forecast(gaps="fill", known=False)
    session, _ = fed(made, made.rows()[:2])
    with pytest.raises(LiveError, match="wanted at most 10,000 to fill"):
        session.step(made.rows()[2] | {"time": "2034-03-30T00:00:00Z"})


def test_a_gap_starts_the_state_anew_under_split():
    made = forecast(gaps="split", known=False)
    rows = made.rows()[:20]
    _, got = fed(made, [*rows[:5], *rows[8:]])
    _, wanted = fed(made, rows[8:])
    assert "anew" in got[5]["note"] and got[6:] == wanted[1:]


def test_a_missing_value_is_an_error_that_says_how_to_go_on():
    made = forecast(known=False)
    with pytest.raises(DataError, match="'wind': is missing .* missing: fill or split"):
        made.session().step(made.rows()[0] | {"wind": float("nan")})


def test_a_missing_value_is_filled_with_the_last():
    made = forecast(missing="fill")
    rows = made.rows()[:10]
    holes = [*rows[:3], rows[3] | {"wind": None, "kind": None}, *rows[4:]]
    full = [*rows[:3], rows[3] | {"wind": rows[2]["wind"], "kind": rows[2]["kind"]}, *rows[4:]]
    assert fed(made, holes)[1] == fed(made, full)[1]


def test_nothing_is_fed_before_every_column_has_a_first_value():
    made = forecast(missing="fill")
    rows = made.rows()[:12]
    early = [rows[0] | {"wind": None}, rows[1] | {"load": None}]
    full = rows[1] | {"load": rows[0]["load"]}
    _, got = fed(made, [*early, *rows[2:]])
    assert got[0]["needs"] == "a first value of wind"
    assert got[1:] == fed(made, [full, *rows[2:]])[1]


def test_a_row_with_a_missing_value_is_left_out_under_split():
    made = forecast(missing="split")
    rows = made.rows()[:16]
    _, got = fed(made, [*rows[:3], rows[3] | {"kind": None}, *rows[4:]])
    assert not got[3]["ready"] and "left out" in got[3]["note"]
    assert got[4:] == fed(made, rows[4:])[1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"x": 1.0, "z": 1.0}, "'z': unknown key"),
        ({"x": 1.0}, "'y' is missing"),
        ({"x": True, "y": {}}, "wanted a number"),
        ({"x": 10**400, "y": 1}, "finite"),
        ([1.0, 2.0], "wanted a mapping"),
    ],
)
def test_wrong_rows_of_a_series_are_errors(row, message):
    with pytest.raises(DataError, match=message):
        series().session().step(row)


def test_a_series_is_classified_after_every_step():
    made = series()
    _, answers = fed(made, made.rows()[:3])
    assert all(answer["ready"] and answer["label"] in ("a", "b") for answer in answers)
    assert sum(answers[-1]["probabilities"].values()) == pytest.approx(1)


def test_with_a_stride_it_answers_after_each_full_one():
    made = series(CARRIED, "mean", HALVING)
    _, answers = fed(made, made.rows()[:4])
    assert [answer["ready"] for answer in answers] == [False, True, False, True]
    assert answers[0]["needs"] == "1 more step"


def test_a_text_in_pieces_is_the_text():
    made = text()
    _, whole = fed(made, [{"text": "The sea, the sea! do not wait"}])
    _, pieces = fed(made, [{"text": piece} for piece in ("The sea, ", "the", " sea! do", " not wait")])
    assert pieces[-1] == whole[-1]


@pytest.mark.parametrize("piece", ["", "   ", "\n"])
def test_an_empty_piece_changes_nothing(piece):
    made = text()
    _, answers = fed(made, [{"text": "the sea"}, {"text": piece}, {"text": "the stone"}])
    assert answers[1] == {"ready": False, "needs": "a piece of text that is not empty"}
    assert answers[2] == fed(made, [{"text": "the sea the stone"}])[1][0]


def test_a_blank_is_a_step_where_the_unit_is_a_character():
    assert text(unit="characters").session().step({"text": " "})["ready"]


def test_beyond_the_longest_text_further_steps_are_ignored_and_it_says_so():
    made = text(longest=5)
    _, answers = fed(made, [{"text": "one two three"}, {"text": "the sea the stone"}, {"text": "more"}])
    assert answers[1]["note"] == "2 steps were ignored, for the model reads the first 5 of a text"
    assert {**answers[1], "note": ""} == {**fed(made, [{"text": "one two three the sea"}])[1][0], "note": ""}
    assert not answers[2]["ready"] and "reset" in answers[2]["needs"]


def test_the_end_of_a_text_cannot_be_kept_live_with_a_carried_state():
    with pytest.raises(LiveError, match="keep: head"):
        text(longest=5, keep="tail").session()


@pytest.mark.parametrize("record", [{"text": 3}, {"txt": "a"}, {}, {"text": None}, "text"])
def test_wrong_pieces_of_text_are_errors(record):
    with pytest.raises(DataError, match="text"):
        text().session().step(record)
