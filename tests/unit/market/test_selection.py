"""Some of the symbols, and the sectors that a file gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from regimefolio.core.errors import ConfigError, DataError, MissingDataError, RegimefolioError
from regimefolio.market import DataSpec, load_data
from regimefolio.market.sectors import read_sectors

PRICES = {
    "A": ["2020-01-02,A,10", "2020-01-03,A,11", "2020-01-06,A,12"],
    "B": ["2020-01-03,B,20", "2020-01-06,B,21"],
    "CC": ["2019-12-31,CC,5", "2020-01-03,CC,6"],
}
SECTORS = "Symbol,name,SECTOR\nB,Bee,Energy\nA,Ay,Health Care\nZ,Zed,Utilities\nCC,See,Energy\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "prices.csv", *PRICES)
    (tmp_path / "sectors.csv").write_text(SECTORS)
    return tmp_path


def write(path: Path, *symbols: str) -> None:
    path.write_text("\n".join(["date,symbol,close", *(row for symbol in symbols for row in PRICES[symbol])]) + "\n")


def asked(**more: object) -> DataSpec:
    return DataSpec.model_validate({"source": "file:prices.csv", **more})


@pytest.mark.parametrize("symbols", [["A"], ["B", "A"], ["CC", "B"], ["A", "B", "CC"]])
def test_some_symbols_are_the_file_with_them_alone(symbols: list[str], folder: Path) -> None:
    """Their clock too: a time at which none of them has a bar is not there, and a year has other bars."""
    write(folder / "alone.csv", *sorted(symbols))
    kept = load_data(asked(symbols=symbols), folder)
    alone = load_data(DataSpec(source="file:alone.csv"), folder)
    assert kept.fingerprint == alone.fingerprint
    assert kept.panel.periods_per_year == alone.panel.periods_per_year
    assert kept.about.endswith(f" Kept: {len(symbols)} of 3 symbols, {alone.panel.n_bars} bars.")


def test_symbols_and_dates_are_cut_together(folder: Path) -> None:
    panel = load_data(asked(symbols=["A", "CC"], start="2020-01-03", sectors="sectors.csv"), folder).panel
    np.testing.assert_array_equal(panel.close, [[11.0, 6.0], [12.0, np.nan]])
    assert panel.sectors == ("Health Care", "Energy")


def test_the_index_keeps_the_clock() -> None:
    whole = load_data(DataSpec(source="sample:sp500_20"))
    kept = load_data(DataSpec(source="sample:sp500_20", symbols=("XOM", "AAPL")))
    assert kept.panel.symbols == ("AAPL", "XOM")
    assert kept.panel.sectors == ("Information Technology", "Energy")
    assert kept.index is not None
    assert whole.index is not None
    np.testing.assert_array_equal(kept.index, whole.index)


def test_defects_of_other_symbols_are_not_told(folder: Path) -> None:
    path = folder / "prices.csv"
    path.write_text(path.read_text().replace("A,11", "A,0").replace("B,21", "B,0"))
    kept = load_data(asked(symbols=["B"], on_bad="mask"), folder)
    assert [defect.symbol for defect in kept.defects] == ["B"]
    with pytest.raises(DataError, match="zero or negative price, found '0' in the bar A"):
        load_data(asked(symbols=["B"]), folder)  # the file is checked as a whole


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (["A", "C"], "unknown symbol 'C'; did you mean 'CC'?"),
        (["A", "SPY"], "unknown symbol 'SPY'; none of the data's 3 is near it"),
    ],
)
def test_symbols_that_are_not_there(symbols: list[str], message: str, folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_data(asked(symbols=symbols), folder)
    assert str(caught.value) == message
    assert caught.value.place == ("data", "symbols", 1)


@pytest.mark.parametrize(("symbols", "message"), [(["A", "A"], "'A' is listed twice"), ([], "at least 1 item")])
def test_a_list_that_says_nothing(symbols: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        asked(symbols=symbols)


def test_sectors_come_from_a_file_and_are_part_of_the_data(folder: Path) -> None:
    plain, given = load_data(asked(), folder), load_data(asked(sectors="sectors.csv"), folder)
    assert plain.panel.sectors is None
    assert given.panel.sectors == ("Health Care", "Energy", "Energy")
    (folder / "sectors.csv").write_text(SECTORS.replace("Health Care", "Health"))
    other = load_data(asked(sectors="sectors.csv"), folder)
    assert len({plain.fingerprint, given.fingerprint, other.fingerprint}) == 3


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "symbol,sector\nA,Energy\n",
            MissingDataError,
            "has no sector for B, CC of 3 symbols; add a line for each, with a sector such as unknown where there is "
            "none",
        ),
        ("symbol,sector\nA,\n", DataError, "line 2: a symbol and its sector belong here, but these are 'A' and ''"),
        (
            "symbol,sector\nA,Energy\nB,Energy\nA,Health\n",
            DataError,
            "line 4: A was already given in line 2; keep one of them",
        ),
        ("symbol,sector\nA,Energy,Health\n", DataError, "line 2: 3 cells where the header has 2"),
        ("symbol,sectr\nA,Energy\n", DataError, "there is no column `sector`; did you mean 'sectr'?"),
        ("symbol,sector\n", DataError, "the file is empty; line 1 must name the columns, and rows must follow it"),
    ],
)
def test_sectors_that_cannot_be_used(text: str, error: type[RegimefolioError], message: str, folder: Path) -> None:
    (folder / "sectors.csv").write_text(text)
    with pytest.raises(error) as caught:
        load_data(asked(sectors="sectors.csv"), folder)
    path = folder / "sectors.csv"
    assert str(caught.value).startswith(f"{path}: {message}")
    assert caught.value.place == ("data", "sectors")


def test_many_symbols_without_a_sector_are_counted(folder: Path) -> None:
    with pytest.raises(MissingDataError, match=r"no sector for Q, R, S and 1 more of 5 symbols"):
        read_sectors(folder / "sectors.csv", ("A", "Q", "R", "S", "T"))
