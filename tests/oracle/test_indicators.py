"""Indicators against TA-Lib, pandas and Skender's published results, on real prices.

TA-Lib and Skender seed exponential averages by a simple mean, regimefolio by the first value: their MACD is compared
where the seeds have faded, pandas' (seeded by the first value) everywhere.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import talib

from regimefolio.core.types import Float
from regimefolio.market import DataSpec, Market, load_data
from regimefolio.testing import market_of

FADED = 600
"""Bars after which the weight of a seed in an average of span 26 is below 1e-20."""


@pytest.fixture(scope="module")
def market() -> Market:
    """Twenty stocks, 1990 to 2022: 8,313 bars without holes, early prices rounded to three decimals."""
    market = Market(load_data(DataSpec(source="sample:sp500_20")).panel)
    assert np.isfinite(market.panel.close).all()
    return market


@pytest.fixture(scope="module")
def frame(market: Market) -> pd.DataFrame:
    return pd.DataFrame(np.array(market.panel.close))


@pytest.mark.parametrize("lookback", [5, 20, 252])
def test_zscore_is_that_of_pandas(market: Market, frame: pd.DataFrame, lookback: int) -> None:
    """Absolute 1e-10 against two passes over every window; pandas' own running deviation is off by 4e-7."""

    def two_passes(window: Float) -> float:
        apart = window - window.mean()
        return float(apart[-1] / np.sqrt((apart * apart).mean())) if np.ptp(window) > 0.0 else 0.0

    some = [1, 3, 17]
    expected = frame[some].rolling(lookback).apply(two_passes, raw=True)
    np.testing.assert_allclose(market.zscore(lookback)[:, some], expected, rtol=0.0, atol=1e-10)


def test_zscore_is_in_units_of_talibs_bands(market: Market) -> None:
    """Absolute 1e-6, where the band is wider than 0.1% of the price: TA-Lib subtracts squares of prices."""
    found = market.zscore(20)
    for n, column in enumerate(columns(market)):
        upper, middle, lower = talib.BBANDS(column, 20, 2.0, 2.0)
        deviation = (upper - lower) / 4.0
        wide = deviation > 1e-3 * column
        expected = (column[wide] - middle[wide]) / deviation[wide]
        assert wide.sum() > 8000
        np.testing.assert_allclose(found[wide, n], expected, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("period", [2, 14, 50])
def test_rsi_is_talibs(market: Market, period: int) -> None:
    """Absolute 1e-9, from the first value on; TA-Lib says 0 where nothing has moved yet, regimefolio 50."""
    found = market.rsi(period)
    for n, column in enumerate(columns(market)):
        moved = np.abs(np.diff(column, prepend=column[0])).cumsum() > 0.0
        expected = np.where(moved, talib.RSI(column, period), 50.0)
        expected[:period] = np.nan
        np.testing.assert_allclose(found[:, n], expected, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (5, 35, 5), (3, 10, 16)])
def test_macd_histogram_is_that_of_pandas(
    market: Market, frame: pd.DataFrame, fast: int, slow: int, signal: int
) -> None:
    """1e-13 of the price, from the first value on."""

    def average(values: pd.DataFrame, span: int) -> pd.DataFrame:
        return values.ewm(span=span, adjust=False).mean()

    line = average(frame, fast) - average(frame, slow)
    expected = (line - average(line, signal)).to_numpy(copy=True)
    expected[: slow + signal - 2] = np.nan
    gap = np.abs(market.macd_histogram(fast, slow, signal) - expected) / frame.to_numpy()
    assert np.isnan(gap[: slow + signal - 2]).all()
    assert gap[slow + signal - 2 :].max() < 1e-13


def test_macd_histogram_is_talibs_once_the_seeds_have_faded(market: Market) -> None:
    """1e-12 of the price after 600 bars, and the same first bar."""
    found = market.macd_histogram(12, 26, 9)
    for n, column in enumerate(columns(market)):
        expected = talib.MACD(column, 12, 26, 9)[2]
        np.testing.assert_array_equal(np.isnan(found[:, n]), np.isnan(expected))
        assert (np.abs(found[FADED:, n] - expected[FADED:]) / column[FADED:]).max() < 1e-12


def test_volatility_is_that_of_pandas(market: Market, frame: pd.DataFrame) -> None:
    """Relative 1e-8."""
    expected = frame.pct_change(fill_method=None).rolling(63).std(ddof=0)
    np.testing.assert_allclose(market.volatility(63), expected, rtol=1e-8)


def columns(market: Market) -> list[Float]:
    return [np.array(market.panel.close[:, n]) for n in range(market.panel.n_assets)]


# Skender's results on SPY 2017-18.


@pytest.fixture
def spy(shared: Path) -> Market:
    with (shared / "reference/skender/quotes/default.csv").open() as file:
        return market_of([[float(row["close"])] for row in csv.DictReader(file)])


def published(shared: Path, name: str, field: str) -> Float:
    rows: list[dict[str, Any]] = json.loads((shared / f"reference/skender/results/{name}.standard.json").read_text())
    return np.array([np.nan if row[field] is None else row[field] for row in rows], np.float64)


@pytest.mark.shared
def test_rsi_is_skenders(spy: Market, shared: Path) -> None:
    """Absolute 1e-10."""
    np.testing.assert_allclose(spy.rsi(14)[:, 0], published(shared, "rsi", "rsi"), rtol=0.0, atol=1e-10)


@pytest.mark.shared
def test_zscore_is_skenders(spy: Market, shared: Path) -> None:
    """Absolute 1e-10, and the same from his bands."""
    found, close = spy.zscore(20)[:, 0], spy.panel.close[:, 0]
    np.testing.assert_allclose(found, published(shared, "bb", "zScore"), rtol=0.0, atol=1e-10)
    middle = published(shared, "bb", "sma")
    deviation = (published(shared, "bb", "upperBand") - middle) / 2.0
    np.testing.assert_allclose(found, (close - middle) / deviation, rtol=0.0, atol=1e-10)
    np.testing.assert_array_equal(middle, published(shared, "sma", "sma"))


@pytest.mark.shared
def test_macd_histogram_is_skenders_once_the_seeds_have_faded(spy: Market, shared: Path) -> None:
    """Absolute 1e-9 in the last 100 of 502 bars."""
    expected = published(shared, "macd", "histogram")
    found = spy.macd_histogram(12, 26, 9)[:, 0]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found[-100:], expected[-100:], rtol=0.0, atol=1e-9)
