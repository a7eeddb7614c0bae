"""What dated target weights would have earned, net of costs, by the simulation that backtests run on."""

from __future__ import annotations

import numpy as np

from regimefolio.core.errors import ConfigError
from regimefolio.core.types import Float, Int, Panel
from regimefolio.kernels.ledger import Prices, empty_books, ledger_of
from regimefolio.kernels.simulate import simulate
from regimefolio.kernels.terms import NONE, Execution
from regimefolio.market.fill import Fill
from regimefolio.market.traded import endings, patience, traded_prices

CAPITAL = 1_000_000.0


def net_returns(panel: Panel, bars: Int, targets: Float, cost_bps: float) -> Float:
    """Simple returns of accounts that trade target weights at some bars, each filled at the next bar.

    Fills are at the open where the panel has opens, else at the close. A trade costs `cost_bps` of its value and
    nothing else. Dividends are cash. What ends is what the panel tells, and what a backtest assumes that says nothing
    else; if a delisting is told later than one would be assumed, none is.

    Parameters
    ----------
    panel : Panel
    bars : ndarray of shape (K,), int64
        At which the targets were decided, increasing, all before the panel's last one.
    targets : ndarray of shape (M, K, N)
        Fractions of equity of M accounts; NaN is no order.
    cost_bps : float
        Basis points of traded value; costs times the sum of sizes of targets must be below 1.

    Returns
    -------
    ndarray of shape (T - bars[0] - 1, M)
        Of the bars after the first decision; 0 after an account's ruin.
    """
    start, prices = int(bars[0]) + 1, _prices(panel)
    terms, n_accounts = Execution(commission=cost_bps * 1e-4, slippage=0.0, borrow_rate=NONE), len(targets)
    books = empty_books(n_accounts, panel.n_bars, panel.n_assets, record=False)
    target, decide = np.empty(panel.close.shape), np.zeros(panel.n_bars, dtype=bool)
    decide[bars] = True
    for m in range(n_accounts):
        target[:] = np.nan
        target[bars] = targets[m]
        simulate(prices, target, decide, start, CAPITAL, terms, ledger_of(books, m))
    equity = books.bars[:, 0, start:].T
    before = np.concatenate([np.full((1, n_accounts), CAPITAL), equity[:-1]])
    return np.divide(equity, before, out=np.ones_like(equity), where=before > 0.0) - 1.0


def _prices(panel: Panel) -> Prices:
    fill: Fill = "next_close" if panel.open is None else "next_open"
    try:
        ended = endings(panel, patience(panel), 0.0)
    except ConfigError:  # a delisting was told later than one would be assumed
        ended = endings(panel, None, 0.0)
    return traded_prices(panel, fill, "cash", ended)
