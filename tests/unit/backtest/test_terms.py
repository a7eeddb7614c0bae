"""From an execution and a panel to prices, events and limits of a fill; and whole runs that use them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from regimefolio.backtest import BacktestRunner, ExecutionSpec, Run
from regimefolio.core.errors import ConfigError, MissingDataError
from regimefolio.core.types import Panel
from regimefolio.evaluation.contributions import CASH, by_asset, profit_and_loss
from regimefolio.market import Market
from regimefolio.market.traded import endings, traded_prices
from regimefolio.portfolio import Ensemble, PortfolioSpec
from regimefolio.strategies import MomentumRank
from regimefolio.testing import synthetic_market

NAN = np.nan
FREE = ExecutionSpec(commission_bps=0.0, slippage_bps=0.0)
EQUAL = PortfolioSpec.model_validate({"allocator": "equal_weight", "rebalance": "daily"})


def panel_of(close: ArrayLike) -> Panel:
    """Daily bars of A, B, …"""
    prices = np.array(close, dtype=np.float64)
    days = np.datetime64("2020-01-01", "ns") + np.arange(len(prices)) * np.timedelta64(1, "D")
    symbols = tuple("ABCDE"[: prices.shape[1]])
    return Panel(days, symbols, prices, np.ones(prices.shape, dtype=bool), 252.0)


def run(panel: Panel, execution: ExecutionSpec, portfolio: PortfolioSpec = EQUAL, capital: float = 1000.0) -> Run:
    """Equal weight from bar 1 on."""
    runner = BacktestRunner(Market(panel), portfolio, execution, capital)
    return runner.run(Ensemble.static([MomentumRank(lookback=8)], [1.0]), 1)


def test_an_asset_ends_when_too_many_bars_are_missing_and_not_before() -> None:
    close = np.ones((10, 3))
    close[4:7, 0] = NAN  # three are missing, then it goes on
    close[5:, 1] = NAN
    close[:8, 2] = NAN  # listed late
    found = endings(panel_of(close), 3, -0.3)
    assert (found.bar.tolist(), found.asset.tolist(), found.value.tolist()) == ([8], [1], [-0.3])
    assert found.assumed.tolist() == [True]
    assert endings(panel_of(close), None, 0.0).bar.size == 0
    assert endings(panel_of(close[:8]), 3, 0.0).bar.size == 0  # not because the data ends
    assert endings(panel_of(close), 2, 0.0).bar.tolist() == [6, 7]


def test_a_known_delisting_comes_before_an_assumed_one() -> None:
    close = np.ones((10, 2))
    close[4:] = NAN
    panel = replace(panel_of(close), delisted_at=np.array([5, -1]), delisting_return=np.array([-1.0, NAN]))
    found = endings(panel, 3, 0.0)
    assert sorted(zip(found.bar.tolist(), found.asset.tolist(), found.value.tolist(), strict=True)) == [
        (5, 0, -1.0),
        (7, 1, 0.0),
    ]


def test_a_delisting_on_the_last_bar_pays_at_the_bar_after_it() -> None:
    close = [[1.0], [2.0], [NAN], [NAN]]
    panel = replace(panel_of(close), delisted_at=np.array([1]), delisting_return=np.array([-0.5]))
    prices = traded_prices(panel, "next_close", "cash", endings(panel, None, 0.0))
    assert prices.at_close[:, 0].tolist() == [1.0, 2.0, 1.0, 1.0]


def with_actions() -> Panel:
    """Raw closes 10, 10, 12 | two for one, dividend 1 | 5, 6: forward adjusted."""
    split, dividend = np.array([[1.0], [1.0], [1.0], [2.0], [1.0]]), np.array([[0.0], [0.0], [0.0], [1.0], [0.0]])
    factor = 2.0 / (1.0 - 2.0 * 1.0 / 12.0)
    close = [[10.0], [10.0], [12.0], [5.0 * factor], [6.0 * factor]]
    return replace(panel_of(close), split=split, dividend=dividend)


def test_a_dividend_is_cash_and_a_split_is_nothing() -> None:
    found = run(with_actions(), FREE).simulation
    # 100 units; at bar 3 each is two shares at 5 and gets 2 · 1 in cash, which buys 20 more units at 10.
    assert found.equity.tolist() == pytest.approx([1000.0, 1000.0, 1200.0, 1200.0, 1440.0], rel=1e-12)
    assert found.cash == pytest.approx([1000.0, 0.0, 0.0, 0.0, 0.0], abs=1e-9)


def test_dividends_that_are_reinvested_are_the_total_return() -> None:
    panel = with_actions()
    found = run(panel, FREE.model_copy(update={"dividends": "reinvest"})).simulation
    assert found.equity[1:] == pytest.approx(100.0 * panel.close[1:, 0], rel=1e-12)


def test_splits_and_dividends_are_told_to_whole_shares_and_fees_as_they_trade() -> None:
    terms = FREE.model_copy(update={"shares": "whole", "fee_per_share": 0.5})
    found = run(with_actions(), terms, capital=1003.0).simulation
    assert found.trades is not None
    # X + 0.5 · X / 10 = 1003: 95.5 shares are wished, 95 are bought.
    assert found.trades["shares"][0] == 95.0
    assert found.trades["cost"][0] == 47.5
    later = found.trades[found.trades["bar"] == 3]
    # 190 shares at 5 and 195.5 in cash: X + 0.5 · (X − 950) / 5 = 1145.5, (X − 950) / 5 = 35.5: 35 shares, 17.5 units.
    assert later["shares"].tolist() == pytest.approx([17.5])
    assert later["cost"].tolist() == pytest.approx([17.5])


def test_contributions_with_dividends_delistings_and_fees_are_the_profit_and_loss() -> None:
    market = synthetic_market(400)
    close = market.panel.close
    rng = np.random.default_rng(5)
    begun = np.isfinite(close)
    dividend = np.where(begun & (np.cumsum(begun, axis=0) > 1) & (rng.random(close.shape) < 0.03), 0.002 * close, 0.0)
    dividend[np.isnan(dividend)] = 0.0
    panel = replace(market.panel, split=np.ones(close.shape), dividend=dividend)
    portfolio = PortfolioSpec.model_validate({"no_trade_band": 0.002, "relative_band": 0.1})
    terms = ExecutionSpec(fill="vwap", fee_per_order=1.0, spread_bps=4.0, impact=0.5, max_participation=0.001)
    runner = BacktestRunner(Market(panel), portfolio, terms)
    found = runner.run(Ensemble.static([MomentumRank(lookback=60)], [1.0]), 80).simulation
    assert found.trades is not None
    assert found.trades["cost"].sum() == pytest.approx(found.cost.sum(), rel=1e-9)
    assert runner.ended.assumed.any()
    pieces = by_asset(profit_and_loss(found, runner.prices))
    assert sum(pieces.values()) == pytest.approx(found.equity[-1] - 1e6, rel=1e-9)
    assert pieces[CASH] == pytest.approx(0.0, abs=1e-6)  # no interest was asked for


@pytest.mark.parametrize(
    ("more", "name"),
    [({"fee_per_order": 1.0}, "execution.fee_per_order"), ({"shares": "whole"}, "execution.shares")],
)
def test_accounts_apart_refuse_what_they_do_not_know(more: dict[str, object], name: str) -> None:
    terms = ExecutionSpec.model_validate({"accounts": "per_asset", **more})
    with pytest.raises(ConfigError, match=f"{name} is for a shared account"):
        run(panel_of(np.ones((5, 1))), terms)


def test_bands_are_refused_by_accounts_apart() -> None:
    portfolio = PortfolioSpec.model_validate({"no_trade_band": 0.1})
    with pytest.raises(ConfigError, match=r"portfolio\.no_trade_band is for a shared account"):
        run(panel_of(np.ones((5, 1))), ExecutionSpec(accounts="per_asset"), portfolio)


@pytest.mark.parametrize("more", [{"impact": 1.0}, {"max_participation": 0.1}])
def test_volumes_that_are_needed_are_asked_for(more: dict[str, float]) -> None:
    with pytest.raises(MissingDataError, match=f"execution.{next(iter(more))} needs volumes"):
        run(panel_of(np.ones((5, 1))), ExecutionSpec.model_validate(more))


def test_half_the_spread_is_paid() -> None:
    spread = run(panel_of(np.ones((5, 1))), FREE.model_copy(update={"spread_bps": 20.0})).simulation
    slippage = run(panel_of(np.ones((5, 1))), FREE.model_copy(update={"slippage_bps": 10.0})).simulation
    assert np.array_equal(spread.equity, slippage.equity)
    assert spread.equity[1] == pytest.approx(1000.0 / 1.001)


def test_cash_below_zero_is_financed_at_its_own_rate() -> None:
    """Who is short when a dividend is paid owes it."""
    close = [[10.0, 10.0]] * 6
    dividend = np.zeros((6, 2))
    dividend[2, 1] = 50.0
    panel = replace(panel_of(close), split=np.ones((6, 2)), dividend=dividend)
    base = {"commission_bps": 0, "slippage_bps": 0, "sizing": "on_change"}
    book = PortfolioSpec.model_validate({"allocator": "equal_weight", "rebalance": {"every": 100}})
    plain, dear = (
        BacktestRunner(Market(panel), book, ExecutionSpec.model_validate({**base, **more})).prices.events
        for more in ({}, {"financing_rate": 0.2})
    )
    assert plain.pay.tolist() == dear.pay.tolist() == [50.0]
    terms = BacktestRunner(Market(panel), book, ExecutionSpec.model_validate({"cash_rate": 0.01}))._terms
    assert terms.financing_rate == terms.cash_rate == pytest.approx(0.01 / 252)


def test_delistings_are_assumed_of_daily_bars_and_where_somebody_says_so() -> None:
    daily = panel_of(np.ones((3, 1)))
    minutes = replace(daily, timestamps=daily.timestamps[0] + np.arange(3) * np.timedelta64(1, "m"))
    for panel, meant in ((daily, 21), (minutes, None)):
        assert ExecutionSpec().patience(panel) == meant
        assert ExecutionSpec(delist_after=5).patience(panel) == 5
        assert ExecutionSpec(delist_after="never").patience(panel) is None


def test_a_delisting_that_comes_too_late_is_refused() -> None:
    close = np.ones((12, 1))
    close[2:] = NAN
    panel = replace(panel_of(close), delisted_at=np.array([9]), delisting_return=np.array([-0.5]))
    with pytest.raises(ConfigError, match="the delisting of A is known on 2020-01-10, 8 bars after its last"):
        endings(panel, 3, 0.0)
    assert endings(panel, 8, 0.0).bar.tolist() == [9]
    assert endings(panel, None, 0.0).bar.tolist() == [9]
