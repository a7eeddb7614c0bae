"""A whole orchestrator: 12 fast optimizers at 90 rebalances, 100 assets, 252 returns, against 3 seconds.

Beside it stands what the same optimizers take when nobody keeps the books: statistics, the blend and measuring add the
rest.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.market import market
from benchmarks.timing import least_seconds
from regimefolio.core.types import read_only
from regimefolio.market.view import Market, View
from regimefolio.portfolio import AllocationOrchestrator

REBALANCES, WINDOW, APART, N_ASSETS, LIMIT = 90, 252, 21, 100, 3.0
FAST = (
    "equal_weight",
    "inverse_volatility",
    "risk_parity",
    "proportional",
    "momentum",
    "ema_momentum",
    "capped_momentum",
    "min_variance",
    "maximum_diversification",
    "equal_risk_contribution",
    "risk_budgeting",
    "hrp",
)


def orchestrator(*measure: str) -> AllocationOrchestrator:
    return AllocationOrchestrator.model_validate(
        {"optimizers": FAST, "orchestration_type": "equal", "lookback": WINDOW, "measure": measure}
    )


def views(whole: Market) -> list[View]:
    """A fresh market at each rebalance, which remembers nothing of the one before."""
    rng = np.random.default_rng(5)
    alphas = read_only(rng.uniform(-1.0, 1.0, (REBALANCES, N_ASSETS)).astype(np.float32))
    everything = read_only(np.ones(N_ASSETS, dtype=bool))
    return [View(whole.until(WINDOW + 1 + APART * i), alphas[i], everything) for i in range(REBALANCES)]


def allocations(asked: AllocationOrchestrator, whole: Market) -> None:
    for view in views(whole):
        asked.run_allocation(view)


def alone(asked: AllocationOrchestrator, whole: Market) -> None:
    for view in views(whole):
        for allocator in asked.allocators:
            allocator.weights(view)


def run() -> None:
    """Times of the clock; products of matrices may use two threads."""
    whole, asked = market(WINDOW + 1 + APART * REBALANCES, N_ASSETS), orchestrator()
    spent = least_seconds(
        {
            "alone": partial(alone, asked, whole),
            "nothing measured": partial(allocations, asked, whole),
            "time": partial(allocations, orchestrator("time"), whole),
            "time, memory": partial(allocations, orchestrator("time", "memory"), whole),
        },
        3,
    )
    print(f"orchestrator: {len(FAST)} optimizers, {REBALANCES} rebalances, {N_ASSETS} assets, {WINDOW} returns")
    for name, each in spent.items():
        print(f"{name:16s}: {each.clock:.2f} s, {LIMIT / each.clock:.1f} times faster than {LIMIT:.0f} s", flush=True)
