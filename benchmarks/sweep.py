"""A parameter sweep: 100 Bollinger parameter sets on 2,520 bars of 100 assets, rebalanced at every bar.

Ours is the public API from prices to metrics: signals, target weights, simulation, all metrics. The peer, vectorbt's
`Portfolio.from_orders` with target percent and shared cash, is given our target weights for nothing, one bar later, and
times the simulation and three metrics alone.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.market import market
from regimefolio.api import BacktestManager, BacktestRunner, BollingerMeanReversion, Ensemble, PortfolioSpec, Trial
from regimefolio.backtest import ExecutionSpec

BARS, ASSETS, START = 2520, 100, 110
PEER_TRIALS = 5


@dataclass(frozen=True)
class Sweep:
    """Seconds a trial, and the largest difference of the metrics that both compute, at zero costs."""

    ours: float
    peer: float
    difference: float
    megabytes: float

    @property
    def ratio(self) -> float:
        return self.peer / self.ours


def trials() -> list[Trial]:
    """Ten windows by ten widths."""
    sets = [(int(w), float(k)) for w in np.linspace(10, 100, 10) for k in np.linspace(0.4, 2.2, 10)]
    return [Trial(i, BollingerMeanReversion(lookback=w, width=k)) for i, (w, k) in enumerate(sets)]


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of some runs after one that warms up."""
    work()
    spent = []
    for _ in range(repeats):
        gc.collect()
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return float(np.median(spent))


def peer(close: pd.DataFrame, targets: pd.DataFrame, fees: float) -> np.ndarray:
    """Total return, Sharpe ratio and drawdown of vectorbt for weights that are filled at the row they stand in."""
    groups = np.repeat(np.arange(targets.shape[1] // ASSETS), ASSETS)
    portfolio = vbt.Portfolio.from_orders(
        pd.concat([close] * (targets.shape[1] // ASSETS), axis=1).set_axis(targets.columns, axis=1),
        size=targets,
        size_type="targetpercent",
        group_by=groups,
        cash_sharing=True,
        call_seq="auto",
        fees=fees,
        init_cash=1_000_000.0,
        freq="1D",
    )
    return np.c_[portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.max_drawdown()]


def run(threads: int = 2) -> Sweep:
    """Time both and compare what they found."""
    data = market(BARS, ASSETS)
    portfolio = PortfolioSpec(rebalance="daily")
    paid = BacktestRunner(data, portfolio, ExecutionSpec(commission_bps=10, slippage_bps=0))
    free = BacktestRunner(data, portfolio, ExecutionSpec(commission_bps=0, slippage_bps=0))
    every = trials()

    def ours() -> None:
        fresh = BacktestRunner(market(BARS, ASSETS), portfolio, ExecutionSpec(commission_bps=10, slippage_bps=0))
        BacktestManager(fresh, START, lambda strategy: strategy.signals(fresh.market), threads=threads).run(every)

    making = median_seconds(lambda: market(BARS, ASSETS), 5)
    mine = (median_seconds(ours, 5) - making) / len(every)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    some = every[:: len(every) // PEER_TRIALS]
    ensembles = [Ensemble.static([trial.strategy], [1.0]) for trial in some]
    free_runs = [free.run(ensemble, START, record=False) for ensemble in ensembles]
    close = pd.DataFrame(data.panel.close, index=pd.DatetimeIndex(data.timestamps))
    targets = pd.concat([pd.DataFrame(each.target, index=close.index).shift(1) for each in free_runs], axis=1)
    theirs = median_seconds(lambda: peer(close, targets, 0.001), 3) / len(some)
    found = peer(close, targets, 0.0)
    expected = np.array([[each.metrics["total_return"], each.metrics["max_drawdown"]] for each in free_runs])
    difference = float(np.abs(found[:, [0, 2]] - expected).max())
    paid.run(ensembles[0], START)
    return Sweep(mine, theirs, difference, megabytes)
