"""What each kind of cost of a recorded run came to, as docs/accounting.md computes the cost of an order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regimefolio.backtest import Run, Traded
from regimefolio.core.errors import DataError
from regimefolio.core.types import DELISTING, ORDER, Bool, Float, Int
from regimefolio.evaluation.contributions import ending
from regimefolio.evaluation.round_trips import RoundTrips


class Costs(NamedTuple):
    """Costs by kind, in money; they add up to the run's costs.

    Attributes
    ----------
    commission : float
        In proportion to value, tiers included.
    fees : float
        By order and by share, and what the least fee of an order adds to commission and fees.
    slippage : float
        With half the quoted spread.
    impact : float
    borrow : float
        On what was held short.
    """

    commission: float
    fees: float
    slippage: float
    impact: float
    borrow: float


def costs_by_kind(run: Run, trips: RoundTrips) -> Costs:
    """What a run's orders, and what closed positions without one, cost by kind, and what it paid for shorts.

    Raises
    ------
    DataError
        It was not recorded.
    """
    trades, traded = run.simulation.trades, run.traded
    if trades is None or traded is None:
        raise DataError("costs by kind need a recorded run; run it with record=True")
    trades = trades[trades["reason"] != DELISTING]
    terms, f = traded.terms, traded.terms.frictions
    size = np.abs(trades["value"])
    commission, fees = terms.commission * size, np.zeros(size.size)
    for above, more in f.tiers.T.tolist():
        commission += more * np.maximum(size - above, 0.0)
    if f.units.size:
        units = f.units[np.minimum(trades["bar"], len(f.units) - 1), trades["asset"]]
        fees = f.per_order + f.per_share * units * np.abs(trades["shares"])
        fees += np.maximum(f.min_fee - (commission + fees), 0.0)
    impact = _impact(trades, traded, _known(trades, run.decide, terms.delay))
    parts = (commission, fees, terms.slippage * size, impact, trips.borrow_fees)
    return Costs(*(float(part.sum()) for part in parts))


def interest(run: Run, trips: RoundTrips) -> float:
    """What cash earned in a run less what cash below 0 cost, in money: all that is no round trip's."""
    simulation = run.simulation
    after, _ = ending(simulation, 0 if run.traded is None else run.traded.terms.delay)
    return float(simulation.equity[after - 1] - simulation.initial_capital - trips.profit.sum())


def _known(trades: NDArray[np.void], decide: Bool, delay: int) -> Int:
    """The bar whose volatility scales the impact of each trade: an order's decision, and else the bar before."""
    decided = np.maximum.accumulate(np.where(decide, np.arange(decide.size), 0))  # what was cut may be filled later
    bar = trades["bar"]
    known: Int = np.where(trades["reason"] == ORDER, decided[np.maximum(bar - 1 - delay, 0)], np.maximum(bar - 1, 0))
    return known


def _impact(trades: NDArray[np.void], traded: Traded, known: Int) -> Float:
    """Impact of each trade; none where its bar's money, or the volatility, is not known."""
    f = traded.terms.frictions
    if f.impact == 0.0 or not f.volatility.size:
        return np.zeros(len(trades))
    money, volatility = f.money[trades["bar"], trades["asset"]], f.volatility[known, trades["asset"]]
    counts = (money > 0.0) & (volatility > 0.0)
    part = np.divide(np.abs(trades["value"]), money, out=np.zeros(len(trades)), where=counts)
    return f.impact * np.where(counts, volatility, 0.0) * np.sqrt(part) * np.abs(trades["value"])
