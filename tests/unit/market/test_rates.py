"""Rates of files: what is known at each bar, nothing before its time, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import ArrayLike

from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Panel, Times
from regimefolio.market.rates import read_borrow_rates, read_rates

DAYS = np.array(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"], "datetime64[ns]")
NAN = np.nan


def file(folder: Path, text: str, name: str = "rates.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(text.split()) + "\n")
    return path


def panel(close: ArrayLike, days: Times = DAYS) -> Panel:
    prices = np.array(close, dtype=np.float64)
    return Panel(days, tuple("ABC"[: prices.shape[1]]), prices, np.ones(prices.shape, dtype=bool), 252.0)


def test_a_rate_holds_from_its_date_on_until_the_next_one(tmp_path: Path) -> None:
    path = file(tmp_path, "rate,date 0.03,2020-01-04 0.01,2019-12-01 0.02,2020-01-03 0.5,2020-02-01")
    assert read_rates(path, DAYS).known.tolist() == [0.01, 0.02, 0.03, 0.03]


def test_of_the_dates_between_two_bars_the_last_one_holds(tmp_path: Path) -> None:
    path = file(tmp_path, "date,rate 2019-12-30,0.01 2020-01-05,0.04 2020-01-04,0.03")
    assert read_rates(path, DAYS).known.tolist() == [0.01, 0.01, 0.04, 0.04]


def test_a_date_is_over_at_its_last_bar(tmp_path: Path) -> None:
    """What is dated a day may be known in its evening only."""
    hours = np.array(["2020-01-02T15", "2020-01-02T21", "2020-01-03T15", "2020-01-03T21"], "datetime64[ns]")
    path = file(tmp_path, "date,rate 2020-01-01,0.01 2020-01-02,0.02 2020-01-03,0.03")
    assert read_rates(path, hours).known.tolist() == [0.01, 0.02, 0.02, 0.03]


def test_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "rates.parquet"
    pl.DataFrame({"Date": ["2020-01-01", "2020-01-06"], "Rate": [0.0, -0.005]}).write_parquet(path)
    assert read_rates(path, DAYS).known.tolist() == [0.0, 0.0, -0.005, -0.005]


def test_later_rows_change_nothing_before_them(tmp_path: Path) -> None:
    rows = ["date,rate", "2019-12-01,0.01", "2020-01-03,0.02", "2020-01-06,0.03", "2020-01-07,0.04"]
    whole = read_rates(file(tmp_path, " ".join(rows)), DAYS).known
    for count in range(2, 5):
        part = read_rates(file(tmp_path, " ".join(rows[:count])), DAYS).known
        assert part[: count - 1].tolist() == whole[: count - 1].tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,rate 2020-01-01,2.0", "line 2, column rate: a rate is a fraction a year, 0.02 is 2%: divide by 100"),
        ("date,rate 2020-01-01,-1", "line 2, column rate: a rate is a fraction"),
        ("date,rate 2020-01-01,0.01 2020-01-01,0.02", "line 3, column date: a second rate of this date"),
        ("date,rate 2020-01-01,", "line 2, column rate: missing value"),
        ("date,rate 2020-01-01,x", "line 2, column rate: not a number"),
        ("date,rate soon,0.01", "line 2, column date: not an ISO date"),
        ("date,yield 2020-01-01,0.01", "there is no column `rate`; unknown column 'yield'; known: date, rate"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_rates(file(tmp_path, text), DAYS)


def test_a_rate_of_exactly_1_is_a_fraction(tmp_path: Path) -> None:
    assert read_rates(file(tmp_path, "date,rate 2020-01-01,1"), DAYS).known[0] == 1.0


def test_a_file_that_begins_late_names_both_dates(tmp_path: Path) -> None:
    path = file(tmp_path, "date,rate 2020-02-01,0.01 2020-01-03,0.01")
    expected = "begins 2020-01-03, but the data begins 2020-01-02, when a rate must be known; add an earlier one, or a "
    with pytest.raises(MissingDataError, match=re.escape(expected)):
        read_rates(path, DAYS)


BARS = np.ones((4, 3))


def test_borrow_rates_without_dates_always_hold(tmp_path: Path) -> None:
    path = file(tmp_path, "symbol,rate C,0.3 A,0.01 B,0.02 Z,0.9")
    assert read_borrow_rates(path, panel(BARS)).known.tolist() == [[0.01, 0.02, 0.3]]


def test_borrow_rates_by_date_with_a_default(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "symbol,date,rate default,2019-01-01,0.005 A,2020-01-06,0.3 default,2020-01-07,0.006 A,2020-01-03,0.1",
    )
    assert read_borrow_rates(path, panel(BARS[:, :2])).known.tolist() == [
        [0.005, 0.005],
        [0.1, 0.005],
        [0.3, 0.005],
        [0.3, 0.006],
    ]


def test_a_symbol_needs_a_borrow_rate_from_its_first_bar_on(tmp_path: Path) -> None:
    path = file(tmp_path, "symbol,date,rate A,2020-01-01,0.1 B,2020-01-03,0.2")
    listed_later = [[1.0, NAN], [1.0, 1.0], [1.0, NAN], [1.0, 1.0]]
    assert read_borrow_rates(path, panel(listed_later)).known[:, 1].tolist() == [0.0, 0.2, 0.2, 0.2]
    expected = "has no rate for B of 2 symbols (B on 2020-01-02); add a row for each, or one with the symbol default"
    with pytest.raises(MissingDataError, match=re.escape(expected)):
        read_borrow_rates(path, panel(BARS[:, :2]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("symbol,rate A,0.1 B,0.1", "has no rate for C of 3 symbols; add a row for each"),
        ("symbol,rate A,0.1 B,-0.1 C,0.1", "line 3, column rate: a fee below 0"),
        ("symbol,rate A,0.1 B,0.1 C,0.1 B,0.1", "line 5, column symbol: a second rate of this symbol"),
        ("symbol,rate A,0.1 B,30 C,0.1", "line 3, column rate: a rate is a fraction a year"),
        ("symbol,rate,when A,0.1,2020-01-01", "unknown column 'when'"),
        ("symbol,rate X,0.1 Y,0.1", "the prices have none of its symbols (X, Y)"),
    ],
)
def test_a_wrong_file_of_borrow_rates_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_borrow_rates(file(tmp_path, text), panel(BARS))


def test_a_symbol_may_change_its_rate_but_not_twice_at_a_date(tmp_path: Path) -> None:
    text = "symbol,date,rate A,2020-01-01,0.1 A,2020-01-02,0.2 A,2020-01-01,0.3"
    with pytest.raises(DataError, match="line 4, column symbol: a second rate of this symbol and date"):
        read_borrow_rates(file(tmp_path, text), panel(BARS[:, :1]))


def test_that_the_last_rate_holds_longer_than_any_before_is_told(tmp_path: Path) -> None:
    months = np.arange("2020-01-01", "2020-12-31", dtype="datetime64[D]").astype("datetime64[ns]")
    rows = [f"2020-{month:02}-01,0.01" for month in range(1, 13)]
    assert read_rates(file(tmp_path, " ".join(["date,rate", *rows])), months).cautions == ()
    assert read_rates(file(tmp_path, " ".join(["date,rate", *rows[:9]])), months).cautions == (
        "rates.csv: ends 2020-09-01; its last rate holds for 120 bars more, up to 2020-12-30",
    )
    assert read_rates(file(tmp_path, "date,rate 2019-12-01,0.01"), DAYS).cautions == (
        "rates.csv: ends 2019-12-01; its last rate holds for 3 bars more, up to 2020-01-07",
    )


def test_borrow_rates_of_symbols_without_prices_are_told(tmp_path: Path) -> None:
    text = "symbol,rate C,0.3 A,0.01 B,0.02 Z,0.9"
    told = ("rates.csv: 4 rates (ignored: 1 of symbols without prices)",)
    assert read_borrow_rates(file(tmp_path, text), panel(BARS)).cautions == told
    assert read_borrow_rates(file(tmp_path, "symbol,rate default,0.3"), panel(BARS)).cautions == ()


def test_borrow_rates_that_end_early_are_told(tmp_path: Path) -> None:
    text = "symbol,date,rate default,2020-01-01,0.1 A,2020-01-03,0.2"
    assert read_borrow_rates(file(tmp_path, text), panel(BARS)).cautions == (
        "rates.csv: ends 2020-01-03; its last rate holds for 2 bars more, up to 2020-01-07",
    )
