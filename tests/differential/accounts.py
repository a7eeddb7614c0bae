"""What both sides of a comparison are brought to: equity, cash and shares at every bar that trades."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.api import (
    Allocator,
    BacktestRunner,
    BollingerMeanReversion,
    Constraints,
    Ensemble,
    ExecutionSpec,
    Market,
    MomentumRank,
    PortfolioSpec,
    Proportional,
    Run,
    View,
)
from regimefolio.market import Rebalance

Float = NDArray[np.float64]

CAPITAL = 1_000_000.0
TEN_BPS = 1e-3
START = 200
"""The first bar that trades; strategies are warm by then."""


class Accounts(NamedTuple):
    """Of every bar from `START` on: equity (B,) and cash (B,) in money, and shares (B, N)."""

    equity: Float
    cash: Float
    shares: Float


class Written(Allocator, kind="written"):
    """The weights that are written down for each bar."""

    rows: tuple[tuple[float, ...], ...]

    def weights(self, view: View) -> Float:
        return np.where(view.tradable, np.array(self.rows[view.market.panel.n_bars - 1]), 0.0)


def execution(**terms: object) -> ExecutionSpec:
    """Without costs and at the next close, unless said."""
    plain = {"fill": "next_close", "commission_bps": 0, "slippage_bps": 0, "delist_after": "never"}
    return ExecutionSpec.model_validate({**plain, **terms})


def real_run(
    market: Market, terms: ExecutionSpec, gross: float = 1.0, rebalance: Rebalance = "daily", shorts: bool = False
) -> Run:
    """A backtest of two strategies: what is decided, and what becomes of the money."""
    portfolio = PortfolioSpec(
        allocator=Proportional(long_short=shorts), constraints=Constraints(max_gross=gross), rebalance=rebalance
    )
    pair = Ensemble.static([MomentumRank(lookback=126), BollingerMeanReversion()], [1.0, 1.0])
    return BacktestRunner(market, portfolio, terms, CAPITAL).run(pair, START)


def written_run(market: Market, filled: Float, terms: ExecutionSpec, rebalance: Rebalance = "daily") -> Run:
    """A backtest of weights (B, N) that are written down for the bar that fills them; NaN where nothing is filled."""
    rows = np.zeros(market.panel.close.shape)
    rows[START - 1 : -1] = np.nan_to_num(filled)
    portfolio = PortfolioSpec(allocator=Written(rows=tuple(tuple(row.tolist()) for row in rows)), rebalance=rebalance)
    nobody = Ensemble.static([MomentumRank(lookback=126)], [1.0])
    return BacktestRunner(market, portfolio, terms, CAPITAL).run(nobody, START)


def ours(run: Run) -> Accounts:
    """The accounts of a run of ours."""
    simulation = run.simulation
    trades, traded = simulation.trades, np.zeros(run.target.shape)
    assert trades is not None
    np.add.at(traded, (trades["bar"], trades["asset"]), trades["shares"])
    return Accounts(simulation.equity[START:], simulation.cash[START:], traded.cumsum(axis=0)[START:])


def traded(accounts: Accounts) -> Float:
    """The shares (B, N) that change hands at each bar."""
    return np.diff(accounts.shares, axis=0, prepend=0.0)


def filled(run: Run) -> Float:
    """What was decided, at the bar that fills it: weights (B, N), NaN where nothing is."""
    return run.target[START - 1 : -1]


def difference(one: Accounts, other: Accounts, price: Float) -> float:
    """The largest difference of equity, of cash, or of a holding at its price (B, N), at any bar: parts of equity."""
    holdings = np.abs(one.shares - other.shares) * np.nan_to_num(price)
    money = np.c_[np.abs(one.equity - other.equity), np.abs(one.cash - other.cash), holdings]
    return float((money / one.equity[:, None]).max())
