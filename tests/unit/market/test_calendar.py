"""Decisions, quarters and years, on days that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.component import Model
from regimefolio.core.types import Times
from regimefolio.market import Every, Rebalance, decision_bars, periods_per_year, quarter_starts


def days(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[ns]")


def span(first: str, last: str, step: str = "D") -> Times:
    return np.arange(first, last, dtype=f"datetime64[{step}]").astype("datetime64[ns]")


def business_days(first: str, last: str) -> Times:
    every = np.arange(first, last, dtype="datetime64[D]")
    return every[np.is_busday(every)].astype("datetime64[ns]")


# Thursday, Friday | Monday, Tuesday | a week without bars | Wednesday, Friday | Monday in February
BARS = days("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-22", "2020-01-24", "2020-02-03")


@pytest.mark.parametrize(
    ("rebalance", "expected"),
    [
        ("daily", [1, 1, 1, 1, 1, 1, 0]),
        ("weekly", [0, 1, 0, 1, 0, 1, 0]),
        ("monthly", [0, 0, 0, 0, 0, 1, 0]),
        (Every(every=1), [1, 1, 1, 1, 1, 1, 1]),
        (Every(every=3), [1, 0, 0, 1, 0, 0, 1]),
        (Every(every=9), [1, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_decisions(rebalance: Rebalance, expected: list[int]) -> None:
    assert decision_bars(BARS, rebalance).tolist() == [bool(value) for value in expected]


def test_iso_weeks_cross_the_year() -> None:
    # 2019-12-30 to 2020-01-03 is one ISO week, and a Sunday belongs to the week before it.
    bars = days("2019-12-29", "2019-12-30", "2020-01-03", "2020-01-05", "2020-01-06")
    assert decision_bars(bars, "weekly").tolist() == [True, False, False, True, False]


def test_days_of_intraday_bars_end_with_their_last_bar() -> None:
    bars = days("2020-01-02T20:00", "2020-01-02T21:00", "2020-01-03T00:00", "2020-01-03T20:00", "2020-01-06T20:00")
    assert decision_bars(bars, "daily").tolist() == [False, False, True, True, False]  # midnight ends the 2nd


def test_weeks_before_1970() -> None:
    bars = days("1969-12-26", "1969-12-29", "1970-01-02", "1970-01-05")
    assert decision_bars(bars, "weekly").tolist() == [True, False, True, False]


def test_quarters() -> None:
    bars = days("2019-12-31", "2020-01-02", "2020-03-31", "2020-04-01", "2020-06-30", "2021-06-30", "2021-07-01")
    assert quarter_starts(bars).tolist() == [False, True, False, True, False, True, True]


@pytest.mark.parametrize("function", [quarter_starts, lambda bars: decision_bars(bars, "monthly")])
def test_no_bar_and_one_bar(function: object) -> None:
    assert callable(function)
    assert function(days()).tolist() == []
    assert function(days("2020-01-02")).tolist() == [False]


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


class Portfolio(Model):
    rebalance: Rebalance = "weekly"


def test_rebalance_as_a_field() -> None:
    assert Portfolio().rebalance == "weekly"
    assert Portfolio.model_validate({"rebalance": {"every": 5}}).rebalance == Every(every=5)
    for value in ("daily", "weekly", "monthly", Every(every=2)):
        portfolio = Portfolio(rebalance=value)
        assert portfolio.rebalance == value
        assert Portfolio.model_validate(portfolio.plain()) == portfolio
    assert Portfolio(rebalance=Every(every=5)).plain() == {"rebalance": {"every": 5}}


@pytest.mark.parametrize("value", ["wekly", 5, {"every": 0}, {"every": True}, {"every": "5"}, {"evry": 5}, None])
def test_no_rebalance(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Portfolio.model_validate({"rebalance": value})
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == ("rebalance",)
    assert mistake["msg"].startswith("a rebalance is `daily`, `weekly`, `monthly` or `{every: k}`")
    if value == "wekly":
        assert mistake["msg"].endswith("; did you mean 'weekly'?")
