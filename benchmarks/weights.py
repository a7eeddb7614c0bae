"""Target weights to net asset value, 2,520 bars, 10 bp: the simulation alone, against vectorbt's `from_orders`.

Both are given the same weights; the peer one bar later, so that both fill the same orders at the same closes, with
target percent and shared cash. It sizes each order before costs and fills one after the other; ours solves for the
equity after all of them. The triad of the same run says how much of the machine's memory bandwidth ours reaches.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from numba import njit

from benchmarks.market import market
from benchmarks.sweep import from_weights
from benchmarks.timing import least_seconds
from benchmarks.trials import BARS
from regimefolio.api import BacktestRunner, ExecutionSpec, PortfolioSpec
from regimefolio.core.types import Float

BPS = 10
CALLS = 20  # of ours in one measurement: one alone takes less than what stands around it
EVERY = {"monthly": 21, "daily": 1}


def weights_of(n_assets: int, every: int) -> Float:
    """Fully invested long-only weights at every so many bars, NaN elsewhere."""
    rng = np.random.default_rng(n_assets)
    target = np.full((BARS, n_assets), np.nan)
    target[::every] = rng.dirichlet(np.ones(n_assets), len(range(0, BARS, every)))
    return target


@njit(cache=True, nogil=True, fastmath={"contract"})
def triad(a: Float, b: Float, c: Float) -> None:
    """McCalpin's: two arrays read, one written."""
    for i in range(a.size):
        a[i] = b[i] + 3.0 * c[i]


def bandwidth(megabytes: float) -> float:
    """Gigabytes a second that a triad moves, over arrays that together are so large; the write counts once."""
    arrays = np.ones((3, int(megabytes * 1e6 / 24)))
    spent = least_seconds({"triad": partial(triad, *arrays)}, 20)["triad"].clock
    return arrays.nbytes / spent / 1e9


def row(n_assets: int, name: str) -> None:
    """Time both sides in turns, and print."""
    data, target = market(BARS, n_assets), weights_of(n_assets, EVERY[name])
    runner = BacktestRunner(data, PortfolioSpec(), ExecutionSpec(commission_bps=BPS, slippage_bps=0, fill="next_close"))
    index = pd.DatetimeIndex(data.timestamps)
    close = pd.DataFrame(data.panel.close, index=index)
    later = pd.DataFrame(np.vstack([np.full((1, n_assets), np.nan), target[:-1]]), index=index)

    def peer() -> pd.Series:
        return from_weights(close, later, True, BPS).value()

    ours = partial(runner.simulate, target, decide=np.arange(BARS) % EVERY[name] == 0)

    def often() -> None:
        for _ in range(CALLS):
            ours()

    spent = least_seconds({"ours": often, "peer": peer}, 5)
    seconds = spent["ours"].clock / CALLS
    ratio = spent["peer"].clock / seconds
    passes = 1 if name == "monthly" else 2  # closes; daily the targets too
    read = passes * data.panel.close.nbytes
    reached, possible = read / seconds / 1e9, bandwidth(3 * data.panel.close.nbytes / 1e6)
    difference = float(np.abs(peer().to_numpy() / ours().equity - 1.0).max())
    print(
        f"N={n_assets:3d} {name:7s}: {seconds * 1e6:.0f} µs; vectorbt {spent['peer'].clock * 1e3:.1f} ms, "
        f"ratio {ratio:.0f}; reads {reached:.1f} GB/s, a triad of that size {possible:.1f} GB/s, "
        f"{reached / possible:.0%}; net asset values differ by {difference:.1e}",
        flush=True,
    )


def run() -> None:
    """20, 100 and 500 assets, monthly and daily."""
    print(f"weights: {BARS} bars, {BPS} bp, one thread; differences are those of sizing before costs")
    for n_assets in (20, 100, 500):
        for name in EVERY:
            row(n_assets, name)
