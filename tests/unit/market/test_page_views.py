"""Page views of files: what is known at each bar, nothing before its day has ended, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Panel, Times
from regimefolio.market.page_views import read_page_views

NAN = np.nan
THURSDAY = np.array(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"], "datetime64[ns]")
WEEK = "2020-01-01,A,10 2020-01-02,A,20 2020-01-03,A,30 2020-01-04,A,6 2020-01-05,A,9 2020-01-06,A,50 2020-01-07,A,70"


def file(folder: Path, rows: str, name: str = "views.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(rows.split()) + "\n")
    return path


def panel(days: Times = THURSDAY, symbols: str = "A") -> Panel:
    shape = (len(days), len(symbols))
    return Panel(days, tuple(symbols), np.ones(shape), np.ones(shape, dtype=bool), 252.0)


def known(path: Path, of: Panel | None = None) -> list[object]:
    values: list[object] = np.nan_to_num(read_page_views(path, panel() if of is None else of).known, nan=-1.0).tolist()
    return values


def test_a_day_is_known_at_the_bar_after_it_and_a_weekend_counts_as_a_mean(tmp_path: Path) -> None:
    path = file(tmp_path, f"date,symbol,views {WEEK}")
    assert known(path) == [[10.0], [20.0], [15.0], [50.0]]


def test_later_rows_change_nothing_before_them(tmp_path: Path) -> None:
    rows = WEEK.split()
    whole = read_page_views(file(tmp_path, f"date,symbol,views {WEEK}"), panel()).known
    for count, bars in ((1, 1), (2, 2), (5, 3), (6, 4)):
        part = read_page_views(file(tmp_path, " ".join(["date,symbol,views", *rows[:count]])), panel()).known
        assert part[:bars].tolist() == whole[:bars].tolist()
        assert np.isnan(part[bars:]).all()


def test_intraday_bars_hold_what_the_day_before_told(tmp_path: Path) -> None:
    """A bar that closes at midnight comes too early for the day that ends with it."""
    hours = ["2020-01-02T15", "2020-01-02T21", "2020-01-03T00", "2020-01-03T15", "2020-01-06T15", "2020-01-07T15"]
    path = file(tmp_path, f"date,symbol,views {WEEK}")
    found = known(path, panel(np.array(hours, "datetime64[ns]")))
    assert found == [[10.0], [10.0], [10.0], [20.0], [15.0], [50.0]]


def test_days_that_a_file_lacks_are_not_known(tmp_path: Path) -> None:
    path = file(tmp_path, "date,symbol,views 2020-01-01,A,10 2020-01-03,A,30 2020-01-06,A,0")
    assert known(path) == [[10.0], [-1.0], [30.0], [0.0]]


def test_long_and_wide_tables_of_every_format_tell_the_same(tmp_path: Path) -> None:
    long = "2020-01-01,A,1 2020-01-02,A,2 2020-01-06,A,6 2020-01-01,B,10 2020-01-03,B,30 2020-01-06,B,60"
    wide = "2020-01-01,1,10 2020-01-02,2, 2020-01-03,,30 2020-01-06,6,60"
    paths = [
        file(tmp_path, f"Date,Symbol,Views {long}"),
        file(tmp_path, f"Date,A,B {wide}", "wide.csv"),
        tmp_path / "long.csv.gz",
        tmp_path / "long.parquet",
        tmp_path / "wide.parquet",
    ]
    paths[2].write_bytes(gzip.compress(paths[0].read_bytes()))
    pl.read_csv(paths[0], try_parse_dates=True).write_parquet(paths[3])
    pl.read_csv(paths[1], try_parse_dates=True).with_columns(pl.col("A").cast(pl.Float64).fill_null(NAN)).write_parquet(
        paths[4]
    )
    expected = [[1.0, 10.0], [2.0, -1.0], [-1.0, 30.0], [6.0, 60.0]]
    for path in paths:
        assert known(path, panel(symbols="AB")) == expected, path.name


def test_what_a_person_should_know_is_told(tmp_path: Path) -> None:
    path = file(tmp_path, "date,symbol,views 2020-01-02,A,1 2020-01-03,A,1 2020-01-03,Z,1")
    assert read_page_views(path, panel(symbols="ABCDE")).cautions == (
        "views.csv: 3 days of views (ignored: 1 of symbols without prices)",
        "views.csv: no views of B, C, D and 1 more of 5 symbols",
        "views.csv: no views before 2020-01-03, 1 bar late",
        "views.csv: no views after 2020-01-06, for the last 1 bar",
    )
    assert read_page_views(file(tmp_path, f"date,symbol,views {WEEK}"), panel()).cautions == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2020-01-01,A,1 2020-01-02,A,-2", "line 3, column views: views below 0, found '-2' for A"),
        ("2020-01-01,A,1 2020-01-02,B,3 2020-01-01,A,2", "line 4, column date: a second count of this symbol and day"),
        ("2020-01-02,A,1 2020-01-02,B,3 2020-01-01,A,2", "line 4, column date: a day before the one above it of"),
        ("2020-01-01,A,1 2020-01-02,A,", "line 3, column views: missing value"),
        ("2020-01-01,A,nan", "line 2, column views: missing value, found 'nan' for A"),
        ("2020-01-01,A,inf", "line 2, column views: not a finite number"),
        ("2020-01-01,A,many", "line 2, column views: not a number, found 'many' for A"),
        ("2020-01-01T12:00,A,5", "line 2, column date: a time of day, where views are of a whole day"),
        ("soon,A,5", "line 2, column date: not an ISO date or time"),
        ("2020-01-01,,5", "line 2, column symbol: missing symbol"),
        ("2020-01-01,Y,5 2020-01-01,Z,5", "the prices have none of its symbols (Y, Z)"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_page_views(file(tmp_path, f"date,symbol,views {rows}"), panel())
    assert message in str(caught.value)
    assert str(tmp_path / "views.csv") in str(caught.value)


def test_a_wrong_cell_of_a_wide_file_is_named_by_its_line_and_symbol(tmp_path: Path) -> None:
    path = file(tmp_path, "date,A,B 2020-01-01,1,2 2020-01-02,,-7")
    with pytest.raises(DataError, match=r"line 3, column views: views below 0, found '-7' for B; mend the file"):
        read_page_views(path, panel(symbols="AB"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.csv: there is no such file"):
        read_page_views(tmp_path / "none.csv", panel())
    with pytest.raises(DataError, match="there is no column `views`"):
        read_page_views(file(tmp_path, "date,symbol,clicks 2020-01-01,A,1"), panel())
    with pytest.raises(DataError, match="unknown column 'ticker'; did you mean 'symbol'"):
        read_page_views(file(tmp_path, "date,ticker,views 2020-01-01,A,1"), panel())
