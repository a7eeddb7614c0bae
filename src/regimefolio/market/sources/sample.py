"""The built-in real prices."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
from pydantic import Field

from regimefolio.core.errors import DataError, MissingDataError
from regimefolio.core.types import Float, Panel, Times
from regimefolio.market.sources.bars import Bars, read_bars
from regimefolio.market.sources.base import Dataset, OnBad, Source, data_fingerprint
from regimefolio.market.sources.table import read_table

SECTORS: Mapping[str, str] = MappingProxyType(
    {
        "AAPL": "Information Technology",
        "AMD": "Information Technology",
        "BAC": "Financials",
        "BBY": "Consumer Discretionary",
        "CVX": "Energy",
        "FB": "Communication Services",
        "GE": "Industrials",
        "GOOG": "Communication Services",
        "HD": "Consumer Discretionary",
        "IBM": "Information Technology",
        "JNJ": "Health Care",
        "JPM": "Financials",
        "KO": "Consumer Staples",
        "LLY": "Health Care",
        "MRK": "Health Care",
        "MSFT": "Information Technology",
        "PEP": "Consumer Staples",
        "PFE": "Health Care",
        "PG": "Consumer Staples",
        "RRC": "Energy",
        "UNH": "Health Care",
        "WMT": "Consumer Staples",
        "XOM": "Energy",
    }
)
"""GICS sectors as of 2022, which the samples' companies are given throughout."""

ABOUT_SP500_20 = (
    "Adjusted daily closes of 20 S&P 500 companies and the S&P 500 index, 1990 to 2022. The companies were "
    "chosen because they survived to 2022: equal weight of them returned about 18% a year, against 7% for "
    "the index, which excludes dividends. Early prices are rounded to three decimals. So absolute results are "
    "not achievable, and the primary benchmark is equal weight of the same stocks."
)
ABOUT_US5 = (
    "Daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013, adjusted for splits and dividends; GOOG lists "
    "in August 2004, FB in May 2012. The companies were chosen with hindsight: an example, not evidence."
)


class Sample(Source, kind="sample"):
    """Real prices that come with the installation; nothing is downloaded."""

    name: Literal["sp500_20", "us5"] = Field(description="which of the built-in samples")

    def load(self, on_bad: OnBad = "error") -> Dataset:
        read: dict[str, Callable[[OnBad], Dataset]] = {"sp500_20": _sp500_20, "us5": _us5}
        return read[self.name](on_bad)


def _us5(on_bad: OnBad) -> Dataset:
    bars = read_bars(read_table(Path(__file__).parent / "data" / "us5.parquet"))
    return _dataset(bars, bars.panel(on_bad), None, ABOUT_US5)


def _sp500_20(on_bad: OnBad) -> Dataset:
    folder = _skfolio_folder()
    bars = read_bars(read_table(folder / "sp500_dataset.csv.gz"))
    panel = bars.panel(on_bad)
    market = read_bars(read_table(folder / "sp500_index.csv.gz")).panel(on_bad)
    index = _on_clock(panel.timestamps, market.timestamps, market.close[:, 0])
    return _dataset(bars, panel, index, ABOUT_SP500_20)


def _dataset(bars: Bars, panel: Panel, index: Float | None, about: str) -> Dataset:
    unknown = [symbol for symbol in panel.symbols if symbol not in SECTORS]
    if unknown:
        raise DataError(
            f"{bars.table.path}: the sector of {', '.join(unknown)} is not known; "
            "install the version that requirements.lock names"
        )
    panel = replace(panel, sectors=tuple(SECTORS[symbol] for symbol in panel.symbols))
    return Dataset(panel, index, about, bars.defects, data_fingerprint(panel, index))


def _skfolio_folder() -> Path:
    """Where skfolio keeps its prices; found without importing it, which would take seconds."""
    found = importlib.util.find_spec("skfolio")
    places = list(found.submodule_search_locations or ()) if found else []
    for place in places:
        folder = Path(place) / "datasets" / "data"
        if (folder / "sp500_dataset.csv.gz").is_file() and (folder / "sp500_index.csv.gz").is_file():
            return folder
    raise MissingDataError(
        "the prices of sample:sp500_20 come with the package skfolio, and are not in "
        f"{', '.join(places) or 'this environment'}; install the version that requirements.lock names"
    )


def _on_clock(clock: Times, times: Times, values: Float) -> Float:
    """Values at the times of another clock; NaN where there is none."""
    result = np.full(len(clock), np.nan)
    _, here, there = np.intersect1d(clock, times, assume_unique=True, return_indices=True)
    result[here] = values[there]
    return result
