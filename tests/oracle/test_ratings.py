"""The rating's indicators against Skender's published results, StockCharts' sheets and TA-Lib, on real prices.

1e-9 absolute, on prices and percentages, wherever definitions coincide. Where they do not, the test says in what:
Skender and TA-Lib seed exponential averages by a simple mean, regimefolio by the first close, and the difference is
exactly what that seed leaves; TA-Lib seeds the smoothing of the directional index by one bar less; Lambert's CCI takes
the mean of high, low and close, the rating's takes the close.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import talib

from regimefolio.core.types import Float
from regimefolio.features import indicators as of
from regimefolio.market import DataSpec, load_data

TOLERANCE = 1e-9
FADED = 600
"""Bars after which a difference of seeds is below 1e-16: 0.93^600 with Wilder's 14, 0.96^600 with a span of 50."""


def near(found: Float, expected: Float, tolerance: float = TOLERANCE) -> None:
    """As near, from the same bar on."""
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=tolerance)


# Skender, on SPY 2017-18.


@pytest.fixture
def spy(shared: Path) -> dict[str, Float]:
    with (shared / "reference/skender/quotes/default.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in ("high", "low", "close", "volume")}


def published(shared: Path, name: str, *fields: str) -> list[Float]:
    rows = json.loads((shared / f"reference/skender/results/{name}.standard.json").read_text())
    return [np.array([np.nan if row[field] is None else row[field] for row in rows], np.float64) for field in fields]


@pytest.mark.shared
def test_averages_are_skenders(spy: dict[str, Float], shared: Path) -> None:
    close, volume = spy["close"], spy["volume"]
    near(of.sma(close, 20), published(shared, "sma", "sma")[0])
    near(of.wma(close, 14), published(shared, "wma", "wma")[0])
    near(of.vwma(close, volume, 14), published(shared, "vwma", "vwma")[0])
    near(of.hull(close, 14), published(shared, "hma", "hma")[0])


@pytest.mark.shared
def test_exponential_averages_differ_from_skenders_by_the_seed(spy: dict[str, Float], shared: Path) -> None:
    close = spy["close"]
    expected = published(shared, "ema", "ema")[0]
    near(of.ema(close, 20) - seed_left(close, 20), expected)
    average, bull, bear = published(shared, "elder-ray", "ema", "bullPower", "bearPower")
    found, left = of.bull_bear_power(spy["high"], spy["low"], close), seed_left(close, 13)
    near(of.ema(close, 13) - left, average)
    near(found.bull + left, bull)
    near(found.bear + left, bear)


def seed_left(close: Float, span: int) -> Float:
    """What is left in our average, and not in one that starts as the mean of the first `span` closes, of its seed."""
    out = np.full(close.shape, np.nan)
    gap = of.ema(close, span)[span - 1] - close[:span].mean()
    out[span - 1 :] = gap * (1.0 - 2.0 / (span + 1.0)) ** np.arange(len(close) - span + 1)
    return out


@pytest.mark.shared
def test_the_cloud_is_skenders(spy: dict[str, Float], shared: Path) -> None:
    fields = "tenkanSen", "kijunSen", "senkouSpanA", "senkouSpanB"
    found = of.ichimoku(spy["high"], spy["low"])
    for ours, theirs in zip(found, published(shared, "ichimoku", *fields), strict=True):
        near(ours, theirs)


@pytest.mark.shared
def test_oscillators_are_skenders(spy: dict[str, Float], shared: Path) -> None:
    high, low, close = spy["high"], spy["low"], spy["close"]
    near(of.rsi(close), published(shared, "rsi", "rsi")[0])
    near(of.awesome(high, low), published(shared, "awesome", "oscillator")[0])
    near(of.williams_r(high, low, close), published(shared, "willr", "williamsR")[0])
    near(of.ultimate(high, low, close), published(shared, "uo", "ultimate")[0])
    near(of.cci((high + low + close) / 3.0), published(shared, "cci", "cci")[0])
    for ours, theirs in zip(of.stochastic(high, low, close), published(shared, "stoch", "k", "d"), strict=True):
        near(ours, theirs)
    fast = of.stochastic_rsi(close, smooth_k=1)
    for ours, theirs in zip(fast, published(shared, "stoch-rsi", "stochRsi", "signal"), strict=True):
        near(ours, theirs)
    for ours, theirs in zip(of.adx(high, low, close), published(shared, "adx", "adx", "pdi", "mdi"), strict=True):
        near(ours, theirs)


@pytest.mark.shared
def test_macd_is_skenders_once_the_seeds_have_faded(spy: dict[str, Float], shared: Path) -> None:
    """In the last 100 of 502 bars."""
    for ours, theirs in zip(
        of.macd(spy["close"]), published(shared, "macd", "macd", "signal", "histogram"), strict=True
    ):
        near(ours[-100:], theirs[-100:])


# StockCharts' sheets.


def sheet(shared: Path, name: str, *columns: str) -> list[Float]:
    with (shared / f"reference/stockcharts_ta/{name}.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row[columns[0]]]
    return [np.array([float(row[column]) if row[column] else np.nan for row in rows]) for column in columns]


@pytest.mark.shared
def test_the_sheets_of_stockcharts_agree(shared: Path) -> None:
    """To the digits that they are printed with."""
    high, low, close, plus, minus, index = sheet(shared, "cs-adx", "High", "Low", "Close", "+DI14", "-DI14", "ADX")
    found = of.adx(high, low, close)
    for ours, theirs in zip(found, (index, plus, minus), strict=True):
        near(ours[28:], theirs[28:], 1e-5)
    close, line = sheet(shared, "cs-macd", "Close", "MACD_line")
    near(of.macd(close).line[33:], line[33:], 1e-6)
    high, low, close, expected = sheet(shared, "cs-percentr", "High", "Low", "Close", "Williams_%R")
    close = np.where(np.isnan(close), low, close)  # not printed before the first value
    near(of.williams_r(high, low, close)[14:], expected[14:], 1e-4)
    high, low, close, place, average = sheet(shared, "cs-soo", "High", "Low", "Close", "SO", "SO_SIG")
    close = np.where(np.isnan(close), low, close)
    found_lines = of.stochastic(high, low, close, smooth_k=1)
    near(found_lines.k[14:], place[14:], 1e-4)
    near(found_lines.d[16:], average[16:], 1e-4)
    typical, expected = sheet(shared, "cs-cci", "Typical Price", "CCI")
    near(of.cci(typical)[20:], expected[20:], 1e-1)
    high, low, close, expected = sheet(shared, "cs-ultosc", "High", "Low", "Close", "Ult_Osc")
    near(of.ultimate(high, low, close)[28:], expected[28:], 1e-4)


# TA-Lib, on companies with years of bars.


@pytest.fixture(scope="module")
def bars() -> list[dict[str, Float]]:
    panel = load_data(DataSpec(source="sample:us5")).panel
    assert panel.high is not None
    assert panel.low is not None
    assert panel.volume is not None
    arrays = {"high": panel.high, "low": panel.low, "close": panel.close, "volume": panel.volume}
    present = np.isfinite(panel.close)  # TA-Lib makes nonsense of a NaN
    old = np.flatnonzero(present.sum(axis=0) > 2 * FADED)
    return [{name: x[present[:, n], n] for name, x in arrays.items()} for n in old]


def test_indicators_are_talibs(bars: list[dict[str, Float]]) -> None:
    assert len(bars) >= 4
    for each in bars:
        high, low, close, volume = (each[name] for name in ("high", "low", "close", "volume"))
        for span in (10, 50, 200):
            near(of.sma(close, span), talib.SMA(close, span))
            near(of.ema(close, span) - seed_left(close, span), talib.EMA(close, span))
        near(of.wma(close, 9), talib.WMA(close, 9))
        near(of.hull(close), talib.WMA(2.0 * talib.WMA(close, 4) - talib.WMA(close, 9), 3))
        near(of.vwma(close, volume), talib.SMA(close * volume, 20) / talib.SMA(volume, 20))
        near(of.rsi(close), talib.RSI(close, 14))
        near(of.cci(close), talib.CCI(close, close, close, 20))
        near(of.momentum(close), talib.MOM(close, 10))
        near(of.williams_r(high, low, close), talib.WILLR(high, low, close, 14))
        near(of.ultimate(high, low, close), talib.ULTOSC(high, low, close, 7, 14, 28))
        middle = 0.5 * (high + low)
        near(of.awesome(high, low), talib.SMA(middle, 5) - talib.SMA(middle, 34))
        found = of.stochastic(high, low, close)
        k, d = talib.STOCH(high, low, close, fastk_period=14, slowk_period=3, slowd_period=3)
        near(found.k[17:], k[17:])
        near(found.d, d)


def test_stochastic_rsi_is_talibs(bars: list[dict[str, Float]]) -> None:
    for each in bars:
        strength = talib.RSI(each["close"], 14)
        k, d = talib.STOCH(strength, strength, strength, fastk_period=14, slowk_period=3, slowd_period=3)
        found = of.stochastic_rsi(each["close"])
        near(found.k[31:], k[31:])
        near(found.d, d)


def test_directional_index_and_macd_are_talibs_once_the_seeds_have_faded(bars: list[dict[str, Float]]) -> None:
    for each in bars:
        high, low, close = each["high"], each["low"], each["close"]
        directional = of.adx(high, low, close)
        theirs = (
            talib.ADX(high, low, close, 14),
            talib.PLUS_DI(high, low, close, 14),
            talib.MINUS_DI(high, low, close, 14),
        )
        for ours, expected in zip(directional, theirs, strict=True):
            near(ours[FADED:], expected[FADED:])
        for ours, expected in zip(of.macd(close), talib.MACD(close, 12, 26, 9), strict=True):
            near(ours[FADED:], expected[FADED:])
