"""What targets would have earned is what a backtest of them earns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regimefolio.backtest import BacktestRunner, ExecutionSpec
from regimefolio.core.types import Float, Int, Panel
from regimefolio.market import Market
from regimefolio.portfolio import PortfolioSpec
from regimefolio.portfolio.performance import net_returns
from regimefolio.testing import market_of, synthetic_market

NAN = np.nan
PLAIN = ExecutionSpec(commission_bps=10.0, slippage_bps=0.0)


def decisions(panel: Panel, accounts: int = 3) -> tuple[Int, Float]:
    """Targets at every seventh bar, of both signs, with some that are no orders."""
    rng = np.random.default_rng(2)
    bars = np.arange(20, panel.n_bars - 3, 7)
    targets = rng.dirichlet(np.ones(panel.n_assets), (accounts, bars.size))
    targets[1] *= rng.choice([-1.0, 1.0], targets[1].shape)
    targets[rng.random(targets.shape) < 0.05] = NAN
    targets[2, 3] = NAN
    return bars, targets


def with_actions(panel: Panel) -> Panel:
    """Splits and dividends, and a delisting that is told."""
    rng = np.random.default_rng(3)
    open_, close = np.array(panel.open), np.array(panel.close)
    open_[200:, 4] = close[200:, 4] = NAN
    present = np.isfinite(close) & (np.cumsum(np.isfinite(close), axis=0) > 1)
    return replace(
        panel,
        open=open_,
        close=close,
        high=None,
        low=None,
        split=np.where(present & (rng.random(close.shape) < 0.005), 2.0, 1.0),
        dividend=np.where(present & (rng.random(close.shape) < 0.01), 0.002 * np.nan_to_num(close), 0.0),
        delisted_at=np.where(np.arange(panel.n_assets) == 4, 202, -1),
        delisting_return=np.where(np.arange(panel.n_assets) == 4, -0.6, NAN),
    )


FULL = synthetic_market(300).panel
PANELS = {
    "opens": FULL,
    "closes alone": replace(FULL, open=None, high=None, low=None),
    "no holes": synthetic_market(300, complete=True).panel,
    "splits, dividends and a delisting": with_actions(FULL),
}


@pytest.mark.parametrize("name", PANELS)
def test_returns_are_those_of_a_backtest(name: str) -> None:
    panel = PANELS[name]
    bars, targets = decisions(panel)
    found = net_returns(panel, bars, targets, 10.0)
    runner = BacktestRunner(Market(panel), PortfolioSpec(), PLAIN)
    for m, account in enumerate(targets):
        whole = np.full(panel.close.shape, NAN)
        whole[bars] = account
        expected = runner.simulate(whole, start=int(bars[0]) + 1).returns
        np.testing.assert_allclose(found[:, m], expected, rtol=0.0, atol=1e-12)


def test_a_purchase_costs_what_is_said() -> None:
    panel = market_of([[1.0, 1.0], [1.0, 1.0], [1.0, 2.0], [1.0, 2.0]]).panel
    found = net_returns(panel, np.array([0]), np.array([[[0.0, 1.0]]]), 100.0)
    # X + 1% · X = 1 at the second bar; then the price doubles.
    np.testing.assert_allclose(found[:, 0], [1.0 / 1.01 - 1.0, 1.0, 0.0], rtol=1e-12, atol=1e-15)


def test_nothing_is_earned_after_a_ruin() -> None:
    panel = market_of([[1.0], [1.0], [3.0], [1.0]]).panel
    assert net_returns(panel, np.array([0]), np.array([[[-1.0]]]), 0.0)[2:].tolist() == [[0.0]]


def test_a_delisting_that_is_told_late_is_no_error() -> None:
    close = np.ones((40, 2))
    close[4:, 0] = NAN
    panel = replace(market_of(close).panel, delisted_at=np.array([35, -1]), delisting_return=np.array([-0.5, NAN]))
    found = net_returns(panel, np.array([1]), np.array([[[0.5, 0.5]]]), 0.0)
    assert np.flatnonzero(found[:, 0]).tolist() == [33]  # bar 35
    assert found[33, 0] == pytest.approx(-0.25)
