"""Bars that a person says cannot be right: they are read as missing, before anything is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from regimefolio.core.errors import ConfigError, DataError, RegimefolioError
from regimefolio.market import Dataset, DataSpec, check_data, doubtful_bars, load_data
from regimefolio.market.sources.warnings import FAR_OFF, SPLIT_LIKE

RAW = """\
date,symbol,open,high,low,close,volume,split,dividend
2020-01-02,A,10,11,9,10,100,,
2020-01-03,A,10,11,9,-1,100,2,
2020-01-06,A,5,6,4,5,200,,
2020-01-02,B,20,21,19,20,100,,
2020-01-03,B,20,21,19,0.2,100,,
2020-01-06,B,20,21,19,19,100,,1
"""
MASK = "symbol,date\nA,2020-01-03\nB,2020-01-03\n"


def load(folder: Path, prices: str, mask: str, **said: object) -> Dataset:
    (folder / "prices.csv").write_text(prices)
    (folder / "mask.csv").write_text(mask)
    return load_data(DataSpec.model_validate({"source": "file:prices.csv", "mask": "mask.csv", **said}), folder)


def closes(data: Dataset) -> list[list[float | None]]:
    return [[None if np.isnan(x) else x for x in row] for row in data.panel.close.tolist()]


def test_masked_bars_are_missing_and_no_defects(tmp_path: Path) -> None:
    data = load(tmp_path, RAW, MASK)
    assert data.defects == ()
    assert data.about.startswith(
        "prices.csv: 2 symbols, 2 bars, 2020-01-02 to 2020-01-06 (csv, long); mask.csv: 2 bars"
    )
    # The split of the masked bar takes effect at the next one, and the dividend is of the close that is left: 1 of 20.
    assert closes(data) == [[10.0, 20.0], [10.0, 20.0]]
    assert data.panel.split is not None
    assert data.panel.split[:, 0].tolist() == [1.0, 2.0]


def test_only_the_bars_that_are_named(tmp_path: Path) -> None:
    wide = "date,A,B\n2020-01-02,1,2\n2020-01-03,3,400\n2020-01-06,5,6\n"
    assert closes(load(tmp_path, wide, "symbol,date\nB,2020-01-03\n")) == [[1.0, 2.0], [3.0, None], [5.0, 6.0]]
    prices = "date,symbol,close,adj_close\n2020-01-02,A,1,1\n2020-01-03,A,9,x\n2020-01-06,A,1,1\n2020-01-03,B,1,1\n"
    assert closes(load(tmp_path, prices, "date,symbol\n2020-01-03,A\n")) == [[1.0, None], [None, 1.0], [1.0, None]]


def test_what_is_not_there_is_counted(tmp_path: Path) -> None:
    data = load(tmp_path, RAW, f"{MASK}A,2020-01-04\nZ,2020-01-03\nB,2020-01-03\n")
    assert (
        "mask.csv: 2 bars taken as missing (ignored: 1 of symbols without prices, 1 of which the symbol" in data.about
    )
    with pytest.raises(DataError, match=r"mask\.csv: the prices have none of its symbols \(Z\)"):
        load(tmp_path, RAW, "symbol,date\nZ,2020-01-03\n")
    with pytest.raises(DataError, match=r"mask\.csv: line 2, column date: not an ISO date"):
        load(tmp_path, RAW, "symbol,date\nA,soon\n")


def test_a_time_means_one_bar_and_a_date_all_of_a_day(tmp_path: Path) -> None:
    rows = [f"2020-01-02T{hour}:00,A,{hour}" for hour in (15, 16, 17)]
    prices = "\n".join(["timestamp,symbol,close", *rows, "2020-01-03T15:00,A,1", ""])
    assert closes(load(tmp_path, prices, "symbol,date\nA,2020-01-02T16:00\n")) == [[15.0], [17.0], [1.0]]
    assert closes(load(tmp_path, prices, "symbol,date\nA,2020-01-02\n")) == [[1.0]]


def test_every_delivery_of_a_bar_is_masked(tmp_path: Path) -> None:
    rows = ["2020-01-02,A,1,2020-01-02", "2020-01-03,A,90,2020-01-03", "2020-01-03,A,91,2020-01-06"]
    prices = "\n".join(["date,symbol,close,delivered", *rows, "2020-01-06,A,2,2020-01-06", ""])
    for as_of in (None, "2020-01-03"):
        found = load(tmp_path, prices, "symbol,date\nA,2020-01-03\n", as_of=as_of)
        assert closes(found) == [[1.0], [2.0]][: 2 if as_of is None else 1]


def test_a_parquet_file(tmp_path: Path) -> None:
    frame = pl.DataFrame({"date": ["2020-01-02", "2020-01-03"], "symbol": ["A", "A"], "close": [1.0, -2.0]})
    frame.write_parquet(tmp_path / "prices.parquet")
    data = load(tmp_path, RAW, "symbol,date\nA,2020-01-03\n", source="file:prices.parquet")
    assert closes(data) == [[1.0]]


def test_the_check_no_longer_warns_of_it(tmp_path: Path) -> None:
    rows = [f"2020-01-{day:02},A,{'0.9' if day == 9 else 90}" for day in range(1, 32)]
    (tmp_path / "prices.csv").write_text("\n".join(["date,symbol,close", *rows, ""]))
    (tmp_path / "mask.csv").write_text("symbol,date\nA,2020-01-09\n")
    spec = DataSpec.model_validate({"source": "file:prices.csv"})
    assert check_data(spec, tmp_path).warnings[0].kind == FAR_OFF
    report = check_data(spec.model_copy(update={"mask": Path("mask.csv")}), tmp_path)
    assert [each.kind for each in report.warnings] == []
    assert report.notes == ("mask.csv: 1 bar taken as missing",)


def test_it_is_for_files_of_prices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`mask` belongs to a file of prices, and sample:us5 is none") as raised:
        load(tmp_path, RAW, MASK, source="sample:us5")
    assert raised.value.place == ("data", "mask")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("mask", "symbol,date\nA,soon\n"),
        ("actions", "symbol,date,split\nA,soon,2\n"),
        ("universe", "symbol,from\nA,soon\n"),
        ("delistings", "symbol,date,return\nA,soon,0\n"),
        ("sectors", "symbol,sector\nA,\n"),
    ],
)
def test_mistakes_in_files_beside_the_prices_have_a_place(key: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("date,symbol,close\n2020-01-02,A,1\n")
    (tmp_path / "beside.csv").write_text(text)
    with pytest.raises(RegimefolioError) as raised:
        load_data(DataSpec.model_validate({"source": "file:prices.csv", key: "beside.csv"}), tmp_path)
    assert raised.value.place == ("data", key)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["us_stocks_300_2005_2017", "us_etfs_2005_2017", "sp500_5yr_split_adjusted_2013_2018"])
def test_doubtful_bars_are_those_of_the_check(name: str, shared: Path) -> None:
    spec = DataSpec.model_validate({"source": f"file:{shared}/data/{name}.csv.gz", "on_bad": "mask"})
    report, panel = check_data(spec), load_data(spec).panel
    bad = {(each.symbol, each.timestamp) for each in report.defects}
    warned = {(each.symbol, each.timestamp) for each in report.warnings if each.kind in (FAR_OFF, SPLIT_LIKE)}
    found = np.argwhere(doubtful_bars(panel, np.arange(panel.n_assets)))
    days = panel.timestamps.astype("datetime64[D]").astype(str)
    assert {(panel.symbols[n], days[t]) for t, n in found} == warned - bad
    assert len(found) > 0
