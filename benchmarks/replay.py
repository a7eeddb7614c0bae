"""Weights of 20 strategies searched by replay of their signals: 2,520 bars x 100 assets, proportional, one thread.

The peer recomputes the same ensemble in pandas, as a notebook would: indicators, alphas, combined weights, and returns
less proportional costs on what the weights change; it keeps no cash, no round trips and three metrics.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from benchmarks.market import market
from benchmarks.timing import least_seconds
from regimefolio.api import BacktestRunner, BollingerMeanReversion, Ensemble, ExecutionSpec, PortfolioSpec
from regimefolio.backtest import Run
from regimefolio.portfolio import SignalStack

BARS, ASSETS, STRATEGIES, TRIALS, START = 2520, 100, 20, 64, 110
BPS = 10


def strategies() -> tuple[BollingerMeanReversion, ...]:
    """Twenty windows."""
    return tuple(BollingerMeanReversion(lookback=int(w), width=0.5) for w in np.linspace(10, 105, STRATEGIES))


def ensembles(count: int) -> list[Ensemble]:
    """Static weights drawn from the simplex."""
    weights = np.random.default_rng(1).dirichlet(np.ones(STRATEGIES), (count, 1)).astype(np.float32)
    return [Ensemble(strategies(), row) for row in weights]


def recompute(close: pd.DataFrame, ensemble: Ensemble, weekly: bool) -> tuple[float, float, float]:
    """Total return, Sharpe ratio and drawdown of the ensemble, by pandas."""
    combined = pd.DataFrame(0.0, index=close.index, columns=close.columns)
    for strategy, weight in zip(ensemble.strategies, ensemble.weights[0], strict=True):
        rolling = close.rolling(strategy.lookback)
        z = (close - rolling.mean()) / rolling.std(ddof=0)
        beyond = ((z.abs() - strategy.width) / strategy.saturation).clip(0.0, 1.0)
        combined += float(weight) * (-np.sign(z) * beyond).fillna(0.0)
    wished = combined.clip(lower=0.0)
    target = wished.div(wished.sum(axis=1), axis=0).fillna(0.0)
    if weekly:
        target = (
            target[target.index.to_series().dt.isocalendar().week.diff().shift(-1) != 0].reindex(close.index).ffill()
        )
    held = target.shift(1).fillna(0.0)
    costs = held.diff().abs().sum(axis=1) * BPS * 1e-4
    returns = ((held.shift(1) * close.pct_change()).sum(axis=1) - costs).iloc[START:]
    equity = (1.0 + returns).cumprod()
    sharpe = returns.mean() / returns.std() * np.sqrt(252.0)
    return float(equity.iloc[-1] - 1.0), float(sharpe), float((equity / equity.cummax() - 1.0).min())


def equal_to_full_runs(runner: BacktestRunner, stack: SignalStack, some: list[Ensemble]) -> bool:
    """Whether replays have the bits of runs that compute every signal again."""
    replayed = runner.replay_all(stack, some, START)
    full = [runner.run(ensemble, START) for ensemble in some]
    return all(bits(ours) == bits(theirs) for ours, theirs in zip(replayed, full, strict=True))


def bits(run: Run) -> bytes:
    """Equity, returns by decision and all metrics; the metrics that are undefined are NaN."""
    return b"".join(
        np.asarray(each).tobytes()
        for each in (run.simulation.equity, run.simulation.decision_return, list(run.metrics.values()))
    )


def run() -> None:
    """Rebalanced daily and weekly."""
    data, many = market(BARS, ASSETS), ensembles(TRIALS)
    close = pd.DataFrame(data.panel.close, index=pd.DatetimeIndex(data.timestamps))
    execution = ExecutionSpec(commission_bps=BPS, slippage_bps=0)
    print(
        f"replay: {TRIALS} weightings of {STRATEGIES} strategies, {BARS} bars x {ASSETS} assets, all metrics, "
        "1 thread; processor time"
    )
    for rebalance in ("daily", "weekly"):
        runner = BacktestRunner(data, PortfolioSpec(rebalance=rebalance), execution)
        stack = runner.signals(many[0])
        spent = least_seconds(
            {
                "ours": partial(runner.replay_all, stack, many, START),
                "peer": partial(recompute, close, many[0], rebalance == "weekly"),
            },
            7,
        )
        ours, theirs = spent["ours"].processor / TRIALS, spent["peer"].processor
        print(
            f"{rebalance:6s}: {ours * 1e6:.0f} µs a trial, pandas {theirs * 1e3:.0f} ms, "
            f"ratio {theirs / ours:.0f}; bits of full runs: {equal_to_full_runs(runner, stack, many[:3])}"
        )
