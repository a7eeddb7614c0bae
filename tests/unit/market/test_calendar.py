"""Quarters and years, on days that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from regimefolio.core.types import Times
from regimefolio.market import periods_per_year, quarter_starts


def days(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[ns]")


def span(first: str, last: str, step: str = "D") -> Times:
    return np.arange(first, last, dtype=f"datetime64[{step}]").astype("datetime64[ns]")


def business_days(first: str, last: str) -> Times:
    every = np.arange(first, last, dtype="datetime64[D]")
    return every[np.is_busday(every)].astype("datetime64[ns]")


def test_quarters() -> None:
    bars = days("2019-12-31", "2020-01-02", "2020-03-31", "2020-04-01", "2020-06-30", "2021-06-30", "2021-07-01")
    assert quarter_starts(bars).tolist() == [False, True, False, True, False, True, True]


def test_no_bar_and_one_bar_begin_no_quarter() -> None:
    assert quarter_starts(days()).tolist() == []
    assert quarter_starts(days("2020-01-02")).tolist() == [False]


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        pytest.param(business_days("2019-01-01", "2020-12-31"), 252, id="sessions"),
        pytest.param(span("2019-01-01", "2020-12-31"), 365, id="every day"),
        pytest.param(span("2015-01-02", "2020-01-01", "7D"), 52, id="weekly"),
        pytest.param(span("2015-01", "2020-01", "M"), 12, id="monthly"),
        pytest.param(span("2015-01", "2020-01", "3M"), 4, id="quarterly"),
        pytest.param(span("1990", "2020", "Y"), 1, id="yearly"),
        pytest.param(span("2020-01-01", "2020-03-01", "h"), 24 * 365, id="hours of every day"),
        pytest.param(
            (business_days("2020-01-01", "2020-03-01")[:, None] + np.arange(14, 21) * np.timedelta64(1, "h")).ravel(),
            7 * 252,
            id="hours of sessions",
        ),
        pytest.param(days("2020-01-02"), 252, id="one bar"),
        pytest.param(span("2020-01-01", "2021-12-31", "73h"), 8766 / 73, id="something else is counted"),
    ],
)  # fmt: skip
def test_periods_per_year(bars: Times, expected: float) -> None:
    assert periods_per_year(bars) == pytest.approx(expected, rel=1e-12)
