"""Feeds that deliver a bar again: the last word counts, or that of a date, and nothing else exists."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regimefolio.core.errors import ConfigError, DataError, MissingDataError
from regimefolio.core.types import Times
from regimefolio.market import Dataset, DataSpec, File, check_data, check_file, load_data
from regimefolio.market.deliveries import last_deliveries

FEED = """\
date,symbol,close,delivered
2020-01-02,A,10,2020-01-02
2020-01-02,B,20,2020-01-02
2020-01-03,A,11,2020-01-03
2020-01-03,B,-21,2020-01-03
2020-01-02,A,10.5,2020-01-03
2020-01-03,B,21,2020-01-06
2020-01-06,A,12,2020-01-06
2020-01-06,B,22,2020-01-06
2020-01-02,A,10.7,2020-01-07
"""


def load(folder: Path, text: str = FEED, **said: object) -> Dataset:
    (folder / "feed.csv").write_text(text)
    return load_data(DataSpec.model_validate({"source": "file:feed.csv", **said}), folder)


def closes(data: Dataset) -> list[list[float]]:
    rows: list[list[float]] = data.panel.close.tolist()
    return rows


def test_the_last_delivery_wins(tmp_path: Path) -> None:
    data = load(tmp_path)
    assert closes(data) == [[10.7, 20], [11, 21], [12, 22]]
    assert data.defects == ()
    assert data.about.endswith("(csv, long); 3 rows replaced by a later delivery of the bar")


def test_as_of_a_date_later_deliveries_do_not_exist(tmp_path: Path) -> None:
    data = load(tmp_path, as_of=date(2020, 1, 6))
    assert closes(data) == [[10.5, 20], [11, 21], [12, 22]]
    assert data.about.endswith(
        "; 2 rows replaced by a later delivery of the bar; 1 row delivered after 2020-01-06 left out"
    )
    # On the third the bad price of B was all that there was, and nobody knew of the sixth.
    with pytest.raises(
        DataError, match="line 5, column close: zero or negative price, found '-21' in the bar B 2020-01-03"
    ):
        load(tmp_path, as_of=date(2020, 1, 3))
    then = load(tmp_path, as_of=date(2020, 1, 3), on_bad="mask")
    np.testing.assert_array_equal(then.panel.close, [[10.5, 20], [11, np.nan]])
    assert [defect.row for defect in then.defects] == [5]


def test_as_of_is_the_same_as_the_file_of_that_day(tmp_path: Path) -> None:
    header, *rows = FEED.splitlines()
    for day in (2, 6, 7):
        until = [row for row in rows if row.split(",")[-1] <= f"2020-01-0{day}"]
        then = load(tmp_path, "\n".join([header, *until]) + "\n")
        assert load(tmp_path, as_of=date(2020, 1, day)).fingerprint == then.fingerprint


def test_before_the_first_delivery_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"feed\.csv: nothing had been delivered by 2019-12-31; `as_of` must be"):
        load(tmp_path, as_of=date(2019, 12, 31))


def test_times_of_day_and_any_order(tmp_path: Path) -> None:
    rows = [
        "2020-01-03,A,3,2020-01-03T18:00Z",
        "2020-01-02,A,2,2020-01-04T09:00+01:00",
        "2020-01-02,A,1,2020-01-02T18:00Z",
        "2020-01-02,A,2.5,2020-01-04T07:59Z",
    ]
    text = "\n".join(["date,symbol,close,delivered", *rows]) + "\n"
    assert closes(load(tmp_path, text)) == [[2], [3]]
    assert closes(load(tmp_path, text, as_of=date(2020, 1, 3))) == [[1], [3]]


def test_a_delivery_without_numbers_takes_a_bar_back(tmp_path: Path) -> None:
    data = load(tmp_path, FEED + "2020-01-03,A,,2020-01-08\n2020-01-03,B,,2020-01-08\n")
    assert closes(data) == [[10.7, 20], [12, 22]]


def test_actions_are_those_of_the_last_delivery(tmp_path: Path) -> None:
    rows = ["2020-01-02,A,10,,2020-01-02", "2020-01-03,A,5,3,2020-01-03", "2020-01-03,A,5,2,2020-01-04"]
    text = "\n".join(["date,symbol,close,split,delivered", *rows]) + "\n"
    assert closes(load(tmp_path, text)) == [[10], [10]]
    assert closes(load(tmp_path, text, as_of=date(2020, 1, 3))) == [[10], [15]]


def test_equal_times_are_a_bar_given_twice(tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(FEED + "2020-01-06,B,23,2020-01-06\n")
    (defect,) = check_file(tmp_path / "feed.csv").defects
    assert (defect.row, defect.column, defect.value, defect.problem) == (
        11,
        "date",
        "2020-01-06 (first in line 9)",
        "duplicate bar",
    )


@pytest.mark.parametrize(
    ("cell", "problem"), [("", "missing date"), ("soon", "not an ISO date or time (write dates as 2015-01-31)")]
)
def test_a_delivery_at_no_time_is_a_defect(cell: str, problem: str, tmp_path: Path) -> None:
    data = load(tmp_path, FEED + f"2020-01-07,A,13,{cell}\n,,,\n", on_bad="mask")
    assert [(defect.row, defect.column, defect.problem) for defect in data.defects] == [(11, "delivered", problem)]
    assert np.isnan(data.panel.close[3:, 0]).all()


def test_without_the_column(tmp_path: Path) -> None:
    text = "date,symbol,close\n2020-01-02,A,1\n2020-01-02,A,2\n"
    with pytest.raises(DataError, match="duplicate bar"):
        load(tmp_path, text)
    message = "feed.csv: `as_of` asks when each bar was delivered, and there is no column `delivered`; take it out"
    for other in (text, "date,A\n2020-01-02,1\n"):
        with pytest.raises(DataError, match=message):
            load(tmp_path, other, as_of=date(2020, 1, 3))
    with pytest.raises(ConfigError, match="`as_of` belongs to a file of prices, and sample:us5 is none; take it out"):
        load_data(DataSpec(source="sample:us5", as_of=date(2020, 1, 3)))


def test_a_check_says_what_counts(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(FEED)
    report = check_data(DataSpec(source=File(path=path), as_of=date(2020, 1, 6)))
    assert (report.rows, report.defects) == (6, ())
    assert report.notes == (
        "2 rows replaced by a later delivery of the bar",
        "1 row delivered after 2020-01-06 left out",
    )


def test_lines_and_rows_are_those_of_the_file(tmp_path: Path) -> None:
    frame = pl.read_csv(FEED.encode(), try_parse_dates=True)
    frame.with_columns(close=pl.when(pl.col("close") == 22).then(-1.0).otherwise("close")).write_parquet(
        tmp_path / "feed.parquet"
    )
    assert [defect.row for defect in check_file(tmp_path / "feed.parquet").defects] == [8]


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2), st.integers(-1, 4)), max_size=20), st.integers(0, 4))
def test_against_a_plain_loop(rows: list[tuple[int, int, int]], today: int) -> None:
    def times(column: int) -> Times:
        days = [np.datetime64("NaT") if row[column] < 0 else np.datetime64("2020-01-01") + row[column] for row in rows]
        return np.array(days, dtype="datetime64[ns]")

    asset = np.array([row[0] for row in rows], dtype=np.int64)
    as_of = date(2020, 1, 1 + today)
    for limit, known in ((None, 9), (as_of, today)):
        found = last_deliveries(asset, times(1), times(2), limit)
        expected = []
        for symbol, bar, given_on in rows:
            others = [row[2] for row in rows if row[:2] == (symbol, bar) and row[2] <= known]
            unknown = min(symbol, bar, given_on) < 0
            expected.append(given_on <= known and (unknown or given_on == max(others)))
        assert found.counts.tolist() == expected
        assert found.later == sum(row[2] > known for row in rows)
        assert found.replaced + found.later + sum(expected) == len(rows)
