"""Files of prices: what is read, what is refused, and where the mistakes are said to be."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Panel
from regimefolio.market import Dataset, Defect, File, check_file

GOOD = """\
date,symbol,open,high,low,close,volume
2020-01-02,A,10,11,9,10.5,100
2020-01-03,A,10.5,12,10,11,200
2020-01-06,A,11,11.5,10.5,11,0
2020-01-03,B,20,22,19,21,300
2020-01-06,B,21,21,20,20.5,400
"""
ADVICE = (
    "\n  Mend the file, or set `on_bad: mask` to turn bad bars into missing ones; "
    "`regimefolio data check {path}` shows them."
)


def write(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def load(path: Path) -> Dataset:
    return File(path=path).load()


def masked(path: Path) -> Dataset:
    return File(path=path).load(on_bad="mask")


def refusal(path: Path) -> str:
    """What the file is refused with, without its path and the advice that always follows."""
    with pytest.raises(DataError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ").removesuffix(ADVICE.format(path=path))


def assert_equal(one: Panel, other: Panel) -> None:
    assert one.symbols == other.symbols
    for name in ("timestamps", "close", "open", "high", "low", "volume", "member"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


class TestReading:
    def test_long(self, tmp_path: Path) -> None:
        data = load(write(tmp_path, GOOD))
        panel = data.panel
        assert panel.symbols == ("A", "B")
        assert (
            panel.timestamps.tolist()
            == np.array(["2020-01-02", "2020-01-03", "2020-01-06"], dtype="datetime64[ns]").tolist()
        )
        nan = np.nan
        for name, expected in {
            "open": [[10, nan], [10.5, 20], [11, 21]],
            "high": [[11, nan], [12, 22], [11.5, 21]],
            "low": [[9, nan], [10, 19], [10.5, 20]],
            "close": [[10.5, nan], [11, 21], [11, 20.5]],
            "volume": [[100, nan], [200, 300], [0, 400]],
        }.items():
            np.testing.assert_array_equal(getattr(panel, name), np.array(expected, dtype=float), err_msg=name)
        assert panel.member.all()
        assert panel.sectors is None
        assert data.index is None
        assert data.defects == ()
        assert data.about == "prices.csv: 2 symbols, 3 bars, 2020-01-02 to 2020-01-06 (csv, long)"

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(GOOD.replace("date,symbol,open", "Timestamp, SYMBOL ,Open"), id="names in any case"),
            pytest.param(GOOD.replace("\n", "\r\n"), id="windows lines"),
            pytest.param("\ufeff" + GOOD, id="byte order mark"),
            pytest.param(GOOD + "\n\n", id="blank lines at the end"),
            pytest.param(GOOD.replace("2020-01-03,B", "\n2020-01-03,B"), id="blank line in the middle"),
            pytest.param(GOOD.replace("A", '"A"').replace("10.5", '"10.5"'), id="quotes"),
            pytest.param(GOOD.replace(",", " , "), id="spaces"),
            pytest.param(GOOD + ",,,,,,\n2020-01-07,,,,,,\n2020-01-02,B,,,,,\n", id="rows without numbers"),
            pytest.param(GOOD + "2020-01-02,B,NaN,nan,NA,null,n/a\n", id="empty by other names"),
            pytest.param("\n".join([GOOD.splitlines()[0], *sorted(GOOD.splitlines()[1:])]), id="in the order of dates"),
            pytest.param(GOOD.replace("2020-01-02", "2020-01-02T00:00:00+05:00"), id="sessions of a zone"),
        ],
    )
    def test_same_bars_written_differently(self, tmp_path: Path, text: str) -> None:
        expected = load(write(tmp_path, GOOD))
        found = load(write(tmp_path, text, "other.csv"))
        assert_equal(found.panel, expected.panel)
        assert found.fingerprint == expected.fingerprint
        assert load(write(tmp_path, text, "other.csv.gz")).fingerprint == expected.fingerprint

    def test_fingerprint_sees_every_number(self, tmp_path: Path) -> None:
        expected = load(write(tmp_path, GOOD)).fingerprint
        for old, new in (("20.5,400", "20.5,401"), (",B,", ",C,"), ("2020-01-06", "2020-01-07")):
            assert load(write(tmp_path, GOOD.replace(old, new))).fingerprint != expected

    def test_tickers_that_look_like_nothing(self, tmp_path: Path) -> None:
        rows = [f"2020-01-02,{symbol},5" for symbol in ("NULL", "NAN", "NA", "null", "nan", "TRUE", "1E5")]
        panel = load(write(tmp_path, "\n".join(["date,symbol,close", *rows]))).panel
        assert panel.symbols == ("1E5", "NA", "NAN", "NULL", "TRUE", "nan", "null")
        assert panel.close.tolist() == [[5.0] * 7]

    def test_closes_alone(self, tmp_path: Path) -> None:
        panel = load(write(tmp_path, "date,symbol,close\n2020-01-02,A,5\n")).panel
        assert (panel.open, panel.high, panel.low, panel.volume) == (None, None, None, None)

    def test_wide(self, tmp_path: Path) -> None:
        text = "Date,LOW,OPEN,Aa\n2020-01-02,1,,3\n2020-01-03,4,5,\n2020-01-06,,,\n"
        data = load(write(tmp_path, text))
        assert data.panel.symbols == ("Aa", "LOW", "OPEN")
        np.testing.assert_array_equal(data.panel.close, [[3, 1, np.nan], [np.nan, 4, 5]])
        assert data.panel.open is None
        assert data.about.endswith("2020-01-02 to 2020-01-03 (csv, wide)")

    def test_adjusted_by_adj_close(self, tmp_path: Path) -> None:
        text = (
            "date,symbol,open,high,low,close,volume,Adj Close\n"
            "2020-01-02,A,100,120,80,110,10,27.5\n"
            "2020-01-03,A,26,30,25,28,40,28\n"
        )
        panel = load(write(tmp_path, text)).panel
        values = [np.asarray(getattr(panel, name))[:, 0] for name in ("open", "high", "low", "close", "volume")]
        np.testing.assert_array_equal(values, [[25, 26], [30, 30], [20, 25], [27.5, 28], [40, 40]])

    def test_zoned_times_become_utc(self, tmp_path: Path) -> None:
        text = "timestamp,symbol,close\n2020-01-02T16:00:00-05:00,A,1\n2020-01-02 22:00:00Z,A,2\n2020-01-03 00:00,A,3\n"
        times = load(write(tmp_path, text)).panel.timestamps
        expected = np.array(["2020-01-02T21", "2020-01-02T22", "2020-01-03T00"], dtype="datetime64[ns]")
        np.testing.assert_array_equal(times, expected)

    def test_parquet_with_zoned_times(self, tmp_path: Path) -> None:
        moments = pl.Series(["2020-01-02T16:00", "2020-01-03T16:00"]).str.to_datetime(time_zone="America/New_York")
        path = tmp_path / "prices.parquet"
        pl.DataFrame({"timestamp": moments, "A": [1, 2]}).write_parquet(path)
        expected = np.array(["2020-01-02T21", "2020-01-03T21"], dtype="datetime64[ns]")
        np.testing.assert_array_equal(load(path).panel.timestamps, expected)
        sessions = pl.Series(["2020-01-02", "2020-07-03"]).str.to_datetime(time_zone="America/New_York")
        pl.DataFrame({"timestamp": sessions, "A": [1, 2]}).write_parquet(path)
        expected = np.array(["2020-01-02", "2020-07-03"], dtype="datetime64[ns]")
        np.testing.assert_array_equal(load(path).panel.timestamps, expected)


FIRST = "2020-01-02,A,10,11,9,10.5,100"
SECOND = "2020-01-03,A,10.5,12,10,11,200"
BAR = "in the bar A 2020-01-03"
NO_DATE = "not an ISO date or time (write dates as 2015-01-31)"

MISTAKES = {
    "zero price": (
        SECOND.replace(",11,", ",0,"),
        f"line 3, column close: zero or negative price, found '0' {BAR}",
    ),
    "negative price": (
        SECOND.replace(",12,", ",-12,"),
        f"line 3, column high: zero or negative price, found '-12' {BAR}",
    ),
    "negative volume": (
        SECOND.replace("200", "-1"),
        f"line 3, column volume: negative volume, found '-1' {BAR}",
    ),
    "infinite": (
        SECOND.replace(",12,", ",inf,"),
        f"line 3, column high: not a finite number, found 'inf' {BAR}",
    ),
    "open above high": (
        SECOND.replace(",10.5,", ",12.5,"),
        f"line 3, column open: open outside low to high, found '12.5 (low 10, high 12)' {BAR}",
    ),
    "close below low": (
        SECOND.replace(",11,", ",9.99,"),
        f"line 3, column close: close outside low to high, found '9.99 (low 10, high 12)' {BAR}",
    ),
    "high below low": (
        "2020-01-03,A,10.5,9,10,11,200",
        f"line 3, column open: open outside low to high, found '10.5 (low 10, high 9)' {BAR}\n  and 2 more",
    ),
    "missing value": (
        SECOND.replace(",10,", ",,"),
        f"line 3, column low: missing value, found '' {BAR}",
    ),
    "not a number": (
        SECOND.replace(",11,", ",1l,"),
        f"line 3, column close: not a number, found '1l' {BAR}",
    ),
    "not a date": (
        SECOND.replace("2020-01-03", "03/01/2020"),
        f"line 3, column date: {NO_DATE}, found '03/01/2020' in the bar A 03/01/2020",
    ),
    "impossible date": (
        SECOND.replace("2020-01-03", "2020-02-30"),
        f"line 3, column date: {NO_DATE}, found '2020-02-30' in the bar A 2020-02-30",
    ),
    "missing date": (
        SECOND.replace("2020-01-03", ""),
        "line 3, column date: missing date, found '' in the bar A",
    ),
    "missing symbol": (
        SECOND.replace("A", ""),
        "line 3, column symbol: missing symbol, found '' in the bar 2020-01-03",
    ),
    "duplicate": (
        FIRST.replace("10.5", "9.5"),
        "line 3, column date: duplicate bar, found '2020-01-02 (first in line 2)' in the bar A 2020-01-02",
    ),
    "unsorted": (
        SECOND.replace("2020-01-03", "2019-12-31"),
        "line 3, column date: earlier than a bar above it, found '2019-12-31' in the bar A 2019-12-31",
    ),
    "short line": (
        "2020-01-03,A,10.5,12",
        "line 3: 4 cells where the header has 7, found '2020-01-03,A,10.5,12'",
    ),
    "long line": (
        SECOND + ",7",
        f"line 3: 8 cells where the header has 7, found '{SECOND},7'",
    ),
}


class TestMistakes:
    @pytest.mark.parametrize("name", MISTAKES)
    @pytest.mark.parametrize("ending", ["csv", "csv.gz"])
    def test_named_by_line_column_and_value(self, tmp_path: Path, name: str, ending: str) -> None:
        bad, message = MISTAKES[name]
        third = "2020-01-06,A,11,11.5,10.5,11,300"
        header = GOOD.splitlines()[0]
        path = write(tmp_path, "\n".join([header, FIRST, bad, third, ""]), f"prices.{ending}")
        assert refusal(path) == message

        data = masked(path)
        assert data.defects == check_file(path).defects
        assert len(data.defects) == (3 if name == "high below low" else 1)
        days = [str(day) for day in data.panel.timestamps.astype("datetime64[D]")]
        if name == "unsorted":
            assert days == ["2019-12-31", "2020-01-02", "2020-01-06"]
            assert data.panel.close[:, 0].tolist() == [11, 10.5, 11]
        elif "2020-01-03" in days:
            bar = days.index("2020-01-03")
            for field in ("open", "high", "low", "close", "volume"):
                values = np.asarray(getattr(data.panel, field))[:, 0]
                assert np.isnan(values).tolist() == [row == bar for row in range(3)], field
        else:
            assert days == ["2020-01-02", "2020-01-06"]
            assert data.panel.close[:, 0].tolist() == [10.5, 11]

    def test_all_of_high_below_low(self, tmp_path: Path) -> None:
        bad, _ = MISTAKES["high below low"]
        path = write(tmp_path, f"{GOOD.splitlines()[0]}\n{FIRST}\n{bad}\n")
        bar = ("A", "2020-01-03")
        assert check_file(path).defects == (
            Defect(3, "open", *bar, "10.5 (low 10, high 9)", "open outside low to high"),
            Defect(3, "high", *bar, "9 (low 10)", "high below low"),
            Defect(3, "close", *bar, "11 (low 10, high 9)", "close outside low to high"),
        )

    def test_lines_are_those_of_the_file(self, tmp_path: Path) -> None:
        header, *bars = GOOD.splitlines()
        text = "\n".join([header, bars[0], "", '"2020-01-03","A",10.5,12,10,11,"2', '00"', bars[2], *bars[3:]])
        defects = check_file(write(tmp_path, text.replace("21,21,20,20.5", "21,21,20,-1"))).defects
        assert [(defect.row, defect.column) for defect in defects] == [(4, "volume"), (8, "close")]

    def test_parquet_counts_rows(self, tmp_path: Path) -> None:
        frame = pl.read_csv(GOOD.replace("21,300", "0,300").encode(), try_parse_dates=True)
        path = tmp_path / "prices.parquet"
        frame.write_parquet(path)
        assert refusal(path) == ("row 4, column close: zero or negative price, found '0.0' in the bar B 2020-01-03")
        assert masked(path).unit == "row"

    @pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("ms"), pl.Datetime("ms", "UTC"), pl.String])
    def test_dates_beyond_nanoseconds(self, tmp_path: Path, kind: pl.DataType) -> None:
        path = tmp_path / "prices.parquet"
        dates = [date(1500, 1, 1), date(2020, 1, 2), date(9000, 1, 1)]
        pl.DataFrame({"date": pl.Series(dates).cast(kind), "A": [1.0, 2.0, 3.0]}).write_parquet(path)
        problems = [(defect.row, defect.problem) for defect in check_file(path).defects]
        assert problems == [(1, NO_DATE), (3, NO_DATE)]
        assert masked(path).panel.close.tolist() == [[2.0]]

    def test_names_as_the_file_has_them(self, tmp_path: Path) -> None:
        path = write(tmp_path, "Date,Symbol,Close\n2020-01-02,A,0\n2020-01-03,A,1\n2020-01-06,A,0\n")
        message = "line 2, column Close: zero or negative price, found '0' in the bar A 2020-01-02\n  and 1 more"
        assert refusal(path) == message

    def test_checked_as_delivered(self, tmp_path: Path) -> None:
        text = "date,symbol,open,high,low,close,volume,adj_close\n"
        bars = "2020-01-02,A,1,2,1,2,1,-1\n2020-01-03,A,1,2,1,2,1,\n2020-01-06,A,1,2,1,2,1,1\n"
        path = write(tmp_path, text + bars)
        problems = [(defect.row, defect.column, defect.problem) for defect in check_file(path).defects]
        assert problems == [(2, "adj_close", "zero or negative price"), (3, "adj_close", "missing value")]
        np.testing.assert_array_equal(masked(path).panel.close[:, 0], [np.nan, np.nan, 1])

    def test_wide(self, tmp_path: Path) -> None:
        text = "date,A,B\n2020-01-02,1,x\n2020-01-02,1,2\n2020-01-01,-3,4\nsoon,5,6\n2020-01-07,7,inf\n"
        path = write(tmp_path, text)
        assert refusal(path) == ("line 2, column B: not a number, found 'x' in the bar B 2020-01-02\n  and 5 more")
        data = masked(path)
        assert data.defects[1:] == (
            Defect(3, "date", "", "2020-01-02", "2020-01-02 (first in line 2)", "duplicate bar"),
            Defect(4, "date", "", "2020-01-01", "2020-01-01", "earlier than a bar above it"),
            Defect(4, "A", "A", "2020-01-01", "-3", "zero or negative price"),
            Defect(5, "date", "", "soon", "soon", NO_DATE),
            Defect(6, "B", "B", "2020-01-07", "inf", "not a finite number"),
        )
        np.testing.assert_array_equal(data.panel.close, [[np.nan, 4], [1, np.nan], [7, np.nan]])

    def test_nothing_usable_left(self, tmp_path: Path) -> None:
        path = write(tmp_path, "date,symbol,close\n2020-01-02,A,0\n")
        with pytest.raises(DataError, match="holds no usable bar") as caught:
            masked(path)
        assert "line 2, column close" in str(caught.value.__cause__)

    def test_report(self, tmp_path: Path) -> None:
        report = check_file(write(tmp_path, GOOD.replace("21,300", "0,300"), "prices.csv.gz"))
        assert (report.rows, report.symbols, report.first, report.last) == (5, 2, "2020-01-02", "2020-01-06")
        assert report.format == "csv.gz, long"
        assert (report.periods_per_year, report.fewest, report.most) == (182.625, 1, 3)
        assert [defect.problem for defect in report.defects] == ["zero or negative price"]


LAYOUTS = (
    "\n  Expected one bar a row (date or timestamp, symbol, open, high, low, close, volume, perhaps adj_close "
    "or split and dividend) or one symbol a column (date or timestamp, then closes)."
)


class TestNoTable:
    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("date,symbol,open,hihg,low,close", "unknown column 'hihg'; did you mean 'high'?; "
             "there is no column `high`, which belongs to the others"),
            ("date,symbl,close", "unknown column 'symbl'; did you mean 'symbol'?; there is no column `symbol`"),
            ("date,symbol,close,zzz", "unknown column 'zzz': take out what is no bar's"),
            ("date,symbol,close,zzz,hihg,Sector", "unknown column 'hihg'; did you mean 'high'?; "
             "unknown columns 'zzz', 'Sector': take out what is no bar's"),
            ("date,symbol,price", "unknown column 'price'; did you mean 'close'?; there is no column `close`"),
            ("date,Ticker,close", "unknown column 'Ticker'; did you mean 'symbol'?; there is no column `symbol`"),
            ("Date,Ticker,AdjClose", "unknown column 'Ticker'; did you mean 'symbol'?; "
             "there is no column `symbol`; there is no column `close`"),
            ("date,symbol,close,Vol", "unknown column 'Vol'; did you mean 'volume'?"),
            ("date,symbol,close,Adjusted Close", "unknown column 'Adjusted Close'; did you mean 'adj_close'?"),
            ("Datetime,symbol,close", "unknown column 'Datetime'; did you mean 'timestamp'?; "
             "there is no column `date` or `timestamp`"),
            ("Time,AAPL", "unknown column 'Time'; did you mean 'timestamp'?; there is no column `date` or `timestamp`"),
            ("Date,Open,High,Low,Close,Adj Close,Volume", "there is no column `symbol`; if these are the bars of one "
             "symbol, add a column `symbol` with its name in every row"),
            ("dat,symbol,close", "unknown column 'dat'; did you mean 'date'?; "
             "there is no column `date` or `timestamp`"),
            ("date,timestamp,symbol,close", "there are both a `date` and a `timestamp`; keep one of them"),
            ("date,symbol,close,Close", "column `close` is given twice"),
            (",AAPL,MSFT", "there is no column `date` or `timestamp`; column 1 has no name"),
            ("date,AAPL,AAPL", "column 'AAPL' is given twice"),
            ("date", "there is no column of prices"),
        ],
    )  # fmt: skip
    def test_columns(self, tmp_path: Path, header: str, message: str) -> None:
        path = write(tmp_path, f"{header}\n{',' * header.count(',')}\n1\n")
        assert refusal(path) == message + LAYOUTS

    @pytest.mark.parametrize("text", ["", "\n", "date,symbol,close", "date,symbol,close\n\n"])
    def test_empty(self, tmp_path: Path, text: str) -> None:
        path = write(tmp_path, text)
        expected = "the file is empty; line 1 must name the columns, and rows must follow it"
        assert refusal(path) == expected
        with pytest.raises(DataError, match="the file is empty"):
            check_file(path)

    def test_empty_parquet(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.parquet"
        pl.DataFrame({"date": [], "A": []}).write_parquet(path)
        assert refusal(path) == "the file is empty; it must hold at least one row"

    def test_torn_files(self, tmp_path: Path) -> None:
        whole = write(tmp_path, GOOD, "whole.csv.gz").read_bytes()
        torn = tmp_path / "torn.csv.gz"
        torn.write_bytes(whole[: len(whole) // 2])
        assert refusal(torn).startswith("is not a whole file (")
        parquet = tmp_path / "torn.parquet"
        parquet.write_bytes(b"PAR1 and no more")
        assert refusal(parquet).startswith("is not a whole Parquet file (")

    def test_not_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "fake.csv.gz"
        path.write_bytes(b"<html>no such page</html>")
        assert refusal(path).startswith("is not gzip, as its name says")

    @pytest.mark.parametrize(("mark", "said"), [(";", "';'"), ("\t", "tabs"), ("|", "'|'")])
    def test_not_separated_by_commas(self, tmp_path: Path, mark: str, said: str) -> None:
        path = write(tmp_path, GOOD.replace(",", mark).replace(".", ","))
        message = f"columns are separated by {said}: write them with commas (and decimals with points)"
        assert refusal(path) == message

    @pytest.mark.parametrize(
        "text",
        [
            "date,symbol,open,high,low,close,volume\n,,,,,,\n",
            "date,symbol,close\n2020-01-02,A,\n",
            "date,A,B\n2020-01-02,,\n",
        ],
    )
    def test_not_one_bar(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(DataError, match="holds no bar: no row has a number"):
            check_file(write(tmp_path, text))

    def test_open_quote(self, tmp_path: Path) -> None:
        path = write(tmp_path, GOOD.replace("2020-01-03,B", '2020-01-03,"B'))
        assert refusal(path) == "line 5: cannot be read (unexpected end of data); look for a missing quote"

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.csv"
        path.write_bytes(GOOD.encode() + b"2020-01-07,\xc9,1,1,1,1,1\n")
        assert refusal(path).startswith("line 7: is not UTF-8 (")

    def test_column_of_another_kind(self, tmp_path: Path) -> None:
        path = tmp_path / "prices.parquet"
        pl.DataFrame({"date": ["2020-01-02"], "A": [True]}).write_parquet(path)
        assert refusal(path) == "column A holds Boolean, not numbers"
        pl.DataFrame({"date": [20200102], "A": [1.0]}).write_parquet(path)
        assert refusal(path) == "column date holds Int64, not dates or times"
        pl.DataFrame({"date": ["2020-01-02"], "symbol": [1], "close": [1.0]}).write_parquet(path)
        assert refusal(path) == "column symbol holds Int64, not text"

    def test_a_folder_is_no_file_of_prices(self, tmp_path: Path) -> None:
        (tmp_path / "prices.csv").mkdir()
        assert refusal(tmp_path / "prices.csv") == "is a folder; name a file in it"

    def test_missing_file(self, tmp_path: Path) -> None:
        write(tmp_path, GOOD, "prices.csv.gz")
        with pytest.raises(MissingDataError, match=r"there is no such file; did you mean 'prices.csv.gz'\?"):
            load(tmp_path / "prics.csv.gz")
        with pytest.raises(DataError, match=r"named \.csv, \.csv\.gz or \.parquet"):
            load(tmp_path / "prices.xlsx")


@pytest.mark.shared
def test_known_defects_of_300_stocks(shared: Path) -> None:
    path = shared / "data" / "us_stocks_300_2005_2017.csv.gz"
    known = pl.read_csv(path.with_name("us_stocks_300_known_defects.csv"), schema_overrides={"symbol": pl.String})
    rules = {
        "high<low": ("high below low",),
        "open/close outside high-low": ("open outside low to high", "close outside low to high"),
    }
    data = masked(path)
    for name, problems in rules.items():
        expected = set(known.filter(pl.col("defect") == name).select("date", "symbol").iter_rows())
        found = {(defect.timestamp, defect.symbol) for defect in data.defects if defect.problem in problems}
        assert found == expected
    assert {defect.problem for defect in data.defects} == {problem for rule in rules.values() for problem in rule}
    # Every bad bar is missing, and no other one of the 905,241 is.
    bad = {(defect.timestamp, defect.symbol) for defect in data.defects}
    assert np.isfinite(data.panel.close).sum() == 905_241 - len(bad) == 905_223
    for day, symbol in bad:
        t = int(np.searchsorted(data.panel.timestamps, np.datetime64(day, "ns")))
        assert np.isnan(data.panel.close[t, data.panel.symbols.index(symbol)])
    # Each stands in the line where a text editor finds it.
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    for defect in data.defects:
        assert defect.row is not None
        assert lines[defect.row - 1].startswith(f"{defect.timestamp},{defect.symbol},")
