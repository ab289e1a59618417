"""The calendar agrees with pandas, at every change of the clock."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.data.features import calendar, calendar_names, utc_offset, utc_time
from unspool.errors import DataError

WAVES = ("minute_of_hour", "hour_of_day", "day_of_week", "day_of_month", "day_of_year", "month_of_year")
NAMES = (*WAVES, "weekend", "year_end")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns",
         "Africa/Casablanca", "Pacific/Apia", "America/Sao_Paulo", "Europe/Amsterdam")  # fmt: skip
MOMENTS = st.lists(st.integers(-2_000_000_000, 4_000_000_000), min_size=1, max_size=50)


def stamps(seconds):
    return (np.array(seconds, np.int64) * 1_000_000).view("datetime64[us]")


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=25)
@given(MOMENTS)
def test_offsets_agree_with_pandas(zone, seconds):
    times = stamps(seconds)
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(zone)
    wanted = local.tz_localize(None).to_numpy().astype("M8[us]").view(np.int64) - times.view(np.int64)
    assert utc_offset(times.view(np.int64), zone).tolist() == wanted.tolist()


@pytest.mark.parametrize("zone", ZONES)
def test_offsets_are_exact_to_the_second_at_every_change_of_the_clock(zone):
    hours = np.arange("2010-01-01", "2013-01-01", dtype="M8[h]").astype("M8[us]").view(np.int64)
    changes = np.flatnonzero(np.diff(utc_offset(hours, zone)))
    seconds = np.concatenate([hours[change] // 10**6 + np.arange(-2, 3602) for change in changes[:6]] or [[0]])
    local = pd.DatetimeIndex(stamps(seconds), tz="UTC").tz_convert(zone).tz_localize(None).to_numpy().astype("M8[us]")
    wanted = local.view(np.int64) - stamps(seconds).view(np.int64)
    assert utc_offset(stamps(seconds).view(np.int64), zone).tolist() == wanted.tolist()


@pytest.mark.parametrize("zone", ZONES)
@given(MOMENTS)
@settings(max_examples=25)
def test_local_time_reads_back_to_utc(zone, seconds):
    times = stamps(seconds)
    local = times.view(np.int64) + utc_offset(times.view(np.int64), zone)
    again, skipped, twice = utc_time(local, zone)
    assert not skipped.any()
    assert (again == times)[~twice].all()


def test_features_are_what_pandas_says():
    times = np.arange("2023-12-25", "2024-03-05", np.timedelta64(45, "m"), dtype="M8[us]")
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert("Australia/Lord_Howe")
    hour = local.hour + local.minute / 60
    phases = {
        "minute_of_hour": local.minute / 60,
        "hour_of_day": hour / 24,
        "day_of_week": local.day_of_week / 7,
        "day_of_month": (local.day - 1) / local.days_in_month,
        "day_of_year": (local.day_of_year - 1) / np.where(local.is_leap_year, 366, 365),
        "month_of_year": (local.month - 1) / 12,
    }
    harmonics = dict.fromkeys(NAMES, 2)
    found = dict(zip(calendar_names(NAMES, harmonics), calendar(times, NAMES, harmonics, "Australia/Lord_Howe").T, strict=True))
    assert len(found) == 6 * 4 + 2
    for name, phase in phases.items():
        for k in (1, 2):
            np.testing.assert_allclose(found[f"{name}_sin{k}"], np.sin(2 * np.pi * k * np.asarray(phase)), atol=1e-6)
            np.testing.assert_allclose(found[f"{name}_cos{k}"], np.cos(2 * np.pi * k * np.asarray(phase)), atol=1e-6)
    assert found["year_end"].argmax() == np.argmin(np.abs(local - pd.Timestamp("2023-12-28", tz=local.tz)))
    assert (found["weekend"] == (local.day_of_week >= 5)).all()


@given(MOMENTS, st.permutations(NAMES), st.integers(0, 8), st.integers(1, 3))
def test_one_stamp_gives_the_row_that_many_give(seconds, names, count, harmonics):
    times, names, harmonics = stamps(seconds), tuple(names)[:count], dict.fromkeys(NAMES[:3], harmonics)
    whole = calendar(times, names, harmonics, "Europe/Berlin")
    assert whole.shape == (len(times), len(calendar_names(names, harmonics)))
    for row, moment in zip(whole, times, strict=True):
        assert (calendar(np.array([moment]), names, harmonics, "Europe/Berlin")[0] == row).all()


def test_a_stamp_that_is_none_is_refused():
    for moment in ("NaT", "12000-01-01", "0001-01-01"):
        with pytest.raises(DataError, match="time stamp in the year"):
            calendar(np.array([moment], "M8[us]"), ("weekend",), {}, "Europe/Berlin")


def test_the_clock_skips_and_repeats_half_an_hour_on_lord_howe():
    local = np.array(["2024-10-06T02:15", "2024-04-07T01:45", "2024-04-07T03:00"], "M8[us]").view(np.int64)
    moments, skipped, twice = utc_time(local, "Australia/Lord_Howe")
    assert skipped.tolist() == [True, False, False]
    assert twice.tolist() == [False, True, False]
    assert str(moments[2]) == "2024-04-06T16:30:00.000000"


def test_preparing_needs_numpy_and_pydantic_alone():
    import subprocess

    heavy = "polars pandas pyarrow narwhals torch"
    rooms = "preparation, splits, windows, batching, scaling, vocab, features, survey, sources, synthetic"
    code = f"import sys; from unspool.data import {rooms}; print([m for m in '{heavy}'.split() if m in sys.modules])"
    paths = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=paths)
    assert done.stdout.strip() == "[]"
