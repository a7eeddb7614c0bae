"""A parameter sweep, 2,520 bars x 100 assets, rebalanced at every bar: Bollinger mean reversion against vectorbt.

Ours is the public API from prices to all metrics. The peer is given for nothing what stands before its simulation, one
bar later, so that both fill the same orders at the same closes, and times that and three metrics: long/flat signals to
`from_signals`, one account an asset, or our target weights to `from_orders` with target percent and shared cash.

The peer's documentation puts all parameter sets into one call, as columns: so it is asked, with 100 sets a call, since
1,000 do not fit the memory. It is faster with a few at once, and that is measured too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.market import market
from benchmarks.timing import Spent, least_seconds
from benchmarks.trials import ASSETS, BARS, DAILY, START, bollinger_trials, sweep
from regimefolio.api import BacktestRunner, Ensemble, ExecutionSpec, Market, Trial

CAPITAL, BPS = 1_000_000.0, 10
DOCUMENTED = 100
FASTEST = {"per_asset": 10, "shared": 5}  # sets in one call; more would not fit beside each other in the caches
COMPARED = ("total_return", "sharpe", "max_drawdown")


def long_or_flat(data: Market, trials: list[Trial]) -> pd.DataFrame:
    """Whether each trial wants each asset, at the bar that fills it."""
    wanted = [trial.strategy.signals(data).alpha > 0 for trial in trials]
    return frame(data, [np.roll(each, 1, axis=0)[START:] for each in wanted])


def target_weights(data: Market, trials: list[Trial]) -> pd.DataFrame:
    """What each trial's portfolio should be, at the bar that fills it."""
    runner = BacktestRunner(data, DAILY, ExecutionSpec())
    found = [runner.run(Ensemble.static([trial.strategy], [1.0]), START).target for trial in trials]
    return frame(data, [np.roll(each, 1, axis=0)[START:] for each in found])


def frame(data: Market, panels: list[np.ndarray]) -> pd.DataFrame:
    """Panels (T, N) side by side, from the first bar that trades."""
    return pd.DataFrame(np.concatenate(panels, axis=1), index=pd.DatetimeIndex(data.timestamps[START:]))


def peer(accounts: str, close: pd.DataFrame, wanted: pd.DataFrame, bps: float) -> np.ndarray:
    """The three metrics of each group of assets, by vectorbt."""
    copies = wanted.shape[1] // ASSETS
    close = pd.concat([close] * copies, axis=1).set_axis(wanted.columns, axis=1)
    groups = np.repeat(np.arange(copies), ASSETS)
    if accounts == "per_asset":
        portfolio = vbt.Portfolio.from_signals(
            close, wanted, ~wanted, fees=bps * 1e-4, init_cash=CAPITAL / ASSETS, group_by=groups, freq="1D"
        )
    else:
        portfolio = from_weights(close, wanted, groups, bps)
    return np.c_[portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.max_drawdown()]


def from_weights(close: pd.DataFrame, weights: pd.DataFrame, groups: np.ndarray | bool, bps: float) -> vbt.Portfolio:
    """Target weights traded by vectorbt, with shared cash in each group."""
    return vbt.Portfolio.from_orders(
        close,
        size=weights,
        size_type="targetpercent",
        group_by=groups,
        cash_sharing=True,
        call_seq="auto",
        fees=bps * 1e-4,
        init_cash=CAPITAL,
        freq="1D",
    )


def megabytes(accounts: str, count: int) -> float:
    """Peak memory of our sweep in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.trials", accounts, str(count)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def row(accounts: str, count: int, wanted_by: Callable[[Market, list[Trial]], pd.DataFrame]) -> None:
    """Time both sides in turns, compare their metrics where they mean the same, and print."""
    data, trials = market(BARS, ASSETS), bollinger_trials(count)
    paid = ExecutionSpec(commission_bps=BPS, slippage_bps=0, accounts=accounts)
    some, many = (trials[:: len(trials) // n] for n in (FASTEST[accounts], DOCUMENTED))
    close = pd.DataFrame(data.panel.close[START:], index=pd.DatetimeIndex(data.timestamps[START:]))
    wanted = wanted_by(data, some)
    spent = least_seconds(
        {
            "ours": partial(sweep, data, trials, paid, 2),
            "fastest": partial(peer, accounts, close, wanted, BPS),
        },
        5,
    )
    spent |= least_seconds({"documented": partial(peer, accounts, close, wanted_by(data, many), BPS)}, 1)
    sets = {"ours": count, "fastest": len(some), "documented": len(many)}
    each = {name: Spent(*(x / sets[name] for x in used)) for name, used in spent.items()}
    bps = BPS if accounts == "per_asset" else 0  # with shared cash vectorbt fills one order after the other
    same = ExecutionSpec(commission_bps=bps, slippage_bps=0, accounts=accounts)
    mine = np.array([[r.outcome.metrics[name] for name in COMPARED] for r in sweep(data, some, same, 1)])
    difference = np.abs(peer(accounts, close, wanted, bps) - mine).max(axis=0)
    ours = each["ours"]
    peers = "; ".join(
        f"vectorbt {sets[name]} sets a call {each[name].clock * 1e3:.1f} and {each[name].processor * 1e3:.1f} ms, "
        f"ratio {each[name].clock / ours.clock:.0f}, on two idle processors "
        f"{2 * each[name].processor / ours.processor:.0f}"
        for name in ("documented", "fastest")
    )
    print(
        f"{accounts:9s} {count:4d} sets: {ours.clock * 1e6:.0f} µs a trial on 2 threads, "
        f"{ours.processor * 1e6:.0f} µs of processors; {peers}; "
        f"{', '.join(f'{d:.0e}' for d in difference)}; {megabytes(accounts, count):.0f} MB",
        flush=True,
    )


def run() -> None:
    """Both kinds of accounts, 100 and 1,000 parameter sets."""
    vbt.settings["returns"]["year_freq"] = "252 days"
    print(
        f"sweep: {BARS} bars x {ASSETS} assets, every bar rebalanced; differences of {', '.join(COMPARED)}; peak memory"
    )
    for count in (100, 1000):
        row("per_asset", count, long_or_flat)
    for count in (100, 1000):
        row("shared", count, target_weights)
