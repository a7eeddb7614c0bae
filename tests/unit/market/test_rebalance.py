"""Decisions, on days that can be checked by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio import api
from regimefolio.core.component import Model
from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Times
from regimefolio.market import Every, OnDates, Rebalance, decision_bars, must_decide


def days(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[ns]")


# Thursday, Friday | Monday, Tuesday | a week without bars | Wednesday, Friday | Monday in February
BARS = days("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-22", "2020-01-24", "2020-02-03")


@pytest.mark.parametrize(
    ("rebalance", "expected"),
    [
        ("daily", [1, 1, 1, 1, 1, 1, 0]),
        ("weekly", [0, 1, 0, 1, 0, 1, 0]),
        ("monthly", [0, 0, 0, 0, 0, 1, 0]),
        ("quarterly", [0, 0, 0, 0, 0, 0, 0]),
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


def test_quarters_and_years_are_filled_at_their_first_bar() -> None:
    bars = days("2019-12-31", "2020-01-02", "2020-03-31", "2020-04-01", "2020-06-30", "2021-06-30", "2021-07-01")
    assert decision_bars(bars, "quarterly").tolist() == [True, False, True, False, True, True, False]
    assert decision_bars(bars, "yearly").tolist() == [True, False, False, False, True, False, False]


def dates(*texts: str) -> OnDates:
    return OnDates(dates=tuple(date.fromisoformat(text) for text in texts))


@pytest.mark.parametrize(
    ("rebalance", "decides"),
    [
        pytest.param(dates("2020-01-07"), [2], id="filled on the date itself"),
        pytest.param(dates("2020-01-08"), [3], id="filled at the first bar after a date without one"),
        pytest.param(dates("2020-01-08", "2020-01-09", "2020-01-22"), [3], id="several before one bar are one"),
        pytest.param(dates("2020-01-03", "2020-01-24"), [0, 4], id="two"),
        pytest.param(dates("2019-12-31", "2020-01-02"), [], id="no bar stands before"),
        pytest.param(dates("2020-02-04"), [], id="no bar stands after"),
    ],
)
def test_decisions_before_dates(rebalance: OnDates, decides: list[int]) -> None:
    assert np.flatnonzero(decision_bars(BARS, rebalance)).tolist() == decides
    if not decides:
        with pytest.raises(ConfigError, match="the bars run from 2020-01-02 to 2020-02-03"):
            must_decide(BARS, rebalance)


def test_a_date_of_intraday_bars_begins_at_midnight_in_utc() -> None:
    bars = days("2020-01-02T20:00", "2020-01-02T21:00", "2020-01-03T00:00", "2020-01-03T20:00")
    assert decision_bars(bars, dates("2020-01-03")).tolist() == [False, True, False, False]


@pytest.mark.parametrize("rebalance", ["monthly", "yearly", dates("2020-01-02")])
def test_no_bar_and_one_bar_decide_nothing(rebalance: Rebalance) -> None:
    assert decision_bars(days(), rebalance).tolist() == []
    assert decision_bars(days("2020-01-02"), rebalance).tolist() == [False]


class Portfolio(Model):
    rebalance: Rebalance = "weekly"


def test_rebalance_as_a_field() -> None:
    assert Portfolio().rebalance == "weekly"
    assert Portfolio.model_validate({"rebalance": {"every": 5}}).rebalance == Every(every=5)
    dates = OnDates(dates=(date(2020, 1, 15), date(2020, 7, 15)))
    for value in ("daily", "weekly", "monthly", "quarterly", "yearly", Every(every=2), dates):
        portfolio = Portfolio(rebalance=value)
        assert portfolio.rebalance == value
        assert Portfolio.model_validate(portfolio.plain()) == portfolio
    assert Portfolio(rebalance=Every(every=5)).plain() == {"rebalance": {"every": 5}}


@pytest.mark.parametrize(
    "value",
    ["wekly", 5, {"every": 0}, {"every": True}, {"every": "5"}, {"evry": 5}, {"dates": []}, {"dates": "d.csv"}, None],
)
def test_no_rebalance(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Portfolio.model_validate({"rebalance": value})
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == ("rebalance",)
    assert mistake["msg"].startswith("a rebalance is `daily`, `weekly`, `monthly`, `quarterly`, `yearly`, `{every: k}`")
    if value == "wekly":
        assert mistake["msg"].endswith("; did you mean 'weekly'?")


@pytest.mark.parametrize(
    ("said", "place", "text"),
    [
        (["2020-01-15", "2020-01-15"], ["dates", 1], "2020-01-15 is there twice; give each date once"),
        (["2020-07-15", "2020-01-15"], ["dates", 1], "2020-01-15 stands after 2020-07-15"),
        (["2020-01-15", "15.2.2020"], ["dates", 1], "'15.2.2020' is no date; write dates as 2015-01-31"),
        ([20200115], ["dates", 0], "20200115 is no date"),
    ],
)
def test_dates_that_are_none(said: list[object], place: list[object], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Portfolio.model_validate({"rebalance": {"dates": said}})
    (mistake,) = caught.value.errors()
    assert mistake["ctx"]["place"] == place
    assert mistake["msg"].startswith(text)


def test_a_file_of_dates_is_read_at_once(forgetful: Path) -> None:
    Path("dates.csv").write_text("date\n2020-01-15\n2020-07-15\n")
    portfolio = Portfolio.model_validate({"rebalance": {"dates": "file:dates.csv"}})
    assert portfolio.plain() == {"rebalance": {"dates": ["2020-01-15", "2020-07-15"]}}
    assert Portfolio.model_validate(portfolio.plain()) == portfolio


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("day\n2020-01-15\n", "dates.csv: the columns are day, but there must be one, named date"),
        ("date,symbol\n2020-01-15,A\n", "there must be one, named date"),
        ("date\n2020-01-15\n2020-02-30\n", "line 3: no date (write dates as 2015-01-31), found '2020-02-30'"),
        ("date\n2020-07-15\n2020-01-15\n", "line 3: not later than the row before, found '2020-01-15'"),
        ("date\n2020-07-15\n2020-07-15\n", "line 3: not later than the row before"),
        (None, "there is no such file"),
    ],
)
def test_a_file_that_holds_no_dates(forgetful: Path, body: str | None, text: str) -> None:
    if body is not None:
        Path("dates.csv").write_text(body)
    with pytest.raises(ValidationError) as caught:
        Portfolio.model_validate({"rebalance": {"dates": "file:dates.csv"}})
    assert text in caught.value.errors()[0]["msg"]


def test_a_file_of_dates_starts_where_the_others_do(tmp_path: Path) -> None:
    """The command runs elsewhere, and the folder is named."""
    (tmp_path / "dates.csv").write_text("date\n2020-01-07\n")
    lines = [
        'data: {source: "file:p.csv"}',
        "strategies: [momentum_rank]",
        'portfolio: {rebalance: {dates: "file:dates.csv"}}',
    ]
    (tmp_path / "b.yaml").write_text("\n  ".join(["backtest:", *lines]) + "\n")
    spec = api.read_backtest(tmp_path / "b.yaml", tmp_path)
    assert spec.portfolio.rebalance == OnDates(dates=(date(2020, 1, 7),))
    with pytest.raises(ConfigError, match=r"b\.yaml:4:27: dates\.csv: there is no such file"):
        api.read_backtest(tmp_path / "b.yaml")
