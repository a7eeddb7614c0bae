"""Files of prices at the edge of what a file can be: odd paths, odd numbers, and next to nothing in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.errors import DataError
from regimefolio.market import File, OnBad, check_file
from tests.unit.market.test_file import GOOD, load, masked, refusal, write


class TestPaths:
    @pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
    def test_brackets_and_stars_are_letters(self, tmp_path: Path, ending: str) -> None:
        path = tmp_path / f"pr[1]*.{ending}"
        if ending == "parquet":
            pl.read_csv(GOOD.encode(), try_parse_dates=True).write_parquet(path)
        else:
            write(tmp_path, GOOD, path.name)
        assert check_file(path).rows == 5

    def test_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        write(tmp_path, GOOD)
        path = Path("~/prices.csv")
        assert load(path).panel.n_bars == check_file(path).most == 3
        assert File(path=path).within(tmp_path / "work").load().panel.n_bars == 3


@pytest.mark.parametrize("rows", ["2020-01-02,A,1\n", ",,,,,,\n", "2020-01-02,A,1\n2020-01-03,A\n"])
@pytest.mark.parametrize("on_bad", ["error", "mask"])
def test_a_file_without_one_whole_row_is_refused_in_words(rows: str, on_bad: OnBad, tmp_path: Path) -> None:
    path = write(tmp_path, "date,symbol,open,high,low,close,volume\n" + rows)
    with pytest.raises(DataError):
        File(path=path).load(on_bad=on_bad)


@pytest.mark.parametrize(("close", "adj_close"), [("0", "1"), ("10", "0"), ("10", "inf"), ("0", "0")])
def test_a_masked_row_is_not_adjusted(close: str, adj_close: str, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"date,symbol,close,adj_close\n2020-01-02,A,10,5\n2020-01-03,A,{close},{adj_close}\n2020-01-06,A,12,6\n",
    )
    found = masked(path)
    assert found.defects
    np.testing.assert_array_equal(found.panel.close[:, 0], [5.0, np.nan, 6.0])


def test_seconds_since_1970_are_no_dates(tmp_path: Path) -> None:
    path = write(tmp_path, "date,symbol,close\n1712121212345,A,10\n2020-01-03,A,11\n")
    assert "1712121212345" in refusal(path)


@pytest.mark.parametrize(
    ("bar", "column", "problem"),
    [
        ("1e16,1e16,1,1,1,1", "open", "not a price"),
        ("1,1e300,1,1,1,1", "high", "not a price"),
        ("1,1,1,1,1,1e-320", "adj_close", "not a price"),
        ("1,1,1,1,1e300,1e-10", "adj_close", "not an adjustment of close"),
        ("1,1e10,1,1,1,1e10", "adj_close", "not an adjustment of close"),
        ("1e-9,1,1e-9,1,1,1e-10", "adj_close", "not an adjustment of close"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_numbers_that_would_overflow_are_defects(bar: str, column: str, problem: str, tmp_path: Path) -> None:
    good = "1,1,1,1,1,1"
    text = f"date,symbol,open,high,low,close,volume,adj_close\n2020-01-02,A,{good}\n2020-01-03,A,{bar}\n"
    path = write(tmp_path, text)
    assert (column, problem) in {(defect.column, defect.problem) for defect in check_file(path).defects}
    assert np.isnan(masked(path).panel.close[1, 0])


def test_decimals_with_a_comma(tmp_path: Path) -> None:
    path = write(tmp_path, 'date,symbol,close\n2020-01-02,A,"10,5"\n2020-01-03,A,"1.010,5"\n2020-01-06,A,ten\n')
    problems = [defect.problem for defect in check_file(path).defects]
    assert problems == [*["not a number (write decimals with a point)"] * 2, "not a number"]


def test_the_parts_of_one_symbols_bars_are_no_symbols(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,vol,price\n2020-01-02,100,10\n2020-01-03,100,11\n")
    with pytest.raises(DataError, match="vol, price belong to the bars of one symbol: name its price `close`"):
        File(path=path).load()
    path.write_text("date,LOW,MSFT\n2020-01-02,100,10\n2020-01-03,100,11\n")  # Lowe's is a symbol
    assert File(path=path).load().panel.symbols == ("LOW", "MSFT")
