"""Technical ratings of a universe, 26 votes and three means: against TA-Lib and pandas-ta-classic, asset by asset.

The peers compute the indicators, each asset in turn as their documentation has it, and the rules of 2024 are numpy's.
Their exponential averages start from a simple mean: how many of the means differ after 2,000 bars is printed.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
import pandas_ta_classic as ta
import talib

from benchmarks.timing import Spent, least_seconds
from regimefolio.api import Panel, technical_ratings

SIZES = ((2520, 200), (5040, 500))
SPANS = (10, 20, 30, 50, 100, 200)
FADED, FEW = 2000, 4

Bars = Mapping[str, np.ndarray]


def universe(bars: int, assets: int) -> Panel:
    """A seeded market of random walks with highs, lows and volumes."""
    rng = np.random.default_rng(7)
    shape = bars, assets
    close = 50.0 * np.exp(np.cumsum(0.015 * rng.standard_normal(shape), axis=0))
    start = close * np.exp(0.005 * rng.standard_normal(shape))
    return Panel(
        timestamps=np.arange(bars).astype("datetime64[D]").astype("datetime64[ns]"),
        symbols=tuple(f"A{n}" for n in range(assets)),
        close=close,
        member=np.ones(shape, np.bool_),
        periods_per_year=252.0,
        high=np.maximum(start, close) * np.exp(0.004 * rng.random(shape)),
        low=np.minimum(start, close) * np.exp(-0.004 * rng.random(shape)),
        volume=np.floor(rng.lognormal(12.0, 0.5, shape)),
    )


def before(x: np.ndarray, bars: int = 1) -> np.ndarray:
    return np.concatenate([np.full(bars, np.nan), x[:-bars]])


def votes_of(buy: np.ndarray, sell: np.ndarray, *needed: np.ndarray) -> np.ndarray:
    """1, -1 or 0; NaN where something that the rule needs is not there yet."""
    votes = 1.0 * buy - sell
    for x in needed:
        votes[np.isnan(x)] = np.nan
    return votes


def turning(x: np.ndarray, low: float, high: float) -> np.ndarray:
    old = before(x)
    return votes_of((x < low) & (x > old), (x > high) & (x < old), old)


def rated(bars: Bars, averages: list[np.ndarray], of: Mapping[str, np.ndarray]) -> np.ndarray:
    """The three means (3, T) of one asset by the rules of 2024."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    trend, base, conversion = of["trend"], of["base"], of["conversion"]
    lead_a, lead_b = before(0.5 * (conversion + base), 26), before(of["lead"], 26)
    ma = [votes_of(close > x, close < x, x) for x in averages]
    buy = (lead_a > lead_b) & (base > lead_a) & (conversion > base) & (close > conversion)
    sell = (lead_a < lead_b) & (base < lead_a) & (conversion < base) & (close < conversion)
    ma.append(votes_of(buy, sell, lead_b))
    other = [turning(of["rsi"], 30.0, 70.0), turning(of["cci"], -100.0, 100.0), turning(of["wr"], -80.0, -20.0)]
    k, d = of["k"], of["d"]
    other.append(votes_of((k < 20) & (d < 20) & (k > d), (k > 80) & (d > 80) & (k < d), d))
    k, d = of["rsi_k"], of["rsi_d"]
    buy, sell = (k < 20) & (d < 20) & (k > d) & (close < trend), (k > 80) & (d > 80) & (k < d) & (close > trend)
    other.append(votes_of(buy, sell, d, trend))
    strong = (of["adx"] > 20) & (of["adx"] > before(of["adx"]))
    plus, minus = of["plus"], of["minus"]
    other.append(votes_of(strong & (plus > minus), strong & (plus < minus), before(of["adx"])))
    x, y, z = of["awesome"], before(of["awesome"]), before(of["awesome"], 2)
    buy, sell = (x > 0) & ((y <= 0) | ((x > y) & (z > y))), (x < 0) & ((y >= 0) | ((x < y) & (z < y)))
    other.append(votes_of(buy, sell, z))
    other.append(
        votes_of(
            of["momentum"] > before(of["momentum"]), of["momentum"] < before(of["momentum"]), before(of["momentum"])
        )
    )
    other.append(votes_of(of["line"] > of["signal"], of["line"] < of["signal"], of["signal"]))
    bull, bear = high - of["ema_13"], low - of["ema_13"]
    buy = (close > trend) & (bear < 0) & (bear > before(bear))
    sell = (close < trend) & (bull > 0) & (bull < before(bull))
    other.append(votes_of(buy, sell, trend))
    other.append(votes_of(of["ultimate"] > 70, of["ultimate"] < 30, of["ultimate"]))
    means = []
    for votes in (np.array(ma), np.array(other)):
        there = ~np.isnan(votes)
        with np.errstate(invalid="ignore"):
            means.append(np.where(there, votes, 0.0).sum(axis=0) / there.sum(axis=0))
    both = np.where(np.isnan(means[1]), means[0], 0.5 * (means[0] + means[1]))
    return np.array([*means, both])


def by_talib(bars: Bars) -> np.ndarray:
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    exponential = [talib.EMA(close, n) for n in SPANS]
    averages = [*(talib.SMA(close, n) for n in SPANS), *exponential]
    averages.append(talib.SMA(close * volume, 20) / talib.SMA(volume, 20))
    averages.append(talib.WMA(2.0 * talib.WMA(close, 4) - talib.WMA(close, 9), 3))
    of = {"trend": exponential[3], "rsi": talib.RSI(close, 14), "cci": talib.CCI(close, close, close, 20)}
    for name, n in (("conversion", 9), ("base", 26), ("lead", 52)):
        of[name] = 0.5 * (talib.MAX(high, n) + talib.MIN(low, n))
    three = {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3}
    of["k"], of["d"] = talib.STOCH(high, low, close, **three)
    of["rsi_k"], of["rsi_d"] = talib.STOCH(of["rsi"], of["rsi"], of["rsi"], **three)
    of["adx"], of["wr"] = talib.ADX(high, low, close, 14), talib.WILLR(high, low, close, 14)
    of["plus"], of["minus"] = talib.PLUS_DI(high, low, close, 14), talib.MINUS_DI(high, low, close, 14)
    middle = 0.5 * (high + low)
    of["awesome"] = talib.SMA(middle, 5) - talib.SMA(middle, 34)
    of["momentum"], of["ema_13"] = talib.MOM(close, 10), talib.EMA(close, 13)
    of["line"], of["signal"], _ = talib.MACD(close, 12, 26, 9)
    of["ultimate"] = talib.ULTOSC(high, low, close, 7, 14, 28)
    return rated(bars, averages, of)


def by_pandas_ta(bars: Bars) -> np.ndarray:
    """With `talib=False`: its own implementations, as without TA-Lib installed."""
    high, low, close, volume = (pd.Series(bars[name]) for name in ("high", "low", "close", "volume"))
    own = {"talib": False}
    exponential = [ta.ema(close, length=n, **own) for n in SPANS]
    averages = [*(ta.sma(close, length=n, **own) for n in SPANS), *exponential]
    averages += [ta.vwma(close, volume, length=20), ta.hma(close, length=9)]
    of = {"trend": exponential[3], "rsi": ta.rsi(close, length=14, **own)}
    of["cci"] = ta.cci(close, close, close, length=20, **own)
    for name, n in (("conversion", 9), ("base", 26), ("lead", 52)):
        of[name] = ta.midprice(high, low, length=n, **own)
    stochastic, of_rsi = ta.stoch(high, low, close, 14, 3, 3), ta.stochrsi(close)
    of["k"], of["d"], of["rsi_k"], of["rsi_d"] = (x.iloc[:, i] for x in (stochastic, of_rsi) for i in (0, 1))
    directional = ta.adx(high, low, close, length=14, **own)
    of["adx"], of["plus"], of["minus"] = (directional.filter(like=name).iloc[:, 0] for name in ("ADX_", "DMP", "DMN"))
    macd = ta.macd(close, **own)
    of["line"], of["signal"] = macd.iloc[:, 0], macd.iloc[:, 2]
    of["awesome"], of["momentum"] = ta.ao(high, low), ta.mom(close, length=10, **own)
    of["wr"], of["ema_13"] = ta.willr(high, low, close, length=14, **own), ta.ema(close, length=13, **own)
    of["ultimate"] = ta.uo(high, low, close, **own)
    plain = [x.reindex(close.index).to_numpy(float) for x in averages]
    return rated(bars, plain, {name: x.reindex(close.index).to_numpy(float) for name, x in of.items()})


def each_asset(panel: Panel, rate: Callable[[Bars], np.ndarray], count: int) -> np.ndarray:
    """The three means (3, T, count) of the first assets, one after the other."""
    out = np.empty((3, panel.n_bars, count))
    for n in range(count):
        names = ("high", "low", "close", "volume")
        out[:, :, n] = rate({name: np.ascontiguousarray(getattr(panel, name)[:, n]) for name in names})
    return out


def differing(panel: Panel, found: np.ndarray) -> float:
    """The share of means that are not ours, once the seeds have faded."""
    ours = technical_ratings(panel)
    means = np.array([ours.recommend_ma, ours.recommend_other, ours.recommend_all])[:, FADED:, : found.shape[2]]
    return float((np.abs(means - found[:, FADED:]) > 1e-9).mean())


def megabytes(panel: Panel) -> tuple[float, float]:
    """Of the input, and the most that rating it takes beside it, its result included."""
    tracemalloc.start()
    technical_ratings(panel)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 4 * panel.close.nbytes / 2**20, most / 2**20


def row(bars: int, assets: int) -> None:
    panel = universe(bars, assets)
    works = {
        "one": partial(technical_ratings, panel, threads=1),
        "two": partial(technical_ratings, panel, threads=2),
        "talib": partial(each_asset, panel, by_talib, assets),
    }
    spent = least_seconds(works, 9 if assets == 200 else 3)
    few = least_seconds({"pandas": partial(each_asset, panel, by_pandas_ta, FEW)}, 2)["pandas"]
    pandas = Spent(*(seconds * assets / FEW for seconds in few))
    one, two, peer = spent["one"], spent["two"], spent["talib"]
    given, added = megabytes(panel)
    wrong = [differing(panel, each_asset(panel, rate, FEW)) for rate in (by_talib, by_pandas_ta)]
    print(
        f"{assets} assets x {bars} bars: one thread {one.clock * 1e3:.1f} ms, two {two.clock * 1e3:.1f} ms, "
        f"{two.processor * 1e3:.1f} ms of processors"
    )
    for name, other, share in (("TA-Lib", peer, wrong[0]), ("pandas-ta-classic", pandas, wrong[1])):
        print(
            f"  {name} {other.clock * 1e3:.0f} and {other.processor * 1e3:.0f} ms, ratio to two threads "
            f"{other.clock / two.clock:.1f}, on two idle processors {2 * other.processor / two.processor:.1f}; "
            f"{share:.2%} of the means differ"
        )
    print(f"  input {given:.0f} MB, rating takes {added:.0f} MB beside it", flush=True)


def run() -> None:
    """Two sizes of universe; pandas-ta-classic rates a few assets, whose time is scaled."""
    print("ratings: 26 votes and three means, rules of 2024")
    for bars, assets in SIZES:
        row(bars, assets)
