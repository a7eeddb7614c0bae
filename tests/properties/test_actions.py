"""Raw prices with actions are the same investment as prices adjusted backwards, and never change again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regimefolio.backtest import BacktestSpec, run_backtest
from regimefolio.core.component import registered
from regimefolio.core.types import Float, Panel, Times
from regimefolio.market import DataSpec, File, Market, load_data
from regimefolio.strategies import Strategy

FIELDS = ("open", "high", "low", "close")
BUILT_IN = (
    "bollinger_mean_reversion",
    "macd_rsi_confluence",
    "momentum_rank",
    "moving_average_cross",
    "technical_rating",
)
VOTING, TIES = ("technical_rating",), 0.002
"""Votes have no tolerance: where two decimal prices are equal, or a price is an average, rounding casts one, rarely."""


@dataclass(frozen=True, repr=False)
class World:
    """Raw bars with the actions that took effect before some of them."""

    times: Times
    bars: dict[str, Float]
    split: Float
    dividend: Float

    def frame(self, extra: dict[str, Float], until: int | None = None) -> pl.DataFrame:
        """A long table of the first bars, with further columns."""
        columns = {**self.bars, **extra}
        n_assets = self.split.shape[1]
        parts = [
            pl.DataFrame(
                {
                    "date": pl.Series(self.times[:until]).cast(pl.Date),
                    "symbol": f"S{asset}",
                    **{name: values[:until, asset] for name, values in columns.items()},
                }
            )
            for asset in range(n_assets)
        ]
        return pl.concat(parts).drop_nans("close")

    def actions(self) -> pl.DataFrame:
        bar, asset = np.nonzero((self.split != 1.0) | (self.dividend != 0.0))
        return pl.DataFrame(
            {
                "symbol": [f"S{number}" for number in asset],
                "date": pl.Series(self.times[bar]).cast(pl.Date),
                "split": self.split[bar, asset],
                "dividend": self.dividend[bar, asset],
            }
        )

    def adjusted_close(self) -> Float:
        """The close adjusted backwards from the last bar, as vendors do, bar by bar."""
        close = self.bars["close"]
        adjusted = np.full(close.shape, np.nan)
        for asset in range(close.shape[1]):
            factor, split, dividend = 1.0, 1.0, 0.0
            for bar in range(len(close) - 1, -1, -1):
                if np.isfinite(close[bar, asset]):
                    factor *= (1.0 - dividend * split / close[bar, asset]) / split
                    adjusted[bar, asset] = close[bar, asset] * factor
                    split, dividend = 1.0, 0.0
                # Gone further back, what happens to a bar before that one is all that happened after it.
                dividend += self.dividend[bar, asset] / split if self.dividend[bar, asset] else 0.0
                split *= self.split[bar, asset]
        return adjusted


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Random walks of one or two assets, with holes, splits and dividends at bars that exist, never at the first."""
    n_bars, n_assets = draw(st.integers(60, 140)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    value = 100.0 * np.exp(np.cumsum(0.02 * rng.standard_normal((n_bars, n_assets)), axis=0))
    often = draw(st.sampled_from([0.0, 0.02, 0.2]))
    sizes = st.sampled_from([(2.0, 3.0, 1.5, 0.1), (2.0, 0.5), (7.0, 1.05, 1 / 3)])
    split = np.where(rng.random(value.shape) < often, rng.choice(draw(sizes), value.shape), 1.0)
    paid = np.where(rng.random(value.shape) < often, rng.random(value.shape) * draw(st.sampled_from([0.02, 0.5])), 0.0)
    missing = rng.random(value.shape) < draw(st.sampled_from([0.0, 0.1]))
    missing[0] = False
    split[0], paid[0] = 1.0, 0.0
    split[missing], paid[missing] = 1.0, 0.0
    close = value * np.cumprod(1.0 - paid, axis=0) / np.cumprod(split, axis=0)
    close[missing] = np.nan
    before = close.copy()
    for bar in range(1, n_bars):
        before[bar] = np.where(np.isfinite(close[bar]), close[bar], before[bar - 1])
    dividend = np.zeros(close.shape)
    dividend[1:] = paid[1:] * before[:-1] / split[1:]
    opens = close * np.exp(0.005 * rng.standard_normal(close.shape))
    bars = {
        "open": opens,
        "high": np.maximum(opens, close) * 1.001,
        "low": np.minimum(opens, close) * 0.999,
        "close": close,
        "volume": np.where(missing, np.nan, 1000.0 * np.cumprod(split, axis=0)),
    }
    days = np.datetime64("2015-01-01", "D") + np.arange(n_bars)
    return World(days.astype("datetime64[ns]"), bars, split, dividend)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def returns(panel: Panel) -> list[Float]:
    """Of each asset on its own bars."""
    columns = [panel.close[np.isfinite(panel.close[:, asset]), asset] for asset in range(panel.n_assets)]
    return [column[1:] / column[:-1] for column in columns]


def signals(panel: Panel, kinds: Sequence[str]) -> Sequence[Float]:
    market = Market(panel)
    every = [Strategy.of({"kind": kind}).signals(market) for kind in kinds]
    return [array.astype(np.float64) for each in every for array in (each.alpha, each.confidence)]


def equity(path: Path, actions: Path | None) -> Float:
    strategies = [{"kind": "momentum_rank", "lookback": 20, "skip": 0}, {"kind": "bollinger_mean_reversion"}]
    data = {"source": f"file:{path}", "actions": actions}
    execution = {"dividends": "reinvest"}  # as prices adjusted backwards have it
    spec = BacktestSpec.model_validate({"name": "a", "data": data, "strategies": strategies, "execution": execution})
    return run_backtest(spec)[2].simulation.equity


def assert_same_investment(folder: Path, raw: pl.DataFrame, actions: pl.DataFrame, adjusted: pl.DataFrame) -> None:
    for name, frame in (("raw", raw), ("actions", actions), ("adjusted", adjusted)):
        frame.write_parquet(folder / f"{name}.parquet")
    paths = folder / "raw.parquet", folder / "actions.parquet", folder / "adjusted.parquet"
    known = None if actions.is_empty() else paths[1]
    forward = load_data(DataSpec(source=f"file:{paths[0]}", actions=known)).panel
    backward = File(path=paths[2]).load().panel
    assert forward.symbols == backward.symbols
    for one, other in zip(returns(forward), returns(backward), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    smooth = [kind for kind in BUILT_IN if kind not in VOTING]
    for one, other in zip(signals(forward, smooth), signals(backward, smooth), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2.0**-22)  # they are float32: a step of rounding or two
    for one, other in zip(signals(forward, VOTING), signals(backward, VOTING), strict=True):
        assert (np.abs(one - other) > 2.0**-22).mean() <= TIES
    np.testing.assert_allclose(equity(paths[0], known), equity(paths[2], None), rtol=1e-9)


def test_the_strategies_are_all_that_ship() -> None:
    shipped = {kind for kind, part in registered(Strategy.family).items() if part.__module__.startswith("regimefolio.")}
    assert shipped == set(BUILT_IN)


@settings(max_examples=25)
@given(worlds())
def test_forward_and_backward_are_one_investment(folder: Path, world: World) -> None:
    adjusted = world.frame({"adj_close": world.adjusted_close()})
    # What adj_close does to a volume includes dividends; no signal looks at it.
    assert_same_investment(folder, world.frame({}), world.actions(), adjusted)


@settings(max_examples=25)
@given(worlds(), st.data())
def test_what_was_known_never_changes(folder: Path, world: World, data: st.DataObject) -> None:
    columns = {"split": world.split, "dividend": world.dividend}
    n_bars = data.draw(st.integers(1, len(world.times)))
    world.frame(columns).write_parquet(folder / "whole.parquet")
    world.frame(columns, until=n_bars).write_parquet(folder / "cut.parquet")
    whole, cut = (File(path=folder / f"{name}.parquet").load().panel for name in ("whole", "cut"))
    known = whole.until(cut.n_bars)
    for name in ("timestamps", "close", "open", "high", "low", "volume", "split", "dividend"):
        np.testing.assert_array_equal(getattr(known, name), getattr(cut, name), err_msg=name)
    for mine, theirs in zip(known.adjustment, cut.adjustment, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    own = np.isfinite(whole.close)
    raw = np.where(own, whole.close / whole.adjustment.price, np.nan)
    expected = world.bars["close"][np.isin(world.times, whole.timestamps)]
    np.testing.assert_allclose(raw, expected, rtol=1e-10)


@pytest.mark.shared
def test_real_prices_and_dividends(folder: Path, shared: Path) -> None:
    """Dividends taken out of a vendor's adj_close, and Apple's split of 2014 put back into its prices."""
    vendor = (
        pl.read_csv(shared / "data" / "stocknet88_yahoo_2012_2017.csv.gz", try_parse_dates=True)
        .drop_nulls()
        .sort("symbol", "date")
        .with_columns(factor=pl.col("adj_close") / pl.col("close"))
        .with_columns(before=pl.col("close").shift(1).over("symbol"), was=pl.col("factor").shift(1).over("symbol"))
    )
    part = 1 - pl.col("was") / pl.col("factor")
    paid = vendor.with_columns(dividend=pl.when(part > 1e-4).then(part * pl.col("before")).otherwise(0.0))
    split_on = pl.date(2014, 6, 9)
    shares = pl.when((pl.col("symbol") == "AAPL") & (pl.col("date") < split_on)).then(7.0).otherwise(1.0)
    split = pl.when((pl.col("symbol") == "AAPL") & (pl.col("date") == split_on)).then(7.0).otherwise(1.0)
    raw = paid.with_columns(
        *(pl.col(name) * shares for name in (*FIELDS, "dividend")),
        volume=pl.col("volume") / shares,
        split=split,
        # What a vendor without rounding would have adjusted these dividends to, backwards.
        adj_close=pl.col("close")
        * (1 - pl.col("dividend") / pl.col("before")).fill_null(1.0).cum_prod(reverse=True).over("symbol")
        / (1 - pl.col("dividend") / pl.col("before")).fill_null(1.0),
    )
    np.testing.assert_allclose(raw["adj_close"], vendor["adj_close"], rtol=2e-3)
    bars = raw.select("date", "symbol", *FIELDS, "volume")
    actions = raw.select("symbol", "date", "split", "dividend").filter(
        (pl.col("split") != 1.0) | (pl.col("dividend") != 0.0)
    )
    assert 1000 < actions.height < 1400
    assert_same_investment(folder, bars, actions, bars.with_columns(adj_close=raw["adj_close"]))
