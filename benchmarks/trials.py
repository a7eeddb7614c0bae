"""The sweep itself, through the public API alone; run as a module it tells its peak memory, without any peer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.market import market
from regimefolio.api import (
    BacktestManager,
    BacktestRunner,
    BollingerMeanReversion,
    ExecutionSpec,
    Market,
    PortfolioSpec,
    Trial,
)
from regimefolio.backtest import TrialResult

BARS, ASSETS, START = 2520, 100, 110
DAILY = PortfolioSpec(rebalance="daily")


def bollinger_trials(count: int) -> list[Trial]:
    """Ten windows by ten widths, or fifty by twenty."""
    windows, widths = (10, 10) if count == 100 else (50, 20)
    sets = [
        (int(w), float(k)) for w in np.linspace(10, 100, windows) for k in np.round(np.linspace(0.4, 2.2, widths), 3)
    ]
    return [Trial(i, BollingerMeanReversion(lookback=w, width=k)) for i, (w, k) in enumerate(sets)]


def sweep(data: Market, trials: list[Trial], execution: ExecutionSpec, threads: int) -> list[TrialResult]:
    """Prices to all metrics, on a market that remembers no indicator."""
    fresh = Market(data.panel)
    runner = BacktestRunner(fresh, DAILY, execution)
    results = BacktestManager(runner, START, lambda strategy: strategy.signals(fresh), threads=threads).run(trials)
    assert all(result.outcome.status == "ok" for result in results)
    return results


def main(accounts: str, count: str) -> None:
    """Print the peak memory, in MB, of a sweep on two threads."""
    execution = ExecutionSpec.model_validate({"accounts": accounts, "commission_bps": 10, "slippage_bps": 0})
    sweep(market(BARS, ASSETS), bollinger_trials(int(count)), execution, threads=2)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(float(status["VmHWM"].removesuffix("kB")) / 1024)  # ru_maxrss would count the parent's memory too


if __name__ == "__main__":
    main(*sys.argv[1:])
